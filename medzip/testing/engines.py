"""The contract of engines: what `medzip.codec.model.SlabEngine` asks of every one of them.

The same steps exist as plain definitions, fused kernels, on a device, and for other kinds of
models; all must write the words of the oracle beside them, read each other's, keep nothing of what
they coded before, and answer bytes that nobody wrote with one of our errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from medzip.errors import CorruptStreamError, MedZipError
from medzip.testing.packed import Batch, Packed
from medzip.testing.strategies import slabs

try:
    import pytest
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "expected pytest and hypothesis for medzip.testing.engines, got none; "
        "pip install 'medzip[dev]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.codec.model import SlabEngine

    Shape = tuple[int, int, int]

__all__ = ["EngineContract", "PredictorContract"]

# A contract's tests are inherited, and hypothesis asks whether several classes run one on purpose.
_INHERITED = (HealthCheck.differing_executors, HealthCheck.too_slow)


def _examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=_INHERITED)


class EngineContract:
    """Tests of an engine; a subclass in a module of tests makes it and its oracle.

    Attributes
    ----------
    predictors
        Strategy of what an engine is made of: a network, or a model.
    largest
        The most slices, rows and columns of the slabs that are drawn.
    values
        The most values that their voxels have; plain coders write a table of all for each voxel.
    """

    predictors: ClassVar[st.SearchStrategy[Any]]
    largest: ClassVar[Shape] = (4, 10, 11)
    values: ClassVar[int] = 4096

    def engine(self, predictor: Any, shape: Shape, together: int) -> SlabEngine:
        """What is tested, for up to so many slabs at once."""
        raise NotImplementedError

    def oracle_encode(self, predictor: Any, slab: Packed) -> bytes:
        """The words as they must be."""
        raise NotImplementedError

    def oracle_decode(self, predictor: Any, data: bytes, shape: Shape, slab: Packed) -> np.ndarray:
        """What is in the words; of `slab` only origin and count may be read."""
        raise NotImplementedError

    def _slabs(self, most: int = 3) -> st.SearchStrategy[list[Packed]]:
        return slabs(self.largest, most, self.values)

    @given(data=st.data())
    @_examples(25)
    def test_words_are_those_of_the_oracle(self, data: st.DataObject) -> None:
        """One slab or several at once: the same words as each alone, and each reads the other's."""
        predictor, drawn = data.draw(self.predictors), data.draw(self._slabs())
        shape, batch = _shape(drawn), Batch.of(drawn)
        engine = self.engine(predictor, shape, len(drawn))
        words = engine.encode(*batch)
        assert words == [self.oracle_encode(predictor, slab) for slab in drawn]
        _same(engine.decode(words, batch.origins, batch.counts), batch.values)
        back = self.oracle_decode(predictor, words[-1], shape, drawn[-1])
        assert np.array_equal(back, drawn[-1].values)

    @given(data=st.data())
    @_examples(8)
    def test_nothing_stays_of_what_was_coded(self, data: st.DataObject) -> None:
        """An engine takes other slabs after these, fewer, and in the other direction."""
        predictor, drawn = data.draw(self.predictors), data.draw(self._slabs())
        engine = self.engine(predictor, _shape(drawn), len(drawn))
        assert engine.encode([], [], []) == []
        whole, last = Batch.of(drawn), Batch.of(drawn[-1:])
        words = engine.encode(*whole)
        alone = engine.encode(*last)
        assert alone == words[-1:]
        _same(engine.decode(alone, last.origins, last.counts), last.values)
        _same(engine.decode(words, whole.origins, whole.counts), whole.values)
        assert engine.encode(*whole) == words

    @given(data=st.data(), garbage=st.binary(max_size=400))
    @_examples(25)
    def test_any_bytes_give_values_or_one_of_our_errors(
        self, data: st.DataObject, garbage: bytes
    ) -> None:
        """And the engine works afterwards as before."""
        predictor, drawn = data.draw(self.predictors), data.draw(self._slabs(1))
        (slab,) = drawn
        engine = self.engine(predictor, slab.values.shape, 1)
        words = engine.encode(*Batch.of(drawn))
        for broken in (garbage[: len(garbage) // 4 * 4], _flipped(data, words[0])):
            try:
                (found,) = engine.decode([broken], [slab.origin], [slab.count])
            except MedZipError:
                continue
            assert found.shape == slab.values.shape
            assert found.dtype == np.uint16
            assert int(found.max()) < slab.count
        _same(engine.decode(words, [slab.origin], [slab.count]), [slab.values])

    def test_words_cut_or_continued_are_refused(self) -> None:
        """Each word that an encoder wrote is needed, none may follow, beside a good slab too."""
        generator = np.random.default_rng(0)
        values = [generator.integers(0, 60, (2, 9, 10)).astype(np.uint16) for _ in range(2)]
        batch = Batch(values, [int(slab[0, 0, 0]) for slab in values], [60, 60])
        engine = self.engine(_any(self.predictors), (2, 9, 10), 2)
        words = engine.encode(*batch)
        for at in range(2):
            for broken in (words[at][:-16], words[at] + bytes(16), b""):
                both = [*words[:at], broken, *words[at + 1 :]]
                with pytest.raises(CorruptStreamError):
                    engine.decode(both, batch.origins, batch.counts)
        _same(engine.decode(words, batch.origins, batch.counts), values)


class PredictorContract(EngineContract):
    """`EngineContract`, of an engine that also predicts."""

    @given(data=st.data())
    @_examples(15)
    def test_predictions_read_only_the_past(self, data: st.DataObject) -> None:
        """A voxel changes no prediction before itself, nor its own."""
        predictor, drawn = data.draw(self.predictors), data.draw(self._slabs(1))
        values, origin, count = drawn[0]
        engine = self.engine(predictor, values.shape, 1)
        before = engine.predict(values, origin)
        assert before.shape == values.shape
        assert before.dtype == np.int32
        z, y, x = (data.draw(st.integers(0, n - 1)) for n in values.shape)
        changed = values.copy()
        changed[z, y, x] = data.draw(st.integers(0, count - 1))
        if changed.max() != values.max():  # engines may scale by it
            return
        past = np.s_[: z + 1, : y + 1, : x + 1]
        after = engine.predict(changed, origin)
        assert np.array_equal(after[past], before[past])


def _shape(drawn: list[Packed]) -> Shape:
    depth, height, width = drawn[0].values.shape
    return depth, height, width


def _same(found: Iterable[np.ndarray], expected: Iterable[np.ndarray]) -> None:
    for back, values in zip(found, expected, strict=True):
        assert back.dtype == np.uint16
        assert np.array_equal(back, values)


def _flipped(data: st.DataObject, words: bytes) -> bytes:
    """The words with one byte changed, where there are any."""
    if not words:
        return words
    broken = bytearray(words)
    broken[data.draw(st.integers(0, len(words) - 1))] ^= data.draw(st.integers(1, 255))
    return bytes(broken)


def _any(strategy: st.SearchStrategy[Any]) -> Any:
    """One draw of a strategy, always the same."""
    found: list[Any] = []

    @settings(max_examples=1, database=None, derandomize=True, deadline=None)
    @given(strategy)
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    return found[0]
