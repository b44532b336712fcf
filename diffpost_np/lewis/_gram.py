"""What passes over the rows of a tall X compute: Gram matrices and quadratic forms."""

from __future__ import annotations

from types import ModuleType

from .._dispatch import operation
from .._xp import Array


@operation
def weighted_gram(xp: ModuleType, X: Array, w: Array | None = None) -> Array:
    """X' diag(w) X for weights w >= 0 of the dtype of X, all 1 by default; in float64."""
    wide = xp.astype(X, xp.float64)
    scaled = wide if w is None else wide * xp.astype(w, xp.float64)[:, None]
    return scaled.T @ wide
