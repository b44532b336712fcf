"""Vertices: fits that go through as many rows as there are columns, their basis."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, host, placed
from .._rows.arrays import replaced

_TINY = 1e-300
FARTHEST = 1e-12
INDEPENDENT = 1e-13
CANDIDATES = 4
_DEPENDENT = 1e12

FEASIBLE = 1e-10
"""By how much a dual may leave its box, or X'a be off, of the terms that it is the sum of."""


class Vertex(NamedTuple):
    """A basis and what it fits."""

    b: np.ndarray
    basis: np.ndarray
    dual: Array
    residual: Array
    n_pivots: int
    optimal: bool


class Corner(NamedTuple):
    """What there is to know where the fit goes through a basis."""

    basis: np.ndarray
    inverse: np.ndarray
    """Of the rows of the basis."""
    b: np.ndarray
    residual: Array
    dual: Array
    """Of the other rows, by their sides; zero on the basis."""
    own: np.ndarray
    """That of the basis, from X'a = 0."""
    worst: int
    """Which of these is the farthest from its box."""
    optimal: bool


def corner(xp: ModuleType, x: Array, y: Array, quantile: float, basis: np.ndarray) -> Corner:
    """The corner of a basis; raises LinAlgError where that is singular."""
    found = corner_of(xp, x, y, quantile, basis)
    return Corner(basis, *found[:-1], bool(found[-1] <= FEASIBLE))


@operation
def corner_of(
    xp: ModuleType, x: Array, y: Array, quantile: float, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Array, Array, np.ndarray, int, float]:
    """What a corner holds, and how far the worst dual is from its box."""
    rows, right = host_rows(xp, x, y, basis)
    size = row_units(rows)
    inverse = np.linalg.inv(rows / size[:, None]) / size
    b = inverse @ right
    b = b + inverse @ (right - rows @ b)
    r = residual_of(xp, x, y, b, basis)
    dual = xp.where(r > 0, 0 * r + quantile, 0 * r + (quantile - 1))
    dual = replaced(xp, dual, basis, np.zeros(len(basis)))
    own = -host(dual @ x) @ inverse
    excess = np.maximum(own - quantile, quantile - 1 - own)
    worst = int(np.argmax(excess))
    return inverse, b, r, dual, own, worst, float(excess[worst])


@operation
def first_basis(xp: ModuleType, x: Array, close: Array) -> np.ndarray:
    """Independent rows, the closest first."""
    from scipy.linalg.lapack import dgeqp3

    n, d = x.shape
    close = xp.where(xp.isfinite(close), close, xp.zeros_like(close))
    close = xp.maximum(close / (xp.max(close) + _TINY), xp.full_like(close, FARTHEST))
    count = min(n, CANDIDATES * d)
    while True:
        rows = _largest(xp, close, count)
        taken = host(xp.take(x, rows, axis=0)) * np.sqrt(host(xp.take(close, rows)))[:, None]
        corner, order = dgeqp3(taken.T)[:2]
        diagonal = np.abs(np.diag(corner))
        if len(diagonal) == d and diagonal[-1] > INDEPENDENT * diagonal[0]:
            break
        if count == n:  # sizes hide what is independent
            order = dgeqp3((taken / row_units(taken)[:, None]).T)[1]
            break
        count = min(n, 4 * count)
    return np.asarray(host(rows))[order[:d] - 1]


def _largest(xp: ModuleType, values: Array, count: int) -> Array:
    """Indices of the largest values."""
    if isinstance(values, np.ndarray) and count < len(values):
        return np.argpartition(values, len(values) - count)[len(values) - count :]
    return xp.argsort(values)[values.shape[0] - count :]


def determined(xp: ModuleType, x: Array, y: Array, basis: np.ndarray) -> bool:
    """Whether rounding leaves a basis independent."""
    rows = host_rows(xp, x, y, basis)[0]
    return bool(np.linalg.cond(rows / row_units(rows)[:, None]) < _DEPENDENT)


def solved(xp: ModuleType, x: Array, y: Array, basis: np.ndarray) -> np.ndarray:
    """The b that fits the basis, refined once."""
    rows, right = host_rows(xp, x, y, basis)
    size = row_units(rows)
    rows, right = rows / size[:, None], right / size
    b = np.linalg.solve(rows, right)
    return b + np.linalg.solve(rows, right - rows @ b)


def row_units(rows: np.ndarray) -> np.ndarray:
    """Powers of two that rows are as large as: weights may be of very different sizes."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    return np.ldexp(1.0, np.where(largest > 0, np.frexp(largest)[1] - 1, 0))


def host_rows(
    xp: ModuleType, x: Array, y: Array, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    index = placed(xp, basis, x)
    return host(xp.take(x, index, axis=0)), host(xp.take(y, index))


def residual_of(xp: ModuleType, x: Array, y: Array, b: np.ndarray, basis: np.ndarray) -> Array:
    """y - x b, exactly zero on the basis."""
    r = y - x @ placed(xp, b, x)
    return replaced(xp, r, basis, np.zeros(len(basis)))
