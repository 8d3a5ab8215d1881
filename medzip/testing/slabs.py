"""The contract of slabs: what every way from voxels to the bytes of a slab and back must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import google_crc32c
import numpy as np

from medzip.codec.header import HEADER_BYTES, read_header
from medzip.errors import CorruptStreamError, MedZipError, UnsupportedVoxelsError
from medzip.testing.strategies import thin_shapes, volumes

try:
    import pytest
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "expected pytest and hypothesis for medzip.testing.slabs, got none; "
        "pip install 'medzip[dev]'"
    ) from error

if TYPE_CHECKING:
    from medzip.codec.model import Model

__all__ = ["SlabContract", "sealed"]

_INHERITED = (HealthCheck.differing_executors, HealthCheck.too_slow)


def sealed(data: bytes) -> bytes:
    """Bytes with the checksum that a slab or model has: what somebody made on purpose."""
    return data + int(google_crc32c.value(data)).to_bytes(4, "little")


def _examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=_INHERITED)


class SlabContract:
    """Tests of a codec of slabs; a subclass in a module of tests says what codes them.

    Attributes
    ----------
    models
        Strategy of the models to code with.
    largest
        The most slices, rows and columns of the volumes that are drawn.
    """

    models: ClassVar[st.SearchStrategy[Any]]
    largest: ClassVar[tuple[int, int, int]] = (4, 10, 11)

    def encode(self, voxels: np.ndarray, model: Model) -> bytes:
        """One slab to bytes."""
        raise NotImplementedError

    def decode(self, data: bytes, model: Model) -> np.ndarray:
        """The inverse of `encode`."""
        raise NotImplementedError

    @given(data=st.data())
    @_examples(60)
    def test_round_trip(self, data: st.DataObject) -> None:
        """The voxels come back, of the same type, in no more bytes than they had, but a header."""
        model, voxels = data.draw(self.models), data.draw(volumes(self.largest))
        coded = self.encode(voxels, model)
        back = self.decode(coded, model)
        assert back.dtype == voxels.dtype
        assert np.array_equal(back, voxels)
        assert len(coded) <= voxels.nbytes + HEADER_BYTES + 4

    @given(data=st.data())
    @_examples(8)
    def test_thin_slabs_round_trip(self, data: st.DataObject) -> None:
        """Those whose axes change places, whose rows are folded."""
        model, shape = data.draw(self.models), data.draw(thin_shapes())
        voxels = data.draw(volumes(shape=shape))
        coded = self.encode(voxels, model)
        assert np.array_equal(self.decode(coded, model), voxels)
        assert len(coded) <= voxels.nbytes + HEADER_BYTES + 4

    @given(data=st.data())
    @_examples(25)
    def test_damage_is_noticed(self, data: st.DataObject) -> None:
        """Any byte changed, any end cut off."""
        model, voxels = data.draw(self.models), data.draw(volumes(self.largest))
        coded = self.encode(voxels, model)
        broken = bytearray(coded)
        broken[data.draw(st.integers(0, len(coded) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(CorruptStreamError):
            self.decode(bytes(broken), model)
        with pytest.raises(CorruptStreamError):
            self.decode(coded[: data.draw(st.integers(0, len(coded) - 1))], model)

    @given(data=st.data())
    @_examples(60)
    def test_forged_bytes_give_voxels_or_one_of_our_errors(self, data: st.DataObject) -> None:
        """The checksum holds, the content does not; other words give no other voxels."""
        model, voxels = data.draw(self.models), data.draw(volumes(self.largest))
        coded = self.encode(voxels, model)
        broken, place = bytearray(coded[:-4]), data.draw(st.integers(0, len(coded) - 5))
        broken[place] ^= data.draw(st.integers(1, 255))
        try:
            found = self.decode(sealed(bytes(broken)), model)
        except MedZipError:
            return
        assert found.ndim == 3
        if place >= HEADER_BYTES + read_header(coded).gaps:
            assert np.array_equal(found, voxels)

    @pytest.mark.parametrize(
        "voxels",
        [
            np.zeros((2, 2, 2), np.float32),
            np.zeros((2, 2), np.int16),
            np.zeros((0, 4, 4), np.int16),
            np.zeros((1, 1, 1), np.int32),
        ],
        ids=["floats", "a plane", "nothing", "wide integers"],
    )
    def test_what_is_not_taken(self, voxels: np.ndarray) -> None:
        """Other types and dimensions are refused before anything is coded."""
        model = self.any_model()
        with pytest.raises(UnsupportedVoxelsError, match="expected"):
            self.encode(voxels, model)

    def any_model(self) -> Model:
        """One of the models, always the same."""
        found: list[Model] = []

        @settings(max_examples=1, database=None, derandomize=True, deadline=None)
        @given(self.models)
        def draw(model: Model) -> None:
            found.append(model)

        draw()
        return found[0]
