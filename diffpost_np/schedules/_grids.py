"""Grids of noise levels from the largest down to the smallest, as float64 NumPy arrays."""

from __future__ import annotations

import math

import numpy as np

from .._checks import integer, number
from ._base import Schedule


def uniform_log_snr(sigma_max: float, sigma_min: float, n_levels: int) -> np.ndarray:
    """Noise levels at equal distances in log-SNR.

    Parameters
    ----------
    sigma_max, sigma_min : float
        First and last level, 0 < sigma_min < sigma_max.
    n_levels : int
        How many levels, at least 2.

    Returns
    -------
    ndarray, shape (n_levels,)
        The levels, decreasing; both ends are exact.

    Raises
    ------
    ValueError
        If the levels are not positive and in order, or there are fewer than two.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.uniform_log_snr(4.0, 0.25, 5).round(12)
    array([4.  , 2.  , 1.  , 0.5 , 0.25])
    """
    return np.geomspace(*_ends(sigma_max, sigma_min), integer("n_levels", n_levels, minimum=2))


def karras(sigma_max: float, sigma_min: float, n_levels: int, rho: float = 7.0) -> np.ndarray:
    """Noise levels at equal distances in sigma^(1/rho): denser where the noise is small.

    Parameters
    ----------
    sigma_max, sigma_min : float
        First and last level, 0 < sigma_min < sigma_max.
    n_levels : int
        How many levels, at least 2.
    rho : float, optional
        At least 1; 1 is uniform in sigma, large values approach `uniform_log_snr`.

    Returns
    -------
    ndarray, shape (n_levels,)
        The levels, decreasing; both ends are exact. The closing 0 of the paper is not among
        them.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Karras et al., Elucidating the design space of diffusion-based generative models,
    NeurIPS 2022, eq. 5.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.karras(80.0, 0.002, 4).round(3)
    array([8.000e+01, 9.723e+00, 4.700e-01, 2.000e-03])
    """
    ends = _ends(sigma_max, sigma_min)
    n = integer("n_levels", n_levels, minimum=2)
    power = 1.0 / number("rho", rho, at_least=1.0)
    roots = np.linspace(ends[0] ** power, ends[1] ** power, n)
    return np.concatenate([ends[:1], roots[1:-1] ** (1.0 / power), ends[1:]])


def geometric_variance(sigma_max: float, sigma_min: float, ratio: float) -> np.ndarray:
    """Noise levels whose variances fall by one factor, at most `ratio`.

    Parameters
    ----------
    sigma_max, sigma_min : float
        First and last level, 0 < sigma_min < sigma_max.
    ratio : float
        Largest allowed ratio of one variance to the next, greater than 1.

    Returns
    -------
    ndarray, shape (n_levels,)
        The levels, decreasing, as few as the ratio allows; both ends are exact.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> (dp.schedules.geometric_variance(2.0, 0.5, 4.0) ** 2).round(12)
    array([4.  , 1.  , 0.25])
    """
    high, low = _ends(sigma_max, sigma_min)
    span = 2.0 * math.log(high / low) / math.log(number("ratio", ratio, above=1.0))
    # A span that is whole but for rounding needs no further level.
    return uniform_log_snr(high, low, 1 + max(1, math.ceil(span * (1.0 - 1e-12))))


def uniform_time(
    schedule: Schedule, sigma_max: float, sigma_min: float, n_levels: int
) -> np.ndarray:
    """Noise levels at equal distances in the time of a schedule.

    With `VPCosine` or `VPLinear` this is the cosine or the linear grid of DDPM's successors.

    Parameters
    ----------
    schedule : Schedule
        The clock.
    sigma_max, sigma_min : float
        First and last level, 0 < sigma_min < sigma_max, both within the schedule's.
    n_levels : int
        How many levels, at least 2.

    Returns
    -------
    ndarray, shape (n_levels,)
        The levels, decreasing; both ends are exact.

    Raises
    ------
    ValueError
        If the levels are out of order or outside the schedule, or there are fewer than two.
    TypeError
        If `schedule` is not a `Schedule`.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.schedules.uniform_time(dp.schedules.EDM(), 4.0, 1.0, 4)
    array([4., 3., 2., 1.])
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be one of schedules, got {schedule!r}")
    high, low = _ends(sigma_max, sigma_min)
    first, last = (time_of(schedule, *level) for level in (("sigma_max", high), ("sigma_min", low)))
    times = np.linspace(first, last, integer("n_levels", n_levels, minimum=2))
    return np.concatenate([[high], schedule.noise_level(times[1:-1]), [low]])


def exponential_windows(time_max: float, time_min: float, step: float) -> np.ndarray:
    """Noise levels at equal steps of Ornstein-Uhlenbeck time, halving towards the data.

    From time t, where sigma^2 = e^2t - 1, the step is the smallest of `step`, t / 2 and what is
    left down to `time_min`.

    Parameters
    ----------
    time_max, time_min : float
        First and last time, 0 < time_min < time_max <= 300.
    step : float
        Largest step, positive.

    Returns
    -------
    ndarray, shape (n_levels,)
        The levels, decreasing; both ends are exact.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Chen, Chewi, Lee, Li, Lu, Salim, arXiv 2305.11798, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> levels = dp.schedules.exponential_windows(2.0, 0.25, 1.0)
    >>> np.log1p(levels**2) / 2
    array([2.  , 1.  , 0.5 , 0.25])
    """
    low = number("time_min", time_min, above=0.0)
    times = [number("time_max", time_max, above=low, at_most=300.0)]
    step = number("step", step, above=0.0)
    while times[-1] > low:
        times.append(max(low, times[-1] - min(step, times[-1] / 2)))
    return np.sqrt(np.expm1(2 * np.array(times)))


def time_of(schedule: Schedule, name: str, level: float) -> float:
    """The time of a noise level, or an error that names the argument."""
    try:
        return float(schedule.time_at_noise_level(level))
    except ValueError as error:
        raise ValueError(f"{name} is outside the schedule: {error}") from None


def _ends(sigma_max: float, sigma_min: float) -> tuple[float, float]:
    low = number("sigma_min", sigma_min, above=0.0)
    return number("sigma_max", sigma_max, above=low), low
