"""When a proven object may replace a larger one: together they pay for the models they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medzip.archive.committing import discard
from medzip.archive.layout import object_path
from medzip.archive.models import model_bytes, models_path
from medzip.archive.recompressing.records import Turn
from medzip.archive.replacing import replace_object
from medzip.models.registry import Registry
from medzip.units import size_text

if TYPE_CHECKING:
    from medzip.archive.handles import Proof

__all__ = ["Gate"]


@dataclass
class Gate:
    """Lets proven objects in when they have paid for the models that the archive has to take.

    Attributes
    ----------
    archive : str
        The archive, locked by this run.
    model_bytes : int
        Bytes of the models that it has taken.
    """

    archive: str
    model_bytes: int = 0
    _waiting: list[tuple[Proof, int, frozenset[str]]] = field(default_factory=list)

    def offer(self, proof: Proof) -> list[Turn]:
        """Replace what pays for itself now.

        Returns
        -------
        list of Turn
            Objects that had their turn now, this one among them or not.
        """
        before = object_path(proof.archive, proof.key).stat().st_size
        self._waiting.append((proof, before, frozenset(proof.references)))
        return self._release()

    def left(self) -> list[tuple[Proof, str]]:
        """Objects that do not pay for their models, with the reason; they stay as they are."""
        out = []
        for proof, before, models in self._waiting:
            cost = self._cost(models)
            reason = f"saves {size_text(before - proof.size)}, its model takes {size_text(cost)}"
            out.append((proof, reason))
            discard(self.archive, proof.key)
        self._waiting.clear()
        return out

    def _release(self) -> list[Turn]:
        released: list[Turn] = []
        for models in sorted({one[2] for one in self._waiting}, key=sorted):
            # those that need no other models than these pay for them together
            group = [one for one in self._waiting if one[2] <= models]
            cost = self._cost(models)
            if sum(before - proof.size for proof, before, _ in group) <= cost:
                continue
            size = self._size()
            for proof, before, needs in group:
                self._waiting.remove((proof, before, needs))
                error = None
                try:
                    replace_object(proof)
                except Exception as raised:
                    error = raised
                released.append(Turn(proof, before, error))
            self.model_bytes += self._size() - size
        return released

    def _size(self) -> int:
        return sum(entry.size for entry in Registry.at(models_path(self.archive)).entries())

    def _cost(self, models: frozenset[str]) -> int:
        """Bytes of the models that the archive does not have yet."""
        there = {entry.digest for entry in Registry.at(models_path(self.archive)).entries()}
        return sum(model_bytes(self.archive, digest) for digest in models - there)
