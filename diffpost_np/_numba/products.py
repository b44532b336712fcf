"""Kernel of `_products.py`: BLAS on blocks of a fixed size, shared among threads.

A block is one call of BLAS whatever the number of threads, so the bits do not depend on it.
"""

from __future__ import annotations

import numpy as np

from .parallel import for_ranges

_ROWS = 256
_ENTRY_NS = 0.05


def product(xp, rows, matrix):
    if rows.ndim != 2 or matrix.ndim != 2:
        return NotImplemented
    out = np.empty((len(rows), matrix.shape[1]), np.result_type(rows, matrix))

    def task(first, last):
        for start in range(first * _ROWS, min(last * _ROWS, len(rows)), _ROWS):
            block = slice(start, start + _ROWS)
            np.matmul(rows[block], matrix, out=out[block])

    for_ranges(task, -(-len(rows) // _ROWS), _ENTRY_NS * _ROWS * matrix.size)
    return out
