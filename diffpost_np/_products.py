"""Products of tall arrays with small matrices, row by row the same on every number of threads."""

from __future__ import annotations

from types import ModuleType

from ._dispatch import operation
from ._xp import Array


@operation
def product(xp: ModuleType, rows: Array, matrix: Array) -> Array:
    """rows @ matrix, for many rows."""
    return rows @ matrix
