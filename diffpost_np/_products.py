"""Products of tall arrays with small matrices, row by row the same on every number of threads."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from ._dispatch import operation
from ._xp import Array, placed


def fold_slices(n: int, n_folds: int) -> list[slice]:
    """n rows in folds of about one size, side by side."""
    return [slice(n * k // n_folds, n * (k + 1) // n_folds) for k in range(n_folds)]


def in_folds(xp: ModuleType, rows: Array, n_folds: int) -> Array:
    """Rows (n, d) as (n_folds, m, d), where the last row of a short fold stands twice."""
    n, d = rows.shape
    places = _places(n, n_folds)
    if places.size > n:
        rows = xp.take(rows, placed(xp, places.ravel(), rows), axis=0)
    return xp.reshape(rows, (*places.shape, d))


def from_folds(xp: ModuleType, folds: Array, n: int) -> Array:
    """The n rows that were put into folds."""
    n_folds, m, d = folds.shape
    rows = xp.reshape(folds, (n_folds * m, d))
    if n_folds * m == n:
        return rows
    first_of_each = np.searchsorted(_places(n, n_folds).ravel(), np.arange(n))
    return xp.take(rows, placed(xp, first_of_each, rows), axis=0)


def _places(n: int, n_folds: int) -> np.ndarray:
    """The rows of each fold, as many as the longest has."""
    edges = n * np.arange(n_folds + 1) // n_folds
    rows = edges[:-1, None] + np.arange(-(-n // n_folds))
    return np.minimum(rows, edges[1:, None] - 1)


@operation
def product(xp: ModuleType, rows: Array, matrix: Array) -> Array:
    """rows @ matrix for many rows; of several matrices (K, d, m), each takes a fold of them."""
    if matrix.ndim == 2:
        return rows @ matrix
    folds = in_folds(xp, rows, matrix.shape[0])
    return from_folds(xp, folds @ matrix, rows.shape[0])


@operation
def row_product(xp: ModuleType, rows: Array, matrix: Array) -> Array:
    """rows @ matrix, where kernels give a row the same bits in every batch."""
    return rows @ matrix


@operation
def row_product_beside(
    xp: ModuleType,
    rows: tuple[Array, float, Array],
    matrix: Array,
    beside: tuple[Array, float, Array],
) -> Array:
    """(a + f b) @ matrix + factor c + shift for `rows` a, f, b, row by row as `row_product`."""
    (a, f, b), (c, factor, shift) = rows, beside
    return (a + f * b) @ matrix + factor * c + shift
