"""What needs which extra of the package, and how to say that it is missing.

`pip install medzip` brings what compresses, restores and verifies. The rest is installed when it
is wanted: `pip install 'medzip[flow]'`.
"""

from __future__ import annotations

__all__ = ["EXTRAS", "missing_extra"]

EXTRAS = {
    "flow": ("dask", "distributed", "fastapi", "prefect", "prefect_dask", "yaml"),
    "report": ("jinja2", "matplotlib", "pyarrow"),
    "bench": ("blosc2", "imageio_ffmpeg", "pyppmd", "tifffile", "tomoz"),
}
"""Modules that come with an extra, by the name of the extra."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Say which extra brings the module that was not found; None if none does.

    Parameters
    ----------
    error
        What an import raised.
    """
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return (
                f"expected the package {module}, which comes with the extra {extra!r}, got none; "
                f"pip install 'medzip[{extra}]'"
            )
    return None
