"""A Gaussian that takes the values spacing (k + phase) only, and its smoothings."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

from .._xp import Array, device_of
from ..random import Key, Purpose, uniform
from . import _lattice_math as integers


class Lattice(NamedTuple):
    """Independent entries N(mean, variance) restricted to spacing (k + phase), k integer.

    `phase`, `mean` and `variance` are numbers or arrays that spread over `(n, d)`. Methods take
    points `(n, d)` and noise levels `(n, 1)` or `(1, 1)`. Given such a point an entry is again a
    Gaussian on the lattice, whose moments are sums over its neighbours, or over waves.
    """

    spacing: float
    phase: Any
    mean: Any = 0.0
    variance: Any = 1.0

    def given(self, x: Array, sigma: Array) -> Lattice:
        """The law of the entries, given them with noise."""
        total = self.variance + sigma * sigma
        mean = self.mean + (x - self.mean) * self.variance / total
        return self._replace(mean=mean, variance=sigma * sigma / total * self.variance)

    def score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        """Gradient of log p_sigma of every entry."""
        at, total, safe = self._locate(xp, x, sigma)

        def wide() -> Array:
            slope = integers.waves(xp, at).slope * self.variance / self.spacing
            return (slope - (x - self.mean)) / total

        def narrow() -> Array:
            shift = self.spacing * integers.neighbours(xp, at).mean
            return (self.at(at.nearest) - x + shift) / safe / safe

        return integers.by_width(xp, at, wide, narrow)

    def denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        """Mean of every entry, given it with noise."""
        at, total, _ = self._locate(xp, x, sigma)

        def wide() -> Array:
            mean = self.mean + (x - self.mean) * self.variance / total
            return mean + self.spacing * at.variance * integers.waves(xp, at).slope

        return integers.by_width(xp, at, wide, lambda: self._value(xp, at))

    def denoise_slope(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        """Derivative of the denoised entry in the noisy one."""
        at, total, safe = self._locate(xp, x, sigma)

        def wide() -> Array:
            curvature = integers.waves(xp, at).curvature
            return (1 + at.variance * curvature) * self.variance / total

        def narrow() -> Array:
            return (self.spacing / safe) ** 2 * integers.neighbours(xp, at).variance

        return integers.by_width(xp, at, wide, narrow)

    def log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        """Logarithm of p_sigma of every entry."""
        given, total = self.given(x, sigma), self.variance + sigma * sigma
        distance = x - self.mean
        gaussian = -0.5 * (distance * distance / total + xp.log(2 * math.pi * total))
        return gaussian + given.log_mass(xp, x) - self.log_mass(xp, x)

    def log_mass(self, xp: ModuleType, like: Array) -> Array:
        """Logarithm of the mass that N(mean, variance) has on the lattice, times the spacing."""
        return integers.log_mass(xp, integers.restrict(xp, *self._scaled(xp, like)))

    def draw(
        self, xp: ModuleType, key: Key, shape: tuple[int, int], like: Array, first_chain: int
    ) -> Array:
        """A value for every entry, in the dtype of `like`; tables are in float64."""
        place = {"purpose": Purpose.COMPONENT, "first_chain": first_chain}
        base = xp.zeros((1, 1), dtype=xp.float64, device=device_of(like))
        u = uniform(key, shape, like=base, **place)
        return xp.astype(self.at(integers.draw(xp, u, *self._scaled(xp, base))), like.dtype)

    def at(self, k: Array) -> Array:
        """The values with these numbers."""
        return self.spacing * (k + self.phase)

    def _locate(
        self, xp: ModuleType, x: Array, sigma: Array
    ) -> tuple[integers.Restricted, Array, Array]:
        """The law of k given x, variance + sigma^2, and sigma, or 1 where it is 0."""
        at = integers.restrict(xp, *self.given(x, sigma)._scaled(xp, x))
        safe = xp.where(sigma > 0, sigma, xp.ones_like(sigma))
        return at, self.variance + sigma * sigma, safe

    def _scaled(self, xp: ModuleType, like: Array) -> tuple[Array, Array]:
        """Mean and variance of k before it is restricted to the integers."""
        zero = xp.zeros_like(like[:1, :1])
        mean = zero + self.mean / self.spacing - self.phase
        return mean, zero + self.variance / self.spacing / self.spacing

    def _value(self, xp: ModuleType, at: integers.Restricted) -> Array:
        """Mean of an entry by its neighbours on the lattice."""
        return self.at(at.nearest) + self.spacing * integers.neighbours(xp, at).mean
