"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Numba compiles at the first call, so a first example takes seconds
settings.register_profile(
    "medzip", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("medzip")
