"""A network of another parametrisation behind `score(x, sigma)`.

With x_t = alpha x_0 + sigma_t eps, the point x = x_t / alpha is x_0 plus noise of standard
deviation s = sigma_t / alpha, which is the sigma of this library. A network is asked at
(alpha x, t) for the t of that level, and its answer gives the score at (x, s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from .._checks import number
from .._xp import (
    Array,
    array_namespace,
    as_batch,
    as_noise_level,
    check_finite,
    device_of,
    is_array,
)
from ..schedules import Schedule


class _Question(NamedTuple):
    """What a network is asked, shaped so that it broadcasts over events."""

    x: Array
    x_t: Array
    t: Any
    level: Any
    alpha: Any


@dataclass(frozen=True)
class NetworkScore:
    """A network behind `score(x, sigma)`.

    Parameters
    ----------
    network : callable
        From a batch `x_t` and a time `t` to a batch.
    schedule : Schedule
        What these mean.
    min_level : float
        Smallest noise level the network is asked at.
    """

    network: Callable[[Array, Any], Array]
    schedule: Schedule
    min_level: float = 0.0

    role = "network"
    """The name that the network has as an argument."""

    def __post_init__(self) -> None:
        if not callable(self.network):
            raise TypeError(f"{self.role} must be a function of (x_t, t), got {self.network!r}")
        if not isinstance(self.schedule, Schedule):
            raise TypeError(f"schedule must be one of schedules, got {self.schedule!r}")
        if number("min_level", self.min_level, at_least=0.0) > 0.0:
            self._time(self.min_level, "min_level")

    def __call__(self, x: Array, sigma: Any) -> Array:
        """The score at noisy points.

        Parameters
        ----------
        x : array, shape (n, *event)
            Points.
        sigma : float or array of shape (n,)
            Noise level.

        Returns
        -------
        array, shape (n, *event)
            The score.

        Raises
        ------
        ValueError
            If a level is outside the schedule, or the network returns another shape or NaN.
        """
        xp = array_namespace(x=x, sigma=sigma)
        x = as_batch("x", x, None, xp=xp, device=device_of(x))
        level = self._level(xp, x, sigma)
        t = self._time(level, "sigma")
        alpha = _over_events(xp, self.schedule.alpha(t), x)
        question = _Question(x, alpha * x, t, _over_events(xp, level, x), alpha)
        return self._score(xp, question, self._answer(xp, question))

    def _level(self, xp: ModuleType, x: Array, sigma: Any) -> Any:
        """The levels asked for, raised to `min_level`: a number or an array (n,)."""
        if not is_array(sigma):
            return max(number("sigma", sigma, at_least=0.0), self.min_level)
        level = xp.broadcast_to(as_noise_level(sigma, x, xp), (x.shape[0],))
        return xp.where(level < self.min_level, self.min_level, level)

    def _time(self, level: Any, name: str) -> Any:
        try:
            return self.schedule.time_at_noise_level(level)
        except ValueError as error:
            raise ValueError(
                f"{name} is outside the schedule: {error}; min_level= stands in for smaller ones"
            ) from None

    def _answer(self, xp: ModuleType, question: _Question) -> Array:
        answer = self.network(question.x_t, question.t)
        if not is_array(answer) or array_namespace(answer=answer) is not xp:
            raise TypeError(f"{self.role} must return an array of the same type as its input")
        if tuple(answer.shape) != tuple(question.x.shape):
            raise ValueError(
                f"{self.role} must return shape {tuple(question.x.shape)}, "
                f"got {tuple(answer.shape)}"
            )
        check_finite(f"what {self.role} returns", answer, xp)
        dtype = question.x.dtype
        return answer if answer.dtype == dtype else xp.astype(answer, dtype)

    def _score(self, xp: ModuleType, question: _Question, answer: Array) -> Array:
        raise NotImplementedError


class FromDenoiser(NetworkScore):
    """The score (x_0 - x) / s^2."""

    role = "denoiser"

    def _score(self, xp: ModuleType, question: _Question, answer: Array) -> Array:
        level = _positive(xp, question.level)
        return (answer - question.x) / level / level


class FromNoise(NetworkScore):
    """The score -eps / s."""

    role = "noise_predictor"

    def _score(self, xp: ModuleType, question: _Question, answer: Array) -> Array:
        return -answer / _positive(xp, question.level)


class FromVelocity(NetworkScore):
    """The score -eps / s with eps = alpha v - a x_t."""

    role = "velocity"

    def _score(self, xp: ModuleType, question: _Question, answer: Array) -> Array:
        a, _ = self.schedule.velocity_coefficients(question.t)
        noise = question.alpha * answer - _over_events(xp, a, question.x) * question.x_t
        return -noise / _positive(xp, question.level)


class FromScore(NetworkScore):
    """The score alpha grad log p_t(alpha x)."""

    role = "score"

    def _score(self, xp: ModuleType, question: _Question, answer: Array) -> Array:
        return question.alpha * answer


def _positive(xp: ModuleType, level: Any) -> Any:
    if (level <= 0.0) if isinstance(level, float) else bool(xp.any(level <= 0.0)):
        raise ValueError(
            "sigma = 0: only the score itself says anything there; pass min_level=, the smallest "
            "noise level the network was trained at, to use its score instead"
        )
    return level


def _over_events(xp: ModuleType, value: Any, x: Array) -> Any:
    """An array (n,) as a column over the events of `x`; a number as it is."""
    if not is_array(value):
        return value
    return xp.reshape(value, (-1, *(1,) * (x.ndim - 1)))
