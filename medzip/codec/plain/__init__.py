"""The codec's integers as plain NumPy: what docs/format.md says, readable as its specification.

A voxel's neighbours become `features`, two filters predict it (`adaptive`), a `network` sees what
they leave, and its outputs are a `mixture`. `reference` codes with these alone and constriction
itself.
"""
