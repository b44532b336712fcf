"""Annealing schedules of the measurement noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import array_api_compat.numpy as numpy_namespace
import numpy as np

from .._checks import integer, number
from ..operators._base import parameter

__all__ = ["AnnealingSchedule"]

# The theorem fixes its constants up to a factor; this one keeps the averaged marginal of the
# Gaussian example within the tolerance (tests/test_langevin.py).
_CONSTANT = 16.0
_STEPS_PER_TIME = 10.0
_FLOAT = np.dtype(float)


@dataclass(frozen=True, repr=False, eq=False)
class AnnealingSchedule:
    """Noise levels eta_1 > ... > eta_N = eta with Langevin steps between them.

    Parameters
    ----------
    noise_ratio : array, shape (N,)
        Variances eta_i^2 / eta^2, decreasing to 1.
    step_size : array, shape (N - 1,)
        Step size of Langevin towards the level i + 1, positive, in squared units of x.
    n_steps : array of int, shape (N - 1,)
        Number of these steps, at least 1.

    Raises
    ------
    ValueError
        If lengths do not fit, ratios do not decrease to 1, or a step is not positive.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> schedule = dp.posterior.AnnealingSchedule([4.0, 2.0, 1.0], [0.1, 0.05], [10, 10])
    >>> schedule.total_steps
    20
    """

    noise_ratio: np.ndarray
    step_size: np.ndarray
    n_steps: np.ndarray

    def __post_init__(self) -> None:
        ratio, step = (
            parameter(name, getattr(self, name), xp=numpy_namespace, shape=(None,), dtype=_FLOAT)
            for name in ("noise_ratio", "step_size")
        )
        if not isinstance(self.n_steps, Sequence | np.ndarray) or isinstance(self.n_steps, str):
            raise TypeError(f"n_steps must be a list of integers, got {self.n_steps!r}")
        count = np.asarray([integer("n_steps", n) for n in self.n_steps])
        if ratio.size < 2 or not np.all(np.diff(ratio) < 0):
            raise ValueError(f"noise_ratio must decrease over at least two levels, got {ratio}")
        if ratio[-1] != 1:
            raise ValueError(f"noise_ratio must end at 1, got {ratio[-1]:g}")
        if step.shape != count.shape or step.size != ratio.size - 1:
            raise ValueError(
                f"step_size and n_steps must have {ratio.size - 1} entries, one for each change "
                f"of level, got {step.size} and {count.size}"
            )
        if not np.all(step > 0):
            raise ValueError(f"step_size must be positive, got {step.min():g}")
        for name, value in (("noise_ratio", ratio), ("step_size", step), ("n_steps", count)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        first, n = self.noise_ratio[0], len(self.noise_ratio)
        return f"AnnealingSchedule({n} levels from ratio {first:g}, {self.total_steps} steps)"

    @property
    def total_steps(self) -> int:
        """Number of Langevin steps of a run."""
        return int(self.n_steps.sum())

    @classmethod
    def geometric(
        cls,
        largest: float,
        ratio: float,
        *,
        alpha: float,
        smoothness: float,
        gain: float,
        time: float = 1.0,
        accuracy: float = 0.05,
    ) -> AnnealingSchedule:
        """Levels in geometric progression, each for `time` relaxation times.

        Parameters
        ----------
        largest : float
            Ratio of the first level, eta_1^2 / eta^2, greater than 1.
        ratio : float
            Ratio of a level to the next, eta_i^2 / eta_(i+1)^2, greater than 1; 1.05 to 1.1 is
            accurate.
        alpha, smoothness : float
            Strong convexity and smoothness of -log p, positive.
        gain : float
            ||A||^2 / eta^2, positive.
        time : float, optional
            Langevin time of a level in units of 1 / (alpha + gain * eta^2 / eta_(i+1)^2).
        accuracy : float, optional
            Step size in units of the inverse stiffness.

        Returns
        -------
        AnnealingSchedule
            The schedule.

        Raises
        ------
        ValueError
            If a number is out of range.
        """
        number("largest", largest, above=1.0)
        number("ratio", ratio, above=1.0)
        n = math.ceil(math.log(largest) / math.log(ratio))
        levels = largest ** (np.arange(n, -1, -1) / n)
        levels[-1] = 1.0
        return cls._from_levels(levels, alpha, smoothness, gain, time, accuracy)

    @classmethod
    def admissible(
        cls, *, alpha: float, smoothness: float, gain: float, m: int, d: int, tolerance: float
    ) -> AnnealingSchedule:
        """The schedule of the theorem, built upward from eta with the largest ratios it admits.

        Parameters
        ----------
        alpha, smoothness : float
            Strong convexity and smoothness of -log p, positive.
        gain : float
            ||A||^2 / eta^2, positive.
        m, d : int
            Numbers of measured and of unknown values.
        tolerance : float
            Error aimed at, in (0, 1).

        Returns
        -------
        AnnealingSchedule
            The schedule.

        Raises
        ------
        ValueError
            If a number is out of range.

        References
        ----------
        Xun, Gupta, Price, arXiv 2510.26324, definition D.1 and lemmas D.4, D.8, D.9.
        """
        number("tolerance", tolerance, above=0.0, at_most=0.999)
        _check_constants(alpha, smoothness, gain)
        m, d = integer("m", m), integer("d", d)
        log_term = math.log(1 / tolerance)
        slow = gain / alpha * (math.sqrt(m) * log_term + d / math.sqrt(m)) / _CONSTANT
        fast = gain / alpha * m**1.5 / _CONSTANT
        goal = max(2.0, gain * d / (alpha * tolerance**2))
        levels = [1.0]
        while levels[-1] < goal:
            v = levels[-1]
            levels.append(v * (1 + min(1.0, v / slow, math.sqrt(v / fast))))
        time = max(1.0, log_term)
        return cls._from_levels(
            np.asarray(levels[::-1]), alpha, smoothness, gain, time, 1 / _STEPS_PER_TIME
        )

    @classmethod
    def _from_levels(
        cls,
        levels: np.ndarray,
        alpha: float,
        smoothness: float,
        gain: float,
        time: float,
        accuracy: float,
    ) -> AnnealingSchedule:
        _check_constants(alpha, smoothness, gain)
        durations = number("time", time, above=0.0) / (alpha + gain / levels[1:])
        stiffness = smoothness + gain / levels[1:]
        steps = np.ceil(durations * stiffness / number("accuracy", accuracy, above=0.0))
        return cls(levels, durations / steps, steps.astype(int))


def _check_constants(alpha: float, smoothness: float, gain: float) -> None:
    number("smoothness", smoothness, at_least=number("alpha", alpha, above=0.0))
    number("gain", gain, above=0.0)
