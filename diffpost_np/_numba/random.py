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
from .lanes import LANES, get, put, put_interleaved
from .parallel import for_ranges, kernel

_STRIP = 16
_PACKET = np.dtype(np.complex128)
"""The variates of a Philox block as one number: 16 bytes that move together."""

_NS_PER_TILE = 100.0 * _STRIP


def place_of(stream):
    """A stream as the words that kernels take: first chain, step, tag and key."""
    return np.array([stream.first_chain, stream.step, stream.tag, *stream.key], np.uint64)


def counters(words, block):
    """Counters as lanes, in one piece or two, `lane_place` says which: a word takes 64 bits."""
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
        even = philox(_part(block, 0), _part(chain, 0), step, tag, key0, key1)
        odd = philox(_part(block, 1), _part(chain, 1), step, tag, key0, key1)
        put(words, 0, narrow(even[0], odd[0]))
        put(words, 1, narrow(even[1], odd[1]))
        put(words, 2, narrow(even[2], odd[2]))
        put(words, 3, narrow(even[3], odd[3]))

    return wide if words.dtype is types.uint64 else short


class _Strip(NamedTuple):
    """The arrays of one worker: a strip is some Philox blocks for each lane."""

    counters: np.ndarray
    words: np.ndarray  # (rows, lanes), of one block
    variates: np.ndarray  # (blocks, numbers of all lanes), those of a lane side by side
    packets: np.ndarray  # (blocks, lanes), the same memory


def _new_strip(dtype):
    work = new_work(np.float64 if dtype == np.float64 else np.float32, 0)
    variates = rows(_STRIP * len(work.words), dtype).reshape(_STRIP, -1)
    return _Strip(work.chains, work.words, variates, variates.view(_PACKET))


@block_code
def _count(strip, start):
    """Consecutive counters for the lanes."""
    lanes = strip.counters
    for lane in range(strip.words.shape[1]):
        lanes[lane_place(lanes, lane)] = start + np.uint64(lane)


@device
def _draw_along(words, lanes, other, across, place):
    """Words of blocks whose lanes count chains or else the blocks of a chain."""
    counted, step, tag, key0, key1 = counters(words, lanes), place[1], place[2], place[3], place[4]
    if across:
        draw(words, np.uint64(other), counted, step, tag, key0, key1)
    else:
        draw(words, counted, place[0] + np.uint64(other), step, tag, key0, key1)


def _bits(words):
    """The rows of words."""
    raise NotImplementedError


@overload(_bits, jit_options={"forceinline": True})
def _bits_typed(words):
    if words.dtype is types.uint64:
        return lambda words: (get(words, 0), get(words, 1))
    return lambda words: (get(words, 0), get(words, 1), get(words, 2), get(words, 3))


def _uniforms(words):
    """A row of uniforms from each row of words."""
    raise NotImplementedError


@overload(_uniforms, jit_options={"forceinline": True})
def _uniforms_typed(words):
    def wide(words):
        return fraction(get(words, 0)), fraction(get(words, 1))

    def short(words):
        u0, u1 = fraction(get(words, 0)), fraction(get(words, 1))
        return u0, u1, fraction(get(words, 2)), fraction(get(words, 3))

    return wide if words.dtype is types.uint64 else short


def _normals(words):
    """A row of normals from each row of words."""
    raise NotImplementedError


@overload(_normals, jit_options={"forceinline": True})
def _normals_typed(words):
    def wide(words):
        return normal_pair(get(words, 0), get(words, 1))

    def short(words):
        z0, z1 = normal_pair(get(words, 0), get(words, 1))
        z2, z3 = normal_pair(get(words, 2), get(words, 3))
        return z0, z1, z2, z3

    return wide if words.dtype is types.uint64 else short


@device
def _spread(out, packets):
    """Packets (blocks, lanes) to their places in (lanes, blocks)."""
    for lane in range(out.shape[0]):
        for block in range(out.shape[1]):
            out[lane, block] = packets[block, lane]


@device
def _corner(out, tile, n_lanes):
    """Where a tile starts along the first two axes."""
    n_strips = -(-out.shape[1] // _STRIP)
    return tile // n_strips * n_lanes, tile % n_strips * _STRIP


@kernel
def _fill_bits(out, first, last, across, place, strip):
    words, variates, n = strip.words, strip.variates, strip.words.shape[1]
    base = place[0] if across else np.uint64(0)
    for tile in range(first, last):
        start, other = _corner(out, tile, n)
        part = out[start : start + n, other : other + _STRIP]
        _count(strip, base + np.uint64(start))
        for block in range(part.shape[1]):
            _draw_along(words, strip.counters, other + block, across, place)
            put_interleaved(variates[block], _bits(words))
        _spread(part, strip.packets)


@kernel
def _fill_uniform(out, first, last, across, place, strip):
    words, variates, n = strip.words, strip.variates, strip.words.shape[1]
    base = place[0] if across else np.uint64(0)
    for tile in range(first, last):
        start, other = _corner(out, tile, n)
        part = out[start : start + n, other : other + _STRIP]
        _count(strip, base + np.uint64(start))
        for block in range(part.shape[1]):
            _draw_along(words, strip.counters, other + block, across, place)
            put_interleaved(variates[block], _uniforms(words))
        _spread(part, strip.packets)


@kernel
def _fill_normal(out, first, last, across, place, strip):
    words, variates, n = strip.words, strip.variates, strip.words.shape[1]
    base = place[0] if across else np.uint64(0)
    for tile in range(first, last):
        start, other = _corner(out, tile, n)
        part = out[start : start + n, other : other + _STRIP]
        _count(strip, base + np.uint64(start))
        for block in range(part.shape[1]):
            _draw_along(words, strip.counters, other + block, across, place)
            put_interleaved(variates[block], _normals(words))
        _spread(part, strip.packets)


def random_bits(xp, stream, n_chains, width, device=None):
    return _filled(_fill_bits, stream, n_chains, width, np.dtype(np.uint32))


def random_uniform(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_uniform, stream, n_chains, width, np.dtype(dtype))


def random_normal(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_normal, stream, n_chains, width, np.dtype(dtype))


def _filled(fill, stream, n_chains, width, dtype):
    """An array (n_chains, width) of whole Philox blocks, cut to its width.

    Lanes run along the longer of two axes, chains and blocks, which a kernel sees first.
    """
    n_blocks = -(-width * dtype.itemsize // _PACKET.itemsize)
    out, place = np.empty((n_chains, n_blocks), _PACKET), place_of(stream)
    across = n_chains >= n_blocks
    target = out if across else out.T

    def task(first, last):
        fill(target, first, last, across, place, _new_strip(dtype))

    longer, shorter = target.shape
    for_ranges(task, -(-longer // LANES[dtype]) * -(-shorter // _STRIP), _NS_PER_TILE)
    return np.ascontiguousarray(out.view(dtype)[:, :width])
