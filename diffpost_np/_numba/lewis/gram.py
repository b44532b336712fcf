"""Kernels of `lewis/_weights/gram.py`: Gram matrices and quadratic forms of the rows of a table.

Tiles of rows are fixed and their sums added in order, so bits do not depend on the number of
threads.
"""

from __future__ import annotations

import numpy as np

from ...lewis._rows.tiles import TILE, tile_slices
from ..blocks import block_code
from ..intrinsics import constant, sqrt
from ..lanes import select
from ..parallel import for_ranges, kernel
from ..powers import power
from ..registers import WIDTH, get_register, put_register
from .tall import (
    PARTS,
    SIDE,
    add_block,
    add_forms,
    block_of,
    entries,
    finish,
    load_block,
    padded_columns,
    shape_of,
)

LARGEST = 384
"""Columns up to which these kernels are worth it; beyond, BLAS is."""

_GROUP = 64
"""Tiles whose sums are held at a time."""

_FLOP_NS = 0.02

smallest_form = constant(1e-290, 1e-33)


@block_code
def _weigh(block, parts, p, stride):
    """Turn forms q into weights q^(p/2), and scale the rows by q^((p - 2) / 4).

    Rows so short that their form underflows count as zero.
    """
    for part in range(parts):
        q = get_register(block.scales, part)
        if p == 1.0:
            weight = sqrt(q)
            scale = 1.0 / sqrt(weight)
        else:
            weight, scale = power(q, 0.5 * p), power(q, 0.25 * (p - 2.0))
        counts = q > smallest_form(q)
        scale = select(counts, scale, 0.0) + (q - q)  # NaN where a form overflowed
        put_register(block.scales, part, select(counts, weight, 0.0))
        for at in range(part * stride, (part + 1) * stride):
            put_register(block.columns, at, get_register(block.columns, at) * scale)


@kernel
def _gram_tile(out, table, weights, shape, first, last, width, block):
    """Entries of X' diag(w) X of the rows first to last, less one."""
    block.sums[:] = 0.0
    size = PARTS * width
    for start in range(first, last, size):
        stop = min(start + size, last)
        _roots(block, weights, start, stop, width)
        parts = load_block(block, table, shape, start, stop, width, True)
        add_block(block, parts, shape, table, stop * shape[0], width)
    finish(out, block.sums)


@block_code
def _roots(block, weights, start, stop, width):
    """The square roots of the weights of a block; one weight goes to all rows."""
    for i in range(stop - start):
        block.scales[i] = weights[start + i] if weights.shape[0] > 1 else weights[0]
    for part in range(-(-(stop - start) // width)):
        put_register(block.scales, part, sqrt(get_register(block.scales, part)))


@kernel
def _forms_tile(out, table, root, shape, first, last, width, block):
    """Quadratic forms of the rows first to last, less one."""
    size, lines = PARTS * width, SIDE * SIDE * shape[0] // root.shape[0] + 1
    for start in range(first, last, size):
        stop = min(start + size, last)
        parts = load_block(block, table, shape, start, stop, width, None)
        add_forms(block, parts, root, shape, table, stop * shape[0], lines, width)
        for i in range(stop - start):
            out[start + i] = block.scales[i]


@kernel
def _lewis_tile(out, weights, table, root, p, shape, first, last, width, block):
    """Weights of the rows first to last, less one, and the entries of the Gram they make."""
    block.sums[:] = 0.0
    size = PARTS * width
    for start in range(first, last, size):
        stop = min(start + size, last)
        parts = load_block(block, table, shape, start, stop, width, None)
        add_forms(block, parts, root, shape, table, 0, 0, width)
        _weigh(block, parts, p, shape[1])
        for i in range(stop - start):
            weights[start + i] = block.scales[i]
        add_block(block, parts, shape, table, stop * shape[0], width)
    finish(out, block.sums)


def weighted_gram(xp, X, w=None):
    table, d, dtype = _table(X), X.shape[1], X.dtype
    if table is None:
        return NotImplemented
    weights = np.ones(1, dtype) if w is None else np.ascontiguousarray(w, dtype)
    shape, width = shape_of(d, dtype)

    def tile(out, rows):
        _gram_tile(out, table, weights, shape, rows.start, rows.stop, width, block_of(d, dtype))

    return _summed(tile, len(X), d)


def quadratic_forms(xp, X, M):
    table, d, dtype = _table(X), X.shape[1], X.dtype
    if table is None:
        return NotImplemented
    q, root = np.empty(len(X), dtype), _root(M, dtype)
    shape, width = shape_of(d, dtype)
    tiles = tile_slices(len(X))

    def task(first, last):
        rows = tiles[first].start, tiles[last - 1].stop
        _forms_tile(q, table, root, shape, *rows, width, block_of(d, dtype))

    for_ranges(task, len(tiles), TILE * d * (len(root) + 9) * _FLOP_NS)
    return q


def lewis_pass(xp, X, M, p):
    table, d, dtype = _table(X), X.shape[1], X.dtype
    if table is None:
        return NotImplemented
    w, root = np.empty(len(X), dtype), _root(M, dtype)
    shape, width = shape_of(d, dtype)

    def tile(out, rows):
        place = shape, rows.start, rows.stop, width, block_of(d, dtype)
        _lewis_tile(out, w, table, root, float(p), *place)

    return w, _summed(tile, len(X), d)


def _table(X):
    """The numbers of a table row by row, or None where these kernels do not pay."""
    if X.dtype not in WIDTH or not 1 <= X.shape[1] <= LARGEST:
        return None
    return np.ascontiguousarray(X).reshape(-1)


def _root(M, dtype):
    """A matrix R, zero below its diagonal, with |R x| = |M' x|, and rows of zeros after it."""
    root = np.linalg.qr(np.asarray(M, np.float64).T, mode="r")
    return np.pad(root, ((0, -len(root) % SIDE), (0, 0))).astype(dtype)


def _summed(tile, n, d):
    """The symmetric matrix of the sums over tiles, added in order."""
    tiles = tile_slices(n)
    row, column = entries(d)
    sums, parts = np.zeros(len(row)), np.empty((min(len(tiles), _GROUP), len(row)))
    for start in range(0, len(tiles), _GROUP):
        group = tiles[start : start + _GROUP]

        def task(first, last, group=group):
            for k in range(first, last):
                tile(parts[k], group[k])

        for_ranges(task, len(group), TILE * d * (d + 9) * _FLOP_NS)
        for part in parts[: len(group)]:
            sums += part
    total = np.zeros((padded_columns(d),) * 2)
    total[row, column] = total[column, row] = sums
    return total[:d, :d]
