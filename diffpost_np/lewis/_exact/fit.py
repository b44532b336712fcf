"""An exact fit: what is asked, in which units, and what its dual proves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..._xp import Array, host, placed
from .._rows.arrays import replaced
from .passes import weighted_dual
from .proof import ROUNDING, proof_of
from .reduced import Search, fit_rows, take_columns
from .regression import Regression
from .vertex import Vertex

CERTAIN = 1e-9
"""The gap up to which a fit counts as proven."""

_SPANNED = 1e-10
"""What X'a of a column that others span may be, as a share of the terms that it is the sum of.

In float32 it is the angle below which the column was left out: so far its rounding takes it.
"""


@dataclass(frozen=True)
class Frame:
    """Units of the weighted columns and of y, and columns that span the others."""

    column: np.ndarray
    target: float
    kept: np.ndarray

    def rows(self, problem: Regression, index: Array | None) -> tuple[Array, Array]:
        """Weighted rows in these units, independent columns only."""
        xp = problem.xp
        x, y = problem.rows(index)
        x = take_columns(xp, x / placed(xp, self.column, x), self.kept)
        return x, y / self.target

    def coefficients(self, b: np.ndarray) -> np.ndarray:
        """Of all columns, in the units of the data; 0 for those that others span."""
        full = np.zeros(len(self.column))
        with np.errstate(over="ignore"):
            full[self.kept] = b * self.target / self.column[self.kept]
        if not np.all(np.isfinite(full)):
            raise ValueError("X: numbers of these sizes have no finite coefficients in float64")
        return full

    def of_target(self, problem: Regression, index: Array | None) -> Frame:
        """This frame with the unit of some rows' target."""
        y = problem.target(index)
        return replace(self, target=power_of_two(float(problem.xp.max(problem.xp.abs(y)))))

    def inside(self, moment: np.ndarray) -> np.ndarray:
        """A sum of columns, ones at its end, in these units."""
        return (moment[: len(self.column)] / self.column)[self.kept]

    def beside(self, moment: np.ndarray) -> np.ndarray:
        """What `inside` leaves: columns that others span."""
        others = self.others
        return moment[others] / self.column[others]

    @property
    def others(self) -> np.ndarray:
        """Columns that those kept span."""
        if len(self.kept) == len(self.column):  # to look takes time
            return self.kept[:0]
        return np.delete(np.arange(len(self.column)), self.kept)


def power_of_two(value: float) -> float:
    """The power of two below a number; 1 for 0."""
    return 2.0 ** (math.frexp(value)[1] - 1) if value > 0 else 1.0


@dataclass
class Task:
    """What is to be fitted, and what it has cost so far."""

    problem: Regression
    frame: Frame
    quantile: float
    positive: Array | None
    """Rows that weigh something; None for all."""
    n_iterations: int = 0
    n_pivots: int = 0
    n_passes: int = 0

    def fit(self, x: Array, y: Array, start: np.ndarray | None) -> Search:
        """The exact fit of some rows."""
        search = fit_rows(self.problem.xp, x, y, self.quantile, start)
        self.n_iterations += search.n_iterations
        self.n_pivots += search.vertex.n_pivots
        return search


@dataclass(frozen=True)
class Rest:
    """What rows outside an exact fit come to: their sides, and sums of weighted dual times...

    ...columns, in the units of the frame, and of their loss, in those of y.
    """

    sides: Array | None
    moment: np.ndarray
    loss: float
    beside: np.ndarray
    """The moment of columns that others span."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The optimal vertex of all rows."""

    task: Task
    b: np.ndarray
    """In the units of the frame."""
    basis: np.ndarray
    rows: Array | None
    """Indices of the rows of the last exact fit; None for all."""
    dual: Array
    """Their duals."""
    sides: Array | None
    """Of all rows, 0 for those of the last exact fit; None where the others weigh nothing."""
    objective: float
    gap: float
    missed: float
    """What rounding of b may add to the objective."""
    n_kept: int

    @property
    def coefficients(self) -> np.ndarray:
        """In the units of the data."""
        return self.task.frame.coefficients(self.b)

    def whole_dual(self) -> Array:
        """The dual of every row, in float64; zero where the weight is."""
        problem = self.task.problem
        if self.rows is None:
            return self.dual
        if self.sides is None:
            like = problem.xp.zeros_like(self.dual[:1])
            whole = problem.xp.broadcast_to(like, (problem.n,))
        else:
            whole = weighted_dual(problem.xp, self.sides, None, self.task.quantile)
        return replaced(problem.xp, whole, host(self.rows), host(self.dual))


def fit_all(task: Task, start: np.ndarray | None = None) -> Fit:
    """The exact fit of all rows at once, but for those that weigh nothing."""
    x, y = task.frame.rows(task.problem, task.positive)
    nothing = task.frame.beside(np.zeros(task.problem.width))
    rest = Rest(None, np.zeros(x.shape[1]), 0.0, nothing)
    try:
        return certified(task, task.positive, (x, y), task.fit(x, y, start).vertex, rest)
    except np.linalg.LinAlgError:  # weights or units leave zeros of rows that would
        raise ValueError("X: rows of these sizes determine no coefficients in float64") from None


def certified(
    task: Task, rows: Array | None, data: tuple[Array, Array], found: Vertex, rest: Rest
) -> Fit:
    """A vertex of some rows, with the duals of its basis from all, and what these prove."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number proves nothing
        return _certified(task, rows, data, found, rest)


def _certified(
    task: Task, rows: Array | None, data: tuple[Array, Array], found: Vertex, rest: Rest
) -> Fit:
    vertex = found.b, found.basis, found.residual, found.dual
    proof = proof_of(task.problem.xp, *data, task.quantile, *vertex, rest.moment)
    dual, loss, excess, size, missed = proof
    objective, rounding = loss * task.frame.target + rest.loss, ROUNDING * size
    excess = (excess - rounding) * task.frame.target
    excess = 0.0 if excess <= 0 else excess  # what is no number stays none
    if not _spanned(task, rows, dual, rest):
        excess = math.inf
    basis = found.basis if rows is None else host(rows)[found.basis]
    gap = excess / objective if objective > 0 else excess
    missed = max(0.0, missed - rounding) * task.frame.target
    sums = objective, gap, missed
    return Fit(task, found.b, np.sort(basis), rows, dual, rest.sides, *sums, int(dual.shape[0]))


def _spanned(task: Task, rows: Array | None, dual: Array, rest: Rest) -> bool:
    """Whether X'a is zero for the columns left out, too: else these lower the loss."""
    frame, problem = task.frame, task.problem
    xp, beside = problem.xp, frame.others
    if len(beside) == 0:
        return True
    x = problem.rows(rows)[0]
    x = take_columns(xp, x / placed(xp, frame.column, x), beside)
    terms = np.abs(rest.beside) + host(xp.abs(dual) @ xp.abs(x))
    allowed = max(_SPANNED, problem.independence) * terms
    allowed += ROUNDING * problem.n  # of entries up to 1 with duals up to 1
    return bool(np.all(np.abs(rest.beside + host(dual @ x)) <= allowed))
