"""Series to learn from, wherever they lie: DICOM, a MedZip archive, arrays, a folder with an index.

A :class:`CohortSeries` is small and picklable; its voxels are opened where they are needed.
"""

from __future__ import annotations

from medzip.volumes.finding import find_cohort
from medzip.volumes.series import CohortSeries

__all__ = ["CohortSeries", "find_cohort"]
