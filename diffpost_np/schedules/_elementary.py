"""Schedules whose noise level is an elementary function of time: VE, EDM and flow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._checks import number
from .._xp import Array
from ._base import Level, Schedule


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: alpha = 1, sigma grows geometrically from t = 0 to t = 1.

    Parameters
    ----------
    sigma_min, sigma_max : float, optional
        Noise levels at t = 0 and t = 1, 0 < sigma_min < sigma_max.

    Raises
    ------
    ValueError
        If the levels are not positive and increasing.

    Notes
    -----
    sigma(t) = sigma_min (sigma_max / sigma_min)^t, as networks trained with it are called;
    the noise that is left at t = 0 is kept, not subtracted.

    References
    ----------
    Song et al., Score-based generative modeling through stochastic differential equations,
    ICLR 2021, appendix C.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> ve = dp.schedules.VE(sigma_min=0.1, sigma_max=10.0)
    >>> round(ve.sigma(0.5), 12), round(ve.time_at_noise_level(1.0), 12)
    (1.0, 0.5)
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0

    def __post_init__(self) -> None:
        low = number("sigma_min", self.sigma_min, above=0.0)
        number("sigma_max", self.sigma_max, above=low)

    @property
    def noise_levels(self) -> tuple[float, float]:
        """The smallest and the largest level."""
        return float(self.sigma_min), float(self.sigma_max)

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return xp.ones_like(t)

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        return xp.exp(self._log_level(xp, t))

    def _log_level(self, xp: ModuleType, t: Array) -> Array:
        return math.log(self.sigma_min) * (1.0 - t) + math.log(self.sigma_max) * t

    def _time(self, xp: ModuleType, level: Level) -> Array:
        low, high = math.log(self.sigma_min), math.log(self.sigma_max)
        return (level.log - low) / (high - low)


@dataclass(frozen=True)
class EDM(Schedule):
    """The noise level itself as the clock: alpha = 1, sigma = t.

    Notes
    -----
    The parametrisation of `score(x, sigma)` throughout this library.

    References
    ----------
    Karras et al., Elucidating the design space of diffusion-based generative models,
    NeurIPS 2022.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.EDM().noise_level(3.0)
    3.0
    """

    @property
    def times(self) -> tuple[float, float]:
        """All noise levels."""
        return 0.0, math.inf

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return xp.ones_like(t)

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        return t

    def _time(self, xp: ModuleType, level: Level) -> Array:
        return level.value


@dataclass(frozen=True)
class Flow(Schedule):
    """Straight paths from data at t = 0 to noise at t = 1: alpha = 1 - t, sigma = t.

    Notes
    -----
    The velocity is v = dx_t / dt = eps - x_0. Where a network has data at t = 1, hand over
    `lambda x, t: -v(x, 1 - t)`.

    References
    ----------
    Liu, Gong and Liu, Flow straight and fast: learning to generate and transfer data with
    rectified flow, ICLR 2023.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.Flow().noise_level(0.75)
    3.0
    """

    def velocity_coefficients(self, t: Any) -> tuple[Any, Any]:
        """The a and b of the velocity v = a x_0 + b eps: (-1, 1).

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
        """
        one = self._at_time(t, lambda xp, t: xp.ones_like(t))
        return -one, one

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return 1.0 - t

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        return t

    def _time(self, xp: ModuleType, level: Level) -> Array:
        return xp.where(level.log <= 0.0, level.ratio, 1.0) / (1.0 + level.ratio)
