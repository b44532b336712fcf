"""Gaussians restricted to the integers: probabilities of k proportional to N(k; mean, variance).

Their moments are sums over the integers near the mean, and by Poisson summation over waves
exp(2 pi i j mean). Terms decay as exp(-j^2 / (2 variance)) and exp(-2 pi^2 j^2 variance), alike
where the variance is 1 / (2 pi); each sum is used on its side of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from .._xp import Array, device_of, map_rows, size
from ._noise import negligible

CROSSOVER = 1 / (2 * math.pi)
N_WAVES = 3
N_NEIGHBOURS = 4
REACH = 9
"""Standard deviations that a table of probabilities covers on either side."""


class Restricted(NamedTuple):
    """N(nearest + rest, variance) restricted to the integers; rest is in [-1/2, 1/2]."""

    nearest: Array
    rest: Array
    variance: Array

    @property
    def is_wide(self) -> Array:
        """Whether the sum over waves is the better one."""
        return self.variance > CROSSOVER


class Waves(NamedTuple):
    """Logarithm of sum_k N(k; mean, variance) and its derivatives in the mean."""

    log_mass: Array
    slope: Array
    curvature: Array


class Neighbours(NamedTuple):
    """Logarithm of sum_k N(k; mean, variance); mean of k - nearest, and variance of k."""

    log_mass: Array
    mean: Array
    variance: Array


def restrict(xp: ModuleType, mean: Array, variance: Array) -> Restricted:
    """Split the mean in a whole and a rest."""
    nearest = xp.round(mean)
    return Restricted(nearest, mean - nearest, variance)


def waves(xp: ModuleType, at: Restricted) -> Waves:
    """The sum over waves; where it converges slowly, that at the crossover."""
    decay = 2 * math.pi**2 * xp.clip(at.variance, CROSSOVER)
    excess = slope = curvature = xp.zeros_like(at.rest)
    for j in range(1, N_WAVES + 1):
        turn = 2 * math.pi * j
        height = 2 * xp.exp(-decay * j * j)
        cosine = height * xp.cos(turn * at.rest)
        excess = excess + cosine
        slope = slope - turn * height * xp.sin(turn * at.rest)
        curvature = curvature - turn**2 * cosine
    slope = slope / (1 + excess)
    return Waves(xp.log1p(excess), slope, curvature / (1 + excess) - slope**2)


def neighbours(xp: ModuleType, at: Restricted) -> Neighbours:
    """The sum over integers; where it converges slowly, that at the crossover.

    Terms are relative to that of the nearest integer, and those on both sides of it are taken
    together, so that the mean keeps its digits next to an integer.
    """
    twice = 2 * xp.clip(at.variance, negligible(xp, at.rest), CROSSOVER)
    ahead, side = xp.abs(at.rest), xp.sign(at.rest)
    mass, first, second = xp.ones_like(ahead), xp.zeros_like(ahead), xp.zeros_like(ahead)
    for j in range(1, N_NEIGHBOURS + 1):
        near = xp.exp(-j * (j - 2 * ahead) / twice)
        difference = -xp.expm1(-4 * j * ahead / twice) * near
        both = 2 * near - difference
        mass, first, second = mass + both, first + j * difference, second + j * j * both
    mean = first / mass
    log_mass = xp.log(mass) - at.rest**2 / twice - 0.5 * xp.log(math.pi * twice)
    return Neighbours(log_mass, side * mean, second / mass - mean**2)


def by_width(
    xp: ModuleType, at: Restricted, wide: Callable[[], Array], narrow: Callable[[], Array]
) -> Array:
    """wide() where the sum over waves is the better one, else narrow()."""
    if bool(xp.all(at.is_wide)):
        return wide()
    if not bool(xp.any(at.is_wide)):
        return narrow()
    return xp.where(at.is_wide, wide(), narrow())


def log_mass(xp: ModuleType, at: Restricted) -> Array:
    """Logarithm of sum_k N(k; mean, variance)."""
    return by_width(xp, at, lambda: waves(xp, at).log_mass, lambda: neighbours(xp, at).log_mass)


def draw(xp: ModuleType, u: Array, mean: Array, variance: Array) -> Array:
    """An integer for every uniform, by inversion of a table around the mean.

    The mean and the variance spread over the uniforms; where they are single numbers, one table
    serves all.
    """
    reach = math.ceil(REACH * math.sqrt(float(xp.max(variance)))) + 1
    offset = xp.arange(-reach, reach + 1, dtype=u.dtype, device=device_of(u))

    def tables(mean: Array, variance: Array) -> tuple[Array, Array]:
        at = restrict(xp, mean[:, None], variance[:, None])
        twice = 2 * xp.clip(at.variance, negligible(xp, u))
        mass = xp.exp(-offset * (offset - 2 * at.rest) / twice)
        return at.nearest[:, 0] - reach, xp.cumulative_sum(mass, axis=1)

    def block(u: Array, mean: Array, variance: Array) -> Array:
        lowest, table = tables(mean, variance)
        below = u[:, None] * table[:, -1:] > table
        return lowest + xp.sum(xp.astype(below, u.dtype), axis=1)

    u_flat = xp.reshape(u, (-1,))
    if size(mean.shape) == 1 == size(variance.shape):
        lowest, table = tables(xp.reshape(mean, (1,)), xp.reshape(variance, (1,)))
        n_below = xp.searchsorted(table[0, :], u_flat * table[0, -1], side="left")
        return xp.reshape(lowest + xp.astype(n_below, u.dtype), u.shape)
    spread = (xp.reshape(xp.broadcast_to(a, u.shape), (-1,)) for a in (mean, variance))
    return xp.reshape(map_rows(block, 40 * (2 * reach + 1), xp, u_flat, *spread), u.shape)
