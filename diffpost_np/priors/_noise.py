"""Noise on top of noise: what all priors of the form p0 * N(0, width^2 I) share."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from .._xp import Array


class Noise(NamedTuple):
    """Noise levels as columns (n, 1)."""

    scale: Array
    """sqrt(width^2 + sigma^2)."""
    own: Array
    """width^2 / scale^2."""
    added: Array
    """sigma^2 / scale^2, or 1 where the scale is 0."""


def combine(xp: ModuleType, width: float, sigma: Array) -> Noise:
    """The noise of a prior's own width with noise of levels sigma, shape (n,) or (1,)."""
    sigma = sigma[:, None]
    if width == 0:
        return Noise(sigma, xp.zeros_like(sigma), xp.ones_like(sigma))
    scale = xp.hypot(sigma, xp.full_like(sigma, width))
    return Noise(scale, (width / scale) ** 2, (sigma / scale) ** 2)


def negligible(xp: ModuleType, like: Array) -> float:
    """A ratio far below rounding whose square is still a normal number in the dtype of `like`."""
    return float(xp.finfo(like.dtype).smallest_normal) ** 0.45
