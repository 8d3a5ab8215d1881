"""Lossless compression of CT and MR volumes: small, exact, verified byte for byte.

>>> import numpy as np, medzip
>>> volume = np.arange(4 * 32 * 32, dtype=np.int16).reshape(4, 32, 32)
>>> (medzip.decode(medzip.encode(volume, profile="fast")) == volume).all()
np.True_
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from medzip.codec.model import Model

__all__ = ["__version__", "decode", "encode"]
__version__ = "0.1.0"


def encode(
    voxels: np.ndarray,
    profile: str = "default",
    model: Model | None = None,
    device: str = "cpu",
) -> bytes:
    """Compress a volume without loss.

    Parameters
    ----------
    voxels
        (z, y, x) of uint8, int8, uint16 or int16; slices in order of position compress best. Any
        byte order and layout in memory; `decode` gives the same values and type, in the byte order
        of the machine and C order. A mask is refused, never dropped.
    profile
        "fast", "default" or "max" (`medzip.codec.PROFILES`).
    model
        Use this model instead of fitting one.
    device
        "cuda" fits and codes on a GPU; the bytes of a model are the same everywhere.

    Returns
    -------
    bytes
        A self-contained stream (docs/format.md): format version, model, shape, dtype, slabs with
        checksums. Never more than 36 bytes longer than the voxels: what coding does not make
        smaller is stored as it is.

    Raises
    ------
    UnsupportedVoxelsError
        Anything but such an array: another type, number of dimensions or container, a mask, no
        voxels at all. The message says what to pass instead.
    ValueError
        The device is not there.

    See Also
    --------
    decode : the inverse.
    """
    from medzip.codec.stream import encode_stream, store_stream, stored_bytes
    from medzip.codec.voxels import check_voxels
    from medzip.profile import profile_named, slab_depth

    if device != "cpu":
        from medzip.device.stepping import device_named

        device_named(device)  # before minutes are spent on a fit
    voxels = check_voxels(voxels)
    chosen = profile_named(profile)
    if model is None:
        from medzip.fitting.fit import fit_model

        model = fit_model(voxels, chosen, device=device)
    slices, height, width = voxels.shape
    depth = slab_depth((slices, height, width), chosen)
    if device == "cpu":
        coded = encode_stream(voxels, model, depth)
    else:
        from medzip.device import encode_slabs

        coded = encode_stream(voxels, model, depth, partial(encode_slabs, device=device))
    return coded if len(coded) < stored_bytes(voxels) else store_stream(voxels)


def decode(data: bytes, device: str = "cpu") -> np.ndarray:
    """Restore a volume, exactly.

    Parameters
    ----------
    data
        What `encode` returned.
    device
        "cuda" decodes on a GPU, whatever the stream was written on.

    Raises
    ------
    CorruptStreamError
        The bytes are damaged or are not a stream.
    ModelError
        The stream needs a model of another MedZip version.
    ValueError
        The device is not there.
    """
    from medzip.codec.stream import decode_stream

    if device == "cpu":
        return decode_stream(data)
    from medzip.device import decode_slabs
    from medzip.device.stepping import device_named

    device_named(device)  # also where nothing is coded
    return decode_stream(data, partial(decode_slabs, device=device))
