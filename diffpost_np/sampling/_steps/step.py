"""What a method sees of a step: where it stands, and calls that evaluate and draw.

A method is a function `step(s, **options)` that returns the state at the next noise level. States
are on the scale of the data, y = x_0 + sigma z; other scalings of the same process are changes of
variables. The function is written once and runs in two ways: on arrays, and on symbols, whose
coefficients become the rows of a table for kernels (`trace.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Evaluation(NamedTuple):
    """A denoised point and the noise level at which it was found."""

    sigma: float
    value: Any


class Step:
    """A step of a method, from noise level `sigma` to `next`, both above 0.

    Parameters
    ----------
    y : array
        The state: points of the data plus noise of level `sigma`.
    levels : ndarray, shape (n_steps + 1,)
        All noise levels of the run, decreasing.
    index : int
        Which step this is.
    past : list of Evaluation
        What was evaluated before, latest first.
    evaluate : callable
        The denoiser, a function of points and their noise level.
    draw : callable
        A function of the number of a slot that draws standard normals in the shape of the state.
    """

    def __init__(
        self,
        y: Any,
        levels: np.ndarray,
        index: int,
        past: list[Evaluation],
        evaluate: Callable[[Any, float], Any],
        draw: Callable[[int], Any],
    ) -> None:
        self.y, self.levels, self.index, self.past = y, levels, index, past
        self.sigma, self.next = float(levels[index]), float(levels[index + 1])
        self.n_steps = len(levels) - 1
        self._evaluate, self._draw, self._n_drawn = evaluate, draw, 0

    @property
    def ratio(self) -> float:
        """The noise level after the step over that before it, e^-h."""
        return self.next / self.sigma

    @property
    def h(self) -> float:
        """Length of the step in log(1 / sigma)."""
        return math.log(self.sigma / self.next)

    @property
    def xp(self) -> Any:
        """The namespace of the arrays, for methods with traced=False."""
        raise TypeError("symbols have no namespace")

    def uniform(self, k: int = 1) -> Any:
        """Uniform variates (n, k), k for each chain, for methods with traced=False."""
        raise TypeError("coefficients that are drawn make no table")

    @property
    def is_last(self) -> bool:
        """Whether no step follows, but perhaps the denoiser's to noise level 0."""
        return self.index == self.n_steps - 1 or self.levels[self.index + 2] == 0

    def denoise(self, point: Any = None, sigma: Any = None) -> Any:
        """E[x_0 | x_0 + sigma z = point], by default at the state; it joins the past."""
        sigma = self.sigma if sigma is None else sigma
        value = self._evaluate(self.y if point is None else point, sigma)
        self.past.insert(0, Evaluation(sigma, value))
        return value

    def noise(self) -> Any:
        """Standard normals that no other call returns."""
        self._n_drawn += 1
        return self._draw(self._n_drawn - 1)


def closing_step(s: Step) -> Any:
    """The step to noise level 0, the same for all methods: the denoiser's."""
    return s.denoise()
