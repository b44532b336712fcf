"""What every schedule offers, over a few private functions of an array of times."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from .._xp import Array, array_namespace, as_float_array, device_of, is_array

ROUNDING = 64
"""How many units of rounding a noise level may lie outside the range of a schedule."""


class Level(NamedTuple):
    """A noise level s: s itself, log s, and min(s, 1/s), none of which lost digits."""

    value: Array
    log: Array
    ratio: Array

    @classmethod
    def of_value(cls, xp: ModuleType, s: Array) -> Level:
        large = s > 1.0
        return cls(s, log(xp, s), xp.where(large, 1.0 / xp.where(large, s, 1.0), s))

    @classmethod
    def of_log(cls, xp: ModuleType, u: Array) -> Level:
        return cls(exp(xp, u), u, xp.exp(-xp.abs(u)))

    def amplitudes(self, xp: ModuleType) -> tuple[Array, Array]:
        """The alpha and sigma of this level with alpha^2 + sigma^2 = 1."""
        h = xp.sqrt(1.0 + self.ratio * self.ratio)
        low = self.log <= 0.0
        return xp.where(low, 1.0, self.ratio) / h, xp.where(low, self.ratio, 1.0) / h


class Schedule:
    """A noise schedule x_t = alpha(t) x_0 + sigma(t) eps whose noise level grows with t.

    A subclass implements `_alpha`, `_sigma` and `_time`, and `_level` or `_log_level` where the
    ratio of the two would overflow. All methods take a number or an array and return the same;
    float32 stays float32.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> class Quadratic(dp.schedules.Schedule):
    ...     noise_levels = (0.0, 1.0)
    ...
    ...     def _alpha(self, xp, t):
    ...         return xp.ones_like(t)
    ...
    ...     def _sigma(self, xp, t):
    ...         return t * t
    ...
    ...     def _time(self, xp, level):
    ...         return xp.sqrt(level.value)
    >>> Quadratic().noise_level(np.array([0.5, 1.0]))
    array([0.25, 1.  ])
    """

    @property
    def times(self) -> tuple[float, float]:
        """First and last time."""
        return 0.0, 1.0

    @property
    def noise_levels(self) -> tuple[float, float]:
        """Noise levels at the first and at the last time; they may be 0 and inf."""
        return 0.0, math.inf

    def alpha(self, t: Any) -> Any:
        """Scale of the signal.

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        float or array
            The scale, alpha(t).

        Raises
        ------
        ValueError
            If `t` lies outside `times`.
        """
        return self._at_time(t, self._alpha)

    def sigma(self, t: Any) -> Any:
        """Standard deviation of the noise.

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        float or array
            The standard deviation, sigma(t).

        Raises
        ------
        ValueError
            If `t` lies outside `times`.
        """
        return self._at_time(t, self._sigma)

    def noise_level(self, t: Any) -> Any:
        """Noise relative to the signal: the sigma of `score(x, sigma)` for x_t / alpha(t).

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        float or array
            The ratio sigma(t) / alpha(t).

        Raises
        ------
        ValueError
            If `t` lies outside `times`.
        """
        return self._at_time(t, self._level)

    def log_snr(self, t: Any) -> Any:
        """Logarithm of the signal-to-noise ratio of variances.

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        float or array
            The logarithm of alpha^2 / sigma^2, twice the lambda of the exponential integrators.

        Raises
        ------
        ValueError
            If `t` lies outside `times`.
        """
        return self._at_time(t, lambda xp, t: -2.0 * self._log_level(xp, t))

    def time_at_noise_level(self, noise_level: Any) -> Any:
        """Time of a noise level: the inverse of `noise_level`.

        Parameters
        ----------
        noise_level : float or array
            Level sigma / alpha, inside `noise_levels`.

        Returns
        -------
        float or array
            The time.

        Raises
        ------
        ValueError
            If a level lies outside `noise_levels`.
        """
        return _elementwise("noise_level", noise_level, self._time_at_value)

    def time_at_log_snr(self, log_snr: Any) -> Any:
        """Time of a log signal-to-noise ratio: the inverse of `log_snr`.

        Parameters
        ----------
        log_snr : float or array
            Logarithm of alpha^2 / sigma^2.

        Returns
        -------
        float or array
            The time.

        Raises
        ------
        ValueError
            If the noise level exp(-log_snr / 2) lies outside `noise_levels`.
        """
        return _elementwise("log_snr", log_snr, self._time_at_log_snr)

    def velocity_coefficients(self, t: Any) -> tuple[Any, Any]:
        """The a and b of the velocity v = a x_0 + b eps that networks of this kind predict.

        Parameters
        ----------
        t : float or array
            Time, inside `times`.

        Returns
        -------
        tuple of float or array
            The two numbers, with alpha b - sigma a = 1, hence x_0 = b x_t - sigma v and
            eps = alpha v - a x_t.

        Raises
        ------
        TypeError
            If no velocity is in use with this schedule.
        """
        raise TypeError(
            f"schedule must be variance preserving or Flow to predict velocities, got {self!r}"
        )

    def _at_time(self, t: Any, function: Callable[[ModuleType, Array], Array]) -> Any:
        def checked(xp: ModuleType, t: Array) -> Array:
            first, last = self.times
            self._require(xp, (t >= first) & (t <= last), "t", t, self.times)
            return function(xp, t)

        return _elementwise("t", t, checked)

    def _time_at_value(self, xp: ModuleType, s: Array) -> Array:
        self._require(xp, s >= 0.0, "noise_level", s, self.noise_levels)
        return self._checked_time(xp, Level.of_value(xp, s), "noise_level", s, self.noise_levels)

    def _time_at_log_snr(self, xp: ModuleType, snr: Array) -> Array:
        low, high = (-2.0 * _log_number(s) for s in reversed(self.noise_levels))
        return self._checked_time(xp, Level.of_log(xp, -0.5 * snr), "log_snr", snr, (low, high))

    def _checked_time(
        self, xp: ModuleType, level: Level, name: str, value: Array, limits: tuple[float, float]
    ) -> Array:
        """The time of a level that lies inside the range, give or take rounding."""
        low, high = (_log_number(s) for s in self.noise_levels)
        largest = max(abs(u) for u in (1.0, low, high) if math.isfinite(u))
        slack = ROUNDING * float(xp.finfo(value.dtype).eps) * largest
        inside = (level.log >= low - slack) & (level.log <= high + slack)
        self._require(xp, inside, name, value, limits)
        first, last = self.times
        time = self._time(xp, level)
        return xp.where(time < first, first, xp.where(time > last, last, time))

    def _require(
        self, xp: ModuleType, inside: Array, name: str, value: Array, limits: tuple[float, float]
    ) -> None:
        """Raise unless all of `inside`, naming the first value that is not."""
        if not bool(xp.all(inside)):
            where = int(xp.argmin(xp.astype(xp.reshape(inside, (-1,)), xp.int8)))
            came = float(xp.reshape(value, (-1,))[where])
            wanted = "[{:g}, {:g}]".format(*limits)
            raise ValueError(f"{name} must lie in {wanted} for {self!r}, got {came:g}")

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        raise NotImplementedError

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        raise NotImplementedError

    def _time(self, xp: ModuleType, level: Level) -> Array:
        raise NotImplementedError

    def _level(self, xp: ModuleType, t: Array) -> Array:
        alpha, sigma = self._alpha(xp, t), self._sigma(xp, t)
        vanishes = alpha == 0.0
        return xp.where(vanishes, xp.inf, sigma / xp.where(vanishes, 1.0, alpha))

    def _log_level(self, xp: ModuleType, t: Array) -> Array:
        return log(xp, self._level(xp, t))


def log(xp: ModuleType, x: Array) -> Array:
    """Logarithm with log 0 = -inf, without a warning."""
    positive = x > 0.0
    return xp.where(positive, xp.log(xp.where(positive, x, 1.0)), -xp.inf)


def exp(xp: ModuleType, x: Array) -> Array:
    """Exponential that overflows to inf without a warning."""
    large = x > math.log(float(xp.finfo(x.dtype).max))
    return xp.where(large, xp.inf, xp.exp(xp.where(large, 0.0, x)))


def _log_number(s: float) -> float:
    return math.log(s) if s > 0.0 else -math.inf


def _elementwise(name: str, value: Any, function: Callable[[ModuleType, Array], Array]) -> Any:
    """`function` of a number, giving a float, or of an array, giving an array."""
    xp = array_namespace(**{name: value})
    array = as_float_array(name, value, xp=xp, device=device_of(value), finite=False)
    result = xp.asarray(function(xp, array))
    return result if is_array(value) or result.ndim else float(result)
