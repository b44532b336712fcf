"""The fit of rows that fit in memory: an interior point, then its vertex."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, host, placed
from .._rows.arrays import replaced
from .crossover import vertex
from .interior_point import LONGEST, closeness, follow
from .vertex import Vertex, determined, first_basis, solved

_GAPS = (1e-3, 1e-5, 1e-8, 1e-11, 1e-13)
"""Relative gaps at which to look for the vertex, one after the other."""

_EPS = float(np.finfo(float).eps)
_EXACT = 16 * _EPS
_FAR = 1e-6
_FEW_PIVOTS = 20  # from where a path has stalled, which is far from a vertex
_WELL_CONDITIONED = 1e-8


class Search(NamedTuple):
    """A vertex, and the iterations that led there."""

    vertex: Vertex
    n_iterations: int


def fit_rows(
    xp: ModuleType, x: Array, y: Array, quantile: float, start: np.ndarray | None = None
) -> Search:
    """The optimal vertex of rows whose columns are independent."""
    n, d = x.shape
    if d == 0:
        return Search(_constant(xp, y, quantile), 0)
    exact = without_residual(xp, x, y)
    if exact is not None:
        return Search(exact, 0)
    total = 0
    b = least_squares(xp, x, y) if start is None else start
    floor = _EPS * float(xp.sum(xp.abs(y)))
    for gap in _GAPS:
        limit, close, inner = 50 + 10 * d, xp.ones_like(y), None
        if n > d:
            path = follow(xp, x, y, quantile, b, gap, floor=floor)
            total, close = total + path.n_iterations, closeness(path, quantile)
            b = path.b if np.all(np.isfinite(path.b)) else b
            inner = path.a if bool(xp.all(xp.isfinite(path.a))) else None
            stalled = path.n_iterations == LONGEST and gap > _GAPS[-1]
            limit = _FEW_PIVOTS if stalled else limit
        found = vertex(xp, x, y, quantile, close, limit, inner)
        if found.optimal:
            break
    return Search(found, total)


def without_residual(xp: ModuleType, x: Array, y: Array) -> Vertex | None:
    """The fit that goes through all rows, if some of them tell that there is one.

    Zeros are its dual. Pivots would have nothing but rounding to tell its vertices apart.
    """
    n, d = x.shape
    step = max(1, n // (8 * d))
    few, target = x[::step, :], y[::step]
    if _far_from_exact(host(few), host(target)):
        return None
    few, target = xp.asarray(few, copy=True), xp.asarray(target, copy=True)  # contiguous
    basis = first_basis(xp, few, xp.ones_like(target))
    if not determined(xp, few, target, basis):  # whatever they fit exactly
        return None
    b = solved(xp, few, target, basis)
    if _rounding(xp, few, target, b, basis) is None:
        return None
    basis = step * basis
    r = _rounding(xp, x, y, b, basis)
    return None if r is None else Vertex(b, basis, xp.zeros_like(y), r, 0, True)


def _far_from_exact(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether least squares leaves more of y than rounding can: a first look, quick."""
    from scipy.linalg.blas import dnrm2
    from scipy.linalg.lapack import dgeqrf

    n, d = x.shape
    left = abs(dgeqrf(np.concatenate([x, y[:, None]], axis=1))[0][d, d]) if n > d else 0.0
    return bool(left > _FAR * dnrm2(y))  # squares of y may overflow


def _rounding(xp: ModuleType, x: Array, y: Array, b: np.ndarray, basis: np.ndarray) -> Array | None:
    """The residuals of rows off the basis, if each is rounding of its row, and all of y."""
    there, zeros = placed(xp, b, x), np.zeros(len(basis))
    r = replaced(xp, y - x @ there, basis, zeros)
    size, terms = replaced(xp, xp.abs(y), basis, zeros), xp.abs(x) @ xp.abs(there)
    each = bool(xp.all(xp.abs(r) <= _EXACT * (size + terms)))
    return r if each and float(xp.sum(xp.abs(r))) <= _EXACT * float(xp.sum(size)) else None


def _constant(xp: ModuleType, y: Array, quantile: float) -> Vertex:
    """The fit of no columns."""
    dual = xp.where(y > 0, 0 * y + quantile, 0 * y + (quantile - 1))
    return Vertex(np.zeros(0), np.zeros(0, np.int64), dual, y, 0, True)


def least_squares(xp: ModuleType, x: Array, y: Array) -> np.ndarray:
    """A start: the least-squares fit by the normal equations."""
    return np.linalg.lstsq(host(x.T @ x), host(x.T @ y), rcond=None)[0]


def independent_columns(
    xp: ModuleType, x: Array, angle: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns that span all of them, in their order: at this angle and more to the others' span.

    Rows are taken as of one size: however much one weighs, it determines one coefficient. Also
    the inverse triangle of the rows as they are, where it tells at once.
    """
    every = np.arange(x.shape[1])
    inverse = _clear_inverse(xp, x)
    if inverse is not None:  # whatever the sizes of rows
        return every, inverse
    x = unit_rows(xp, x)
    if _clear_inverse(xp, x) is not None:
        return every, None
    return pivot_columns(host(xp.linalg.qr(x, mode="reduced")[1]), angle), None


def inverse_triangle(xp: ModuleType, x: Array) -> np.ndarray:
    """W with W'W = (x'x)^-1, from x'x where that is accurate."""
    inverse = _clear_inverse(xp, x)
    if inverse is not None:
        return inverse
    return np.linalg.inv(host(xp.linalg.qr(x, mode="reduced")[1]).T)


def _clear_inverse(xp: ModuleType, x: Array) -> np.ndarray | None:
    """W with W'W = (x'x)^-1, if columns are clearly independent."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number has no inverse
        gram = host(x.T @ x)
    return inverse_factor(xp, gram, 1 / _WELL_CONDITIONED)


@operation
def inverse_factor(xp: ModuleType, gram: np.ndarray, most: float) -> np.ndarray | None:
    """The inverse of the Cholesky factor of x'x, if that of columns of unit length is small.

    The smallest eigenvalue of theirs is not below the inverse of the sum of squares.
    """
    from scipy.linalg.lapack import dpotrf, dtrtri

    size = np.sqrt(gram.diagonal())
    if len(size) == 0 or not np.all((size > 0) & np.isfinite(size)):
        return None
    factor, failed = dpotrf(gram / np.multiply.outer(size, size), lower=1)
    inverse = None if failed else dtrtri(factor, lower=1)[0]
    return inverse / size if inverse is not None and np.vdot(inverse, inverse) < most else None


def unit_rows(xp: ModuleType, x: Array) -> Array:
    """Rows over their largest entry; zeros stay zeros."""
    size = xp.max(xp.abs(x), axis=1)
    size = xp.where(size > 0, size, xp.ones_like(size))
    return x / size[:, None]


def pivot_columns(triangle: np.ndarray, angle: float) -> np.ndarray:
    """The columns that a pivoted QR of a triangle keeps, in their order."""
    from scipy.linalg import qr

    size = np.linalg.norm(triangle, axis=0)
    size[size == 0] = 1.0
    corner, order = qr(triangle / size, mode="r", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(corner)) > angle * max(abs(corner[0, 0]), 1e-300)))
    return np.sort(order[:rank])


def take_columns(xp: ModuleType, x: Array, columns: np.ndarray) -> Array:
    """Some columns; x itself where these are all."""
    if len(columns) == x.shape[1]:
        return x
    return xp.take(x, placed(xp, columns, x), axis=1)
