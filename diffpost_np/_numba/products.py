"""Kernels of `_products.py`: BLAS on blocks of a fixed size, and products chain by chain.

A block is one call of BLAS whatever the number of threads, so the bits do not depend on it.
"""

from __future__ import annotations

import numpy as np

from .._products import fold_slices
from .blocks import choose, load, n_blocks, new_work, store
from .gemm import multiply, multiply_add
from .lanes import LANES, fma, get, put
from .parallel import for_ranges, kernel

_ROWS = 256
_ENTRY_NS = 0.05


def product(xp, rows, matrix):
    if rows.ndim != 2 or matrix.ndim not in (2, 3):
        return NotImplemented
    matrices = matrix[None] if matrix.ndim == 2 else matrix
    out = np.empty((len(rows), matrix.shape[-1]), np.result_type(rows, matrix))
    blocks = [
        (slice(start, min(start + _ROWS, fold.stop)), k)
        for k, fold in enumerate(fold_slices(len(rows), len(matrices)))
        for start in range(fold.start, fold.stop, _ROWS)
    ]

    def task(first, last):
        for block, k in blocks[first:last]:
            np.matmul(rows[block], matrices[k], out=out[block])

    cost = _ENTRY_NS * matrices[0].size * len(rows) / max(1, len(blocks))
    for_ranges(task, len(blocks), cost)
    return out


@kernel
def _row_product(out, rows, order, first, last, transposed, work):
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, rows, work)
        multiply(work.scratch, transposed, work.x[: rows.shape[1]])
        store(out, work.scratch, work, n)


def row_product(xp, rows, matrix):
    if rows.dtype != matrix.dtype:
        return NotImplemented
    rows, transposed = np.ascontiguousarray(rows), np.ascontiguousarray(matrix.T)
    out, order = np.empty((len(rows), len(transposed)), rows.dtype), np.arange(len(rows))

    def task(first, last):
        work = new_work(rows.dtype, rows.shape[1], 0, len(transposed))
        _row_product(out, rows, order, first, last, transposed, work)

    for_ranges(task, n_blocks(len(rows), rows.dtype), _block_cost(matrix))
    return out


@kernel
def _beside(out, a, f, b, order, first, last, transposed, c, factor, shift, work):
    d, r = out.shape[1], a.shape[1]
    within = work.scratch[:r]
    for block in range(first, last):
        n = choose(work, order, block)
        load(within, a, work)
        load(work.drift, b, work)
        load(work.x, c, work)
        for row in range(r):
            put(within, row, fma(get(work.drift, row), f, get(within, row)))
        for row in range(d):
            put(work.x, row, fma(get(work.x, row), factor, shift[row]))
        multiply_add(work.x[:d], work.x[:d], transposed, within)
        store(out, work.x, work, n)


def row_product_beside(xp, rows, matrix, beside):
    (a, f, b), (c, factor, shift) = rows, beside
    arrays = a, b, np.transpose(matrix), c, shift
    if any(array.dtype != a.dtype for array in arrays):
        return NotImplemented
    a, b, transposed, c, shift = map(np.ascontiguousarray, arrays)
    f, factor = a.dtype.type(f), a.dtype.type(factor)
    out, order = np.empty(c.shape, c.dtype), np.arange(len(a))

    def task(first, last):
        work = new_work(a.dtype, max(c.shape[1], a.shape[1]), 0, a.shape[1])
        _beside(out, a, f, b, order, first, last, transposed, c, factor, shift, work)

    for_ranges(task, n_blocks(len(a), a.dtype), _block_cost(matrix))
    return out


def _block_cost(matrix):
    """About how many nanoseconds the product of a block takes."""
    return LANES[np.dtype(np.float64)] * 0.1 * matrix.size
