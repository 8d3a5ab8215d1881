"""Batches of a store in an order that a run can take up again at any step.

    epoch -> portion (the same range of rows of every series) -> a random order of it -> batches

A portion holds what memory allows; one is enough for most stores. Where a run is, is three numbers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from medzip.errors import SourceError
from medzip.fitting.sample import Samples

if TYPE_CHECKING:
    from collections.abc import Collection

    from medzip.training.sampled import SampledSeries
    from medzip.training.store import SampleStore

__all__ = ["Feed", "Place"]

_SMALLEST = 1000
"""Below so many rows to learn from, a store makes no model."""


@dataclass
class Place:
    """Where a run is in its order: epoch, portion of the epoch, rows of the portion used up."""

    epoch: int = 0
    portion: int = 0
    row: int = 0


class Feed:
    """The rows of a store to learn from, batch by batch.

    Parameters
    ----------
    store
        Of a network's inputs.
    left_out
        Keys of series that are not learned from.
    batch
        Rows a step.
    seed
        Of the order.
    memory
        Bytes of samples held at once, about.
    device
        Where `samples` lie.

    Attributes
    ----------
    samples
        The portion in hand; its tensors stay in place, their content changes with the portion.
    place
        Where the next batch begins.
    rows
        How many there are to learn from.
    """

    def __init__(
        self,
        store: SampleStore,
        left_out: Collection[str],
        batch: int,
        seed: int,
        memory: int,
        device: str,
    ) -> None:
        self._store = store
        self._series = [one for one in store.sampled if one.about.key not in left_out]
        self._batch = batch
        self._seed = seed
        self.place = Place()
        self.rows = sum(one.rows - one.held for one in self._series)
        if self.rows < _SMALLEST:
            raise SourceError(
                f"expected at least {_SMALLEST} samples to learn from, got {self.rows}; sample "
                "more voxels, or more series"
            )
        self.portions = -(-self.rows * _row_bytes(store) // memory)
        most = max(self._size(portion) for portion in range(self.portions))
        first = self._read(self.place.portion)
        self.samples = Samples(
            *(
                torch.zeros((most, *part.shape[1:]), dtype=part.dtype, device=device)
                for part in _parts(first)
            )
        )
        self._take(first)

    def next(self) -> torch.Tensor:
        """Rows of `samples` that make the next batch, int64 (batch,)."""
        if self.place.row + self._batch > len(self._order) and self.place.row > 0:
            self._advance()
        rows = self._order[self.place.row : self.place.row + self._batch]
        self.place.row += self._batch
        if len(rows) < self._batch:  # a portion smaller than a batch
            rows = rows.repeat(-(-self._batch // len(rows)))[: self._batch]
        return rows

    def seek(self, place: Place) -> None:
        """Go on there."""
        self.place = place
        self._take(self._read(place.portion))

    def about(self) -> dict[str, int]:
        """`place` for a checkpoint."""
        return asdict(self.place)

    def _advance(self) -> None:
        self.place.row = 0
        self.place.portion += 1
        if self.place.portion == self.portions:
            self.place.epoch += 1
            self.place.portion = 0
        if self.portions > 1:
            self._take(self._read(self.place.portion))
        else:
            self._shuffle(len(self._order))

    def _take(self, portion: Samples) -> None:
        for mine, theirs in zip(_parts(self.samples), _parts(portion), strict=True):
            mine[: len(portion)].copy_(theirs)
        self._shuffle(len(portion))

    def _shuffle(self, rows: int) -> None:
        seed = (self._seed * 1_000_003 + self.place.epoch) * 1_000_003 + self.place.portion
        generator = torch.Generator(device="cpu").manual_seed(seed % (1 << 63))
        self._order = torch.randperm(rows, generator=generator)

    def _range(self, one: SampledSeries, portion: int) -> slice:
        rows = one.rows - one.held
        return slice(
            one.held + rows * portion // self.portions,
            one.held + rows * (portion + 1) // self.portions,
        )

    def _size(self, portion: int) -> int:
        ranges = [self._range(one, portion) for one in self._series]
        return sum(part.stop - part.start for part in ranges)

    def _read(self, portion: int) -> Samples:
        ranges = [(one.about.key, self._range(one, portion)) for one in self._series]
        return Samples.concatenate(
            [self._store.samples(key, rows) for key, rows in ranges if rows.stop > rows.start]
        )


def _parts(samples: Samples) -> tuple[torch.Tensor, ...]:
    return samples.q, samples.below, samples.above, samples.floor, samples.last


def _row_bytes(store: SampleStore) -> int:
    inputs: int = store.form.columns["q"][1][0]
    return inputs + 3 * 4 + 2
