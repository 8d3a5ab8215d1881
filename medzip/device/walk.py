"""From voxels to inputs and back into the memory of a slab, as tensors of fixed shapes.

The integers are those of `medzip.codec.plain.features` and `medzip.codec.plain.adaptive`. One step
of all slabs is worked on at once in *lanes* (slab, slice, place in the segment); lanes without a
voxel compute something bounded that is written to a cell that nobody reads. Shapes do not change
and the step is a tensor, so a step can be captured once and replayed.

Tensors are channel-major, (channel, slab, slice, place): consecutive lanes are consecutive y, which
are consecutive cells of the rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.plain.adaptive import (
    COEFFICIENT_LIMIT,
    DIFFERENCE_FLOOR,
    ERROR_FLOOR,
    GAIN,
    LINEAR_BITS,
    LOG_CENTRE,
    PREDICTION_LIMIT,
)
from medzip.codec.plain.features import (
    ERROR_BITS,
    FLAT_COUNT,
    INPUT_LIMIT,
    REFERENCE_COUNT,
    log2_fixed,
    position,
)
from medzip.codec.tables import log2_table
from medzip.device.rings import REST, STRAIGHT, VALUES, Rings
from medzip.device.scales import Nearest, Scale, scale_of, scaled, total_of
from medzip.device.wave import Wave

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network
    from medzip.device.rings import Places, Targets

__all__ = ["Outcome", "Seen", "Walk"]

_DOUBLE_FRACTION, _DOUBLE_BIAS = 52, 1023
_LOG_BITS = 6


@dataclass(frozen=True)
class Seen:
    """What a step shows of every lane; (slabs, depth, places) where not said otherwise.

    Attributes
    ----------
    inputs
        int8 (inputs, ...): of the network.
    p0, p
        int32: the straight prediction and the corrected one, 1/16.
    reciprocal
        int32: 2^26 / the scale of e.
    flat, quiet
        bool: flat contexts, and those whose nearest neighbours are all equal.
    """

    inputs: torch.Tensor
    p0: torch.Tensor
    p: torch.Tensor
    reciprocal: torch.Tensor
    flat: torch.Tensor
    quiet: torch.Tensor
    places: Places
    x: torch.Tensor
    x_scale: Scale
    rows: torch.Tensor
    coefficients: torch.Tensor


@dataclass(frozen=True)
class Outcome:
    """What a step leaves behind, and where.

    Attributes
    ----------
    rows, coefficients
        int64 (lanes,), int32 (taps, lanes): of the correction.
    targets, written
        Of the rings; int32 (3, lanes).
    """

    rows: torch.Tensor
    coefficients: torch.Tensor
    targets: Targets
    written: torch.Tensor


class Walk:
    """Walks some slabs along the wavefront: `see`, `outcome`, `remember`, step by step.

    Only `remember` and `reset` change anything.

    Parameters
    ----------
    network
        Whose neighbourhood and linear weights to use.
    shape
        (depth, height, width) of every slab.
    slabs
        How many are stepped together.
    device
        Where the tensors lie.

    Attributes
    ----------
    wave
        The rings' geometry.

    Raises
    ------
    ValueError
        More slabs than the rings can index.
    """

    def __init__(
        self, network: Network, shape: tuple[int, int, int], slabs: int, device: torch.device
    ) -> None:
        form = network.architecture
        neighbourhood = form.neighbourhood
        self.wave = Walk.geometry(network, shape)
        self._device, self._slabs, self._reach = device, slabs, network.linear_reach
        self._rings = Rings(self.wave, slabs, device)
        depth, height, _ = shape
        kinds = np.minimum(np.arange(depth), neighbourhood.depth)
        planes = -neighbourhood.array[:, 0]
        self._near, self._errors, self._taps = (
            Nearest(chosen, planes, kinds, device)
            for chosen in (form.near_list, form.error_list, form.tap_list)
        )
        self._all_near = self._near.count == len(neighbourhood)
        context = np.zeros((max(FLAT_COUNT, REFERENCE_COUNT), depth), dtype=np.int64)
        for z, kind in enumerate(kinds):
            first = neighbourhood.nearest(REFERENCE_COUNT, int(kind))
            rest = [k for k in neighbourhood.nearest(FLAT_COUNT, int(kind)) if k not in first]
            chosen = [*first, *rest]
            context[:, z] = chosen + [chosen[0]] * (len(context) - len(chosen))
        self._context = self._tensor(context)
        self._linear = self._tensor(network.linear.astype(np.int32)[kinds].T)[:, None, :, None]
        self._prepare_tables(network)
        rows = slabs * depth * height
        self._coefficients = torch.zeros((form.taps, rows + 1), dtype=torch.int32, device=device)

    @property
    def t(self) -> torch.Tensor:
        """The step, int64 (1,)."""
        return self._rings.t

    @staticmethod
    def geometry(network: Network, shape: tuple[int, int, int]) -> Wave:
        """The rings for slabs of a shape."""
        return Wave.of(shape, network.architecture.neighbourhood)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _prepare_tables(self, network: Network) -> None:
        """Logarithms of scales, positions."""
        form, (_, height, width) = network.architecture, self.wave.layout.shape
        exponents = np.arange(32)[:, None]
        logs = (exponents << 8) + log2_table()[None, :]
        self._log_table = self._tensor(logs.reshape(-1))
        counts = np.array([form.near, form.errors, form.taps])
        self._log_counts = self._tensor(log2_fixed(counts))[:, None, None, None]
        self._log_start = _DOUBLE_BIAS << _LOG_BITS
        self._px = self._tensor(position(width))
        self._py = self._tensor(position(height))
        depth = self.wave.layout.shape[0]
        before = np.stack([np.arange(depth) >= 1, np.arange(depth) >= 2]) * 64
        self._before = self._tensor(before)[:, None, :, None]

    def reset(self, origins: torch.Tensor) -> None:
        """Go to the first step of slabs with these origin values, int32 (slabs,)."""
        self._rings.reset(origins)
        self._coefficients.zero_()

    def see(self) -> Seen:
        """What the network sees of the step, and what predicts it."""
        places = self._rings.places()
        offsets = self._rings.offsets()
        cell = places.cell.to(torch.int32)
        context = self._rings.read(VALUES, offsets[self._context][:, None, :, None], cell)
        m4 = context[:REFERENCE_COUNT].sum(0, dtype=torch.int32) >> 2  # the ring holds 4 u
        flat = (context == m4).all(0)
        d = self._rings.read(VALUES, offsets[:, None, None, None], cell) - m4
        near = d if self._all_near else d.index_select(0, self._near.indices)
        near = near * self._near.exist
        spread = total_of(near, self._near, 0)
        d_scale = scale_of(spread + DIFFERENCE_FLOOR * self._near.count, self._near.count)
        p0 = self._straight(d, m4, flat)
        x, x_scale = self._scaled_errors(STRAIGHT, self._taps, offsets, cell)
        x = x * ~flat
        rows, coefficients = self._moved(places)
        unit = (x_scale.total.to(torch.int64) * ((1 << 20) // x_scale.count)) >> 20
        change = ((coefficients * x).sum(0, dtype=torch.int32) * unit + (1 << 19)) >> 20
        p = (p0 + change).clamp_(0, PREDICTION_LIMIT).to(torch.int32)
        e, e_scale = self._scaled_errors(REST, self._errors, offsets, cell)
        logs = self._logs(torch.stack([d_scale.total, e_scale.total, x_scale.total]))
        lanes = places.cell.shape
        px = self._px[places.x].expand(lanes)
        py = self._py[places.y].expand(lanes)
        extras = torch.stack(
            [
                (logs[0] - (LOG_CENTRE - 8)) >> 4,
                (logs[1] - logs[0] + 4) >> 3,
                (logs[2] - logs[1] + 4) >> 3,
                *self._before.expand(2, *lanes),
                scaled((p - 4 * m4 + 2) >> 2, d_scale),
                scaled(p - p0, e_scale),
                px,
                py,
                ((px * px + py * py) >> 6) - 64,
            ]
        ).clamp_(-INPUT_LIMIT, INPUT_LIMIT)
        parts = (scaled(near, d_scale), e, x, extras)
        inputs = torch.cat([part.to(torch.int8) for part in parts])
        quiet = flat & (spread == 0)
        return Seen(
            inputs,
            p0,
            p,
            e_scale.reciprocal,
            flat,
            quiet,
            places,
            x,
            x_scale,
            rows,
            coefficients,
        )

    def outcome(self, seen: Seen, values: torch.Tensor) -> Outcome:
        """What to remember, given the values of the step, int32 (slabs, depth, places)."""
        value = values << ERROR_BITS
        straight, rest = value - seen.p0, value - seen.p
        wrong = scaled(rest, seen.x_scale)
        energy = (seen.x * seen.x).sum(0, dtype=torch.int32) + seen.x_scale.count
        gain = (wrong * (GAIN // energy)) >> 3
        moved = seen.coefficients + ((gain * seen.x + 8) >> 4)
        moved = moved.clamp(-COEFFICIENT_LIMIT, COEFFICIENT_LIMIT)
        # lanes that must not write do so after the last cell (`torch.where` with a number would
        # copy it from the host, which a graph cannot capture; `masked_fill` does not)
        idle = ~seen.places.valid | seen.flat
        rows = seen.rows.masked_fill(idle, self._coefficients.shape[1] - 1)
        written = torch.stack([values << 2, straight, rest])
        return Outcome(
            rows.view(-1),
            moved.view(len(moved), -1),
            self._rings.targets(seen.places),
            written.view(3, -1),
        )

    def remember(self, outcome: Outcome) -> None:
        """Write it down and go to the next step."""
        self._coefficients.index_copy_(1, outcome.rows, outcome.coefficients)
        self._rings.write(outcome.targets, outcome.written)

    def _straight(self, d: torch.Tensor, m4: torch.Tensor, flat: torch.Tensor) -> torch.Tensor:
        mean = 4 * m4
        if self._reach <= 4 * 65535:
            d = d.clamp(-self._reach, self._reach)
        sums = (d * self._linear).sum(0, dtype=torch.int32)
        p0 = (mean + ((sums + (1 << (LINEAR_BITS - 3))) >> (LINEAR_BITS - 2))).clamp_(
            0, PREDICTION_LIMIT
        )
        return torch.where(flat, mean, p0)

    def _scaled_errors(
        self, ring: int, chosen: Nearest, offsets: torch.Tensor, cell: torch.Tensor
    ) -> tuple[torch.Tensor, Scale]:
        """Errors at some neighbours in their scale, and that scale; rings are 0 outside."""
        errors = self._rings.read(ring, offsets[chosen.indices][:, None, None, None], cell)
        scale = scale_of(total_of(errors, chosen, ERROR_FLOOR), chosen.count)
        return scaled(errors, scale), scale

    def _moved(self, places: Places) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the lanes, and their coefficients drawn to those of their neighbours."""
        layout = self.wave.layout
        depth, height, _ = layout.shape
        ahead = layout.wz // layout.wy
        rows = (self._rings.slab * depth + self._rings.slices[:, None]) * height + places.y
        now, up, before = (
            self._coefficients.index_select(1, at.reshape(-1)).view(-1, *rows.shape)
            for at in (
                rows,
                rows - (places.y > 0).to(torch.int64),
                (rows - (height - ahead)).clamp_(0, self._coefficients.shape[1] - 2),
            )
        )
        known = (self._rings.slices[:, None] > 0) & (places.y < height - ahead)
        mixed = now + ((up - now) >> 2)
        return rows, mixed + ((before - mixed) >> 3) * known

    def _logs(self, totals: torch.Tensor) -> torch.Tensor:
        """log2 of three scales in 1/256; int64 (3, ...).

        A whole number below 2^53 is exact as a double, whose exponent and first fractional bits
        are floor(log2) and the index of the format's table.
        """
        bits = totals.to(torch.float64).view(torch.int64)
        index = (bits >> (_DOUBLE_FRACTION - _LOG_BITS)) - self._log_start
        return self._log_table[index] - self._log_counts
