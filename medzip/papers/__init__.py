"""The MedZip papers under one roof: their predictors, how they are trained, what they measured.

`codec` holds the predictors in integers, `training` the same in floating point, `benchmarks` the
six benchmarks. Nothing of the core imports this package; a stream of model kind 3, or a user, loads
it.
"""
