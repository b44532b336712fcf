"""Confidence intervals of one fit: a rank test turned around, and a weighted bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..._checks import choice, fraction, integer
from ..._key import Key, key
from ..._philox import Stream, random_uniform
from ..._xp import Array, array_namespace, device_of, host, placed
from ...random import Purpose
from .._rows.arrays import replaced
from .fit import Fit, Frame
from .preprocess import density_at_zero, leverages
from .reduced import fit_rows, inverse_triangle
from .regression import Regression

_SOLVES = 60
_NARROW = 1e-9
_LEAST_STEP = 2.0**-42
_BAND = 8.0


@dataclass(frozen=True, repr=False, eq=False)
class Intervals:
    """Confidence intervals for the coefficients of a fit.

    Parameters
    ----------
    lower, upper : array, shape (d,)
        Ends for `coef`; nan for columns that others span, infinite where too few rows let no value
        be refused.
    intercept : array, shape (2,)
        Ends for the intercept; zeros without one.
    level : float
        Probability with which each covers, one by one.
    method : str
        How they were made.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1))
    >>> y = X[:, 0] + rng.standard_t(2, 200)
    >>> dp.lewis.lad(X, y).confidence_intervals(0.95)
    Intervals(level=0.95, method='rank', lower=[0.8085], upper=[1.266])
    """

    lower: Array
    upper: Array
    intercept: Array
    level: float
    method: str

    def __repr__(self) -> str:
        with np.printoptions(precision=4, threshold=8):
            ends = f"lower={host(self.lower)}, upper={host(self.upper)}"
        return f"Intervals(level={self.level:g}, method={self.method!r}, {ends})"


class Data(NamedTuple):
    """One fit's rows, weighted and in its units, and what it came to."""

    xp: ModuleType
    x: Array
    y: Array
    quantile: float
    b: np.ndarray


def intervals_of(
    fits: tuple[Fit, ...],
    dtype: Any,
    level: Any,
    method: Any,
    n_resamples: Any,
    rng: Any,
) -> Intervals:
    """Intervals for the one fit of a result."""
    level = fraction("level", level)
    method = choice("method", method, ("rank", "bootstrap"))
    n_resamples = integer("n_resamples", n_resamples, minimum=2)
    seed = key(rng).fold("lewis.lad.bootstrap")
    if len(fits) != 1:
        raise ValueError(f"level: intervals are those of one fit, and here are {len(fits)}")
    task, b = fits[0].task, fits[0].b
    x, y = task.frame.rows(task.problem, task.positive)
    data = Data(task.problem.xp, x, y, task.quantile, b)
    if method == "rank":
        ends = _rank_intervals(data, level)
    else:
        ends = _bootstrap_intervals(data, level, n_resamples, seed)
    return _as_intervals(task.problem, task.frame, ends, dtype, level, method)


def _as_intervals(
    problem: Regression,
    frame: Frame,
    ends: np.ndarray,
    dtype: Any,
    level: float,
    method: str,
) -> Intervals:
    """Ends (2, r) in the units and places of the columns."""
    xp, d, device = problem.xp, problem.x.d, problem.x.device
    full = np.full((2, problem.width), np.nan)
    full[:, frame.kept] = ends * frame.target / frame.column[frame.kept]
    constant = full[:, d] if problem.intercept else np.zeros(2)
    low, high, ends = (
        xp.asarray(part, dtype=dtype, device=device)
        for part in (full[0, :d], full[1, :d], constant)
    )
    return Intervals(low, high, ends, level, method)


def _rank_intervals(data: Data, level: float) -> np.ndarray:
    """The values of each coefficient that its rank test does not refuse."""
    from scipy.special import ndtri

    z = float(ndtri(0.5 + 0.5 * level))
    d = data.x.shape[1]
    ends = [(_rank_end(data, j, z), _rank_end(data, j, -z)) for j in range(d)]
    return np.array(ends).T


class _Profile(NamedTuple):
    """A fit with one coefficient held: the test's statistic, and between which values it holds."""

    statistic: float
    low: float
    high: float


def _rank_end(data: Data, j: int, z: float) -> float:
    """Where the statistic, which falls with the coefficient, passes z.

    It is a step function; each fit tells the whole step that it is on. Infinite where it does
    not pass z.
    """
    others = _without(data, j)
    step = max(_standard_error(data, others, j), _LEAST_STEP * abs(float(data.b[j]))) * z
    inside, outside = _bracket(data, others, j, z, step)
    if outside is None:
        return math.copysign(math.inf, -z)
    for _ in range(_SOLVES):
        near, far = (inside.low, outside.high) if z > 0 else (inside.high, outside.low)
        if abs(near - far) <= _NARROW * abs(step) or (near - far) * z <= 0:
            break
        at = _profile(data, others, j, _between(inside, outside, near, far, z))
        if (at.statistic - z) * z >= 0:
            outside = at
        else:
            inside = at
    return far


def _bracket(
    data: Data, others: Array, j: int, z: float, step: float
) -> tuple[_Profile, _Profile | None]:
    """The last value that the test passes on the way out, and the first that it refuses.

    Steps double, so that a guess of their size may be far off: with ties or few rows the
    residuals tell little of it.
    """
    b = float(data.b[j])
    inside, value = _Profile(0.0, b, b), b - 1.2 * step  # the fit's own value passes every test
    for _ in range(_SOLVES):
        at = _profile(data, others, j, value)
        if (at.statistic - z) * z >= 0:
            return inside, at
        if math.isinf(at.low if z > 0 else at.high):
            break
        inside, step = at, 2 * step
        value -= step
    return inside, None


def _between(inside: _Profile, outside: _Profile, near: float, far: float, z: float) -> float:
    """A value where the statistic should be z, if it were linear, not too near an end."""
    share = (z - inside.statistic) / (outside.statistic - inside.statistic)
    return near + min(max(share, 0.1), 0.9) * (far - near)


def _without(data: Data, j: int) -> Array:
    xp, d = data.xp, data.x.shape[1]
    kept = placed(xp, np.delete(np.arange(d), j), data.x)
    return xp.take(data.x, kept, axis=1)


def _norm_beyond(data: Data, others: Array, j: int) -> float:
    """The length of the part of a column that the others do not explain."""
    xp, x = data.xp, data.x[:, j]
    if others.shape[1] == 0:
        return float(xp.sum(x**2)) ** 0.5
    basis = xp.linalg.qr(others, mode="reduced")[0]
    left = x - basis @ (basis.T @ x)
    return float(xp.sum(left**2)) ** 0.5


def _profile(data: Data, others: Array, j: int, value: float) -> _Profile:
    """The rank statistic of a value, and the values that have the same fit."""
    xp, x = data.xp, data.x[:, j]
    y = data.y - value * x
    found = fit_rows(xp, others, y, data.quantile).vertex
    slope = x
    if len(found.basis):
        index = placed(xp, found.basis, x)
        corner = host(xp.take(others, index, axis=0))
        along = np.linalg.solve(corner, host(xp.take(x, index)))
        slope = x - others @ placed(xp, along, x)
        slope = replaced(xp, slope, found.basis, np.zeros(len(found.basis)))
    spread = (data.quantile * (1 - data.quantile)) ** 0.5 * _norm_beyond(data, others, j)
    statistic = float(xp.sum(x * found.dual)) / spread
    low, high = _step_ends(xp, found.residual, slope)
    return _Profile(statistic, value + low, value + high)


def _step_ends(xp: ModuleType, r: Array, slope: Array) -> tuple[float, float]:
    """How far the residuals r - t slope keep their signs, down and up."""
    moving = xp.nonzero(slope != 0)[0]
    if moving.shape[0] == 0:
        return -np.inf, np.inf
    r, slope = xp.take(r, moving), xp.take(slope, moving)
    t, down = r / slope, r * slope < 0
    nothing = xp.full_like(t, np.inf)
    low = -float(xp.min(xp.where(down, -t, nothing)))
    return low, float(xp.min(xp.where(down, nothing, t)))


def _standard_error(data: Data, others: Array, j: int) -> float:
    """A guess of a coefficient's standard error."""
    r = data.y - data.x @ placed(data.xp, data.b, data.x)
    density = density_at_zero(data.xp, r, data.y, data.x.shape[1], data.quantile)
    return (data.quantile * (1 - data.quantile)) ** 0.5 / (density * _norm_beyond(data, others, j))


def _bootstrap_intervals(data: Data, level: float, n_resamples: int, seed: Key) -> np.ndarray:
    near, far = _near_and_far(data)
    return bootstrap_ends(
        lambda weight: _refit(data, near, far, weight), data.x, level, n_resamples, seed
    )


def bootstrap_ends(
    refit: Callable[[Array], np.ndarray], x: Array, level: float, n_resamples: int, seed: Key
) -> np.ndarray:
    """Quantiles of fits of rows with exponential weights; infinite where no row is free."""
    n, d = x.shape
    if n <= d:
        return np.array([[-np.inf], [np.inf]]) * np.ones(d)
    fits = np.stack([refit(_exponentials(seed, k, x)) for k in range(n_resamples)])
    return np.quantile(fits, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)


def _exponentials(seed: Key, k: int, x: Array) -> Array:
    """The weights of the rows in a resample."""
    xp, stream = array_namespace(x=x), Stream(seed.words, 0, k, int(Purpose.AUXILIARY))
    return -xp.log(random_uniform(xp, stream, x.shape[0], 1, xp.float64, device_of(x))[:, 0])


class _Far(NamedTuple):
    """Rows that no resample is expected to bring near the fit, and their duals."""

    index: Array
    x: Array
    y: Array
    dual: Array


def _near_and_far(data: Data) -> tuple[Array, _Far]:
    """Rows whose side a resample may change, and the others."""
    xp, x = data.xp, data.x
    r = data.y - x @ placed(xp, data.b, x)
    density = density_at_zero(xp, r, data.y, x.shape[1], data.quantile)
    variance = data.quantile * (1 - data.quantile) / density**2 * _BAND**2
    is_near = r**2 <= variance * leverages(xp, x, inverse_triangle(xp, x))
    near, index = xp.nonzero(is_near)[0], xp.nonzero(~is_near)[0]
    above = xp.take(r, index) > 0
    one = xp.ones((index.shape[0],), dtype=xp.float64, device=device_of(x))
    dual = xp.where(above, data.quantile * one, (data.quantile - 1) * one)
    return near, _Far(index, xp.take(x, index, axis=0), xp.take(data.y, index), dual)


def _refit(data: Data, near: Array, far: _Far, weight: Array) -> np.ndarray:
    """The fit of rows with other weights; far rows count as one, if that holds."""
    xp = data.xp
    dual = far.dual * xp.take(weight, far.index)
    scale = xp.take(weight, near)
    x = xp.concat([xp.take(data.x, near, axis=0) * scale[:, None], (dual @ far.x)[None, :]])
    y = xp.concat([xp.take(data.y, near) * scale, xp.sum(dual * far.y)[None]])
    one = xp.ones_like(y)
    one = replaced(xp, one, np.array([y.shape[0] - 1]), np.array([1 / data.quantile]))
    b = fit_rows(xp, x * one[:, None], y * one, data.quantile, data.b).vertex.b
    left = far.y - far.x @ placed(xp, b, x)
    if bool(xp.any(left * far.dual < 0)):
        b = fit_rows(xp, data.x * weight[:, None], data.y * weight, data.quantile, b).vertex.b
    return b
