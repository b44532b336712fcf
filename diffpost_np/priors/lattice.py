"""The standard Gaussian restricted to a lattice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._checks import integer, number
from .._xp import Array, device_of, is_array, size
from ..operators._base import as_cast, parameter
from ..random import Key, Purpose, uniform
from . import _lattice_math as integers
from ._given import SampledGiven

__all__ = ["DiscretizedGaussian"]


class DiscretizedGaussian(SampledGiven):
    """Independent entries on a lattice, with the weights of a standard Gaussian.

    An entry takes the values spacing (k + offset), k integer, with probabilities proportional
    to exp(-value^2 / 2).

    Parameters
    ----------
    spacing : float
        Distance of neighbouring values, positive.
    offset : float or array of shape `event_shape`
        Phase of the lattice, in units of the spacing.
    event_shape : int or tuple of int
        Shape of an event.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.
    spacing : float
        The spacing.
    offset : float or array
        The phase.
    has_density : bool
        False: only the smoothings have a density.

    Raises
    ------
    ValueError
        If `spacing` is not positive, `offset` is not finite or has another shape, or an
        entry of `event_shape` is less than 1.
    TypeError
        If a parameter is not a number.

    Notes
    -----
    Given x, an entry is again a Gaussian on the lattice, with mean x / (1 + sigma^2) and
    variance v = sigma^2 / (1 + sigma^2). Its moments are sums over the lattice, and by Poisson
    summation over the dual lattice. The first are taken for v < spacing^2 / (2 pi), with 4
    neighbours on either side, the second above, with 3 waves: at the crossover their terms
    decay alike, as exp(-pi j^2). Drawing takes a table of 18 sqrt(v) / spacing probabilities
    for every entry.

    References
    ----------
    S. Gupta, A. Jalal, A. Parulekar, E. Price, Z. Xun, "Diffusion posterior sampling is
    computationally intractable", arXiv 2402.12727, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.DiscretizedGaussian(0.5, 0.25, event_shape=(2,))
    >>> prior.denoise(np.array([[0.7, -0.3]]), sigma=0.1).round(3)
    array([[ 0.625, -0.375]])
    """

    has_density = False

    def __init__(self, spacing: float, offset: Any, event_shape: int | Sequence[int]) -> None:
        self.spacing = number("spacing", spacing, above=0)
        shape = (event_shape,) if not isinstance(event_shape, Sequence) else event_shape
        if len(shape) == 0:
            raise ValueError("event_shape must have an axis, got ()")
        self.event_shape = tuple(integer("event_shape", s) for s in shape)
        if is_array(offset) or isinstance(offset, Sequence):
            self.offset = parameter("offset", offset, shape=self.event_shape)
        else:
            self.offset = number("offset", offset)

    def __repr__(self) -> str:
        offset = "per entry" if is_array(self.offset) else f"{self.offset:g}"
        return (
            f"DiscretizedGaussian(spacing={self.spacing:g}, offset={offset}, "
            f"event_shape={self.event_shape})"
        )

    def _arrays(self) -> dict[str, Array]:
        return {"offset": self.offset}

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at, total, safe = self._locate(xp, x, sigma)

        def wide() -> Array:
            return (integers.waves(xp, at).slope / self.spacing - x) / total

        def narrow() -> Array:
            return (self._value(xp, at) - x) / safe / safe

        return integers.by_width(xp, at, wide, narrow)

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at, total, _ = self._locate(xp, x, sigma)

        def wide() -> Array:
            return x / total + self.spacing * at.variance * integers.waves(xp, at).slope

        return integers.by_width(xp, at, wide, lambda: self._value(xp, at))

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        at, total, safe = self._locate(xp, x, sigma)

        def wide() -> Array:
            return (1 + at.variance * integers.waves(xp, at).curvature) / total

        def narrow() -> Array:
            return (self.spacing / safe) ** 2 * integers.neighbours(xp, at).variance

        return integers.by_width(xp, at, wide, narrow) * v

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at, total, _ = self._locate(xp, x, sigma)
        everywhere = integers.restrict(xp, *self._unconditional(xp, x[:1, :]))
        gaussian = -0.5 * (x * x / total + xp.log(2 * math.pi * total))
        mass = integers.log_mass(xp, at) - integers.log_mass(xp, everywhere)
        return xp.sum(gaussian + mass, axis=1)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        base = xp.zeros((n, size(self.event_shape)), dtype=like.dtype, device=device_of(like))
        return self._draw(xp, *self._unconditional(xp, base), base, key, first_chain)

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        precise = xp.astype(x, xp.float64)
        mean, variance, _ = self._conditional(xp, precise, xp.astype(sigma, xp.float64))
        return self._draw(xp, mean, variance, x, key, first_chain)

    def _draw(
        self,
        xp: ModuleType,
        mean: Array,
        variance: Array,
        like: Array,
        key: Key,
        first_chain: int,
    ) -> Array:
        """A value for every entry, in the dtype of `like`; tables are in float64."""
        place = {"purpose": Purpose.COMPONENT, "first_chain": first_chain}
        mean = xp.astype(mean, xp.float64)
        u = uniform(key, mean.shape, like=mean, **place)
        variance = xp.broadcast_to(xp.astype(variance, xp.float64), mean.shape)
        k = integers.draw(xp, *(xp.reshape(a, (-1,)) for a in (u, mean, variance)))
        k = xp.reshape(k, mean.shape)
        return xp.astype(self.spacing * (k + self._phase(xp, k)), like.dtype)

    def _locate(
        self, xp: ModuleType, x: Array, sigma: Array
    ) -> tuple[integers.Restricted, Array, Array]:
        """The law of k given x, 1 + sigma^2, and sigma, or 1 where it is 0."""
        mean, variance, total = self._conditional(xp, x, sigma)
        safe = xp.where(sigma > 0, sigma, xp.ones_like(sigma))[:, None]
        return integers.restrict(xp, mean, variance), total, safe

    def _conditional(self, xp: ModuleType, x: Array, sigma: Array) -> tuple[Array, Array, Array]:
        """Mean and variance in units of the lattice before restriction; 1 + sigma^2."""
        sigma = sigma[:, None]
        total = 1 + sigma * sigma
        mean = x / total / self.spacing - self._phase(xp, x)
        return mean, sigma * sigma / total / self.spacing / self.spacing, total

    def _unconditional(self, xp: ModuleType, like: Array) -> tuple[Array, Array]:
        """The same mean and variance where nothing is known of x."""
        mean = xp.zeros_like(like) - self._phase(xp, like)
        return mean, xp.full_like(like[:, :1], self.spacing**-2)

    def _phase(self, xp: ModuleType, like: Array) -> Any:
        if not is_array(self.offset):
            return self.offset
        return as_cast(xp.reshape(self.offset, (1, -1)), like, xp)

    def _value(self, xp: ModuleType, at: integers.Restricted) -> Array:
        """Mean of an entry given x, by its neighbours on the lattice."""
        mean = integers.neighbours(xp, at).mean
        return self.spacing * (at.nearest + self._phase(xp, mean)) + self.spacing * mean
