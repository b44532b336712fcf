"""Schedules with alpha^2 + sigma^2 = 1: the Ornstein-Uhlenbeck process on several clocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._checks import number
from .._xp import Array
from ._base import Level, Schedule, exp, log


class VariancePreserving(Schedule):
    """A schedule with alpha^2 + sigma^2 = 1."""

    def velocity_coefficients(self, t: Any) -> tuple[Any, Any]:
        """The a and b of the velocity v = a x_0 + b eps: (-sigma, alpha).

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        tuple of float or array
            The two numbers.

        Raises
        ------
        ValueError
            If `t` lies outside `times`.

        References
        ----------
        Salimans and Ho, Progressive distillation for fast sampling of diffusion models,
        ICLR 2022, section 4 and appendix D.
        """
        return -self.sigma(t), self.alpha(t)


@dataclass(frozen=True)
class OU(VariancePreserving):
    """The Ornstein-Uhlenbeck process dx = -x dt + sqrt(2) dB.

    Notes
    -----
    alpha = exp(-t), sigma^2 = 1 - exp(-2 t), for t from 0 to infinity. The equation
    dx = -x / 2 dt + dB of other texts runs half as fast: its time is twice this one.

    Examples
    --------
    >>> import math
    >>> import diffpost_np as dp
    >>> ou = dp.schedules.OU()
    >>> round(ou.alpha(math.log(2.0)), 12), round(ou.sigma(math.log(2.0)) ** 2, 12)
    (0.5, 0.75)
    """

    @property
    def times(self) -> tuple[float, float]:
        """From the data to the stationary law."""
        return 0.0, math.inf

    def _clock(self, xp: ModuleType, t: Array) -> Array:
        """Time of the Ornstein-Uhlenbeck process above: minus the logarithm of alpha."""
        return t

    def _time_of_clock(self, xp: ModuleType, clock: Array) -> Array:
        return clock

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return xp.exp(-self._clock(xp, t))

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        return xp.sqrt(-xp.expm1(-2.0 * self._clock(xp, t)))

    def _level(self, xp: ModuleType, t: Array) -> Array:
        return self._sigma(xp, t) * exp(xp, self._clock(xp, t))

    def _log_level(self, xp: ModuleType, t: Array) -> Array:
        return self._clock(xp, t) + log(xp, self._sigma(xp, t))

    def _time(self, xp: ModuleType, level: Level) -> Array:
        growth = xp.where(level.log > 0.0, level.log, 0.0)
        return self._time_of_clock(xp, growth + 0.5 * xp.log1p(level.ratio * level.ratio))


@dataclass(frozen=True)
class VPLinear(OU):
    """Variance preserving with a rate that grows linearly: dx = -beta/2 x dt + sqrt(beta) dB.

    Parameters
    ----------
    beta_min, beta_max : float, optional
        Rates beta at t = 0 and at t = 1, 0 < beta_min <= beta_max.

    Raises
    ------
    ValueError
        If the rates are not positive and in order.

    Notes
    -----
    alpha(t) = exp(-1/2 int_0^t beta): the time of `OU` is half the integral of beta. The
    discrete table of T steps that belongs to it has betas beta / T; see `VPTable`.

    References
    ----------
    Song et al., Score-based generative modeling through stochastic differential equations,
    ICLR 2021, appendix C.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> vp = dp.schedules.VPLinear(beta_min=0.1, beta_max=20.0)
    >>> round(vp.log_snr(1.0), 3)
    -10.05
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        low = number("beta_min", self.beta_min, above=0.0)
        number("beta_max", self.beta_max, at_least=low)

    @property
    def times(self) -> tuple[float, float]:
        """From the data to almost pure noise."""
        return 0.0, 1.0

    @property
    def noise_levels(self) -> tuple[float, float]:
        """Noise levels at these times."""
        return 0.0, self.noise_level(1.0)

    def _clock(self, xp: ModuleType, t: Array) -> Array:
        return t * (0.5 * self.beta_min + 0.25 * (self.beta_max - self.beta_min) * t)

    def _time_of_clock(self, xp: ModuleType, clock: Array) -> Array:
        # The root of the quadratic in the form without cancellation.
        slope = 4.0 * (self.beta_max - self.beta_min)
        return 4.0 * clock / (self.beta_min + xp.sqrt(self.beta_min**2 + slope * clock))


@dataclass(frozen=True)
class VPCosine(VariancePreserving):
    """Variance preserving with alpha(t) a quarter of a cosine.

    Parameters
    ----------
    offset : float, optional
        How far from its top the cosine starts, at least 0; keeps the first steps from being
        too small.

    Raises
    ------
    ValueError
        If `offset` is negative.

    Notes
    -----
    alpha(t) = cos(pi/2 (t + offset) / (1 + offset)) / cos(pi/2 offset / (1 + offset)), which
    ends in pure noise at t = 1; the clipping of discrete betas is not part of it.

    References
    ----------
    Nichol and Dhariwal, Improved denoising diffusion probabilistic models, ICML 2021, eq. 17.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.VPCosine(offset=0.0).noise_level(0.5)
    1.0
    """

    offset: float = 0.008

    def __post_init__(self) -> None:
        number("offset", self.offset, at_least=0.0)

    @property
    def _rate(self) -> float:
        return 0.5 * math.pi / (1.0 + self.offset)

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return xp.sin(self._rate * (1.0 - t)) / math.cos(self._rate * self.offset)

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        # 1 - cos^2 a / cos^2 a0 as a product, so that small t keep their digits.
        start = self._rate * self.offset
        product = xp.sin(self._rate * t) * xp.sin(self._rate * t + 2.0 * start)
        return xp.sqrt(product) / math.cos(start)

    def _time(self, xp: ModuleType, level: Level) -> Array:
        # The angle a - a0 from its sine and cosine, neither of them a difference.
        alpha, sigma = level.amplitudes(xp)
        sin0, cos0 = (f(self._rate * self.offset) for f in (math.sin, math.cos))
        sin = xp.hypot(xp.full_like(sigma, sin0), cos0 * sigma)
        base = xp.where(sigma > 0.0, sin + alpha * sin0, 1.0)
        angle = xp.atan2(cos0 * sigma * (sigma / base), alpha * cos0**2 + sin * sin0)
        return angle / self._rate
