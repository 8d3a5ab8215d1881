"""The integers of `medzip.codec.plain`, fast: kernels over one step of the wavefront at a time.

`layout` lays voxels of a step side by side, `segments` says where they are, `neighbours` what they
see; `prediction`, `correction` and `inputs` are put together in `kernels`; `products` are the
layers; `distribution` is what comes of them; `coder` over `rangecoder` makes the words. Each
defines the NamedTuples that its kernels take; `work` is all of them, which `engine` gives to the
kernels `held`, and walks the steps.
"""
