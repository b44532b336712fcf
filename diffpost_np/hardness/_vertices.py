"""Gaussians about the vertices of a cube: coordinates that are one sign each, and noise."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

from .._xp import Array


class Vertices(NamedTuple):
    """Coordinates s radius + N(0, 1) for signs s, times a Gaussian that makes N(0, 1) this one.

    Given its sign a coordinate is N(mean + s radius variance, variance). Methods take points
    `(n, d)`, noise levels `(n, 1)` or `(1, 1)`, and the signs or their means.
    """

    radius: float
    mean: Any = 0.0
    variance: Any = 1.0

    def given(self, x: Array, sigma: Array) -> Vertices:
        """The law of the coordinates, given them with noise."""
        total = self.variance + sigma * sigma
        mean = self.mean + (x - self.mean) * self.variance / total
        return self._replace(mean=mean, variance=sigma * sigma / total * self.variance)

    def half_odds(self) -> Any:
        """Half of the logarithm of p(s = 1) / p(s = -1), if both are as likely at first."""
        return self.radius * self.mean

    def score(self, x: Array, sigma: Array, sign: Array) -> Array:
        """Gradient of log p_sigma where the mean of the sign, given x, is this."""
        total = self.variance + sigma * sigma
        return (self.mean + self.radius * self.variance * sign - x) / total

    def denoise(self, x: Array, sigma: Array, sign: Array) -> Array:
        """Mean of the coordinate given x."""
        given = self.given(x, sigma)
        return given.mean + self.radius * given.variance * sign

    def slope(self, sigma: Array) -> Array:
        """Derivative of the denoised coordinate in x, for a given sign."""
        return self.variance / (self.variance + sigma * sigma)

    def log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        """Logarithm of p_sigma, less what the signs have to do with it: that is `log_cosh`."""
        total = self.variance + sigma * sigma
        distance, away = x - self.mean, self.radius * self.variance
        square = (distance * distance + away * away) / total
        return -0.5 * (square + xp.log(2 * math.pi * total))

    def draw(self, xp: ModuleType, sign: Array, z: Array) -> Array:
        """The coordinate with this sign, from a standard normal."""
        own = self.mean + self.radius * self.variance * sign
        return own + xp.sqrt(xp.zeros_like(z) + self.variance) * z


def log_cosh(xp: ModuleType, u: Array) -> Array:
    """log cosh u."""
    size = xp.abs(u)
    return size + xp.log1p(xp.exp(-2 * size)) - math.log(2)


def sech_squared(xp: ModuleType, u: Array) -> Array:
    """1 - tanh(u)^2."""
    small = xp.exp(-2 * xp.abs(u))
    return 4 * small / (1 + small) ** 2
