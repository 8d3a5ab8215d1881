"""The order of the steps, once and without any input or output.

A *line* says what can run now; a *driver* (`medzip.archive.driving`, or one on a cluster) runs it,
in whatever process and order, and hands back what became of it::

    ready = line.start(plan)                 # calls of the first step
    while ready:
        call = ready.pop()
        ready += line.done(call, outcome)    # what the step returned, raised, or its Failure
    line.lose()                              # whoever has no end by now
    line.ended                               # exactly one record an object

Calls name one another by `CallId`, so a call may wait for any others, of its own object or of
another one: the seal of an object waits for all of its slabs.

Archiving is ``check -> stage -> fit -> encode ... -> seal -> prove -> commit``. Recompressing
(`medzip.archive.recompressing`) is the same line with ``prepare`` in the place of the first three
and ``replace`` in the place of the last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeVar

from medzip.archive.failures import failed_record, failure_of, is_discarded, lost
from medzip.archive.handles import ObjectPlan
from medzip.archive.records import NAME_DIGITS, Failure, SeriesRecord, Verdict
from medzip.archive.summary import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from medzip.archive.handles import Committed, Proof, Sealed, Staged

__all__ = ["Archiving", "Call", "CallId", "Line", "Step"]


class Step(StrEnum):
    """Steps in their order; what is further on goes first, so that work in hand stays small."""

    CHECK = "check"
    """Whether the object is in the archive already."""
    STAGE = "stage"
    PREPARE = "prepare"
    """Of an object of the archive: laid out, models chosen and fitted where that pays."""
    FIT = "fit"
    ENCODE = "encode"
    """One slab."""
    SEAL = "seal"
    PROVE = "prove"
    COMMIT = "commit"
    REPLACE = "replace"
    """Offer a proven object to the gate, which may let in several that waited."""
    DISCARD = "discard"
    """Drop the work of an object that must not be taken up again; nothing follows."""

    @property
    def rank(self) -> int:
        """The smaller, the further on."""
        return -list(Step).index(self)


class CallId(NamedTuple):
    """Name of a call: an object, a step, and which slab of it (-1: the object as a whole)."""

    key: str
    step: Step
    volume: int = -1
    slab: int = -1


@dataclass(frozen=True)
class Call:
    """One step of one object, to be run by whoever drives the line.

    Attributes
    ----------
    id : CallId
        Its name.
    arguments : tuple
        For the function of the step: small and picklable.
    after : frozenset of CallId
        What has to be done before.
    """

    id: CallId
    arguments: tuple[Any, ...]
    after: frozenset[CallId] = frozenset()

    @property
    def key(self) -> str:
        """Key of the object."""
        return self.id.key

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]

    @property
    def step(self) -> Step:
        """What to run."""
        return self.id.step


class Item(Protocol):
    """What a line is started with."""

    @property
    def key(self) -> str:
        """Key of the object."""

    @property
    def name(self) -> str:
        """Its name in logs and reports."""


def _say_nothing(event: Event) -> None:
    """For lines that nobody listens to; it has a name so that it can be pickled."""


Begun = TypeVar("Begun", bound=Item)
Ended = TypeVar("Ended")


class Line(ABC, Generic[Begun, Ended]):
    """Objects on their way: each is started once and ends in exactly one record.

    What fails ends its object and no other. A mismatch is discarded and never run again: bytes that
    differed once are not trusted because they agree the second time.

    Parameters
    ----------
    archive : str
        Folder of the archive.
    tell : callable, optional
        Called with an `Event` for each slab that is coded and each object that ends.

    Attributes
    ----------
    ended : dict
        Records by key, in the order of their ends.
    total : int
        How many objects there are to be, for the events; whoever drives the line knows.
    """

    def __init__(self, archive: str, tell: Callable[[Event], None] | None = None) -> None:
        self.ended: dict[str, Ended] = {}
        self.total = 0
        self._archive = archive
        self._tell = tell or _say_nothing
        self._open: dict[str, Begun] = {}
        self._done: dict[str, set[CallId]] = {}
        self._waiting: list[Call] = []
        self._slabs: dict[str, list[int]] = {}

    @property
    def in_hand(self) -> int:
        """Objects that are begun and have not ended."""
        return len(self._open)

    def start(self, item: Begun) -> list[Call]:
        """Take an object in; gives the calls that can run now."""
        if item.key in self._open or item.key in self.ended:
            raise ValueError(f"expected each object once, got {item.name} again; start it once")
        self._open[item.key] = item
        return self._release(self._first(item))

    def done(self, call: Call, outcome: Any) -> list[Call]:
        """Note what became of a call.

        Parameters
        ----------
        call : Call
            One that was given out.
        outcome : object
            What its step returned; what it raised; or a `Failure` of it.

        Returns
        -------
        list of Call
            What can run now. What comes of objects that have ended meanwhile changes nothing.
        """
        if call.key not in self._open:
            return []
        if isinstance(outcome, BaseException):
            outcome = failure_of(call.key, call.step, outcome)
        if isinstance(outcome, Failure):
            return self._fail(call.key, outcome)
        self._done.setdefault(call.key, set()).add(call.id)
        return self._release(self._next(call, outcome))

    def give_up(self, item: Begun, error: BaseException) -> list[Call]:
        """End an object whose driver failed, if it has no end yet."""
        if item.key in self.ended:
            return []
        self._open.setdefault(item.key, item)
        return self._fail(item.key, failure_of(item.key, "run", error))

    def lose(self, keys: Iterable[str] | None = None) -> list[Call]:
        """End objects (all by default) that nothing is left to run for, though they did not end."""
        dropped: list[Call] = []
        among = set(self._open if keys is None else keys)
        for key, item in [one for one in self._open.items() if one[0] in among]:
            failure = lost(item.name, "commit", "a record or a failure of every object", "neither")
            dropped += self._fail(key, failure)
        return dropped

    @abstractmethod
    def fresh(self) -> Self:
        """A line of the same rules with nothing in it, which can be pickled."""

    @abstractmethod
    def _first(self, item: Begun) -> list[Call]:
        """Calls of the first step."""

    @abstractmethod
    def _failed(self, item: Begun, failure: Failure) -> Ended:
        """Record of an object that failed."""

    @abstractmethod
    def _next(self, call: Call, result: Any) -> list[Call]:
        """What follows on a step that went well."""

    def _code(self, staged: Staged) -> list[Call]:
        """All slabs, in any order, and then the seal."""
        slabs = [
            self._call(Step.ENCODE, staged, volume, slab, at=(volume, slab))
            for volume, slab in staged.slab_indices
        ]
        self._slabs[staged.key] = [0, len(slabs)]
        after = frozenset(call.id for call in slabs)
        return [*slabs, Call(CallId(staged.key, Step.SEAL), (staged,), after)]

    def _coded(self, call: Call) -> list[Call]:
        """Tell of a slab; the seal was waiting for it and is released by itself."""
        count = self._slabs[call.key]
        count[0] += 1
        self._tell(Event("encode", call.name, count[0], count[1]))
        return []

    def _call(self, step: Step, subject: Any, *more: Any, at: tuple[int, int] = (-1, -1)) -> Call:
        """A call of the object that a record is of."""
        return Call(CallId(subject.key, step, *at), (subject, *more))

    def _end(self, key: str, record: Ended) -> None:
        """Close an object, with the one record that it gets."""
        del self._open[key]
        self._slabs.pop(key, None)
        self._done.pop(key, None)
        self.ended[key] = record

    def _event(self, stage: str, name: str) -> None:
        """Tell of the end of an object."""
        self._tell(Event(stage, name, len(self.ended), self.total))

    def _fail(self, key: str, failure: Failure) -> list[Call]:
        self._end(key, self._failed(self._open[key], failure))
        dropped = []
        if is_discarded(failure):
            dropped = [Call(CallId(key, Step.DISCARD), (self._archive, key))]
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            if call.key == key or call.key not in self._open:
                continue
            if any(one.key == key for one in call.after):
                reason = lost(call.name, call.step, "the object that it depends on", "its failure")
                dropped += self._fail(call.key, reason)
            else:
                self._waiting.append(call)
        return dropped

    def _release(self, calls: Sequence[Call]) -> list[Call]:
        """Keep those that have to wait; give out those that need not any more."""
        ready: list[Call] = []
        waiting: list[Call] = []
        for call in (*self._waiting, *calls):
            (ready if all(map(self._is_done, call.after)) else waiting).append(call)
        self._waiting = waiting
        return ready

    def _is_done(self, call: CallId) -> bool:
        """Whether a call has been done; all are of an object that has ended."""
        return call.key in self.ended or call in self._done.get(call.key, ())


class Archiving(Line[ObjectPlan, SeriesRecord]):
    """From the files of a plan to a proven object of the archive.

    Parameters
    ----------
    archive : str
        Folder of the archive.
    profile : str
        Profile of the codec.
    models : str, optional
        Registry of models to choose from.
    tell : callable, optional
        As for `Line`.
    """

    def __init__(
        self,
        archive: str,
        profile: str,
        models: str | None = None,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(archive, tell)
        self._profile, self._models = profile, models

    def fresh(self) -> Self:
        """A line of the same rules with nothing in it, which can be pickled."""
        return type(self)(self._archive, self._profile, self._models)

    @property
    def failures(self) -> list[Failure]:
        """What failed, an object at most once."""
        return [record.failure for record in self.ended.values() if record.failure is not None]

    def _first(self, item: ObjectPlan) -> list[Call]:
        return [self._call(Step.CHECK, item, self._archive)]

    def _failed(self, item: ObjectPlan, failure: Failure) -> SeriesRecord:
        return failed_record(item, self._profile, failure)

    def _next(self, call: Call, result: Any) -> list[Call]:
        match call.step:
            case Step.CHECK:
                return self._checked(call, result)
            case Step.STAGE:
                return [self._call(Step.FIT, result, self._models)]
            case Step.FIT:
                return self._code(call.arguments[0])
            case Step.ENCODE:
                return self._coded(call)
            case Step.SEAL:
                return self._sealed(result)
            case Step.PROVE:
                return self._proven(result)
            case Step.COMMIT:
                return self._committed(call, result)
        raise ValueError(f"expected a step of archiving, got {call.step}; see medzip.archive.line")

    def _checked(self, call: Call, there: SeriesRecord | None) -> list[Call]:
        if there is None:
            return [self._call(Step.STAGE, self._open[call.key], self._archive, self._profile)]
        self._end(call.key, there)
        return []

    def _sealed(self, sealed: Sealed) -> list[Call]:
        return [self._call(Step.PROVE, sealed)]

    def _proven(self, proof: Proof) -> list[Call]:
        return [self._call(Step.COMMIT, proof)]

    def _committed(self, call: Call, committed: Committed) -> list[Call]:
        self._end(call.key, committed.record)
        return []

    def _end(self, key: str, record: SeriesRecord) -> None:
        super()._end(key, record)
        self._event("failed" if record.verdict is Verdict.FAILED else "commit", record.name)
