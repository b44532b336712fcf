"""The exact law of an integrator on a Gaussian prior, without a draw.

On N(m, s2) the denoiser is affine. So a state that is a combination of 1, of the first state and
of the noises stays one: run on its coefficients, a method gives the mean and the variance of
what it samples, to rounding. Random times of a step are integrated by quadrature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..sampling._steps.step import Evaluation, Step, closing_step


class GaussianLaw(NamedTuple):
    """Mean and variance of the samples, and those of the prior with the noise that is left."""

    mean: float
    variance: float
    exact_mean: float
    exact_variance: float


class Coefficients(Step):
    """A step on coefficients (nodes, basis): of 1, of the first state, and of every noise."""

    xp = numpy_namespace

    def __init__(
        self,
        y: np.ndarray,
        levels: np.ndarray,
        index: int,
        past: list[Evaluation],
        prior: tuple[float, float],
        noises: range,
        times: np.ndarray | None = None,
    ) -> None:
        self.mean, self.variance = prior
        self.noises, self.times, self.n_uniform = noises, times, 0
        super().__init__(y, levels, index, past, self._affine, self._unit)

    def uniform(self, k: int = 1) -> np.ndarray:
        """The nodes of the quadrature, of which there is one set."""
        if self.times is None or self.n_uniform or k > 1:
            raise NotImplementedError("laws are known for at most one random time a step")
        self.n_uniform += 1
        return self.times

    def _affine(self, point: np.ndarray, sigma: Any) -> np.ndarray:
        """The denoiser of N(m, s2): A y + (1 - A) m."""
        share = np.reshape(self.variance / (self.variance + np.square(sigma)), (-1, 1))
        value = share * point
        value[:, 0] += ((1 - share) * self.mean)[:, 0]
        return value

    def _unit(self, slot: int) -> np.ndarray:
        unit = np.zeros_like(self.y)
        unit[:, self.noises[slot]] = 1
        return unit


def gaussian_law(
    step: Callable[[Any], Any],
    levels: np.ndarray,
    mean: float,
    variance: float,
    n_noises: int = 8,
) -> GaussianLaw:
    """The law of a method without random times, of at most `n_noises` noises a step."""
    past: list[Evaluation] = []
    y = np.zeros((1, 2 + n_noises * (len(levels) - 1)))
    y[0, :2] = mean, np.sqrt(variance + levels[0] ** 2)
    for index in range(len(levels) - 1):
        first = 2 + n_noises * index
        noises = range(first, first + n_noises)
        s = Coefficients(y, levels, index, past, (mean, variance), noises)
        y = closing_step(s) if s.next == 0 else step(s)
    return _law(y[0, 0], np.sum(y[0, 1:] ** 2), levels, mean, variance)


def gaussian_law_at_random_times(
    step: Callable[[Any], Any],
    levels: np.ndarray,
    mean: float,
    variance: float,
    n_noises: int = 60,
    n_nodes: int = 20,
    start: tuple[float, float] | None = None,
) -> GaussianLaw:
    """The law of a method that keeps no past, by moments from step to step.

    `start` has the mean and variance of the first state, those of the noisy prior by default.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    nodes, weights = (nodes[:, None] + 1) / 2, weights / 2
    basis = np.zeros((n_nodes, 2 + n_noises))
    basis[:, 1] = 1
    first, spread = start or (mean, variance + levels[0] ** 2)
    second = first**2 + spread
    for index in range(len(levels) - 1):
        noises = range(2, 2 + n_noises)
        s = Coefficients(basis, levels, index, [], (mean, variance), noises, nodes)
        c = closing_step(s) if s.next == 0 else step(s)
        noise = np.sum(c[:, 2:] ** 2, axis=1)
        grown = c[:, 0] ** 2 + 2 * c[:, 0] * c[:, 1] * first + c[:, 1] ** 2 * second + noise
        first, second = weights @ (c[:, 0] + c[:, 1] * first), weights @ grown
    return _law(first, second - first**2, levels, mean, variance)


def _law(
    first: float, spread: float, levels: np.ndarray, mean: float, variance: float
) -> GaussianLaw:
    return GaussianLaw(float(first), float(spread), mean, variance + float(levels[-1]) ** 2)
