"""Kernels of `lewis/_gram.py`: weighted Gram matrices and quadratic forms of the rows of a table.

A block of rows is transposed, so that each has a lane and what depends on a row (its weight,
its quadratic form) is lanes too. An entry of the Gram matrix is a register of partial sums; the
matrix is cut into squares of 4 x 4 entries, which stay in registers for the whole block. Tiles of
rows are fixed and their sums added in order, so bits do not depend on the number of threads.
"""

from __future__ import annotations

import functools
import threading
from typing import NamedTuple

import numpy as np

from ..lewis._tiles import TILE, tile_slices
from .blocks import block_code
from .device import device
from .intrinsics import sqrt
from .lanes import fma
from .parallel import for_ranges, kernel
from .registers import (
    WIDTH,
    get_register,
    put_register,
    registers,
    sum_of_lanes,
    transpose_into,
)

PARTS = 16
"""Registers of rows in a block."""

SIDE = 4
"""Rows and columns of a square of entries."""

LARGEST = 128
"""Columns up to which these kernels are worth it; beyond, BLAS is."""

_FLOP_NS = 0.02


class Block(NamedTuple):
    """The arrays of one worker."""

    columns: np.ndarray  # registers (PARTS, stride): a block of rows, transposed
    scales: np.ndarray  # (PARTS,) registers: a number for each row
    sums: np.ndarray  # registers, of the entries in the order of the squares
    rest: np.ndarray  # numbers: the last rows of a table, and zeros after them


_mine = threading.local()


def _block(d, dtype):
    """The arrays of this thread."""
    key = (d, dtype)
    if getattr(_mine, "key", None) != key:
        stride, width = max(_padded(d), WIDTH[dtype]), WIDTH[dtype]
        sizes = PARTS * stride, PARTS, len(_entries(d)[0]), stride + 1
        _mine.key, _mine.block = key, Block(*(registers(n, dtype) for n in sizes))
        assert width * (d + 1) <= len(_mine.block.rest)
    return _mine.block


def _padded(d):
    """Columns in whole squares."""
    return -(-d // SIDE) * SIDE


@functools.cache
def _entries(d):
    """Row and column of every entry, in the order of the squares."""
    places = [
        (i + k, j + m)
        for i in range(0, d, SIDE)
        for j in range(0, i + 1, SIDE)
        for k in range(SIDE)
        for m in range(SIDE if j < i else k + 1)
    ]
    return tuple(np.array(places).T)


@device
def _transpose(block, part, stride, table, first, d, width):
    """A register of rows into the block; windows of columns overlap where they do not fit."""
    at = part * stride
    for column in range(0, d, width):
        start = max(0, min(column, d - width))
        transpose_into(block.columns, at + start, table, first + start, d)
    for column in range(d, stride):
        put_register(block.columns, at + column, 0.0)


@block_code
def _load(block, table, shape, start, stop, width):
    """Rows start to stop, less one, of the table into the block; returns its registers in use."""
    d, stride = shape
    parts = -(-(stop - start) // width)
    for part in range(parts):
        first = (start + part * width) * d
        n = min(width, stop - start - part * width)
        if n == width and first + (width - 1) * d + max(d, width) <= table.shape[0]:
            _transpose(block, part, stride, table, first, d, width)
        else:
            block.rest[:] = 0.0
            for i in range(n * d):
                block.rest[i] = table[first + i]
            _transpose(block, part, stride, block.rest, 0, d, width)
    return parts


@block_code
def _scale(block, parts, stride):
    """Multiply rows by their scales."""
    for part in range(parts):
        scale = get_register(block.scales, part)
        for at in range(part * stride, (part + 1) * stride):
            put_register(block.columns, at, get_register(block.columns, at) * scale)


@device
def _add_square(sums, at, columns, i, j, parts, stride):
    """Add to 4 x 4 entries what the block gives."""
    s00, s01 = get_register(sums, at), get_register(sums, at + 1)
    s02, s03 = get_register(sums, at + 2), get_register(sums, at + 3)
    s10, s11 = get_register(sums, at + 4), get_register(sums, at + 5)
    s12, s13 = get_register(sums, at + 6), get_register(sums, at + 7)
    s20, s21 = get_register(sums, at + 8), get_register(sums, at + 9)
    s22, s23 = get_register(sums, at + 10), get_register(sums, at + 11)
    s30, s31 = get_register(sums, at + 12), get_register(sums, at + 13)
    s32, s33 = get_register(sums, at + 14), get_register(sums, at + 15)
    for part in range(parts):
        a, b = part * stride + i, part * stride + j
        x0, x1 = get_register(columns, a), get_register(columns, a + 1)
        x2, x3 = get_register(columns, a + 2), get_register(columns, a + 3)
        y = get_register(columns, b)
        s00, s10, s20, s30 = fma(x0, y, s00), fma(x1, y, s10), fma(x2, y, s20), fma(x3, y, s30)
        y = get_register(columns, b + 1)
        s01, s11, s21, s31 = fma(x0, y, s01), fma(x1, y, s11), fma(x2, y, s21), fma(x3, y, s31)
        y = get_register(columns, b + 2)
        s02, s12, s22, s32 = fma(x0, y, s02), fma(x1, y, s12), fma(x2, y, s22), fma(x3, y, s32)
        y = get_register(columns, b + 3)
        s03, s13, s23, s33 = fma(x0, y, s03), fma(x1, y, s13), fma(x2, y, s23), fma(x3, y, s33)
    put_register(sums, at, s00), put_register(sums, at + 1, s01)
    put_register(sums, at + 2, s02), put_register(sums, at + 3, s03)
    put_register(sums, at + 4, s10), put_register(sums, at + 5, s11)
    put_register(sums, at + 6, s12), put_register(sums, at + 7, s13)
    put_register(sums, at + 8, s20), put_register(sums, at + 9, s21)
    put_register(sums, at + 10, s22), put_register(sums, at + 11, s23)
    put_register(sums, at + 12, s30), put_register(sums, at + 13, s31)
    put_register(sums, at + 14, s32), put_register(sums, at + 15, s33)


@device
def _add_diagonal(sums, at, columns, i, parts, stride):
    """Add to the ten entries of a square on the diagonal what the block gives."""
    s00, s10 = get_register(sums, at), get_register(sums, at + 1)
    s11, s20 = get_register(sums, at + 2), get_register(sums, at + 3)
    s21, s22 = get_register(sums, at + 4), get_register(sums, at + 5)
    s30, s31 = get_register(sums, at + 6), get_register(sums, at + 7)
    s32, s33 = get_register(sums, at + 8), get_register(sums, at + 9)
    for part in range(parts):
        a = part * stride + i
        x0, x1 = get_register(columns, a), get_register(columns, a + 1)
        x2, x3 = get_register(columns, a + 2), get_register(columns, a + 3)
        s00, s10, s11 = fma(x0, x0, s00), fma(x1, x0, s10), fma(x1, x1, s11)
        s20, s21, s22 = fma(x2, x0, s20), fma(x2, x1, s21), fma(x2, x2, s22)
        s30, s31 = fma(x3, x0, s30), fma(x3, x1, s31)
        s32, s33 = fma(x3, x2, s32), fma(x3, x3, s33)
    put_register(sums, at, s00), put_register(sums, at + 1, s10)
    put_register(sums, at + 2, s11), put_register(sums, at + 3, s20)
    put_register(sums, at + 4, s21), put_register(sums, at + 5, s22)
    put_register(sums, at + 6, s30), put_register(sums, at + 7, s31)
    put_register(sums, at + 8, s32), put_register(sums, at + 9, s33)


@block_code
def _add_block(block, parts, shape):
    """Add the products of all pairs of columns to the sums."""
    d, stride = shape
    at = 0
    for i in range(0, d, SIDE):
        for j in range(0, i, SIDE):
            _add_square(block.sums, at, block.columns, i, j, parts, stride)
            at += SIDE * SIDE
        _add_diagonal(block.sums, at, block.columns, i, parts, stride)
        at += SIDE * (SIDE + 1) // 2


@device
def _finish(out, sums):
    """Sums of lanes into the entries of a tile."""
    for at in range(out.shape[0]):
        out[at] = sum_of_lanes(get_register(sums, at))


@kernel
def _gram_tile(out, table, weights, shape, first, last, width, block):
    """Entries of X' diag(w) X of the rows first to last, less one."""
    block.sums[:] = 0.0
    size = PARTS * width
    for start in range(first, last, size):
        stop = min(start + size, last)
        parts = _load(block, table, shape, start, stop, width)
        if weights.shape[0] > 0:
            for i in range(stop - start):
                block.scales[i] = weights[start + i]
            for part in range(parts):
                put_register(block.scales, part, sqrt(get_register(block.scales, part)))
            _scale(block, parts, shape[1])
        _add_block(block, parts, shape)
    _finish(out, block.sums)


def weighted_gram(xp, X, w=None):
    table, d, dtype = _table(X), X.shape[1], X.dtype
    if table is None:
        return NotImplemented
    weights = np.empty(0, dtype) if w is None else np.ascontiguousarray(w, dtype)
    shape, width = _shape(d, dtype)

    def tile(out, rows):
        _gram_tile(out, table, weights, shape, rows.start, rows.stop, width, _block(d, dtype))

    return _summed(tile, len(X), d)


def _table(X):
    """The numbers of a table row by row, or None where these kernels do not pay."""
    if X.dtype not in WIDTH or not 1 <= X.shape[1] <= LARGEST:
        return None
    return np.ascontiguousarray(X).reshape(-1)


def _shape(d, dtype):
    """Columns, registers from one register of rows to the next, and its width."""
    return (d, max(_padded(d), WIDTH[dtype])), WIDTH[dtype]


def _summed(tile, n, d):
    """The symmetric matrix of the sums over tiles, added in order."""
    tiles = tile_slices(n)
    row, column = _entries(d)
    parts = np.zeros((len(tiles), len(row)))

    def task(first, last):
        for k in range(first, last):
            tile(parts[k], tiles[k])

    for_ranges(task, len(tiles), TILE * d * (d + 9) * _FLOP_NS)
    total = np.zeros((_padded(d),) * 2)
    for k in range(len(tiles)):
        parts[0] += parts[k] if k else 0.0
    if len(tiles):
        total[row, column] = total[column, row] = parts[0]
    return total[:d, :d]
