"""The integers of `medzip.codec.plain`, fast: kernels over one step of the wavefront at a time.

`layout` lays voxels of a step side by side, `segments` says where they are; `prediction`,
`correction` and `inputs` are put together in `kernels`; `products` are the layers; `coder` over
`rangecoder` makes the words; `engine` walks the steps.
"""
