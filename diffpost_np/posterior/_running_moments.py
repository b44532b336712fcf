"""Means over the sweeps of Gibbs chains, and whether the chains agree on them."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from .._xp import Array, host


@dataclass(frozen=True)
class Moments:
    """Sums over sweeps, in float64: of z and its square (n, d), and of what x is given z."""

    n: int
    latent: Array
    square: Array
    given: Array

    @staticmethod
    def zero(xp: ModuleType, like: Array) -> Moments:
        """No sweep yet."""
        zero = xp.zeros_like(like, dtype=xp.float64)
        return Moments(0, zero, zero, zero)

    def add(self, z: Array, given: Array) -> Moments:
        """One sweep more."""
        square = self.square + z * z
        return Moments(self.n + 1, self.latent + z, square, self.given + given)

    def rhat(self) -> np.ndarray:
        """Gelman and Rubin's factor of every entry, from the means of the chains (d,).

        It is 1 where all chains stand at one point, and nan where there are too few.
        """
        mean, square = host(self.latent) / self.n, host(self.square) / self.n
        if self.n < 2 or len(mean) < 2:
            return np.full(mean.shape[1:], np.nan)
        within = np.mean(square - mean**2, axis=0) * self.n / (self.n - 1)
        between = np.var(mean, axis=0, ddof=1)
        stuck = np.where(np.ptp(mean, axis=0) > 0, np.inf, 1.0)
        safe = np.where(within > 0, within, 1.0)
        return np.where(within > 0, np.sqrt((self.n - 1) / self.n + between / safe), stuck)
