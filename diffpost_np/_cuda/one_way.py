"""Scores of signs and lattices on a CUDA device."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from .._xp import Array, device_of
from .loader import on, plan_teams


def one_way_score(
    xp: ModuleType, x: Array, sigma: Array, phase: Array, radius: float, spacing: float
) -> Array:
    """Scores at (n, d) points, whose last coordinates lie on lattices."""
    teams = plan_teams(x.shape[1], 0, x.dtype.itemsize)
    if teams is None:
        return NotImplemented
    with on(device_of(x)):
        out = xp.empty(x.shape, dtype=x.dtype)
        levels = _levels(xp, xp.astype(sigma, xp.float64), radius, spacing)
        phase, levels = (xp.ascontiguousarray(xp.astype(a, x.dtype)) for a in (phase, levels))
        sizes = map(np.int32, (x.shape[1], phase.shape[1], phase.shape[0], levels.shape[0]))
        arrays = (out, xp.ascontiguousarray(x))
        teams.launch("one_way_score", x.shape[0], (*arrays, *sizes, phase, levels))
    return out


def _levels(xp: ModuleType, sigma: Array, radius: float, spacing: float) -> Array:
    """The numbers of `level_t` for each noise level, (L, 5)."""
    s2 = xp.clip(sigma * sigma, xp.finfo(xp.float32).smallest_normal)
    own, one = 1 / (1 + s2), xp.ones_like(s2)
    return xp.stack([radius * one, spacing * one, own, 1 / s2, s2 * own / spacing**2], axis=1)
