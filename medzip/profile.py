"""Profiles: how much time to spend for how few bits."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "Profile", "profile_named", "slab_depth"]

SLAB_VOXELS = 1 << 24
"""A slab holds at most this many voxels (if its slices allow), which bounds memory."""

THIN_SIDE, THIN_PLANE = 8, 256
"""A slice with a shorter side or fewer voxels is thin."""
THIN_VOXELS = 1 << 20
"""A slab of thin slices holds so many voxels: headers and first slices would be most of it."""


@dataclass(frozen=True)
class Profile:
    """What `medzip.encode(voxels, profile=...)` does.

    Attributes
    ----------
    name
        As users write it.
    bases
        The shipped models it starts from: each is fitted, and the one that takes fewest bytes in
        all is kept.
    linear_voxels
        Voxels of the series that its straight prediction is solved from.
    fit_voxels
        Voxels of the series that the model is fitted to, at most; 0 for none.
    fit_visits
        How many voxels the fit sees in all: those of small series more often.
    fit_passes
        How often a voxel is seen at most.
    fit_batch
        Voxels a step of the fit.
    fit_rate
        Peak learning rate of the fit.
    slab_depth
        Slices a slab at most.
    """

    name: str
    bases: tuple[str, ...]
    linear_voxels: int
    fit_voxels: int
    fit_visits: int
    fit_passes: int
    fit_batch: int
    fit_rate: float
    slab_depth: int


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("fast", ("fast",), 40_000, 0, 0, 0, 0, 0.0, 32),
        Profile("default", ("default",), 150_000, 3_000_000, 3_500_000, 3, 1024, 3e-3, 32),
        Profile("max", ("default", "wide"), 300_000, 9_000_000, 40_000_000, 16, 2048, 3e-3, 48),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of a name, or ValueError with the names there are."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ValueError(f"expected a profile among {known}, got {name!r}; choose one") from None


def slab_depth(shape: tuple[int, int, int], profile: str | Profile) -> int:
    """Slices a slab, such that the last slab is padded least.

    Parameters
    ----------
    shape
        (slices, height, width) of the volume.
    profile
        Its name, or itself.

    Examples
    --------
    >>> slab_depth((100, 512, 512), "default")
    25
    >>> slab_depth((100_000, 1, 1), "default")
    100000
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    slices, height, width = shape
    plane = max(1, height * width)
    most = max(1, min(chosen.slab_depth, SLAB_VOXELS // plane))
    if min(height, width) < THIN_SIDE or plane < THIN_PLANE:
        most = max(most, THIN_VOXELS // plane)
    slabs = max(1, -(-slices // most))
    return max(1, -(-slices // slabs))
