"""The codec: a volume <-> bytes, exact on every machine.

The way of a voxel: `packing` -> `layout` (when: `schedule`; from what: `neighbourhood`) ->
`features` and `adaptive` -> `network` -> `mixture` -> `coder` over `rangecoder` -> `slab` ->
`stream`. `engine` and its `kernels` are the fast path, `reference` the plain one that it is held
against. What predicts is a `model`; which there are, `medzip.models` knows.
"""

from pathlib import Path

from medzip.compiled import compiled_by_source

with compiled_by_source(Path(__file__).parent):
    # no module below needs it, but its kernels must be defined in here, whoever asks for them first
    from medzip.codec.fast.engine import Engine
    from medzip.codec.model import Model, read_model
    from medzip.codec.slab import FORMAT_VERSION, decode_slab, encode_slab, residual_slab
    from medzip.codec.stream import decode_stream, encode_stream
    from medzip.profile import PROFILES, Profile, profile_named, slab_depth

__all__ = [
    "FORMAT_VERSION",
    "PROFILES",
    "Engine",
    "Model",
    "Profile",
    "decode_slab",
    "decode_stream",
    "encode_slab",
    "encode_stream",
    "profile_named",
    "read_model",
    "residual_slab",
    "slab_depth",
]
