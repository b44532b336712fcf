"""Scores of signs and lattices, where the phases of the lattices are given."""

from __future__ import annotations

from types import ModuleType

from .._dispatch import operation
from .._xp import Array
from ..priors._lattice import Lattice
from ._vertices import Vertices


@operation
def one_way_score(
    xp: ModuleType, x: Array, sigma: Array, phase: Array, radius: float, spacing: float
) -> Array:
    """Scores at (n, d) points, whose last coordinates lie on lattices of phases (n or 1, m)."""
    n_bits = x.shape[1] - phase.shape[1]
    front, back, level = x[:, :n_bits], x[:, n_bits:], sigma[:, None]
    cube = Vertices(radius)
    sign = xp.tanh(cube.given(front, level).half_odds())
    vertices = cube.score(front, level, sign)
    return xp.concat([vertices, Lattice(spacing, phase).score(xp, back, level)], axis=1)
