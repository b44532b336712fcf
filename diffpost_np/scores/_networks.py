"""Networks of any parametrisation as `score(x, sigma)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._xp import Array
from ..schedules import EDM, Schedule
from ._network_score import FromDenoiser, FromNoise, FromScore, FromVelocity, NetworkScore


def from_denoiser(
    denoiser: Callable[[Array, Any], Array],
    schedule: Schedule | None = None,
    *,
    min_level: float = 0.0,
) -> NetworkScore:
    """Turn a network that predicts x_0 into a score.

    Parameters
    ----------
    denoiser : callable
        Network D(x_t, t), from a batch (n, *event) and a time to the predicted x_0.
    schedule : Schedule, optional
        What t and x_t mean to the network; by default t is the noise level and x_t = x.
    min_level : float, optional
        Smallest noise level the network is asked at; its score there stands in for those of
        smaller levels, sigma = 0 among them.

    Returns
    -------
    NetworkScore
        A callable `score(x, sigma)`, sigma a number or an array (n,); the network's t is a
        number or an array accordingly.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `min_level` is outside the schedule.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> score = dp.scores.from_denoiser(lambda x, sigma: x / (1 + sigma**2))  # of N(0, 1)
    >>> score(np.array([[2.0]]), 1.0)
    array([[-1.]])
    """
    return FromDenoiser(denoiser, EDM() if schedule is None else schedule, min_level)


def from_noise_predictor(
    noise_predictor: Callable[[Array, Any], Array],
    schedule: Schedule,
    *,
    min_level: float = 0.0,
) -> NetworkScore:
    """Turn a network that predicts the noise eps into a score.

    Parameters
    ----------
    noise_predictor : callable
        Network eps(x_t, t), from a batch (n, *event) and a time to the predicted noise.
    schedule : Schedule
        What t and x_t mean to the network; `VPTable` for networks on integer steps.
    min_level : float, optional
        Smallest noise level the network is asked at; its score there stands in for those of
        smaller levels, sigma = 0 among them.

    Returns
    -------
    NetworkScore
        A callable `score(x, sigma)`, sigma a number or an array (n,); the network's t is a
        number or an array accordingly.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `min_level` is outside the schedule.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> ou = dp.schedules.OU()
    >>> score = dp.scores.from_noise_predictor(lambda x, t: ou.sigma(t) * x, ou)  # of N(0, 1)
    >>> score(np.array([[2.0]]), 1.0).round(12)
    array([[-1.]])
    """
    return FromNoise(noise_predictor, schedule, min_level)


def from_velocity(
    velocity: Callable[[Array, Any], Array],
    schedule: Schedule,
    *,
    min_level: float = 0.0,
) -> NetworkScore:
    """Turn a network that predicts a velocity into a score.

    Parameters
    ----------
    velocity : callable
        Network v(x_t, t), from a batch (n, *event) and a time: alpha eps - sigma x_0 for a variance
        preserving schedule (v-prediction), eps - x_0 for `Flow`.
    schedule : Schedule
        What t and x_t mean to the network: variance preserving, or `Flow`.
    min_level : float, optional
        Smallest noise level the network is asked at; its score there stands in for those of
        smaller levels, sigma = 0 among them.

    Returns
    -------
    NetworkScore
        A callable `score(x, sigma)`, sigma a number or an array (n,); the network's t is a
        number or an array accordingly.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or no velocity is in use with the schedule.
    ValueError
        If `min_level` is outside the schedule.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> velocity = lambda x, t: (2 * t - 1) / (t**2 + (1 - t) ** 2) * x  # of N(0, 1)
    >>> dp.scores.from_velocity(velocity, dp.schedules.Flow())(np.array([[2.0]]), 1.0)
    array([[-1.]])
    """
    score = FromVelocity(velocity, schedule, min_level)
    schedule.velocity_coefficients(schedule.times[0])
    return score


def from_score_vp(
    score: Callable[[Array, Any], Array],
    schedule: Schedule,
    *,
    min_level: float = 0.0,
) -> NetworkScore:
    """Turn the score of the scaled variable x_t into a score of this library.

    Parameters
    ----------
    score : callable
        Gradient of log p_t at (x_t, t), p_t the law of x_t itself, as in variance preserving
        clocks.
    schedule : Schedule
        What t and x_t mean: `VPLinear`, `OU`, or any other.
    min_level : float, optional
        Smallest noise level the score is asked at; it stands in for smaller ones.

    Returns
    -------
    NetworkScore
        A callable `score(x, sigma)`, sigma a number or an array (n,); t is a number or an
        array accordingly.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `min_level` is outside the schedule.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> score = dp.scores.from_score_vp(lambda x, t: -x, dp.schedules.OU())  # of N(0, 1)
    >>> score(np.array([[2.0]]), 1.0).round(12)
    array([[-1.]])
    """
    return FromScore(score, schedule, min_level)
