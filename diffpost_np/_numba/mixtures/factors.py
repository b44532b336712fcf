"""Triangular factors of the inverse covariances of all components, at several noise levels."""

from __future__ import annotations

import math

import numpy as np

from ..blocks import block_code, rows
from ..gemm import multiply
from ..lanes import LANES, fma, get, put
from ..parallel import for_ranges, kernel

_MULTIPLY_NS = 0.05
"""About how long a multiplication takes, with what comes beside it."""


@block_code
def _weighted_squares(square, scaled, basis, weights):
    """Entries of basis diag(weights) basis' on and above the diagonal.

    A block of its columns is in the lanes of d rows of `square`, the next in those below.
    """
    d, lanes = basis.shape[0], square.shape[1]
    for block in range(square.shape[0] // d):
        first, last = block * lanes, min((block + 1) * lanes, d)
        for column in range(first, last):
            for e in range(d):
                scaled[e, column - first] = weights[e] * basis[column, e]
        multiply(square[block * d : block * d + last], basis[:last], scaled)


@block_code
def _cholesky(square, d):
    """Put an upper triangular U, U'U = square, in the place of its upper triangle."""
    lanes, n_blocks = square.shape[1], square.shape[0] // d
    for i in range(d):
        own, lane = i // lanes, i % lanes
        for block in range(own, n_blocks):
            total = get(square, block * d + i)
            for k in range(i):
                row = get(square, block * d + k)
                total = fma(row, -square[own * d + k, lane], total)
            put(square, block * d + i, total)
        scale = 1.0 / math.sqrt(square[own * d + i, lane])
        for block in range(own, n_blocks):
            put(square, block * d + i, get(square, block * d + i) * scale)


@block_code
def _write_reversed(lower, upper, square):
    """W[i, j] = U[d - 1 - i, d - 1 - j], and its transpose."""
    d, lanes = lower.shape[0], square.shape[1]
    for column in range(d):
        first, lane, j = column // lanes * d, column % lanes, d - 1 - column
        for row in range(column + 1):
            value, i = square[first + row, lane], d - 1 - row
            lower[i, j], upper[j, i] = value, value


@kernel
def _factor(lower, upper, bases, precisions, first, last, square, scaled):
    n, d = precisions.shape[1:]
    for index in range(first, last):
        level, k = index // n, index % n
        _weighted_squares(square, scaled, bases[k], precisions[level, k])
        _cholesky(square, d)
        _write_reversed(lower[level, k], upper[level, k], square)


def triangular_factors(lower, upper, bases, precisions):
    """Fill triangles (S, K, d, d) with W and W', where W'W has the axes and the precisions given.

    `bases` (K, d, d) has axes in columns, entries in the reverse of the order of W; precisions
    (S, K, d) are all in float64.
    """
    n_levels, n, d = precisions.shape

    def task(first, last):
        n_blocks = -(-d // LANES[np.dtype(np.float64)])
        square, scaled = rows(n_blocks * d, np.float64), rows(d, np.float64)
        _factor(lower, upper, bases, precisions, first, last, square, scaled)

    for_ranges(task, n_levels * n, _MULTIPLY_NS * d**3)
