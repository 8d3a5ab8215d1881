"""Prove a lot of objects in a fresh interpreter, once for all of them.

The library starts an interpreter for every object that it is asked to prove in the process that
sealed it. That is seconds each, which a lot of small objects must not pay one by one. A worker of
Dask is a daemonic process, which may not start children through ``multiprocessing``; hence a
subprocess that reads pickled records and writes pickled answers.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from medzip import archive as steps
from medzip.codec import decode_slab, encode_slab
from medzip.errors import ProverError
from medzip.models import base_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive import Proof, Sealed

__all__ = ["prove_apart"]


def prove_apart(lot: Sequence[Sealed]) -> list[Proof | Exception]:
    """Run ``medzip.archive.prove`` on each object, in an interpreter of its own.

    Returns
    -------
    list of Proof or Exception
        For each object its proof, or what the step raised.

    Raises
    ------
    ProverError
        If that interpreter ended without an answer (killed for memory, say).
    """
    path = os.pathsep.join(entry for entry in sys.path if entry)
    run = subprocess.run(
        [sys.executable, "-m", "medzip_tasks.apart"],
        input=pickle.dumps(tuple(lot)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    if run.returncode != 0:
        raise ProverError(
            f"expected proofs of {len(lot)} objects, got exit status {run.returncode} of the "
            "process that decodes them; look for a lack of memory and run again"
        )
    answers: list[Proof | Exception] = pickle.loads(run.stdout)
    return answers


def main() -> None:
    """Read a lot from stdin, write its proofs or exceptions to stdout."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up in the answer
    answers: list[Proof | Exception] = []
    lot: tuple[Sealed, ...] = pickle.load(sys.stdin.buffer)
    for profile in {sealed.record.profile for sealed in lot if sealed.record.voxels}:
        _load_kernels(profile)
    for sealed in lot:
        try:
            answers.append(steps.prove(sealed))
        except Exception as error:
            answers.append(error)
    with answer_to:
        pickle.dump(answers, answer_to)


def _load_kernels(profile: str) -> None:
    """Bring what decodes into memory, so that the seconds of a proof are those of decoding."""
    model = base_model(profile)
    decode_slab(encode_slab(np.zeros((1, 8, 8), np.int16), model), model)


if __name__ == "__main__":
    main()
