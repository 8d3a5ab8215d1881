"""What all tests share."""

from __future__ import annotations

import os

# before NumPy and torch read it: tests compute small things, in which threads only wait for others
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

# Numba compiles at the first call, so a first example takes seconds
settings.register_profile(
    "medzip", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("medzip")
