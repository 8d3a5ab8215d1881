"""CT and MR series that nobody's body is in, free to share, noisy as a scanner's.

>>> from medzip.bench.phantom import ct_volume
>>> ct_volume((2, 64, 64), seed=1).dtype
dtype('uint16')
"""

from __future__ import annotations

from medzip.bench.phantom.ct import ct_volume
from medzip.bench.phantom.mr import mr_volume
from medzip.bench.phantom.series import SeriesSpec, write_series

__all__ = ["SeriesSpec", "ct_volume", "mr_volume", "write_series"]
