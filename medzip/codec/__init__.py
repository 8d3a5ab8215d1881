"""The codec: a volume <-> bytes, exact on every machine.

The way of a voxel: `packing` -> `layout` (when: `schedule`; from what: `neighbourhood`) ->
`features` and `adaptive` -> `network` -> `mixture` -> `coder` over `rangecoder` -> `slab` ->
`stream`. `engine` and its `kernels` are the fast path, `reference` the plain one that it is held
against.
"""

from medzip.codec.compiled import compiled_by_source

with compiled_by_source():
    from medzip.codec.model import Model, base_model
    from medzip.codec.profile import PROFILES, Profile, profile_named, slab_depth
    from medzip.codec.slab import FORMAT_VERSION, decode_slab, encode_slab, residual_slab
    from medzip.codec.stream import decode_stream, encode_stream

__all__ = [
    "FORMAT_VERSION",
    "PROFILES",
    "Model",
    "Profile",
    "base_model",
    "decode_slab",
    "decode_stream",
    "encode_slab",
    "encode_stream",
    "profile_named",
    "residual_slab",
    "slab_depth",
]
