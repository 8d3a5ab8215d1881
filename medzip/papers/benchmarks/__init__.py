"""The papers' six benchmarks on a cohort of volumes.

    sizes -> plan -> (a job: train, quantise, encode, decode -> figures) -> results -> Parquet,
    heat tables, residual pictures, docs/reproduction.md beside what was `published`

1. bits per voxel for the neighbourhoods with left voxels, by cross-validation, and on unseen MR
2. the same without left voxels
3. seconds to encode and decode as many voxels as a slice has
4. sampling schemes
5. bits per voxel after parts of the training
6. the other codecs on the same volumes
"""
