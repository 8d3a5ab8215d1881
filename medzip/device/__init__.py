"""The codec with a GPU: the words of `medzip.codec`, bit for bit, many slabs at once.

`slabs` codes whole slabs (over `medzip.codec.parts`), `engine` their words. On the device,
`group` steps slabs together: `walk` (inputs, over `scales` and `rings`, which `wave` lays out),
`mixture` (distributions, over `products`), `stepping` (CUDA graphs). On the host, `words`. `check`
holds device and CPU together: `medzip bench device`.
"""

from pathlib import Path

from medzip.compiled import compiled_by_source

_HERE = Path(__file__).parent

# what runs on the host inlines functions of the codec
with compiled_by_source(_HERE.parent / "codec", _HERE):
    from medzip.device.engine import DeviceEngine
    from medzip.device.slabs import DeviceCodec, decode_slabs, encode_slabs

__all__ = ["DeviceCodec", "DeviceEngine", "decode_slabs", "encode_slabs"]
