"""Blocks: batches of chains held as (rows, lanes), one chain a lane.

Lanes never meet, so what happens to a chain depends neither on its block nor on the others in
it. Lanes left over at the end of a batch repeat the block's first chain, from start to end: they
are stored where it is.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numba import njit

from .device import device, inner, maximum, zero_like
from .lanes import LANES, REGISTER_BYTES, REGISTERS, ROW_BYTES, any_lane, get, put, select
from .powers import LOG2_E, LOWEST_WEIGHT, in_eighths, least_over, two_to
from .transposes import turn_in, turn_out

block_code = njit(**inner)


class Work(NamedTuple):
    """The arrays of one worker."""

    chains: np.ndarray  # which chain a lane holds, in rows of 64-bit lanes
    x: np.ndarray  # (padded d, lanes), the point; padding is zero
    drift: np.ndarray  # (padded d, lanes), what a step adds to it
    logits: np.ndarray  # (K, lanes), of components, then their responsibilities
    active: np.ndarray  # (K,), components that matter to some lane
    scratch: np.ndarray  # (rows, lanes), whatever the form of the covariances needs
    y: np.ndarray  # (m, lanes), the measurement
    residual: np.ndarray  # (m, lanes)
    words: np.ndarray  # (variates of a Philox block, lanes)


@block_code
def at(work, x, drift):
    """The arrays of a worker, with its point and drift in other places."""
    _, _, _, logits, active, scratch, y, residual, words = work
    return Work(work.chains, x, drift, logits, active, scratch, y, residual, words)


_mine = threading.local()
_KEPT = 8
_ROOM = 2**14  # rows of up to 256 bytes


def new_work(dtype, *sizes):
    """The arrays of this thread for blocks of these sizes; fresh ones cost page faults."""
    kept = vars(_mine).setdefault("works", {})
    key = (np.dtype(dtype), *sizes)
    if key not in kept:
        if len(kept) == _KEPT:
            kept.clear()
        kept[key] = _allocated(*key)
    return kept[key]


def _allocated(dtype, d, n_components=0, n_scratch=0, n_outputs=0):
    wide = dtype == np.float64
    return Work(
        chains=rows(1 if wide else 2, np.uint64),
        x=rows(padded(d), dtype),
        drift=rows(padded(d), dtype),
        logits=rows(n_components, dtype),
        active=np.zeros(n_components, np.intp),
        scratch=rows(n_scratch, dtype),
        y=rows(n_outputs, dtype),
        residual=rows(n_outputs, dtype),
        words=rows(2, np.uint64) if wide else rows(4, np.uint32),
    )


def padded(d):
    """Rows of a point in a block: whole Philox blocks."""
    return -(-d // 4) * 4


def rows(n, dtype):
    """Zeros (n, lanes of the dtype), aligned to vector registers."""
    n_lanes = LANES[np.dtype(dtype)]
    n_bytes = n * ROW_BYTES
    raw = np.zeros(n_bytes + REGISTER_BYTES, np.uint8)
    start = -raw.__array_interface__["data"][0] % REGISTER_BYTES
    return raw[start : start + n_bytes].view(dtype).reshape(n, n_lanes)


def room(n):
    """Rows of doubles, whatever they hold, for work of this thread that ends before another begins.

    Fresh ones cost page faults.
    """
    kept = vars(_mine).get("room")
    if kept is None or len(kept) < n:
        kept = rows(n, np.float64)
        if n <= _ROOM:
            _mine.room = kept
    return kept[:n]


def n_blocks(n_chains, dtype):
    return -(-n_chains // LANES[np.dtype(dtype)])


@device
def lane_place(chains, lane):
    """Where a lane stands in rows of 64-bit lanes.

    There are two rows for lanes of 32 bits, which lie in them by turns: lane 0 first in the first
    row, lane 1 first in the second, lane 2 next in the first, as `narrow` joins their words.
    """
    return lane % chains.shape[0], lane // chains.shape[0]


@block_code
def choose(work, order, block):
    """Assign chains to the lanes of a block; returns how many lanes are not repetitions."""
    chains, lanes = work.chains, work.x.shape[1]
    first = block * lanes
    n = min(lanes, order.shape[0] - first)
    for lane in range(lanes):
        chains[lane_place(chains, lane)] = order[first + (lane if lane < n else 0)]
    return n


@block_code
def load(block, array, work):
    """Rows of `array`, in C order, into lanes; an array of one row goes to all of them.

    Entries that fill the lanes of a register are turned in tiles, the rest one by one.
    """
    chains, d, width = work.chains, array.shape[1], block.shape[1] // REGISTERS
    in_tiles = d - d % width if array.shape[0] > 1 else 0
    for row in range(0, in_tiles, width):
        for part in range(REGISTERS):
            turn_in(block, row, part, array, chains)
    for lane in range(block.shape[1]):
        source = chains[lane_place(chains, lane)] if array.shape[0] > 1 else np.uint64(0)
        for row in range(in_tiles, d):
            block[row, lane] = array[source, row]


@block_code
def store(array, block, work, n):
    """The first n lanes into rows of `array`; those left over must hold what the first one does."""
    chains, d, width = work.chains, array.shape[1], block.shape[1] // REGISTERS
    in_tiles = d - d % width
    for row in range(0, in_tiles, width):
        for part in range(REGISTERS):
            turn_out(block, row, part, array, chains)
    for lane in range(n):
        for row in range(in_tiles, d):
            array[chains[lane_place(chains, lane)], row] = block[row, lane]


@device
def largest(logits):
    """The largest logit of every lane."""
    peak = get(logits, 0)
    for k in range(1, logits.shape[0]):
        peak = maximum(get(logits, k), peak)
    return peak


@device
def exponentials(logits, peak, rate=LOG2_E):
    """Turn logits into 2^(rate (logit - peak)) and return their sum.

    None is less than about 2^-99.75, which costs less than to make such zero: who needs zeros
    compares with `LOWEST_WEIGHT`. The next logit is taken apart before the power of one is put
    together, for a processor does not look that far ahead by itself.
    """
    least, n = least_over(rate, peak), logits.shape[0]
    parts, total = in_eighths(maximum(least, get(logits, 0) - peak), rate), zero_like(peak)
    for k in range(1, n):
        ahead = in_eighths(maximum(least, get(logits, k) - peak), rate)
        value, parts = two_to(*parts), ahead
        put(logits, k - 1, value)
        total = total + value
    value = two_to(*parts)
    put(logits, n - 1, value)
    return total + value


@block_code
def responsibilities(work, scale):
    """Turn logits into `scale` times responsibilities and list the components some lane needs.

    Returns how many these are, at least one. A lane that is not finite makes them all nan there,
    and needs none: of a component given up early other lanes hold what was there before.
    """
    total = exponentials(work.logits, largest(work.logits))
    factor, n_active = scale / total, 0
    for k in range(work.logits.shape[0]):
        weight = get(work.logits, k)
        counts = weight > LOWEST_WEIGHT
        put(work.logits, k, select(counts, weight, 0.0) * factor)
        work.active[n_active] = k
        n_active += any_lane(counts)
    return max(n_active, 1)
