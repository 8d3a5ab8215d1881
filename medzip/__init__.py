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
        checksums.

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
    from medzip.codec.stream import encode_stream
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
    depth = slab_depth(len(voxels), chosen, voxels.shape[1] * voxels.shape[2])
    if device == "cpu":
        return encode_stream(voxels, model, depth)
    from medzip.device import encode_slabs

    return encode_stream(voxels, model, depth, partial(encode_slabs, device=device))


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
    """
    from medzip.codec.stream import decode_stream

    if device == "cpu":
        return decode_stream(data)
    from medzip.device import decode_slabs

    return decode_stream(data, partial(decode_slabs, device=device))
