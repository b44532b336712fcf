"""Kernels of `_philox.py`: random words, uniforms and normals, to the bit.

A block of lanes is filled in two loops, Philox and the transform, with the words in a scratch
array between them: fused they would run out of vector registers. The scratch has one row for
each variate of a Philox block, words of 64 bits for float64 and of 32 bits for float32.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload

from .device import device, join, normal_pair, philox
from .intrinsics import fraction
from .parallel import for_ranges, kernel

_TILE = 128
_NS_PER_TILE = 600.0


def scratch_words(dtype, n_lanes):
    """Room for the words that one Philox block gives to every lane."""
    if np.dtype(dtype) == np.float64:
        return np.empty((2, n_lanes), np.uint64)
    return np.empty((4, n_lanes), np.uint32)


def place_of(stream):
    """A stream as the words that kernels take: first chain, step, tag and key."""
    return np.array([stream.first_chain, stream.step, stream.tag, *stream.key], np.uint64)


def _store(words, lane, w0, w1, w2, w3):
    """Put the words of one Philox block where the transform reads them."""
    raise NotImplementedError


@overload(_store, jit_options={"forceinline": True})
def _store_typed(words, lane, w0, w1, w2, w3):
    def pairs(words, lane, w0, w1, w2, w3):
        words[0, lane], words[1, lane] = join(w1, w0), join(w3, w2)

    def single(words, lane, w0, w1, w2, w3):
        words[0, lane], words[1, lane], words[2, lane], words[3, lane] = w0, w1, w2, w3

    return pairs if words.dtype is types.uint64 else single


def _n_rows(variates):
    """Variates in a Philox block, a constant to the compiler."""
    raise NotImplementedError


@overload(_n_rows, jit_options={"forceinline": True})
def _n_rows_typed(variates):
    return (lambda variates: 2) if variates.dtype.bitwidth == 64 else (lambda variates: 4)


@njit(error_model="numpy")
def chain_words(words, first_chain, step, tag, key0, key1, block):
    """One Philox block for each of a block of chains, one chain a lane."""
    for lane in range(words.shape[1]):
        chain = first_chain + np.uint64(lane)
        w0, w1, w2, w3 = philox(block, chain, step, tag, key0, key1)
        _store(words, lane, w0, w1, w2, w3)


@njit(error_model="numpy")
def chain_normals(z, words, first_chain, step, tag, key0, key1):
    """Standard normals z (d, lanes) for a block of chains; d is a multiple of words' rows."""
    n = words.shape[0]
    for block in range(z.shape[0] // n):
        chain_words(words, first_chain, step, tag, key0, key1, np.uint64(block))
        for i in range(0, n, 2):
            row = block * n + i
            for lane in range(words.shape[1]):
                z[row, lane], z[row + 1, lane] = normal_pair(words[i, lane], words[i + 1, lane])


@njit(error_model="numpy")
def _block_words(words, chain, step, tag, key0, key1, first_block):
    """Consecutive Philox blocks of one chain, one block a lane."""
    for lane in range(words.shape[1]):
        block = first_block + np.uint64(lane)
        w0, w1, w2, w3 = philox(block, chain, step, tag, key0, key1)
        _store(words, lane, w0, w1, w2, w3)


@njit(error_model="numpy")
def _tile_words(words, tile, n_chains, n_blocks, place):
    """The words of a tile, and where its lanes go: first place, stride and number."""
    n_lanes = words.shape[1]
    first_chain, step, tag, key0, key1 = place[0], place[1], place[2], place[3], place[4]
    if n_chains >= n_blocks:
        chain, block = tile // n_blocks * n_lanes, tile % n_blocks
        chain_words(words, first_chain + np.uint64(chain), step, tag, key0, key1, np.uint64(block))
        return chain * n_blocks + block, n_blocks, min(n_lanes, n_chains - chain)
    per_chain = -(-n_blocks // n_lanes)
    chain, block = tile // per_chain, tile % per_chain * n_lanes
    _block_words(words, first_chain + np.uint64(chain), step, tag, key0, key1, np.uint64(block))
    return chain * n_blocks + block, 1, min(n_lanes, n_blocks - block)


@device
def _spread(out, variates, first, stride, n):
    """Variates (rows, lanes) to every stride-th place of out (places, rows)."""
    for lane in range(n):
        for i in range(_n_rows(variates)):
            out[first + lane * stride, i] = variates[i, lane]


@kernel
def _fill_bits(out, first, last, n_chains, place, words):
    n_blocks = out.shape[0] // n_chains
    for tile in range(first, last):
        start, stride, n = _tile_words(words, tile, n_chains, n_blocks, place)
        _spread(out, words, start, stride, n)


@kernel
def _fill_uniform(out, first, last, n_chains, place, words):
    n_blocks, u = out.shape[0] // n_chains, np.empty(words.shape, out.dtype)
    for tile in range(first, last):
        start, stride, n = _tile_words(words, tile, n_chains, n_blocks, place)
        for i in range(words.shape[0]):
            for lane in range(words.shape[1]):
                u[i, lane] = fraction(words[i, lane])
        _spread(out, u, start, stride, n)


@kernel
def _fill_normal(out, first, last, n_chains, place, words):
    n_blocks, z = out.shape[0] // n_chains, np.empty(words.shape, out.dtype)
    for tile in range(first, last):
        start, stride, n = _tile_words(words, tile, n_chains, n_blocks, place)
        for i in range(0, words.shape[0], 2):
            for lane in range(words.shape[1]):
                z[i, lane], z[i + 1, lane] = normal_pair(words[i, lane], words[i + 1, lane])
        _spread(out, z, start, stride, n)


def random_bits(xp, stream, n_chains, width, device=None):
    return _filled(_fill_bits, stream, n_chains, width, np.uint32)


def random_uniform(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_uniform, stream, n_chains, width, dtype)


def random_normal(xp, stream, n_chains, width, dtype, device=None):
    return _filled(_fill_normal, stream, n_chains, width, dtype)


def _filled(fill, stream, n_chains, width, dtype):
    """An array (n_chains, width) of whole Philox blocks, cut to its width.

    Lanes run across chains or along the blocks of a chain, whichever are more.
    """
    per_block = scratch_words(dtype, 0).shape[0]
    n_blocks = -(-width // per_block)
    out = np.empty((n_chains * n_blocks, per_block), dtype)
    place = place_of(stream)

    def task(first, last):
        fill(out, first, last, n_chains, place, scratch_words(dtype, _TILE))

    for_ranges(task, min(n_chains, n_blocks) * -(-max(n_chains, n_blocks) // _TILE), _NS_PER_TILE)
    return np.ascontiguousarray(out.reshape(n_chains, n_blocks * per_block)[:, :width])
