"""Kernels of `_philox.py`: random words, uniforms and normals, to the bit.

A row of words holds one variate's word for every lane: of 64 bits for float64, two to a Philox
block, and of 32 bits for float32, four to a block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from .blocks import block_code, lane_place, new_work, rows
from .device import device, join, normal_pair, philox
from .intrinsics import fraction, narrow
from .lanes import LANES, get, put
from .parallel import for_ranges, kernel

_NS_PER_TILE = 100.0


def place_of(stream):
    """A stream as the words that kernels take: first chain, step, tag and key."""
    return np.array([stream.first_chain, stream.step, stream.tag, *stream.key], np.uint64)


def counters(words, block):
    """Counters (rows, lanes) as lanes, in one piece or two: a Philox word takes 64 bits."""
    raise NotImplementedError


@overload(counters, jit_options={"forceinline": True})
def _counters_typed(words, block):
    if words.dtype is types.uint64:
        return lambda words, block: (get(block, 0),)
    return lambda words, block: (get(block, 0), get(block, 1))


def _part(value, i):
    """A piece of counters, or a number that all lanes share."""
    raise NotImplementedError


@overload(_part, jit_options={"forceinline": True})
def _part_typed(value, i):
    return (
        (lambda value, i: value[i])
        if isinstance(value, types.BaseTuple)
        else (lambda value, i: value)
    )


def draw(words, block, chain, step, tag, key0, key1):
    """Fill rows of words from one Philox block a lane; `block` or `chain` are counters."""
    raise NotImplementedError


@overload(draw, jit_options={"forceinline": True})
def _draw_typed(words, block, chain, step, tag, key0, key1):
    def wide(words, block, chain, step, tag, key0, key1):
        w = philox(_part(block, 0), _part(chain, 0), step, tag, key0, key1)
        put(words, 0, join(w[1], w[0]))
        put(words, 1, join(w[3], w[2]))

    def short(words, block, chain, step, tag, key0, key1):
        low = philox(_part(block, 0), _part(chain, 0), step, tag, key0, key1)
        high = philox(_part(block, 1), _part(chain, 1), step, tag, key0, key1)
        put(words, 0, narrow(low[0], high[0]))
        put(words, 1, narrow(low[1], high[1]))
        put(words, 2, narrow(low[2], high[2]))
        put(words, 3, narrow(low[3], high[3]))

    return wide if words.dtype is types.uint64 else short


class _Tile(NamedTuple):
    """The arrays of one worker."""

    counters: np.ndarray
    words: np.ndarray
    variates: np.ndarray  # rows as of words


def _new_tile(dtype):
    work = new_work(np.float64 if dtype == np.float64 else np.float32, 0)
    is_word = dtype == np.uint32
    return _Tile(work.chains, work.words, work.words if is_word else rows(len(work.words), dtype))


@block_code
def _draw_tile(scratch, tile, n_chains, n_blocks, place):
    """Words of a tile, and where its lanes go: first place, stride and number.

    Lanes run across chains or along the blocks of a chain, whichever are more.
    """
    step, tag, key0, key1 = place[1], place[2], place[3], place[4]
    lanes, width = scratch.counters, scratch.words.shape[1]
    along = min(n_chains, n_blocks)
    first, other = tile // along * width, tile % along
    across = n_chains >= n_blocks
    start = np.uint64(first) + (place[0] if across else np.uint64(0))
    for lane in range(width):
        lanes[lane_place(lanes, lane)] = start + np.uint64(lane)
    counted = counters(scratch.words, scratch.counters)
    if across:
        draw(scratch.words, np.uint64(other), counted, step, tag, key0, key1)
        return first * n_blocks + other, n_blocks, min(width, n_chains - first)
    chain = place[0] + np.uint64(other)
    draw(scratch.words, counted, chain, step, tag, key0, key1)
    return other * n_blocks + first, 1, min(width, n_blocks - first)


def _n_rows(variates):
    """Variates in a Philox block, a constant to the compiler."""
    raise NotImplementedError


@overload(_n_rows, jit_options={"forceinline": True})
def _n_rows_typed(variates):
    return (lambda variates: 2) if variates.dtype.bitwidth == 64 else (lambda variates: 4)


@device
def _spread(out, variates, first, stride, n):
    """Variates (rows, lanes) to every stride-th place of out (places, rows)."""
    for lane in range(n):
        for i in range(_n_rows(variates)):
            out[first + lane * stride, i] = variates[i, lane]


@kernel
def _fill_bits(out, first, last, n_chains, place, scratch):
    n_blocks = out.shape[0] // n_chains
    for tile in range(first, last):
        start, stride, n = _draw_tile(scratch, tile, n_chains, n_blocks, place)
        _spread(out, scratch.variates, start, stride, n)


@kernel
def _fill_uniform(out, first, last, n_chains, place, scratch):
    n_blocks = out.shape[0] // n_chains
    for tile in range(first, last):
        start, stride, n = _draw_tile(scratch, tile, n_chains, n_blocks, place)
        for i in range(scratch.words.shape[0]):
            put(scratch.variates, i, fraction(get(scratch.words, i)))
        _spread(out, scratch.variates, start, stride, n)


@kernel
def _fill_normal(out, first, last, n_chains, place, scratch):
    n_blocks = out.shape[0] // n_chains
    for tile in range(first, last):
        start, stride, n = _draw_tile(scratch, tile, n_chains, n_blocks, place)
        for i in range(0, scratch.words.shape[0], 2):
            z0, z1 = normal_pair(get(scratch.words, i), get(scratch.words, i + 1))
            put(scratch.variates, i, z0)
            put(scratch.variates, i + 1, z1)
        _spread(out, scratch.variates, start, stride, n)


def random_bits(xp, stream, n_chains, width, device=None):
    return _filled(_fill_bits, stream, n_chains, width, np.dtype(np.uint32))


def random_uniform(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_uniform, stream, n_chains, width, np.dtype(dtype))


def random_normal(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_normal, stream, n_chains, width, np.dtype(dtype))


def _filled(fill, stream, n_chains, width, dtype):
    """An array (n_chains, width) of whole Philox blocks, cut to its width."""
    per_block = 16 // dtype.itemsize
    n_blocks = -(-width // per_block)
    out = np.empty((n_chains * n_blocks, per_block), dtype)
    place = place_of(stream)

    def task(first, last):
        fill(out, first, last, n_chains, place, _new_tile(dtype))

    shorter, longer = sorted((n_chains, n_blocks))
    for_ranges(task, shorter * -(-longer // LANES[dtype]), _NS_PER_TILE)
    return np.ascontiguousarray(out.reshape(n_chains, n_blocks * per_block)[:, :width])
