"""The papers' engine is held to the contract of engines, and slabs of its models to theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from medzip.codec import decode_slab, encode_slab
from medzip.papers.codec.plain import decode_plain
from medzip.testing.engines import PredictorContract
from medzip.testing.sequences import KINDS, random_model
from medzip.testing.slabs import SlabContract

if TYPE_CHECKING:
    import numpy as np

    from medzip.codec import Model
    from medzip.papers.codec import SequenceModel
    from medzip.papers.codec.engine import SequenceEngine
    from medzip.testing.packed import Packed

    Shape = tuple[int, int, int]

SMALL = ("line-5", "triangle-11", "triangle-11-rows", "cube-3", "cube-5-rows", "pyramid-7-5-3-1")
MODELS = st.builds(
    random_model,
    st.sampled_from(KINDS),
    st.sampled_from(SMALL),
    st.sampled_from(("order0", "conditional")),
    st.integers(0, 2**31),
    st.booleans(),
)


class TestSequenceEngine(PredictorContract):
    predictors = MODELS
    largest = (3, 6, 7)
    values = 512

    def engine(self, predictor: SequenceModel, shape: Shape, together: int) -> SequenceEngine:
        return predictor.engine(shape)

    def oracle_encode(self, predictor: SequenceModel, slab: Packed) -> bytes:
        return predictor.encode_plainly(slab.values, 0, slab.count)

    def oracle_decode(
        self, predictor: SequenceModel, data: bytes, shape: Shape, slab: Packed
    ) -> np.ndarray:
        return decode_plain(
            data, shape, slab.count, predictor.predictor, predictor.shape, predictor.table
        )


class TestSlabsOfSequenceModels(SlabContract):
    models = MODELS

    def encode(self, voxels: np.ndarray, model: Model) -> bytes:
        return encode_slab(voxels, model)

    def decode(self, data: bytes, model: Model) -> np.ndarray:
        return decode_slab(data, model)
