"""The standard Gaussian restricted to a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._checks import integer, number
from .._xp import Array, device_of, is_array, size
from ..operators._base import as_cast, parameter
from ..random import Key
from ._given import SampledGiven
from ._lattice import Lattice

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
        return self._lattice(xp, x).score(xp, x, sigma[:, None])

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self._lattice(xp, x).denoise(xp, x, sigma[:, None])

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        return self._lattice(xp, x).denoise_slope(xp, x, sigma[:, None]) * v

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return xp.sum(self._lattice(xp, x).log_density(xp, x, sigma[:, None]), axis=1)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        shape = (n, size(self.event_shape))
        lattice = self._lattice(xp, xp.zeros(1, dtype=xp.float64, device=device_of(like)))
        return lattice.draw(xp, key, shape, like, first_chain)

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        precise, level = xp.astype(x, xp.float64), xp.astype(sigma, xp.float64)[:, None]
        given = self._lattice(xp, precise).given(precise, level)
        return given.draw(xp, key, x.shape, x, first_chain)

    def _lattice(self, xp: ModuleType, like: Array) -> Lattice:
        """The law of flat batches in the precision of `like`."""
        phase = self.offset
        if is_array(phase):
            phase = as_cast(xp.reshape(phase, (1, -1)), like, xp)
        return Lattice(self.spacing, phase)
