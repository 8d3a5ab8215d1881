"""Where Prefect keeps its database: for a user without a home, in a folder of temporary files.

Where it cannot be written Prefect's own server never starts, and a run waits for it for ever.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from medzip.compiled.places import private_folder

__all__ = ["VARIABLE", "prepare_home"]

VARIABLE = "PREFECT_HOME"


def prepare_home() -> None:
    """Name a private folder to Prefect where its own cannot be written, and say so.

    To be called before Prefect is imported; processes that the run starts get it with the
    environment.

    Raises
    ------
    OSError
        When there is no such folder either.
    """
    if os.environ.get(VARIABLE):
        return
    home = Path(os.path.expanduser("~"), ".prefect")
    try:
        home.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=home).close()
    except OSError as error:
        folder = private_folder("medzip-prefect")
        os.environ[VARIABLE] = str(folder)
        print(
            f"medzip: {home} cannot be written ({error.strerror}), so Prefect keeps what it knows "
            f"of this run in {folder}; set {VARIABLE} to another folder",
            file=sys.stderr,
        )
