"""Products of tall arrays with small matrices, row by row the same on every number of threads."""

from __future__ import annotations

from types import ModuleType

from ._dispatch import operation
from ._xp import Array


def fold_slices(n: int, n_folds: int) -> list[slice]:
    """n rows in folds of about one size, side by side."""
    return [slice(n * k // n_folds, n * (k + 1) // n_folds) for k in range(n_folds)]


@operation
def product(xp: ModuleType, rows: Array, matrix: Array) -> Array:
    """rows @ matrix for many rows; of several matrices (K, d, m), each takes a fold of them."""
    if matrix.ndim == 2:
        return rows @ matrix
    folds = fold_slices(rows.shape[0], matrix.shape[0])
    return xp.concat([rows[fold, :] @ matrix[k, ...] for k, fold in enumerate(folds)])


@operation
def row_product(xp: ModuleType, rows: Array, matrix: Array) -> Array:
    """rows @ matrix, where kernels give a row the same bits in every batch."""
    return rows @ matrix


@operation
def row_product_beside(
    xp: ModuleType, rows: Array, matrix: Array, other: Array, factor: float, shift: Array
) -> Array:
    """rows @ matrix + factor * other + shift, row by row the same in every batch."""
    return factor * other + shift + rows @ matrix
