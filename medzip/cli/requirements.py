"""Which packages this one asks for, and which versions of them are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

__all__ = ["installed"]

_PACKAGE = "medzip"


def installed(extra: str) -> dict[str, tuple[str, str]]:
    """Packages that an extra brings ("" for those that are always needed).

    Returns
    -------
    dict
        By name: versions that are wanted where those are not met, else "", and the version that is
        installed, "" if none is.

    Raises
    ------
    PackageNotFoundError
        This package is not installed: what it asks for is not known.
    """
    from packaging.requirements import Requirement  # Zarr needs it

    found = {}
    for text in requires(_PACKAGE) or ():
        wanted = Requirement(text)
        always = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if wanted.name == _PACKAGE or always is bool(extra):
            continue
        if extra and wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        try:
            got = version(wanted.name)
        except PackageNotFoundError:
            found[wanted.name] = ("", "")
            continue
        met = wanted.specifier.contains(got, prereleases=True)
        found[wanted.name] = ("" if met else str(wanted.specifier), got)
    return found
