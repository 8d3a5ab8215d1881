"""NamedTuples that kernels get by reference, so that a call does not take them apart.

Numba passes a NamedTuple by value: at each call from Python every array in it is looked at anew,
5 us for the forty of a step, which for a small slab is a fifth of the step. `hold` does it once;
a kernel that gets what it returns finds the NamedTuple in `parts` of it, at 0.4 us a call. Kernels
call one another with NamedTuples as they are, which costs nothing.
"""

from __future__ import annotations

import numba
from numba.core import types
from numba.experimental import structref

__all__ = ["Held", "hold"]


class Held(structref.StructRefProxy):
    """What `hold` returns; only kernels look inside. Its arrays live as long as it does."""


@structref.register
class _HeldType(types.StructRef):
    """Numba's type of `Held`: one field."""

    def preprocess_fields(self, fields):
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


structref.define_proxy(Held, _HeldType, ["parts"])  # type: ignore[no-untyped-call]


@numba.njit(cache=True)
def hold(parts):
    """A NamedTuple of arrays, numbers and other such NamedTuples, for kernels."""
    return Held(parts)  # type: ignore[no-untyped-call]
