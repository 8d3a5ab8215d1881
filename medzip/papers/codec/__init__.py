"""The papers' predictors in integers: a sequence of causal neighbours -> a prediction -> words.

`shapes` (which neighbours, in which order) -> `gather` (their normalised values) -> `lstm`, `mlp`,
`attention` (plain NumPy definitions over `gates`) -> `backends` (intervals) -> `model` (kind 3,
over `weights`). `plain` codes slabs with them; `engine` does the same fast, over `passes`,
`kernels` and `coding`.
"""

from pathlib import Path

from medzip.compiled import compiled_by_source

_HERE = Path(__file__).parent

with compiled_by_source(_HERE.parents[1] / "codec", _HERE):
    from medzip.papers.codec.attention import IntegerAttention
    from medzip.papers.codec.lstm import IntegerLSTM
    from medzip.papers.codec.mlp import IntegerMLP
    from medzip.papers.codec.model import (
        SequenceModel,
        read_sequence_model,
        write_sequence_model,
    )
    from medzip.papers.codec.shapes import SHAPES, SequenceShape, shape_named

__all__ = [
    "SHAPES",
    "IntegerAttention",
    "IntegerLSTM",
    "IntegerMLP",
    "SequenceModel",
    "SequenceShape",
    "read_sequence_model",
    "shape_named",
    "write_sequence_model",
]
