"""Kernels of `lewis/_exact/vertex.py`: a basis of few rows, and what it fits.

Where rows are many NumPy's products are as fast, and the kernels leave them to these.
"""

from __future__ import annotations

import numpy as np

from ...lewis._exact.vertex import CANDIDATES, FARTHEST, INDEPENDENT
from ..blocks import block_code
from ..parallel import kernel
from .square import decomposed, exchange, invert, is_small, new_square


@block_code
def residual_of(x, y, b, i):
    """That of a row."""
    r = y[i]
    for j in range(b.shape[0]):
        r -= x[i, j] * b[j]
    return r


@block_code
def _fit(x, y, basis, inverse, b, right):
    """The b that fits the basis, refined once."""
    d = basis.shape[0]
    b[:] = 0.0
    for _ in range(2):
        for i in range(d):
            right[i] = residual_of(x, y, b, basis[i])
        for i in range(d):
            for j in range(d):
                b[i] += inverse[i, j] * right[j]


@block_code
def _sides(x, y, quantile, basis, b, r, dual, moment):
    """Residuals and duals off the basis, and the sum of dual times row."""
    for i in range(x.shape[0]):
        r[i] = residual_of(x, y, b, i)
    for i in basis:
        r[i] = 0.0
    for i in range(x.shape[0]):
        dual[i] = 0.0 * r[i] + (quantile if r[i] > 0.0 else quantile - 1.0)
    for i in basis:
        dual[i] = 0.0
    moment[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            moment[j] += dual[i] * x[i, j]


@kernel
def _corner(x, y, quantile, basis, square, inverse, b, own, r, dual):
    """Fill in the corner; which dual of the basis is the farthest from its box, and how far."""
    d, scratch = basis.shape[0], square.unit
    if not decomposed(square, x, basis):
        return -1, 0.0
    invert(square, inverse)
    _fit(x, y, basis, inverse, b, scratch)
    _sides(x, y, quantile, basis, b, r, dual, scratch)
    worst, most = 0, -np.inf
    for i in range(d):
        own[i] = 0.0
        for j in range(d):
            own[i] -= scratch[j] * inverse[j, i]
        excess = max(own[i] - quantile, quantile - 1.0 - own[i])
        if not (excess <= most or most != most):
            worst, most = i, excess
    return worst, most


def corner_of(xp, x, y, quantile, basis):
    n, d = x.shape
    if not is_small(x):
        return NotImplemented
    inverse, b, own, r, dual = map(np.empty, ((d, d), d, d, n, n))
    worst, excess = _corner(x, y, quantile, basis, new_square(d), inverse, b, own, r, dual)
    if worst < 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return inverse, b, r, dual, own, worst, excess


@block_code
def _smallest(values, places):
    """Where among some places the smallest value is."""
    least = 0
    for k in range(1, places.shape[0]):
        if values[places[k]] < values[places[least]]:
            least = k
    return least


@block_code
def _largest(values, places):
    """Places of the largest values."""
    count = places.shape[0]
    for i in range(count):
        places[i] = i
    least = _smallest(values, places)
    for i in range(count, values.shape[0]):
        if values[i] > values[places[least]]:
            places[least] = i
            least = _smallest(values, places)


@block_code
def _longest(rows, first):
    """The longest row from one on, and its length squared."""
    best, most = first, 0.0
    for i in range(first, rows.shape[0]):
        square = 0.0
        for value in rows[i]:
            square += value * value
        if square > most:
            best, most = i, square
    return best, most


@block_code
def _pivot(rows, places):
    """Gram-Schmidt, the longest that is left first; the last length as a share of the first."""
    (count, d), first, square = rows.shape, 0.0, 0.0
    for k in range(d):
        best, square = _longest(rows, k)
        exchange(rows, places, k, best)
        first = square if k == 0 else first
        if not square > 0.0:
            return 0.0
        for i in range(k + 1, count):
            _without(rows[i], rows[k], square)
    return np.sqrt(square / first)


@block_code
def _without(row, other, square):
    """Leave of a row what is orthogonal to another one, of this length squared."""
    share = 0.0
    for j in range(row.shape[0]):
        share += row[j] * other[j]
    share /= square
    for j in range(row.shape[0]):
        row[j] -= share * other[j]


@kernel
def _first_basis(x, close, size, rows, places):
    """Put independent rows first among places; the smallest length left, relative."""
    most = 0.0
    for i in range(x.shape[0]):
        size[i] = close[i] if np.isfinite(close[i]) else 0.0
        most = max(most, size[i])
    _largest(size, places)
    for k in range(places.shape[0]):
        share = max(size[places[k]] / (most + 1e-300), FARTHEST)
        for j in range(x.shape[1]):
            rows[k, j] = x[places[k], j] * np.sqrt(share)
    return _pivot(rows, places)


def first_basis(xp, x, close):
    n, d = x.shape
    count = min(n, CANDIDATES * d)
    if count < d or not is_small(x):
        return NotImplemented
    places, rows = np.empty(count, np.int64), np.empty((count, d))
    left = _first_basis(x, close, np.empty(n), rows, places)
    return places[:d] if left > INDEPENDENT else NotImplemented
