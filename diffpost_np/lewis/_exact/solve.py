"""Which way a fit goes: all rows at once, or a pilot and its band."""

from __future__ import annotations

from ..._key import Key
from ..._xp import Array
from .fit import Fit, Frame, Task, fit_all
from .pilot import best_size, draw_pilot, frame_of, pilot_size
from .preprocess import Pilot, Start, fit_band, pilot_fit
from .regression import Regression

_FEW_ROWS = 3000


class Solver:
    """Fits of several targets and quantiles to the same rows, which share a sample.

    `quantile` is the rarest of them.
    """

    def __init__(self, problem: Regression, key: Key, quantile: float) -> None:
        self.key, self.positive = key, _positive(problem)
        self.n = problem.n if self.positive is None else int(self.positive.shape[0])
        self.drawn: tuple[Frame, Pilot] | None = None
        size = pilot_size(self.n, problem.width, quantile)
        if self.n > _FEW_ROWS and size < self.n // 4:
            self.drawn = draw_pilot(problem, self.positive, key, size)

    def fit(self, problem: Regression, quantile: float) -> Fit:
        """The exact fit of one target."""
        if self.drawn is None:
            problem.check()
            frame, _ = frame_of(problem, self.positive, *problem.rows(self.positive))
            return fit_all(Task(problem, frame, quantile, self.positive))
        return self._by_pilot(problem, quantile, *self.drawn)

    def _by_pilot(self, problem: Regression, quantile: float, frame: Frame, pilot: Pilot) -> Fit:
        """By the pilot, or by a larger one if that pays."""
        task = Task(problem, frame.of_target(problem, pilot.index), quantile, self.positive)
        if len(frame.kept) == 0:
            return fit_all(task)
        start = pilot_fit(task, pilot)
        size = best_size(pilot.x.shape[0], start.open_share * self.n)
        if size > 1.2 * pilot.x.shape[0]:
            larger = draw_pilot(problem, self.positive, self.key, min(size, self.n // 2))
            if larger is not None:
                self.drawn = larger
                task, start = _moved(task, start, *larger)
        return fit_band(task, start)


def _moved(task: Task, start: Start, frame: Frame, pilot: Pilot) -> tuple[Task, Start]:
    """A larger pilot's fit, from that of the smaller one."""
    b = task.frame.coefficients(start.b)
    frame = frame.of_target(task.problem, pilot.index)
    moved = Task(task.problem, frame, task.quantile, task.positive, task.n_iterations)
    b = (b * frame.column / frame.target)[frame.kept]
    return moved, pilot_fit(moved, pilot, b)


def _positive(problem: Regression) -> Array | None:
    """Rows that weigh something; None for all."""
    if problem.weight is None:
        return None
    index = problem.xp.nonzero(problem.weight > 0)[0]
    return None if index.shape[0] == problem.n else index
