"""How small a ratio may get before it stops to matter."""

from __future__ import annotations

from types import ModuleType

from .._xp import Array


def negligible(xp: ModuleType, like: Array) -> float:
    """A ratio far below rounding whose square is still a normal number in the dtype of `like`."""
    return float(xp.finfo(like.dtype).smallest_normal) ** 0.45
