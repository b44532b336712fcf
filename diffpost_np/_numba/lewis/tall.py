"""Blocks of the rows of a tall table, transposed, and their sums of products.

A register of rows has one in each lane, so what depends on a row (its weight, its quadratic form)
is lanes too, and no multiplication is spent on padding. An entry of the Gram matrix is a register
of partial sums; the matrix is cut into squares of 4 x 4 entries, of which the lower ones are
formed, each kept in registers for a whole block. While it computes, a block brings the next nearer.
"""

from __future__ import annotations

import functools
import threading
from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from ..blocks import block_code
from ..device import device, inner, zero_like
from ..lanes import fma
from ..registers import (
    WIDTH,
    get_register,
    prefetch,
    put_register,
    registers,
    sum_of_lanes,
)
from ..transposes import transpose_into

PARTS = 16
"""Registers of rows in a block."""

SIDE = 4
"""Rows and columns of a square of entries."""


class Block(NamedTuple):
    """The arrays of one worker."""

    columns: np.ndarray  # registers (PARTS, stride): a block of rows, transposed
    scales: np.ndarray  # (PARTS,) registers: a number for each row
    sums: np.ndarray  # registers, of the entries in the order of the squares
    rest: np.ndarray  # numbers: the last rows of a table, and zeros after them


_mine = threading.local()


def block_of(d, dtype):
    """The arrays of this thread."""
    key = (d, dtype)
    if getattr(_mine, "key", None) != key:
        (_, stride), _ = shape_of(d, dtype)
        sizes = PARTS * stride, PARTS, len(entries(d)[0]), stride + 1
        _mine.key, _mine.block = key, Block(*(registers(n, dtype) for n in sizes))
    return _mine.block


def padded_columns(d):
    """Columns in whole squares."""
    return -(-d // SIDE) * SIDE


@functools.cache
def entries(d):
    """Row and column of every entry, in the order of the squares."""
    places = [
        (i + k, j + m)
        for i in range(0, d, SIDE)
        for j in range(0, i + 1, SIDE)
        for k in range(SIDE)
        for m in range(SIDE if j < i else k + 1)
    ]
    return tuple(np.array(places).T)


def shape_of(d, dtype):
    """Columns and registers from one register of rows to the next, and the width of a register.

    That distance is odd, so that registers of one column spread over the sets of a cache.
    """
    return (d, max(padded_columns(d), WIDTH[dtype]) | 1), WIDTH[dtype]


@device
def _transpose(block, part, stride, table, first, d, width, scale):
    """A register of rows, scaled, into the block; windows of columns overlap if they must."""
    at = part * stride
    for column in range(0, d, width):
        start = max(0, min(column, d - width))
        transpose_into(block.columns, at + start, 1, table, first + start, d, scale)
    for column in range(d, stride):
        put_register(block.columns, at + column, 0.0)


@block_code
def load_block(block, table, shape, start, stop, width, scaled):
    """Rows start to stop, less one, of the table into the block; returns its registers in use."""
    d, stride = shape
    parts = -(-(stop - start) // width)
    for part in range(parts):
        first = (start + part * width) * d
        n = min(width, stop - start - part * width)
        scale = _scale(block, part, scaled)
        if n == width and first + (width - 1) * d + max(d, width) <= table.shape[0]:
            _transpose(block, part, stride, table, first, d, width, scale)
        else:
            block.rest[:] = 0.0
            for i in range(n * d):
                block.rest[i] = table[first + i]
            _transpose(block, part, stride, block.rest, 0, d, width, scale)
    return parts


def _scale(block, part, scaled):
    """The scales of a register of rows, or None."""
    raise NotImplementedError


@overload(_scale, jit_options=inner)
def _scale_typed(block, part, scaled):
    if isinstance(scaled, types.NoneType):
        return lambda block, part, scaled: None
    return lambda block, part, scaled: get_register(block.scales, part)


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
def add_block(block, parts, shape, table, ahead, width):
    """Add the products of all pairs of columns to the sums.

    Meanwhile the block of rows that starts at number `ahead` of the table is brought nearer.
    """
    d, stride = shape
    at, n_squares = 0, (d // SIDE + 1) * (d // SIDE + 2) // 2
    lines = PARTS * d // n_squares + 1
    for i in range(0, d, SIDE):
        for j in range(0, i, SIDE):
            _add_square(block.sums, at, block.columns, i, j, parts, stride)
            at += SIDE * SIDE
            ahead = _prefetch(table, ahead, lines, width)
        _add_diagonal(block.sums, at, block.columns, i, parts, stride)
        at += SIDE * (SIDE + 1) // 2
        ahead = _prefetch(table, ahead, lines, width)


@device
def _prefetch(table, ahead, lines, width):
    """Bring some cache lines nearer; returns where the next one starts."""
    for _ in range(lines):
        prefetch(table, ahead)
        ahead += width
    return ahead


@device
def finish(out, sums):
    """Sums of lanes into the entries of a tile."""
    for at in range(out.shape[0]):
        out[at] = sum_of_lanes(get_register(sums, at))


@device
def _four_forms(block, root, row, part, shape):
    """Add to the scales of four registers of rows the squares of four entries of root x."""
    d, stride = shape
    a = part * stride + row
    zero = zero_like(get_register(block.columns, a))
    s00, s01, s02, s03, s10, s11, s12, s13 = zero, zero, zero, zero, zero, zero, zero, zero
    s20, s21, s22, s23, s30, s31, s32, s33 = zero, zero, zero, zero, zero, zero, zero, zero
    for k in range(row, d):
        x0, x1 = get_register(block.columns, a), get_register(block.columns, a + stride)
        x2 = get_register(block.columns, a + 2 * stride)
        x3 = get_register(block.columns, a + 3 * stride)
        a += 1
        y = root[row, k]
        s00, s01, s02, s03 = fma(x0, y, s00), fma(x1, y, s01), fma(x2, y, s02), fma(x3, y, s03)
        y = root[row + 1, k]
        s10, s11, s12, s13 = fma(x0, y, s10), fma(x1, y, s11), fma(x2, y, s12), fma(x3, y, s13)
        y = root[row + 2, k]
        s20, s21, s22, s23 = fma(x0, y, s20), fma(x1, y, s21), fma(x2, y, s22), fma(x3, y, s23)
        y = root[row + 3, k]
        s30, s31, s32, s33 = fma(x0, y, s30), fma(x1, y, s31), fma(x2, y, s32), fma(x3, y, s33)
    put_register(block.scales, part, _plus_squares(block, part, s00, s10, s20, s30))
    put_register(block.scales, part + 1, _plus_squares(block, part + 1, s01, s11, s21, s31))
    put_register(block.scales, part + 2, _plus_squares(block, part + 2, s02, s12, s22, s32))
    put_register(block.scales, part + 3, _plus_squares(block, part + 3, s03, s13, s23, s33))


@device
def _plus_squares(block, part, y0, y1, y2, y3):
    total = fma(y0, y0, get_register(block.scales, part))
    return fma(y3, y3, fma(y2, y2, fma(y1, y1, total)))


@block_code
def add_forms(block, parts, root, shape, table, ahead, lines, width):
    """Set the scales to |root x|^2 of the rows; root is zero below its diagonal.

    Meanwhile numbers of the table are brought nearer, some lines at a time, from `ahead` on.
    """
    for part in range(0, parts, SIDE):
        for i in range(SIDE):
            put_register(block.scales, part + i, 0.0)
        for row in range(0, root.shape[0], SIDE):
            _four_forms(block, root, row, part, shape)
            ahead = _prefetch(table, ahead, lines, width)
