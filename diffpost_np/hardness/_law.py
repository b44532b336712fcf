"""An instance given single entries with noise, before its signs are summed over."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from .._xp import Array
from ..priors._lattice import Lattice
from ._vertices import Vertices

if TYPE_CHECKING:
    from .one_way_prior import OneWayPrior


class Law(NamedTuple):
    """The instance times a Gaussian that makes N(0, I) this N(mean, diag(variance)).

    It is a sum over signs; given them, entries are independent.
    """

    prior: OneWayPrior
    mean: Array
    variance: Array

    @property
    def parts(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Mean and variance of the signs' entries, and of the lattices'."""
        n = self.prior.n_bits
        front = self.mean[:, :n], self.variance[:, :n]
        return front, (self.mean[:, n:], self.variance[:, n:])

    @property
    def cube(self) -> Vertices:
        """The law of the signs' entries, up to the signs."""
        return Vertices(self.prior.radius, *self.parts[0])

    @property
    def combs(self) -> tuple[Lattice, Lattice]:
        """The laws of the lattices' entries if all bits of the image are 0, or 1."""
        spacing, own = self.prior.spacing, self.parts[1]
        return Lattice(spacing, 0.0, *own), Lattice(spacing, 0.5, *own)

    def given(self, x: Array, sigma: Array) -> Law:
        """The law given x = entries + sigma z."""
        total = self.variance + sigma * sigma
        mean = self.mean + (x - self.mean) * self.variance / total
        variance = sigma * sigma / total * self.variance + 0 * mean  # a row for each point
        return Law(self.prior, mean, variance)

    def log_masses(self, xp: ModuleType) -> tuple[Array, Array]:
        """How much likelier each entry is on either lattice than under a Gaussian."""
        like = self.parts[1][0]
        spacing = self.prior.spacing
        even, odd = (
            comb.log_mass(xp, like) - Lattice(spacing, comb.phase).log_mass(xp, like)
            for comb in self.combs
        )
        return even, odd
