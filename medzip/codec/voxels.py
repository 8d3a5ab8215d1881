"""Which arrays the codec takes, and what to do with the others."""

from __future__ import annotations

import numpy as np

from medzip.errors import UnsupportedVoxelsError

__all__ = ["DTYPES", "check_voxels", "remedy_for"]

DTYPES = ("uint8", "int8", "uint16", "int16")
"""What the codec takes, in the order of their codes in the stream."""
_AXES = {
    0: "pass voxels.reshape(1, 1, 1)",
    1: "pass voxels[None, None]",
    2: "pass voxels[None] for a single slice",
    4: "encode each volume for itself, or pass voxels.reshape(-1, *voxels.shape[-2:])",
}
_KINDS = {
    "b": "pass voxels.view('uint8'), and view what comes back as bool",
    "i": "pass them as 'int16' or 'uint16' where one of them holds all values",
    "u": "pass them as 'int16' or 'uint16' where one of them holds all values",
    "f": "pass the stored integers, as they were before any scaling",
    "c": "pass real and imaginary parts as two volumes of stored integers",
    "O": "pass numpy.array(voxels.tolist(), 'int16')",
    "V": "pass one integer field of it at a time",
}


def check_voxels(voxels: object) -> np.ndarray:
    """The voxels as a plain array of native byte order, nothing copied that need not be.

    Raises
    ------
    UnsupportedVoxelsError
        Anything but a non-empty array (z, y, x) of `DTYPES` without a mask; with the remedy.
    """
    wanted = f"expected a NumPy array (z, y, x) of {', '.join(DTYPES)}"
    if isinstance(voxels, np.ma.MaskedArray):
        masked = int(np.count_nonzero(np.ma.getmaskarray(voxels)))
        raise UnsupportedVoxelsError(
            f"{wanted} without a mask, got one with {masked} voxels "
            "masked, which would come back as any others; pass voxels.filled(value), and "
            "numpy.ma.getmaskarray(voxels).view('uint8') as a volume of its own"
        )
    if not isinstance(voxels, np.ndarray):
        raise UnsupportedVoxelsError(
            f"{wanted}, got {_described(voxels)}; {_remedy_for_object(voxels)}"
        )
    if voxels.dtype.name not in DTYPES:
        raise UnsupportedVoxelsError(f"{wanted}, got {voxels.dtype}; {_remedy_for_values(voxels)}")
    if voxels.size == 0:
        raise UnsupportedVoxelsError(
            f"{wanted} with voxels in it, got an empty one of shape {voxels.shape}; leave it out"
        )
    if voxels.ndim != 3:
        remedy = _AXES.get(voxels.ndim, "encode each volume of it for itself")
        raise UnsupportedVoxelsError(f"{wanted}, got shape {voxels.shape}; {remedy}")
    plain = np.asarray(voxels)
    return plain.astype(plain.dtype.newbyteorder("="), copy=False)


def remedy_for(dtype: np.dtype) -> str:
    """What to do with an array of a type that the codec does not take."""
    return _KINDS.get(dtype.kind, "pass integers")


def _described(thing: object) -> str:
    return "None" if thing is None else f"{type(thing).__module__}.{type(thing).__qualname__}"


def _remedy_for_object(thing: object) -> str:
    if thing is None:
        return "pass the voxels"
    if isinstance(thing, (bytes, bytearray, memoryview)):
        return "pass numpy.frombuffer(data, dtype).reshape(slices, height, width)"
    if isinstance(thing, (list, tuple, int, float)):
        return "pass numpy.array(voxels, 'int16'), with the type that its values need"
    return "pass numpy.asarray(voxels)"


def _remedy_for_values(voxels: np.ndarray) -> str:
    """`remedy_for`, and which type holds all values, if they are whole numbers and one does."""
    general = remedy_for(voxels.dtype)
    if voxels.dtype.kind not in "iuf" or not voxels.size:
        return general
    least, most = voxels.min(), voxels.max()
    if not (np.isfinite(least) and np.isfinite(most)):
        return f"{general}; NaN and infinity are no voxels"
    if voxels.dtype.kind == "f" and (voxels != np.floor(voxels)).any():
        return general
    least, most = int(least), int(most)
    for name in DTYPES:
        if np.iinfo(name).min <= least and most <= np.iinfo(name).max:
            return f"its values, {least} to {most}, are kept by voxels.astype('{name}')"
    return (
        f"its values, {least} to {most}, need more than 16 bits: pass high and low halves as two "
        "volumes, or keep the file as it is"
    )
