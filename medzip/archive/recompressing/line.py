"""The line of objects that are coded anew: another first step, and the gate before the last."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from medzip.archive.failures import failure_of
from medzip.archive.line import Call, CallId, Line, Step
from medzip.archive.recompressing.records import Candidate, Outcome, Recompressed, signed
from medzip.units import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.archive.handles import Proof, Sealed
    from medzip.archive.recompressing.records import Prepared, Turn
    from medzip.archive.records import Failure
    from medzip.archive.summary import Event

__all__ = ["Recompressing"]


class Recompressing(Line[Candidate, Recompressed]):
    """From an object of the archive to a smaller one in its place, or to the reason why not.

    Parameters
    ----------
    archive : str
        Folder of the archive.
    models : str, optional
        Registry of models, beside those of the archive.
    profile : str, optional
        Profile to code with; that of each object by default.
    tell : callable, optional
        As for `Line`.
    """

    def __init__(
        self,
        archive: str,
        models: str | None = None,
        profile: str | None = None,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(archive, tell)
        self._models, self._profile = models, profile
        self._now: dict[str, Recompressed] = {}
        self._begun: dict[str, float] = {}

    def fresh(self) -> Self:
        """A line of the same rules with nothing in it, which can be pickled."""
        return type(self)(self._archive, self._models, self._profile)

    def turns(self, turns: Sequence[Turn]) -> None:
        """Note whom the gate let in: some of them may have waited there for long."""
        for turn in turns:
            key = turn.proof.key
            if turn.error is not None:
                failure = failure_of(key, Step.REPLACE, turn.error)
                self._settle(key, outcome=Outcome.FAILED, reason=failure.kind, failure=failure)
            else:
                self._settle(
                    key,
                    outcome=Outcome.REPLACED,
                    after_bytes=turn.proof.size,
                    reason=f"{signed(turn.proof.size / turn.before - 1)} bytes",
                    record=turn.proof.record,
                )

    def keep(self, key: str, reason: str) -> None:
        """Note that an object stays though its new one is proven: it does not pay for its model."""
        self._settle(key, reason=reason)

    def _first(self, item: Candidate) -> list[Call]:
        self._begin(item)
        arguments = (self._archive, item.key, self._models, self._profile)
        return [Call(CallId(item.key, Step.PREPARE), arguments)]

    def _begin(self, item: Candidate) -> None:
        self._begun[item.key] = time.perf_counter()
        size = item.size
        self._now[item.key] = Recompressed(item.key, Outcome.KEPT, size, size, "waits")

    def _failed(self, item: Candidate, failure: Failure) -> Recompressed:
        if item.key not in self._now:  # its driver gave up before, or while, it was started
            self._begin(item)
        return replace(
            self._ended(item.key), outcome=Outcome.FAILED, reason=failure.kind, failure=failure
        )

    def _next(self, call: Call, result: Any) -> list[Call]:
        match call.step:
            case Step.PREPARE:
                return self._prepared(result)
            case Step.ENCODE:
                return self._coded(call)
            case Step.SEAL:
                return self._sealed(result)
            case Step.PROVE:
                return [self._call(Step.REPLACE, result)]
            case Step.REPLACE:
                return self._offered(call.arguments[0], result)
        raise ValueError(f"expected a step of recompressing, got {call.step}; see its line")

    def _prepared(self, prepared: Prepared) -> list[Call]:
        key = prepared.key
        self._now[key] = replace(self._now[key], trials=prepared.trials)
        if prepared.fitted is None:
            self._end(key, replace(self._ended(key), reason=prepared.reason))
            return []
        return self._code(prepared.staged)

    def _sealed(self, sealed: Sealed) -> list[Call]:
        if sealed.size < self._now[sealed.key].before_bytes:
            return [self._call(Step.PROVE, sealed)]
        reason = f"{size_text(sealed.size)} with the new models"
        self._end(sealed.key, replace(self._ended(sealed.key), reason=reason))
        return [Call(CallId(sealed.key, Step.DISCARD), (self._archive, sealed.key))]

    def _offered(self, proof: Proof, turns: Sequence[Turn]) -> list[Call]:
        """The object is done with; the gate decides when, and whether, it gets in."""
        self._end(proof.key, self._ended(proof.key))
        self.turns(turns)
        return []

    def _settle(self, key: str, **changes: Any) -> None:
        self.ended[key] = replace(self.ended[key], **changes)

    def _ended(self, key: str) -> Recompressed:
        return replace(self._now[key], seconds=time.perf_counter() - self._begun[key])

    def _end(self, key: str, record: Recompressed) -> None:
        super()._end(key, record)
        self._event("recompress", record.name)
