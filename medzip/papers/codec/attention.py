"""Attention over the same sequence in integers (plain NumPy): what the papers leave as future work.

    x (L) -> e_t = leaky(A_t x_t + P_t)      every voxel in `width` numbers, by value and place
          -> u_h = leaky(Q_h x)              every head's question, of the whole sequence
             a_ht = softmax_t(u_h e_t)       base 2, by the mixture's table
             c_h = sum_t a_ht e_t
    (c, x) -> leaky layer -> linear output

One question a voxel needs no projections of keys and values: they are part of Q and of the layer
that follows, so the cost grows with L width heads, not with its square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from medzip.codec.plain.mixture import exp2_fixed
from medzip.errors import ModelError
from medzip.papers.codec.form import Form, number
from medzip.papers.codec.gates import (
    OUTPUT_LIMIT,
    SIDE_LIMIT,
    WEIGHT_LIMIT,
    check_array,
    check_shifts,
    shifted,
)
from medzip.papers.codec.mlp import leaky

__all__ = ["SHARE_BITS", "IntegerAttention"]

SHARE_BITS = 20
"""Fractional bits of a softmax."""
_RECIPROCAL_BITS = 40
_LEAST = -(16 << 8)
"""Logits are at most 16 octaves below the largest."""


@dataclass(frozen=True, eq=False)
class IntegerAttention:
    """H heads over L voxels of `width` numbers each, one layer and a linear output.

    Attributes
    ----------
    embed, place
        int16, int32 (L, width): A, |w| <= 8191, and P in 256 units of A x.
    embed_shift
        int32 (width,), 1 .. 40.
    query, query_bias, query_shift
        int16 (H width, L), |w| <= 8191; int32 (H width,): Q, its bias in 256 units, its shifts.
    score_shift
        int32 (1,), 1 .. 40: from u e to log2 in 1/256.
    inner, inner_bias, inner_shift
        int16 (units, H width + L), |w| <= 8191; int32 (units,): the layer on c and x.
    head
        int32 (units,), |w| <= 2^20.
    head_bias, head_shift
        int32 (1,): to 20 fractional bits.

    Raises
    ------
    ModelError
        Shapes do not fit, or a weight or a shift is out of its range. Within the ranges no int8
        product leaves 31 bits and no sum 48.
    """

    kind: ClassVar[str] = "attention"
    embed: np.ndarray
    place: np.ndarray
    embed_shift: np.ndarray
    query: np.ndarray
    query_bias: np.ndarray
    query_shift: np.ndarray
    score_shift: np.ndarray
    inner: np.ndarray
    inner_bias: np.ndarray
    inner_shift: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    head_shift: np.ndarray

    def __post_init__(self) -> None:
        length, width, rows, units = self.length, self.width, len(self.query), len(self.head)
        if not (
            length >= 1
            and 8 <= width <= 128
            and rows + length <= 1024
            and rows >= width
            and rows % width == 0
            and 8 <= units <= 1024
            and not (width % 8 or units % 8)
        ):
            raise ModelError(
                "expected width (8 to 128) and inner units in multiples of 8, and heads x width + "
                f"length of at most 1024, got {self.form}; use another form"
            )
        shapes = self.array_shapes(self.form)
        weights = ("embed", "query", "inner")
        for name, shape in shapes.items():
            array = getattr(self, name)
            if name.endswith("_shift"):
                check_shifts(array, shape[0], name)
            else:
                limit = SIDE_LIMIT if name == "head" else (1 << 31) - 1
                check_array(array, shape, WEIGHT_LIMIT if name in weights else limit, name)

    @property
    def length(self) -> int:
        """L, voxels of the sequence."""
        return len(self.embed)

    @property
    def width(self) -> int:
        """Numbers a voxel and a head."""
        return len(self.embed_shift)

    @property
    def heads(self) -> int:
        """H."""
        return len(self.query) // self.width

    @property
    def form(self) -> Form:
        """Sizes, for a model's configuration."""
        return {
            "heads": self.heads,
            "inner": len(self.head),
            "length": self.length,
            "width": self.width,
        }

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All integers by name, in the order of the format."""
        return {name: getattr(self, name) for name in self.array_shapes(self.form)}

    @classmethod
    def from_arrays(cls, form: Form, arrays: dict[str, np.ndarray]) -> IntegerAttention:
        """The inverse of `form` and `arrays`."""
        del form
        return cls(**arrays)

    @classmethod
    def array_shapes(cls, form: Form) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays of a form, in the order of the format."""
        heads, units = number(form, "heads"), number(form, "inner")
        length, width = number(form, "length"), number(form, "width")
        rows = heads * width
        return {
            "embed": (length, width),
            "place": (length, width),
            "embed_shift": (width,),
            "query": (rows, length),
            "query_bias": (rows,),
            "query_shift": (rows,),
            "score_shift": (1,),
            "inner": (units, rows + length),
            "inner_bias": (units,),
            "inner_shift": (units,),
            "head": (units,),
            "head_bias": (1,),
            "head_shift": (1,),
        }

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Predictions in plain int64: the oracle of the fast kernels.

        Parameters
        ----------
        x
            int16 (n, L): sequences, 14 fractional bits.

        Returns
        -------
        numpy.ndarray
            int64 (n,): normalised predictions, 20 fractional bits, within +-2.
        """
        voxels = x.astype(np.int64)
        n, width = len(x), self.width
        sums = voxels[:, :, None] * self.embed.astype(np.int64)
        e = leaky(shifted(sums, self.place, self.embed_shift.astype(np.int64)))
        sums = voxels @ self.query.astype(np.int64).T
        u = leaky(shifted(sums, self.query_bias, self.query_shift.astype(np.int64)))
        score = np.einsum("nhj,ntj->nht", u.reshape(n, self.heads, width), e)
        nothing = np.zeros(1, dtype=np.int64)
        logit = shifted(score, nothing, self.score_shift.astype(np.int64))
        share = exp2_fixed(np.maximum(logit - logit.max(axis=2, keepdims=True), _LEAST))
        reciprocal = (1 << _RECIPROCAL_BITS) // share.sum(axis=2, keepdims=True)
        share = (share * reciprocal) >> (_RECIPROCAL_BITS - SHARE_BITS)
        pooled = np.einsum("nht,ntj->nhj", share, e) + (1 << (SHARE_BITS - 1))
        seen = np.concatenate([(pooled >> SHARE_BITS).reshape(n, -1), voxels], axis=1)
        sums = seen @ self.inner.astype(np.int64).T
        y = leaky(shifted(sums, self.inner_bias, self.inner_shift.astype(np.int64)))
        sums = y @ self.head.astype(np.int64)
        out = shifted(sums, self.head_bias, self.head_shift.astype(np.int64))
        return np.asarray(np.clip(out, -OUTPUT_LIMIT, OUTPUT_LIMIT))
