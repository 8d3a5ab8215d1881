"""All that the kernels of a walk along the wavefront share, and where each part comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from medzip.codec.fast.correction import Errors, errors_of
from medzip.codec.fast.distribution import Distribution, Logistic, logistic
from medzip.codec.fast.held import Held, hold
from medzip.codec.fast.inputs import Extras, Scratch, extras_of
from medzip.codec.fast.kernels import Head
from medzip.codec.fast.neighbours import Neighbours, neighbours_of, oldest
from medzip.codec.fast.prediction import Linear, Prediction, Scale
from medzip.codec.fast.products import GRANULE
from medzip.codec.fast.segments import FIELDS, Step
from medzip.codec.tables import exp2_table

if TYPE_CHECKING:
    from medzip.codec.fast.layout import Layout
    from medzip.codec.plain.network import Network

__all__ = ["Work", "capacity_of", "fresh_work", "start"]


class Work(NamedTuple):
    """All that the kernels of a walk along the wavefront share.

    Attributes
    ----------
    layout, neighbours
        Where voxels lie, and what they see.
    linear, extras, head, logistic
        What stays the same: the straight filter, lookups of inputs, the network's end, tables.
    store
        uint16 (slabs, depth, rows, columns): the voxels.
    errors
        What is remembered of earlier steps.
    step, prediction, distribution
        What is known of the voxels of this step, of each in the order they are made in.
    buffer
        int8: inputs of the network are made in its first part.
    scratch
        Overwritten.
    """

    layout: Layout
    neighbours: Neighbours
    linear: Linear
    extras: Extras
    head: Head
    logistic: Logistic
    store: np.ndarray
    errors: Errors
    step: Step
    prediction: Prediction
    distribution: Distribution
    buffer: np.ndarray
    scratch: Scratch


def capacity_of(layout: Layout, slabs: int) -> int:
    """The most columns of a step of so many slabs, a multiple of `GRANULE`."""
    voxels = slabs * layout.shape[0] * layout.longest_segment
    return -(-voxels // GRANULE) * GRANULE


def fresh_work(network: Network, layout: Layout, slabs: int, buffer: np.ndarray) -> Work:
    """Room for the steps of so many slabs; `start` puts a store in it.

    Parameters
    ----------
    network
        The predictor.
    layout
        Of every slab.
    slabs
        The most that are stepped together.
    buffer
        As in `Work`, with room for `capacity_of` columns.
    """
    form = network.architecture
    segments = slabs * layout.shape[0]
    voxels = segments * layout.longest_segment
    capacity = capacity_of(layout, slabs)
    columns = np.zeros((7, capacity), dtype=np.int32)
    store = layout.empty(0)
    return Work(
        layout=layout,
        neighbours=neighbours_of(form, layout),
        linear=Linear(network.linear, network.linear_reach),
        extras=extras_of(form, layout),
        head=Head(network.head.bias, network.head.shift, exp2_table()),
        logistic=logistic(),
        store=store,
        errors=errors_of(store, 0, form.taps, layout.shape[1]),
        step=Step(
            np.zeros((segments, FIELDS), dtype=np.int64),
            np.zeros(voxels, dtype=np.int32),
            np.zeros(voxels, dtype=np.int32),
            np.zeros(voxels, dtype=np.uint8),
        ),
        prediction=Prediction(
            columns[0], columns[1], Scale(columns[2], columns[3]), columns[4], Scale(*columns[5:])
        ),
        distribution=Distribution(
            np.zeros(capacity, dtype=np.int32),
            np.zeros((3, capacity), dtype=np.int32),
            np.zeros((3, capacity), dtype=np.int64),
            np.zeros((3, capacity), dtype=np.int64),
        ),
        buffer=buffer,
        scratch=Scratch(
            np.zeros((3, layout.longest_segment + 1), dtype=np.int32),
            np.zeros(layout.longest_segment),
        ),
    )


def start(work: Work, store: np.ndarray) -> Held:
    """Before the first step over a store: nothing learnt; held for the kernels."""
    taps, height = work.errors.coefficients.shape[2:]
    back = oldest(work.neighbours, work.layout)
    errors = errors_of(store, back, taps, height)
    held: Held = hold(work._replace(store=store, errors=errors))
    return held
