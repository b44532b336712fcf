"""Kernel of `_products.py`: BLAS on blocks of a fixed size, shared among threads.

A block is one call of BLAS whatever the number of threads, so the bits do not depend on it.
"""

from __future__ import annotations

import numpy as np

from .._products import fold_slices
from .parallel import for_ranges

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
