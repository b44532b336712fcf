"""The exact fit of many rows by the exact fit of few.

A pilot, the fit of a sample, says for most rows on which side of the fit they are: those whose
residual is several standard errors away. Their loss is linear there, so together they count as
one row. The others, the band, and that row are fitted exactly; then one look at all rows tells
whether each was on its side. Rows that were not join the band, and where there are many the
band is drawn anew around the better fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from ..._xp import Array, host, placed
from .._rows.arrays import nth_smallest, replaced
from .fit import CERTAIN, Fit, Rest, Task, certified, fit_all
from .interior_point import FITTED, follow
from .passes import check_sides, sides_of
from .reduced import independent_columns, least_squares, without_residual
from .vertex import Vertex

_BAND = 4.0
"""Standard errors of the pilot between which a row's side is open."""

_FEW_WRONG = 0.1
_ATTEMPTS = 6
_MOST_KEPT = 0.5
_PILOT_GAP = 0.02
_MOST_OPENED = 20


@dataclass(frozen=True)
class Pilot:
    """A sample of the rows of a problem, and what about it does not depend on y."""

    index: Array
    x: Array
    """Weighted rows in the units of a frame, (m, r)."""
    inverse: np.ndarray
    """W with W'W the inverse of the information of the sample at unit density, (r, r)."""
    normal: bool
    """Whether W'W is also that of the normal equations, and accurate."""


@dataclass(frozen=True)
class Start:
    """The fit of a pilot: b, a factor A with |A x| the width of the band, and its residuals.

    These are of the sample, in widths of the band.
    """

    b: np.ndarray
    error: np.ndarray
    in_widths: np.ndarray

    @property
    def open_share(self) -> float:
        """How many rows the band holds."""
        return float(np.mean(self.in_widths <= 1))

    def wider(self, scale: float) -> float:
        """At least twice as wide a band, with twice the rows: ties may lie just outside."""
        known = np.sort(self.in_widths[np.isfinite(self.in_widths)])
        place = 2 * np.searchsorted(known, scale, side="right")
        return float(max([2 * scale, *known[place : place + 1]]))


def pilot_fit(task: Task, pilot: Pilot, b: np.ndarray | None = None) -> Start:
    """The fit of the sample, to a fraction of its standard error."""
    xp, x = task.problem.xp, pilot.x
    y = task.problem.target(pilot.index) / task.frame.target
    (m, d), weight = x.shape, task.problem.weights(pilot.index)
    b = _start(xp, pilot, y) if b is None else b
    exact = without_residual(xp, x, y)
    if exact is None:
        path = follow(xp, x, y, task.quantile, b, _PILOT_GAP * d / m)
        task.n_iterations += path.n_iterations
        b = path.b if np.all(np.isfinite(path.b)) else b
    else:
        b = exact.b
    r = y - x @ placed(xp, b, x)
    if weight is None:
        density = density_at_zero(xp, r, y, d, task.quantile)
    else:
        density = density_at_zero(xp, r / weight, y / weight, d, task.quantile)
    leverage = leverages(xp, x, pilot.inverse)
    width = _BAND * (1 + 2 * float(xp.sum(leverage**2) / (xp.sum(leverage) + 1e-300))) ** 0.5
    spread = width * (task.quantile * (1 - task.quantile)) ** 0.5 / density
    with np.errstate(all="ignore"):
        in_widths = host(xp.abs(r) / (spread * xp.sqrt(leverage)))
    return Start(b, spread * pilot.inverse, in_widths)


def _start(xp: ModuleType, pilot: Pilot, y: Array) -> np.ndarray:
    """The least-squares fit."""
    if pilot.normal:
        return pilot.inverse.T @ (pilot.inverse @ host(y @ pilot.x))
    return least_squares(xp, pilot.x, y)


def leverages(xp: ModuleType, x: Array, inverse: np.ndarray) -> Array:
    """|W x|^2 of each row."""
    white = x @ placed(xp, inverse.T, x)
    return xp.vecdot(white, white)


def density_at_zero(xp: ModuleType, r: Array, y: Array, d: int, quantile: float) -> float:
    """Density of residuals r of y at zero; those that the fit makes zero do not count.

    Where y has ties the fit goes through many rows, which say nothing of the density: the first
    residual beyond rounding does.
    """
    m = r.shape[0]
    few = min(m ** (2 / 3), m * min(quantile, 1 - quantile))
    count = min(m // 2, max(2 * d, int(few)))
    size, floor = xp.abs(r), FITTED * float(xp.max(xp.abs(y)))
    near = float(nth_smallest(xp, size, count))
    if not near > floor:
        beyond = size[size > floor]
        near = float(xp.min(beyond)) if beyond.shape[0] else (floor or 1.0)
    return max(1.0, count - d) / (2 * m * near)


def fit_band(task: Task, start: Start) -> Fit:
    """The exact fit of all rows by those near the fit of a pilot.

    Where y has ties the open rows may not determine a fit: that is a band that failed, too.
    """
    b, scale = start.b, 1.0
    for _ in range(_ATTEMPTS):
        rest = _all_sides(task, b, scale * start.error)
        task.n_passes += 1
        rows = _open_rows(task, rest.sides)
        if rows.shape[0] > _MOST_KEPT * task.problem.n:
            break
        try:
            fit, b = _fit_and_check(task, rows, rest, b)
        except np.linalg.LinAlgError:
            break
        if fit is not None and fit.gap <= CERTAIN:
            return fit
        scale = start.wider(scale)
    return fit_all(task, b if np.all(np.isfinite(b)) else None)


def _open_rows(task: Task, sides: Array | None) -> Array:
    """Rows whose side is open, and that weigh something."""
    is_open, weight = sides == 0, task.problem.weight
    if weight is not None:
        is_open = is_open & (weight > 0)
    return task.problem.xp.nonzero(is_open)[0]


def _all_sides(task: Task, b: np.ndarray, error: np.ndarray) -> Rest:
    """One pass: the side of every row, and the sums over those that have one."""
    problem, frame, xp = task.problem, task.frame, task.problem.xp
    factor = np.zeros((problem.width,) * 2)
    factor[frame.kept[:, None], frame.kept] = error / frame.column[frame.kept]
    coefficients = frame.coefficients(b)
    sides, moment, loss = [], np.zeros(problem.x.d + 1), 0.0
    for tile in problem.tiles():
        b_here, factor_here = (placed(xp, v, tile.x) for v in (coefficients, factor))
        part = sides_of(
            xp, tile.x, tile.y, tile.weight, b_here, factor_here, task.quantile, 1 / frame.target
        )
        if not part[3]:
            problem.check_tile(tile)
        sides.append(part[0])
        moment, loss = moment + host(part[1]), loss + part[2]
    whole = sides[0] if len(sides) == 1 else xp.concat(sides)
    return Rest(whole, frame.inside(moment), loss, frame.beside(moment))


def _all_checked(task: Task, b: np.ndarray, sides: Array) -> tuple[np.ndarray, Rest]:
    """One pass: rows that are not on their side, and the sums over those that have one."""
    problem, xp = task.problem, task.problem.xp
    coefficients = task.frame.coefficients(b)
    wrong, moment, loss = [], np.zeros(problem.x.d + 1), 0.0
    for tile in problem.tiles():
        b_here = placed(xp, coefficients, tile.x)
        found = check_sides(
            xp, tile.x, tile.y, tile.weight, b_here, sides[tile.part], task.quantile
        )
        if not np.all(np.isfinite(host(found[1]))):
            problem.check_tile(tile)
        wrong.append(host(found[0]) + tile.part.start)
        moment, loss = moment + host(found[1]), loss + found[2]
    inside, beside = task.frame.inside(moment), task.frame.beside(moment)
    return np.concatenate(wrong), Rest(sides, inside, loss, beside)


def _fit_and_check(
    task: Task, rows: Array, rest: Rest, b: np.ndarray
) -> tuple[Fit | None, np.ndarray]:
    """Fit the open rows and the sum of the others, until all of these are on their side."""
    for attempt in range(_MOST_OPENED):
        x, y = task.frame.rows(task.problem, rows)
        if attempt == 0 and not _spans(task, x):
            return None, b
        found, n = _fit_with_rest(task, x, y, rest, b), x.shape[0]
        others = rest.loss != 0 or bool(np.any(rest.moment))
        on_fit = n in found.basis or (others and float(found.dual[n]) < task.quantile)
        if on_fit:  # the sum of all others, whose loss is linear above the fit alone
            return None, b
        if not np.all(np.isfinite(found.b)):
            return None, b
        b = found.b
        wrong, checked = _all_checked(task, b, rest.sides)
        if len(wrong) == 0:
            found = found._replace(dual=found.dual[:n], residual=found.residual[:n])
            return certified(task, rows, (x, y), found, checked), b
        if len(wrong) > _FEW_WRONG * n:
            return None, b
        rows, rest = _opened(task, rows, rest, wrong)
    return None, b


def _spans(task: Task, x: Array) -> bool:
    """Whether rows determine a fit."""
    (n, d), problem = x.shape, task.problem
    return bool(n >= d and len(independent_columns(problem.xp, x, problem.independence)[0]) == d)


def _fit_with_rest(task: Task, x: Array, y: Array, rest: Rest, b: np.ndarray) -> Vertex:
    """The fit of some rows and the sum of the others, which is one row above the fit."""
    xp = task.problem.xp
    row = placed(xp, rest.moment[None] / task.quantile, x)
    target = placed(xp, np.array([rest.loss / (task.quantile * task.frame.target)]), x)
    return task.fit(xp.concat([x, row]), xp.concat([y, target]), b).vertex


def _opened(task: Task, rows: Array, rest: Rest, wrong: np.ndarray) -> tuple[Array, Rest]:
    """Some more rows open, and the others without them."""
    xp, tau = task.problem.xp, task.quantile
    index = placed(xp, wrong, rows)
    x, y = (host(part) for part in task.frame.rows(task.problem, index))
    dual = np.where(host(xp.take(rest.sides, index)) > 0, tau, tau - 1)
    sides = replaced(xp, rest.sides, wrong, np.zeros(len(wrong), np.int8))
    loss = rest.loss - float(dual @ y) * task.frame.target
    return xp.sort(xp.concat([rows, index])), replace(
        rest, sides=sides, moment=rest.moment - dual @ x, loss=loss
    )
