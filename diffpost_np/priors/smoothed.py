"""A prior blurred by Gaussian noise."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._checks import number
from .._xp import Array, flatten_events
from ..random import Key, Purpose, normal
from ._given import SampledGiven
from ._noise import Noise, combine

__all__ = ["Smoothed"]


class Smoothed(SampledGiven):
    """The law of x + width z, for x of another prior and z ~ N(0, I).

    It has a density where the other has none, such as a lattice, and samplers that need one run.

    Parameters
    ----------
    prior : prior
        One of the library that draws x given x with noise: all but `Ring`, which has a width.
    width : float
        Standard deviation of the noise, positive, in the units of x.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.
    prior, width
        The parameters.

    Raises
    ------
    ValueError
        If `width` is not positive.
    TypeError
        If `prior` has no `sample_given` of the library.

    Notes
    -----
    Its score at noise level sigma is that of the other prior at sqrt(width^2 + sigma^2).

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Smoothed(dp.priors.DiscretizedGaussian(1.0, 0.0, 1), 0.1)
    >>> prior.score(np.array([[0.95], [0.45]])).round(2)
    array([[  5.  ],
           [-44.59]])
    """

    def __init__(self, prior: SampledGiven, width: float) -> None:
        if not isinstance(prior, SampledGiven):
            raise TypeError(
                "prior must be one of the library's that has sample_given, "
                f"got {type(prior).__name__}"
            )
        self.prior, self.event_shape = prior, prior.event_shape
        self.width = number("width", width, above=0)

    def __repr__(self) -> str:
        return f"Smoothed({self.prior!r}, width={self.width:g})"

    def _arrays(self) -> dict[str, Array]:
        return self.prior._arrays()

    def _limit(self, like: Array, xp: ModuleType, noise: float = 0.0) -> float:
        return self.prior._limit(like, xp, max(noise, self.width))

    def _noise(self, xp: ModuleType, sigma: Array) -> tuple[Noise, Array]:
        """Shares of both noises, columns (n, 1), and the level at which the prior is asked."""
        noise = combine(xp, self.width, sigma)
        return noise, noise.scale[:, 0]

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self.prior._score(xp, x, self._noise(xp, sigma)[1])

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self.prior._log_density(xp, x, self._noise(xp, sigma)[1])

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        noise, level = self._noise(xp, sigma)
        return noise.own * x + noise.added * self.prior._denoise(xp, x, level)

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        noise, level = self._noise(xp, sigma)
        return noise.own * v + noise.added * self.prior._denoise_vjp(xp, x, level, v)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        x = self.prior._sample(xp, like, key.fold("of the prior"), n, first_chain)
        x = flatten_events(x, xp)
        return x + self.width * _normals(x, key, first_chain)

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        noise, level = self._noise(xp, sigma)
        own = self.prior._sample_given(xp, x, level, key.fold("of the prior"), first_chain)
        z = _normals(x, key, first_chain)
        mean = noise.own * x + noise.added * own
        return mean + self.width * xp.sqrt(noise.added) * z


def _normals(like: Array, key: Key, first_chain: int) -> Any:
    place = {"purpose": Purpose.AUXILIARY, "first_chain": first_chain, "like": like}
    return normal(key, like.shape, **place)
