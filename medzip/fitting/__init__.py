"""What every encode needs: a model for one series, chosen, solved and fitted.

`linear` solves the straight prediction, `sample` draws voxels as the engine sees them, `qat` and
`optimise` move a network to them within the integers' grid, `fit` puts these together; `choose`
compares models by coding a sample.
"""

from medzip.fitting.choose import Choice, Trial, choose_model, sample_of
from medzip.fitting.fit import fit_model

__all__ = ["Choice", "Trial", "choose_model", "fit_model", "sample_of"]
