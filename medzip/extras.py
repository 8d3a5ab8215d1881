"""What comes with which extra of the package, and how to say that it is missing.

`pip install medzip` brings what compresses, restores and verifies. The rest is installed when it
is wanted: `pip install 'medzip[flow]'`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from medzip.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EXTRAS", "extras_named"]

EXTRAS = {
    "flow": ("dask", "distributed", "prefect", "prefect_dask"),
    "report": ("jinja2", "matplotlib", "pyarrow"),
    "bench": ("blosc2", "imageio_ffmpeg", "pyppmd", "tifffile", "tomoz"),
}
"""Modules that come with an extra, by the name of the extra."""


@contextmanager
def extras_named() -> Iterator[None]:
    """Turn a missing import of an extra into an error that says what to install.

    Raises
    ------
    MissingExtraError
        A module is not there that an extra brings. Other missing modules stay what they are.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        for extra, modules in EXTRAS.items():
            if module in modules:
                raise MissingExtraError(
                    f"expected the package {module}, which comes with the extra {extra!r}, got "
                    f"none; pip install 'medzip[{extra}]'"
                ) from error
        raise
