"""Which way a fit goes: all rows at once, or a pilot and its band."""

from __future__ import annotations

import numpy as np

from .._key import Key
from .._xp import Array, host
from ._pilot import draw_pilot, frame_of, pilot_size
from ._preprocess import Fit, Frame, Pilot, fit_all, fit_band
from ._regression import Regression
from dataclasses import replace

_FEW_ROWS = 3000


class Solver:
    """Fits of several targets and quantiles to the same rows, which share a sample."""

    def __init__(self, problem: Regression, key: Key) -> None:
        self.positive = _positive(problem)
        self.pilot: Pilot | None = None
        n = problem.n if self.positive is None else int(self.positive.shape[0])
        size = pilot_size(n, problem.width)
        drawn = None
        if n > _FEW_ROWS and size < n // 2:
            drawn = draw_pilot(problem, self.positive, key, size)
        if drawn is None:
            self.frame = frame_of(problem.xp, *problem.rows(self.positive))
        else:
            self.frame, self.pilot = drawn

    def fit(self, problem: Regression, quantile: float) -> Fit:
        """The exact fit of one target."""
        if self.pilot is None:
            return fit_all(problem, self.frame, quantile, self.positive)
        return fit_band(problem, self.frame, quantile, self.pilot, self.positive)


def _positive(problem: Regression) -> Array | None:
    """Rows that weigh something; None for all."""
    if problem.weight is None:
        return None
    index = problem.xp.nonzero(problem.weight > 0)[0]
    return None if index.shape[0] == problem.n else index
