"""The fast engine is held to the contract of engines, and the codec over it to that of slabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from medzip.codec import decode_slab, encode_slab
from medzip.codec.fast.engine import Engine
from medzip.codec.plain.reference import decode_reference, encode_reference
from medzip.models import NetworkModel
from medzip.testing.engines import PredictorContract
from medzip.testing.slabs import SlabContract
from medzip.testing.strategies import networks

if TYPE_CHECKING:
    import numpy as np

    from medzip.codec.model import Model
    from medzip.codec.plain.network import Network
    from medzip.testing.packed import Packed

    Shape = tuple[int, int, int]


class TestFastEngine(PredictorContract):
    predictors = networks()

    def engine(self, predictor: Network, shape: Shape, together: int) -> Engine:
        return Engine(predictor, shape, together)

    def oracle_encode(self, predictor: Network, slab: Packed) -> bytes:
        return encode_reference(*slab, predictor)

    def oracle_decode(
        self, predictor: Network, data: bytes, shape: Shape, slab: Packed
    ) -> np.ndarray:
        return decode_reference(data, shape, slab.origin, slab.count, predictor)


class TestSlabsOfNetworks(SlabContract):
    models = st.builds(NetworkModel, networks(), st.none())

    def encode(self, voxels: np.ndarray, model: Model) -> bytes:
        return encode_slab(voxels, model)

    def decode(self, data: bytes, model: Model) -> np.ndarray:
        return decode_slab(data, model)
