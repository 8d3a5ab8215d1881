"""Which model a volume is coded with: all that are offered code a sample of it.

An estimate of the volume's bytes is the sample's, scaled, and the bytes of the model as the object
holds it: 41 for a reference, some kilobytes with a straight prediction of its own. The copy of a
shared model in the archive is no part of it, as it is stored once for all series
(`medzip.archive.recompressing` does count it).

What is compared are models whose straight prediction is solved for the volume, as the "fast"
profile leaves them; profiles that fit do so with the chosen one alone, since fitting takes minutes
and moves models towards each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.slab import encode_slab
from medzip.fitting.fit import LEAST_VOXELS, read_windows, straightened
from medzip.models.network import network_of, shipped_model
from medzip.profile import Profile, profile_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.codec.model import Model
    from medzip.fitting.fit import Volume
    from medzip.models import Entry

__all__ = ["Choice", "Trial", "choose_model", "coded_bytes", "sample_of"]

SAMPLE_VOXELS = 1 << 21
"""So many voxels are coded with each model, about: a second or two."""
PLACES = 2
"""From so many places along z they come."""
MORE_WORK = 1.25
"""A model may take so many times the products of the profile's own, unless the profile is max."""


@dataclass(frozen=True)
class Trial:
    """What one model made of the sample.

    Attributes
    ----------
    name, digest : str
        The model that was tried, before anything in it was solved for the volume.
    sample_voxels, sample_bytes : int
        Voxels of the sample, and their coded bytes; 0 where it was not tried.
    model_bytes : int
        Bytes that the model would take in the object.
    estimate : int
        Bytes of all voxels and the model, estimated; 0 where it was not tried.
    chosen : bool
        Whether it is the one.
    reason : str
        Why, or why not.
    """

    name: str
    digest: str
    sample_voxels: int
    sample_bytes: int
    model_bytes: int
    estimate: int
    chosen: bool
    reason: str


@dataclass(frozen=True)
class Choice:
    """The model to start from, and what the others would have taken."""

    model: Model
    trials: tuple[Trial, ...]


def sample_of(volume: Volume, voxels: int = SAMPLE_VOXELS) -> list[np.ndarray]:
    """A few whole slices from a few places of a volume, all of a small one."""
    depth, height, width = (int(n) for n in volume.shape)
    at_once = max(2, voxels // PLACES // (height * width))
    if depth <= PLACES * at_once:
        return [np.ascontiguousarray(np.asarray(volume[0:depth]))]
    starts = ((depth * (2 * n + 1)) // (2 * PLACES) - at_once // 2 for n in range(PLACES))
    return [np.ascontiguousarray(np.asarray(volume[z : z + at_once])) for z in starts]


def coded_bytes(sample: Sequence[np.ndarray], model: Model) -> int:
    """Bytes that the pieces of a sample take, coded with a model."""
    return sum(len(encode_slab(piece, model)) for piece in sample)


def choose_model(
    volume: Volume, profile: str | Profile, offered: Sequence[tuple[Entry, Model]], seed: int = 0
) -> Choice:
    """The profile's base or an offered model, whichever takes fewest bytes.

    Parameters
    ----------
    volume
        (z, y, x) of 8 or 16 bit integers: an array, or anything that slices along z.
    profile
        Its bases are candidates, too, and win a tie.
    offered
        Registered models (`medzip.models.offered_models`), loaded.
    seed
        Of the voxels that straight predictions are solved from.
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    bases = [(name, shipped_model(name)) for name in chosen.bases]
    limit = MORE_WORK * max(_work(model) for _, model in bases)
    sample = sample_of(volume)
    voxels = int(np.prod([int(n) for n in volume.shape]))
    sampled = sum(piece.size for piece in sample)
    windows = read_windows(volume) if voxels >= LEAST_VOXELS else []
    tried: list[tuple[int, str, Model, int, int]] = []
    refused: list[Trial] = []
    for name, model in (*bases, *((entry.name, model) for entry, model in offered)):
        if chosen.name != "max" and _work(model) > limit:
            reason = f"not tried: slower than profile {chosen.name} allows"
            refused.append(Trial(name, model.origin, 0, 0, 0, 0, False, reason))
            continue
        fair = model
        if windows:
            fair = straightened(windows, model, voxels, chosen.linear_voxels, seed)
        size = coded_bytes(sample, fair)
        held = len(fair.to_bytes())
        tried.append((round(size * voxels / sampled) + held, name, model, size, held))
    best = min(tried, key=lambda one: one[0])  # the first of equals
    trials = [
        Trial(
            name,
            model.origin,
            sampled,
            size,
            held,
            estimate,
            model is best[2],
            _why(estimate, best, model is best[2], len(tried)),
        )
        for estimate, name, model, size, held in tried
    ]
    return Choice(best[2], (*trials, *refused))


def _why(estimate: int, best: tuple[int, str, Model, int, int], is_best: bool, count: int) -> str:
    if is_best:
        return f"fewest bytes of {count} models on the sample" if count > 1 else "the only one"
    return f"{100 * (estimate / best[0] - 1):.2f} % more bytes than {best[1]} on the sample"


def _work(model: Model) -> int:
    """Products a voxel."""
    network = network_of(model)
    layers = (*network.hidden, network.head)
    return sum(int(layer.weight.size) for layer in layers)
