"""What runs each step of a line, for whoever runs it: torch, Zarr and the kernels come with it.

So the process that only drives does not import this module: it names it (`medzip.archive.driving`),
and the workers look it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medzip.archive.checking import already_proven
from medzip.archive.encoding import encode, fit
from medzip.archive.line import Step
from medzip.archive.proving import prove
from medzip.archive.sealing import seal
from medzip.archive.staging import stage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS"]

FUNCTIONS: dict[Step, Callable[..., Any]] = {
    Step.CHECK: already_proven,
    Step.STAGE: stage,
    Step.FIT: fit,
    Step.ENCODE: encode,
    Step.SEAL: seal,
    Step.PROVE: prove,
}
"""By step, with the arguments of its call; `medzip.archive.driving.HERE` has the others."""
