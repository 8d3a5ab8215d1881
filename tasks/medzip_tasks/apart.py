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

from medzip import archive as steps
from medzip.errors import ProverError

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
    for sealed in pickle.load(sys.stdin.buffer):
        try:
            answers.append(steps.prove(sealed))
        except Exception as error:
            answers.append(error)
    with answer_to:
        pickle.dump(answers, answer_to)


if __name__ == "__main__":
    main()
