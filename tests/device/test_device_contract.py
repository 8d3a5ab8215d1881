"""The device's engine is held to the contract of engines; its oracle is the fast engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from medzip.codec.fast.engine import Engine
from medzip.device import DeviceEngine, decode_slabs, encode_slabs
from medzip.models import NetworkModel
from medzip.testing.engines import EngineContract
from medzip.testing.slabs import SlabContract
from medzip.testing.strategies import networks

if TYPE_CHECKING:
    import numpy as np

    from medzip.codec.model import Model
    from medzip.codec.plain.network import Network
    from medzip.testing.packed import Packed

    Shape = tuple[int, int, int]


class TestDeviceEngine(EngineContract):
    predictors = networks()
    largest = (4, 8, 9)

    def engine(self, predictor: Network, shape: Shape, together: int) -> DeviceEngine:
        return DeviceEngine(predictor, shape, together, device="cpu")

    def oracle_encode(self, predictor: Network, slab: Packed) -> bytes:
        values, origin, count = slab
        return Engine(predictor, values.shape).encode([values], [origin], [count])[0]

    def oracle_decode(
        self, predictor: Network, data: bytes, shape: Shape, slab: Packed
    ) -> np.ndarray:
        return Engine(predictor, shape).decode([data], [slab.origin], [slab.count])[0]


class TestSlabsOnADevice(SlabContract):
    models = st.builds(NetworkModel, networks(), st.none())
    largest = (3, 7, 8)

    def encode(self, voxels: np.ndarray, model: Model) -> bytes:
        return encode_slabs([voxels], model, device="cpu")[0]

    def decode(self, data: bytes, model: Model) -> np.ndarray:
        return decode_slabs([data], model, device="cpu")[0]
