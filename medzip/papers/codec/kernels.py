"""The integers of `medzip.papers.codec.lstm`, `mlp` and `attention`, fast (Numba).

What stands around the matrix products. Columns are voxels; a matrix of halves has all high halves
first, then all low ones, so that one int8 product makes all four parts of an exact 14 x 16 bit
product. Loops are short and alike for all columns, which lets compilers use vectors; the table of
gates is read in a loop of its own, because nothing else in it is.
"""

# Numba infers the types of its kernels from the arrays they get; the docstrings state them

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medzip.papers.codec.gates import gate_table

__all__ = [
    "Embedding",
    "Gates",
    "activate",
    "attend",
    "fill",
    "halve",
    "head",
    "packed_gates",
    "recur",
    "voxels_of_step",
]

I4 = np.int32
I8 = np.int64
_LIMIT = 16 << 15
_BLOCK = 64
"""Columns that attention takes at once: what it keeps of them stays in the caches."""


def packed_gates() -> np.ndarray:
    """Entries of the gates' table and the steps to the next ones, S << 10 | step; int32 (1024,)."""
    table = gate_table().astype(np.int64)
    return ((table[:-1] << 10) | np.diff(table)).astype(np.int32)


@numba.njit(cache=True, nogil=True)
def voxels_of_step(t, wz, wy, wx, shape, out):
    """Voxels of a step of a schedule in raster order, into int32 (n, 3); returns their number."""
    depth, height, width = shape
    n = 0
    for z in range(depth):
        for y in range(height):
            rest = t - wz * z - wy * y
            if wx == 1 and 0 <= rest < width:
                out[n] = (z, y, rest)
                n += 1
            elif wx == 0 and rest == 0:
                for x in range(width):
                    out[n] = (z, y, x)
                    n += 1
    return n


@numba.njit(cache=True, nogil=True)
def fill(store, margins, voxels, steps, out):
    """Sequences of some voxels.

    Parameters
    ----------
    store
        int16 (depth, rows, columns), normalised, with margins on all sides.
    margins
        Where voxel (0, 0, 0) lies in the store.
    voxels
        int32 (n, 3).
    steps
        int64 (L,): offsets in the flat store.
    out
        int16 (L, m), m >= n, written; columns from n on are 0.
    """
    _, rows, columns = store.shape
    flat = store.reshape(-1)
    base = np.empty(len(voxels), dtype=np.int64)
    for i in range(len(voxels)):
        z, y, x = voxels[i, 0] + margins[0], voxels[i, 1] + margins[1], voxels[i, 2] + margins[2]
        base[i] = (I8(z) * rows + y) * columns + x
    for k in range(len(steps)):
        row = out[k]
        for i in range(len(base)):
            row[i] = flat[base[i] + steps[k]]
        row[len(base) :] = 0


class Gates(NamedTuple):
    """The four gates of each of U units, but for the recurrent weights.

    Attributes
    ----------
    inputs, bias, shift
        int32 (4U,), as in `medzip.papers.codec.lstm.IntegerLSTM`.
    table
        `packed_gates`.
    """

    inputs: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    table: np.ndarray


class Embedding(NamedTuple):
    """`embed`, `place` and `embed_shift` of `medzip.papers.codec.attention.IntegerAttention`."""

    weight: np.ndarray
    place: np.ndarray
    shift: np.ndarray


class _Halves(NamedTuple):
    """Products of the halves of a weight and of inputs, int32 (n,) each: high high, high low ..."""

    hh: np.ndarray
    hl: np.ndarray
    lh: np.ndarray
    ll: np.ndarray


@numba.njit(cache=True, nogil=True, inline="always")
def _halves_of(sums, r):
    """Row r of the products of matrices whose halves lie below each other and side by side."""
    rows, width = len(sums) // 2, sums.shape[1] // 2
    return _Halves(sums[r, :width], sums[r, width:], sums[rows + r, :width], sums[rows + r, width:])


@numba.njit(cache=True, nogil=True, inline="always")
def _combine(hh, hl, lh, ll):
    """A 14 x 16 bit product from those of its halves, w = 128 hi + lo and a = 256 hi + lo."""
    return (I8(hh) << I8(15)) + (I8(hl) << I8(7)) + (I8(lh) << I8(8)) + I8(ll)


@numba.njit(cache=True, nogil=True)
def _enter(halves, x, weight, bias, shift, out):
    """What enters one unit's gate, clipped to +-16."""
    hh, hl, lh, ll = halves
    for i in range(len(out)):
        a = (_combine(hh[i], hl[i], lh[i], ll[i]) + weight * I8(x[i]) + bias) >> shift
        out[i] = I4(min(max(a, I8(-_LIMIT)), I8(_LIMIT - 1)))


@numba.njit(cache=True, nogil=True)
def _look(t, words, table):
    for i in range(len(t)):
        words[i] = table[np.uint32(t[i] + I4(_LIMIT)) >> np.uint32(10)]


@numba.njit(cache=True, nogil=True)
def _between(words, t):
    """`medzip.papers.codec.gates.sigmoid` in place, from the words of the table."""
    for i in range(len(t)):
        step = I4(I4(words[i] & I4(1023)) * I4(t[i] & I4(1023)))
        t[i] = I4(words[i] >> I4(10)) + I4(I4(step + I4(512)) >> I4(10))


@numba.njit(cache=True, nogil=True)
def _move(enter, forget, new, cell, t):
    """The cell's next state, and what enters its tanh.

    f c >> 15 in 32 bits: c = 2^15 (c >> 15) + (c & 32767), and the first part of f c is whole.
    """
    for i in range(len(cell)):
        old = cell[i]
        kept = I4(forget[i] * I4(old >> I4(15)))
        kept += I4(I4(forget[i] * I4(old & I4(32767))) >> I4(15))
        came = I4(I4(enter[i] * I4(I4(I4(2) * new[i]) - I4(32768))) >> I4(10))
        cell[i] = I4(kept + came)
        t[i] = min(max(I4(cell[i] >> I4(4)), I4(-_LIMIT)), I4(_LIMIT - 1))


@numba.njit(cache=True, nogil=True)
def _leave(leave, bent, high, low):
    """The hidden state, as halves."""
    for i in range(len(leave)):
        h = I4(I4(leave[i] * I4(I4(I4(2) * bent[i]) - I4(32768)) + I4(32768)) >> I4(16))
        top = I4(I4(h + I4(128)) >> I4(8))
        high[i] = np.int8(top)
        low[i] = np.int8(h - I4(top << I4(8)))


@numba.njit(cache=True, nogil=True)
def recur(sums, x, gates, cell, halves, scratch):
    """One voxel of all sequences through the LSTM.

    Parameters
    ----------
    sums
        int32 (8U, 2n): products of the recurrent weights' halves with those of the hidden state.
    x
        int16 (n,): the voxel.
    gates
        Held `Gates`.
    cell
        int32 (U, n), updated.
    halves
        int8 (U, 2n): the hidden state, written.
    scratch
        int32 (6, n).
    """
    units, width = cell.shape
    inputs, bias, shift, table = gates.parts
    words = scratch[5]
    for u in range(units):
        for g in range(4):
            r = g * units + u
            places = I8(shift[r])
            whole = (I8(bias[r]) << I8(8)) + (I8(1) << (places - I8(1)))
            weight = I8(inputs[r])
            _enter(_halves_of(sums, r), x, weight, whole, places, scratch[g])
            _look(scratch[g], words, table)
            _between(words, scratch[g])
        _move(scratch[0], scratch[1], scratch[2], cell[u], scratch[4])
        _look(scratch[4], words, table)
        _between(words, scratch[4])
        _leave(scratch[3], scratch[4], halves[u, :width], halves[u, width:])


@numba.njit(cache=True, nogil=True)
def _bend(halves, bias, shift, limit, high, low):
    hh, hl, lh, ll = halves
    for i in range(len(high)):
        y = (_combine(hh[i], hl[i], lh[i], ll[i]) + bias) >> shift
        y = max(y, (y * I8(655)) >> I8(16))
        y = min(max(y, -limit), limit)
        top = (y + I8(128)) >> I8(8)
        high[i] = np.int8(top)
        low[i] = np.int8(y - (top << I8(8)))


@numba.njit(cache=True, nogil=True)
def activate(sums, bias, shift, limit, halves):
    """From the products of a layer, int32 (2R, 2n), to its activations' halves, int8 (R, 2n)."""
    rows = len(bias)
    width = halves.shape[1] // 2
    for r in range(rows):
        places = I8(shift[r])
        whole = (I8(bias[r]) << I8(8)) + (I8(1) << (places - I8(1)))
        high, low = halves[r, :width], halves[r, width:]
        _bend(_halves_of(sums, r), whole, places, I8(limit), high, low)


@numba.njit(cache=True, nogil=True)
def halve(values, halves):
    """int16 (R, n) to int8 (R, 2n), high halves first."""
    rows, width = values.shape
    for r in range(rows):
        for i in range(width):
            v = I4(values[r, i])
            top = I4(I4(v + I4(128)) >> I4(8))
            halves[r, i] = np.int8(top)
            halves[r, width + i] = np.int8(v - I4(top << I4(8)))


@numba.njit(cache=True, nogil=True)
def _embed(x, weight, place, shift, limit, out):
    """One number of one voxel of all sequences."""
    whole = (I8(place) << I8(8)) + (I8(1) << (I8(shift) - I8(1)))
    for i in range(len(x)):
        y = (I8(weight) * I8(x[i]) + whole) >> I8(shift)
        y = max(y, (y * I8(655)) >> I8(16))
        out[i] = I4(min(max(y, -limit), limit))


@numba.njit(cache=True, nogil=True)
def _dot(a, b, out):
    for i in range(len(out)):
        out[i] += I8(a[i]) * I8(b[i])


@numba.njit(cache=True, nogil=True)
def attend(sequences, embedding, limit, questions, score_shift, exp_table, halves):
    """What the heads find, c of `IntegerAttention`.

    Parameters
    ----------
    sequences
        int16 (L, n), n a multiple of 16.
    embedding
        Held `Embedding`.
    score_shift
        As in `IntegerAttention`.
    limit
        Of an activation.
    questions
        int8 (H width, 2n): halves of u.
    exp_table
        `medzip.codec.tables.exp2_table`.
    halves
        int8 (H width, 2n), written.
    """
    embed, place, shift = embedding.parts
    length, columns = sequences.shape
    width, rows = embed.shape[1], len(questions)
    places = I8(score_shift[0])
    for start in range(0, columns, _BLOCK):
        block = min(_BLOCK, columns - start)
        e = np.empty((length, width, block), dtype=np.int32)
        u = np.empty((width, block), dtype=np.int32)
        share = np.empty((length, block), dtype=np.int64)
        total = np.empty(block, dtype=np.int64)
        for t in range(length):
            x = sequences[t, start : start + block]
            for j in range(width):
                _embed(x, embed[t, j], place[t, j], shift[j], I8(limit), e[t, j])
        for first in range(0, rows, width):
            for j in range(width):
                for i in range(block):
                    at = start + i
                    u[j, i] = I4(I4(questions[first + j, at]) << I4(8)) + I4(
                        questions[first + j, columns + at]
                    )
            share[:] = I8(1) << (places - I8(1))
            for t in range(length):
                for j in range(width):
                    _dot(u[j], e[t, j], share[t])
            for i in range(block):
                largest = share[0, i] >> places
                for t in range(length):
                    share[t, i] >>= places
                    largest = max(largest, share[t, i])
                whole = I8(0)
                for t in range(length):
                    down = max(share[t, i] - largest, I8(-4096))
                    share[t, i] = exp_table[down & 255] >> -(down >> 8)
                    whole += share[t, i]
                reciprocal = (I8(1) << I8(40)) // whole
                for t in range(length):
                    share[t, i] = (share[t, i] * reciprocal) >> I8(20)
            for j in range(width):
                total[:] = I8(1) << I8(19)
                for t in range(length):
                    _dot(share[t], e[t, j], total)
                for i in range(block):
                    c = total[i] >> I8(20)
                    top = (c + I8(128)) >> I8(8)
                    halves[first + j, start + i] = np.int8(top)
                    halves[first + j, columns + start + i] = np.int8(c - (top << I8(8)))


@numba.njit(cache=True, nogil=True)
def head(halves, weight, bias, shift, limit, out):
    """The linear output of activations int8 (R, 2n), into int64 (n,)."""
    rows, width = len(weight), len(out)
    places = I8(shift[0])
    out[:] = (I8(bias[0]) << I8(8)) + (I8(1) << (places - I8(1)))
    for r in range(rows):
        w = I8(weight[r])
        for i in range(width):
            out[i] += w * ((I8(halves[r, i]) << I8(8)) + I8(halves[r, width + i]))
    for i in range(width):
        out[i] = min(max(out[i] >> places, I8(-limit)), I8(limit))
