"""What tests of codecs like these need: samples, strategies, and contracts to hold a codec against.

=============  ==================================================================================
`strategies`   volumes, networks, DICOM series for hypothesis, awkward on purpose
`engines`      `EngineContract`: what every engine of a model must do, the oracle beside it
`slabs`        `SlabContract`: what every way from voxels to the bytes of a slab and back must do
`networks`     small networks with random weights
`sequences`    the same for the papers' predictors; only this module knows the papers
`series`       DICOM sources as files
`archives`     an archive made here, without worker processes; folders compared
`models`       model directories to publish
`cohorts`      small cohorts and sample stores
=============  ==================================================================================

A contract is a class of tests: inherit from it in a module of tests, say how to make what is
tested, and pytest runs it all. Contracts and strategies need hypothesis and pytest (extra `dev`).
"""
