"""Prove an object in a fresh interpreter.

A worker of Dask is a daemonic process, which may not start children through ``multiprocessing``;
hence a subprocess that reads a pickled record and writes one.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

from medzip import archive as steps
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from medzip.archive import Proof, Sealed

__all__ = ["prove_apart"]


def prove_apart(sealed: Sealed) -> Proof:
    """Run ``medzip.archive.prove`` in an interpreter of its own.

    Raises
    ------
    MedZipError
        If that interpreter ended without an answer (killed for memory, say).
    Exception
        Whatever the step raised there.
    """
    run = subprocess.run(
        [sys.executable, "-m", "tasks.apart"],
        input=pickle.dumps(sealed),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if run.returncode != 0:
        raise MedZipError(
            f"expected a proof of {sealed.name}, got exit status {run.returncode} of the process "
            "that decodes it; look for a lack of memory and run again"
        )
    answer: Proof | Exception = pickle.loads(run.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def main() -> None:
    """Read a ``Sealed`` from stdin, write its ``Proof`` or the exception to stdout."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up in the answer
    sealed: Sealed = pickle.load(sys.stdin.buffer)
    answer: Proof | Exception
    try:
        answer = steps.prove(sealed)
    except Exception as error:
        answer = error
    with answer_to:
        pickle.dump(answer, answer_to)


if __name__ == "__main__":
    main()
