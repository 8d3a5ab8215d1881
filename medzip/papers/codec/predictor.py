"""What a predictor of the papers is, by the name that a configuration has."""

from __future__ import annotations

from medzip.papers.codec.attention import IntegerAttention
from medzip.papers.codec.lstm import IntegerLSTM
from medzip.papers.codec.mlp import IntegerMLP

__all__ = ["PREDICTORS", "Predictor"]

Predictor = IntegerLSTM | IntegerMLP | IntegerAttention
PREDICTORS: dict[str, type[Predictor]] = {
    "lstm": IntegerLSTM,
    "mlp": IntegerMLP,
    "attention": IntegerAttention,
}
"""By the name that a configuration has."""
