"""Training: voxels -> samples -> weights -> integers."""

from medzip.training.fit import fit_model

__all__ = ["fit_model"]
