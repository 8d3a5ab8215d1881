"""Series, wherever they lie: DICOM, a MedZip archive, arrays, a folder with an index.

A :class:`Series` is small and picklable; its voxels are opened where they are needed.
"""

from __future__ import annotations

from medzip.volumes.about import SeriesAbout
from medzip.volumes.finding import find_volumes
from medzip.volumes.middle import middle
from medzip.volumes.series import Series

__all__ = ["Series", "SeriesAbout", "find_volumes", "middle"]
