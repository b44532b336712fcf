"""Square matrices of few rows: NumPy's functions of them take longer to call than to run."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..blocks import block_code
from ..parallel import kernel

_NARROW, _FEW = 32, 2**16


def is_small(x):
    """Whether calls would take longer than work; LAPACK and BLAS are faster where they do not."""
    return x.shape[1] <= _NARROW and x.size <= _FEW


class Square(NamedTuple):
    """As many rows as columns, each in a unit of its own, to be decomposed."""

    rows: np.ndarray
    unit: np.ndarray
    order: np.ndarray


def new_square(d):
    return Square(np.empty((d, d)), np.empty(d), np.empty(d, np.int64))


@block_code
def decomposed(square, x, basis):
    """LU of some rows with rows exchanged; whether no pivot is zero."""
    rows, d = square.rows, basis.shape[0]
    for k in range(d):
        square.order[k], square.unit[k] = k, _unit(x[basis[k]])
        for j in range(d):
            rows[k, j] = x[basis[k], j] / square.unit[k]
    for k in range(d):
        exchange(rows, square.order, k, _largest_below(rows, k))
        if rows[k, k] == 0.0:
            return False
        for i in range(k + 1, d):
            rows[i, k] /= rows[k, k]
            for j in range(k + 1, d):
                rows[i, j] -= rows[i, k] * rows[k, j]
    return True


@block_code
def _unit(row):
    """A power of two that a row is as large as."""
    largest = 0.0
    for value in row:
        largest = max(largest, abs(value))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 0 else 1.0


@block_code
def _largest_below(rows, k):
    best = k
    for i in range(k + 1, rows.shape[0]):
        if abs(rows[i, k]) > abs(rows[best, k]):
            best = i
    return best


@block_code
def exchange(rows, order, i, k):
    if i != k:
        order[i], order[k] = order[k], order[i]
        for j in range(rows.shape[1]):
            rows[i, j], rows[k, j] = rows[k, j], rows[i, j]


@block_code
def invert(square, inverse):
    """The inverse from the decomposition, row by row."""
    rows, unit, order = square
    d = rows.shape[0]
    for i in range(d):
        for column in range(d):
            inverse[i, column] = 1.0 if order[i] == column else 0.0
        for j in range(i):
            _subtract(inverse, i, j, rows[i, j])
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            _subtract(inverse, i, j, rows[i, j])
        for column in range(d):
            inverse[i, column] /= rows[i, i]
    for i in range(d):
        for column in range(d):
            inverse[i, column] /= unit[column]


@block_code
def _subtract(rows, i, j, share):
    """From row i a share of row j."""
    for k in range(rows.shape[1]):
        rows[i, k] -= share * rows[j, k]


@block_code
def solve_transposed(square, given, right, out):
    """The system of what was decomposed, rows for columns."""
    rows, unit, order = square
    d = rows.shape[0]
    for i in range(d):
        right[i] = given[i]
        for j in range(i):
            right[i] -= rows[j, i] * right[j]
        right[i] /= rows[i, i]
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            right[i] -= rows[j, i] * right[j]
        out[order[i]] = right[i] / unit[order[i]]


@kernel
def _inverse_factor(gram, size, out):
    """That of the Gram matrix of columns of unit length; the sum of squares, if there is one."""
    d = gram.shape[0]
    for i in range(d):
        size[i] = np.sqrt(gram[i, i])
        for j in range(i + 1):
            total = gram[i, j] / (size[i] * size[j])
            for k in range(j):
                total -= out[i, k] * out[j, k]
            if j < i:
                out[i, j] = total / out[j, j]
            elif total > 0.0:
                out[i, i] = np.sqrt(total)
            else:
                return np.inf
    return _invert_lower(out)


@block_code
def _invert_lower(out):
    """A lower triangle in place, column by column; the sum of squares."""
    d, squares = out.shape[0], 0.0
    for j in range(d):
        out[j, j] = 1.0 / out[j, j]
        for i in range(j, d):
            total = 0.0
            for k in range(j, i):
                total += out[i, k] * out[k, j]
            out[i, j] = -total / out[i, i] if i > j else out[j, j]
            squares += out[i, j] * out[i, j]
    return squares


def inverse_factor(xp, gram, most):
    if not is_small(gram):
        return NotImplemented
    size, out = np.empty(len(gram)), np.zeros_like(gram)
    return out / size if _inverse_factor(gram, size, out) < most else None
