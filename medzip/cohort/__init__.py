"""Series to learn from, wherever they lie: DICOM, a MedZip archive, arrays, a folder with an index.

A :class:`CohortSeries` is small and picklable; its voxels are opened where they are needed.
"""

from __future__ import annotations

from medzip.cohort.finding import find_cohort
from medzip.cohort.sampling import sample_cohort, sample_series
from medzip.cohort.series import CohortSeries

__all__ = ["CohortSeries", "find_cohort", "sample_cohort", "sample_series"]
