"""The exact fit of many rows by the exact fit of few.

A pilot, the fit of a sample, says for most rows on which side of the fit they are: those whose
residual is several standard errors away. Their loss is linear there, so together they count as
one row. The others, the band, and that row are fitted exactly; then one look at all rows tells
whether each was on its side. Rows that were not join the band, and where there are many the
band is drawn anew around the better fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._xp import Array, device_of, host
from ._arrays import replaced
from ._crossover import Vertex
from ._interior_point import follow
from ._passes import check_sides, sides_of
from ._reduced import Search, fit_rows, least_squares, take_columns
from ._regression import Regression

_BAND = 4.0
"""Standard errors of the pilot between which a row's side is open."""

_FEW_WRONG = 0.1
_ATTEMPTS = 6
_MOST_KEPT = 0.5
_PILOT_GAP = 0.02
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Pilot:
    """A sample of the rows of a problem, and what about it does not depend on y."""

    index: Array
    x: Array
    """Weighted rows in units of `column`, independent columns only, (m, r)."""
    information: np.ndarray
    """Lower triangle M with M M' the information of the sample at unit density, (r, r)."""


@dataclass(frozen=True)
class Frame:
    """Units, and columns that span the others."""

    column: np.ndarray
    target: float
    kept: np.ndarray

    def rows(self, problem: Regression, index: Array | None) -> tuple[Array, Array]:
        """Weighted rows in these units, independent columns only."""
        xp = problem.xp
        x, y = problem.rows(index)
        x = take_columns(xp, x / xp.asarray(self.column, device=device_of(x)), self.kept)
        return x, y / self.target

    def coefficients(self, b: np.ndarray) -> np.ndarray:
        """Of all columns, in the units of the data; 0 for those that others span."""
        full = np.zeros(len(self.column))
        full[self.kept] = b * self.target / self.column[self.kept]
        return full

    def inside(self, moment: np.ndarray) -> np.ndarray:
        """A sum of columns in these units."""
        return (moment[: len(self.column)] / self.column)[self.kept]


@dataclass(frozen=True)
class Fit:
    """The optimal vertex of all rows."""

    coefficients: np.ndarray
    basis: np.ndarray
    rows: Array | None
    """Indices of the rows of the last exact fit; None for all."""
    dual: Array
    """Their duals."""
    sides: Array | None
    objective: float
    gap: float
    n_kept: int
    n_iterations: int
    n_pivots: int
    n_passes: int


@dataclass(frozen=True)
class _Rest:
    """What rows outside the band come to: their sides, and sums over them."""

    sides: Array | None
    moment: np.ndarray
    loss: float


@dataclass
class _Cost:
    """What was spent so far."""

    n_iterations: int = 0
    n_pivots: int = 0
    n_passes: int = 0

    def add(self, search: Search) -> Search:
        self.n_iterations += search.n_iterations
        self.n_pivots += search.vertex.n_pivots
        return search


def fit_all(
    problem: Regression,
    frame: Frame,
    quantile: float,
    rows: Array | None = None,
    start: np.ndarray | None = None,
    cost: _Cost | None = None,
) -> Fit:
    """The exact fit of all rows at once, or of those that have a weight."""
    cost = cost or _Cost()
    x, y = frame.rows(problem, rows)
    search = cost.add(fit_rows(problem.xp, x, y, quantile, start))
    rest = _Rest(None, np.zeros(x.shape[1]), 0.0)
    return _certified(problem, frame, quantile, rows, (x, y), search.vertex, rest, cost)


def fit_band(
    problem: Regression, frame: Frame, quantile: float, pilot: Pilot, positive: Array | None
) -> Fit:
    """The exact fit of all rows by a pilot and a band around it."""
    cost, band = _Cost(), _BAND
    b, error = _pilot_fit(problem, frame, quantile, pilot, cost)
    for _ in range(_ATTEMPTS):
        sides, moment, loss = _all_sides(problem, frame, b, band * error, quantile)
        cost.n_passes += 1
        rows = _open_rows(problem, sides)
        if rows.shape[0] > _MOST_KEPT * problem.n:
            break
        fit, b = _fit_and_check(
            problem, frame, quantile, (rows, _Rest(sides, moment, loss)), b, cost
        )
        if fit is not None:
            return fit
        band *= 2
    return fit_all(problem, frame, quantile, positive, b, cost)


def _open_rows(problem: Regression, sides: Array) -> Array:
    """Rows whose side is open, and that weigh something."""
    is_open = sides == 0
    if problem.weight is not None:
        is_open = is_open & (problem.weight > 0)
    return problem.xp.nonzero(is_open)[0]


def _pilot_fit(
    problem: Regression, frame: Frame, quantile: float, pilot: Pilot, cost: _Cost
) -> tuple[np.ndarray, np.ndarray]:
    """The fit of the sample, and a factor A with |A x| the standard error of x b."""
    xp, x = problem.xp, pilot.x
    y = problem.target(pilot.index) / frame.target
    m, d = x.shape
    path = follow(xp, x, y, quantile, least_squares(xp, x, y), _PILOT_GAP * d / m)
    cost.n_iterations += path.n_iterations
    r = y - x @ xp.asarray(path.b, device=device_of(x))
    weight = problem.weights(pilot.index)
    density = _density_at_zero(xp, r if weight is None else r / weight, d)
    spread = (quantile * (1 - quantile)) ** 0.5 / density
    return path.b, np.linalg.inv(pilot.information) * spread


def _density_at_zero(xp: ModuleType, r: Array, d: int) -> float:
    """Density of residuals at zero; those that the fit makes zero do not count."""
    m = r.shape[0]
    count = min(m // 2, max(4 * d, int(m ** (2 / 3))))
    near = xp.sort(xp.abs(r))[count]
    return max(1.0, count - d) / (2 * m * max(float(near), 1e-300))


def _all_sides(
    problem: Regression, frame: Frame, b: np.ndarray, error: np.ndarray, quantile: float
) -> tuple[Array, np.ndarray, float]:
    """One pass: the side of every row, and the sums over those that have one."""
    xp, width = problem.xp, len(frame.column)
    factor = np.zeros((width, width))
    factor[np.ix_(frame.kept, frame.kept)] = error / frame.column[frame.kept]
    coefficients = frame.coefficients(b)
    sides, moment, loss = [], np.zeros(problem.x.shape[1] + 1), 0.0
    for _, tile in problem.tiles():
        given = (xp.asarray(v, device=device_of(tile.x)) for v in (coefficients, factor))
        part = sides_of(xp, tile.x, tile.y, tile.weight, *given, quantile, 1 / frame.target)
        if not part[3]:
            problem.check()
        sides.append(part[0])
        moment, loss = moment + host(part[1]), loss + part[2]
    return (sides[0] if len(sides) == 1 else xp.concat(sides)), moment, loss


def _fit_and_check(
    problem: Regression,
    frame: Frame,
    quantile: float,
    split: tuple[Array, _Rest],
    b: np.ndarray,
    cost: _Cost,
) -> tuple[Fit | None, np.ndarray]:
    """Fit the open rows and the sum of the others, until all of these are on their side."""
    xp, (rows, rest) = problem.xp, split
    while True:
        x, y = frame.rows(problem, rows)
        search = cost.add(_fit_with_rest(xp, frame, x, y, quantile, rest, b))
        b = search.vertex.b
        if np.any(search.vertex.basis == x.shape[0]):
            return None, b
        wrong, moment, loss = _all_checked(problem, frame, b, rest.sides, quantile)
        if len(wrong) == 0:
            checked = _Rest(rest.sides, frame.inside(moment), loss)
            n = x.shape[0]
            inner = search.vertex._replace(
                dual=search.vertex.dual[:n], residual=search.vertex.residual[:n]
            )
            return _certified(
                problem, frame, quantile, rows, (x, y), inner, checked, cost
            ), b
        if len(wrong) > _FEW_WRONG * x.shape[0]:
            return None, b
        rows, rest = _opened(problem, quantile, rows, rest, wrong)


def _fit_with_rest(
    xp: ModuleType,
    frame: Frame,
    x: Array,
    y: Array,
    quantile: float,
    rest: _Rest,
    b: np.ndarray,
) -> Search:
    """The fit of some rows and the sum of the others, which is one row above the fit."""
    row = xp.asarray(frame.inside(rest.moment)[None] / quantile, device=device_of(x))
    target = xp.asarray([rest.loss / (quantile * frame.target)], device=device_of(x))
    return fit_rows(xp, xp.concat([x, row]), xp.concat([y, target]), quantile, b)


def _all_checked(
    problem: Regression, frame: Frame, b: np.ndarray, sides: Array, quantile: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """One pass: rows that are not on their side, and the moment and loss of those that have one."""
    xp = problem.xp
    coefficients = frame.coefficients(b)
    wrong, moment, loss = [], np.zeros(problem.x.shape[1] + 1), 0.0
    for part, tile in problem.tiles():
        given = xp.asarray(coefficients, device=device_of(tile.x)), sides[part]
        found = check_sides(xp, tile.x, tile.y, tile.weight, *given, quantile)
        wrong.append(host(found[0]) + part.start)
        moment, loss = moment + host(found[1]), loss + found[2]
    return np.concatenate(wrong), moment, loss


def _opened(
    problem: Regression, quantile: float, rows: Array, rest: _Rest, wrong: np.ndarray
) -> tuple[Array, _Rest]:
    """Some more rows open, and the others without them."""
    xp, device = problem.xp, device_of(rows)
    index = xp.asarray(wrong, device=device)
    x, y = (host(part) for part in problem.rows(index))
    dual = np.where(host(xp.take(rest.sides, index)) > 0, quantile, quantile - 1)
    moment = rest.moment.copy()
    moment[: x.shape[1]] -= dual @ x
    sides = replaced(xp, rest.sides, wrong, np.zeros(len(wrong), np.int8))
    rest = _Rest(sides, moment, rest.loss - float(dual @ y))
    return xp.sort(xp.concat([rows, index])), rest


def _certified(
    problem: Regression,
    frame: Frame,
    quantile: float,
    rows: Array | None,
    data: tuple[Array, Array],
    found: Vertex,
    rest: _Rest,
    cost: _Cost,
) -> Fit:
    """The duals of the basis from all rows, and what they prove."""
    xp, (x, y) = problem.xp, data
    zero = np.zeros(len(found.basis))
    dual = replaced(xp, found.dual, found.basis, zero)
    corner = host(xp.take(x, xp.asarray(found.basis, device=device_of(x)), axis=0))
    moment = rest.moment + host(dual @ x)
    own = np.clip(np.linalg.solve(corner.T, -moment), quantile - 1, quantile)
    left = np.abs(moment + own @ corner)
    rounding = 64 * _EPS * (np.abs(rest.moment) + host(xp.abs(dual) @ xp.abs(x)))
    unmatched = float(np.maximum(left - rounding, 0.0) @ np.abs(found.b))
    dual = replaced(xp, dual, found.basis, own)
    r = found.residual
    lost = xp.where(r > 0, quantile * r, (quantile - 1) * r)
    objective = float(xp.sum(lost)) * frame.target + rest.loss
    excess = (float(xp.sum(lost - dual * r)) + unmatched) * frame.target
    basis = found.basis if rows is None else host(rows)[found.basis]
    return Fit(
        coefficients=frame.coefficients(found.b),
        basis=np.sort(basis),
        rows=rows,
        dual=dual,
        sides=rest.sides,
        objective=objective,
        gap=excess / objective if objective > 0 else excess,
        n_kept=int(x.shape[0]),
        n_iterations=cost.n_iterations,
        n_pivots=cost.n_pivots,
        n_passes=cost.n_passes,
    )
