"""Weights of components or points."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._xp import Array, as_float_array


def checked_weights(weights: Any, of: Array, xp: ModuleType) -> Array:
    """Weights, one for each entry of `of`, that sum to one but for rounding."""
    array = as_float_array("weights", weights, xp=xp, dtype=xp.float64, shape=(of.shape[0],))
    if bool(xp.any(array < 0)):
        raise ValueError(f"weights must not be negative, got {float(xp.min(array)):g}")
    total = float(xp.sum(array))
    if abs(total - 1) > 1e-6:
        raise ValueError(f"weights must sum to 1, got {total:g}")
    return array / total
