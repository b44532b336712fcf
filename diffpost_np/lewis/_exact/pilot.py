"""A sample of rows that spans what all rows span."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from ..._key import Key
from ..._philox import Stream, random_uniform
from ..._xp import Array, host, placed
from .._rows.arrays import column_sizes, distinct, triangle_with
from .fit import Frame, power_of_two
from .preprocess import Pilot
from .reduced import (
    independent_columns,
    inverse_triangle,
    pivot_columns,
    take_columns,
    unit_rows,
)
from .regression import Regression

_ROWS_PER_COLUMN = 140
_WORTH = 0.8


def frame_of(
    problem: Regression, index: Array | None, x: Array, y: Array
) -> tuple[Frame, np.ndarray | None]:
    """Units of weighted columns and targets in powers of two, and columns that are independent.

    Also the inverse triangle of rows without weights, each column in its unit there, where it was
    found.

    Units change exponents and nothing else, so that a fit follows the scales of its columns and
    of y to the last bit. Whether columns are independent does not depend on weights.
    """
    xp, column = problem.xp, _units(problem.xp, x)
    flat, own = x, column
    if problem.weight is not None:
        flat = problem.unweighted(index)
        own = _units(xp, flat)
    kept, inverse = independent_columns(xp, flat / placed(xp, own, x), problem.independence)
    return Frame(column, power_of_two(float(xp.max(xp.abs(y)))), kept), inverse


def _units(xp: ModuleType, x: Array) -> np.ndarray:
    """Powers of two that columns are as large as."""
    return np.array([power_of_two(v) for v in host(column_sizes(xp, x))])


def pilot_size(n: int, width: int, quantile: float) -> int:
    """Rows of the first pilot: enough to tell how many the best one has."""
    rare = 4 * quantile * (1 - quantile)
    return int(min(n, max(0.5 * n ** (2 / 3) * width**0.5, _ROWS_PER_COLUMN * width / rare)))


def best_size(m: int, n_band: float) -> int:
    """Rows of the pilot for which pilot and band cost least, if m rows leave `n_band` open.

    The band is as wide as a standard error, so it shrinks as the root of the pilot grows. A row
    of the band takes about as many iterations as one of the pilot takes, and its share of time
    to draw it.
    """
    best = max(1.0, (0.5 * n_band * m**0.5) ** (2 / 3))
    worth = best + n_band * (m / best) ** 0.5 < _WORTH * n_band
    return int(best) if worth else m


def draw_pilot(
    problem: Regression, positive: Array | None, key: Key, size: int
) -> tuple[Frame, Pilot] | None:
    """A sample of rows, with rows of high leverage if it does not span the columns without.

    None where the sample does not even so.
    """
    index = _sample(problem, positive, key, size)
    made = _pilot(problem, index)
    if len(made[0].kept) == problem.width:
        return made
    kept, index = _spanning(problem, host(index))
    made = _pilot(problem, problem.xp.asarray(index, device=problem.x.device))
    return made if np.array_equal(made[0].kept, kept) else None


def _sample(problem: Regression, positive: Array | None, key: Key, size: int) -> Array:
    """Indices drawn with replacement, each once."""
    xp, n = problem.xp, problem.n if positive is None else positive.shape[0]
    u = random_uniform(xp, Stream(key.words, 0, 0, 0), size, 1, xp.float64, problem.x.device)
    index = distinct(xp, xp.astype(u[:, 0] * n, xp.int64), n)
    return index if positive is None else xp.take(positive, index)


def _pilot(problem: Regression, index: Array) -> tuple[Frame, Pilot]:
    xp = problem.xp
    x, y = problem.rows(index)
    weight = problem.weights(index)
    if weight is not None and not bool(xp.all(xp.isfinite(x))):
        problem.check()
    frame, inverse = frame_of(problem, index, x, y)
    x = x / placed(xp, frame.column, x)
    x = take_columns(xp, x, frame.kept)
    if weight is None and inverse is not None:
        return frame, Pilot(index, x, inverse, normal=True)
    return frame, Pilot(index, x, _inverse_information(xp, x, weight), normal=False)


def _inverse_information(xp: ModuleType, x: Array, weight: Array | None) -> np.ndarray:
    """W with W'W = H^-1 J H^-1, about, for J = sum w^2 x x' and H = sum w x x' of the rows."""
    if weight is None:
        return inverse_triangle(xp, x)
    flat = x / xp.sqrt(weight)[:, None]
    most = float(xp.max(weight))  # squares of weights may vanish
    share = float(xp.sum(weight / most)) / float(xp.sum((weight / most) ** 2))
    return inverse_triangle(xp, flat) * math.sqrt(most / share)


def _spanning(problem: Regression, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns that span the others over all rows; the sample and rows of high leverage."""
    column, corner = _all_triangle(problem)
    kept = pivot_columns(corner, problem.independence)
    corner = np.asarray(np.linalg.qr(corner[:, kept], mode="r"))
    high = _high_leverage(problem, column, kept, np.linalg.inv(corner), len(index))
    return kept, np.union1d(index, high)


def _all_triangle(problem: Regression) -> tuple[np.ndarray, np.ndarray]:
    """Units of the columns, and R of the QR decomposition of all rows in them, as of one size."""
    column = np.zeros(problem.width)
    for _, x in problem.counted_tiles():
        column = np.maximum(column, _units(problem.xp, x))
    corner = np.zeros((0, problem.width))
    for _, x in problem.counted_tiles():
        corner = triangle_with(problem.xp, corner, _unit_rows(problem.xp, x, column))
    return column, corner


def _high_leverage(
    problem: Regression, column: np.ndarray, kept: np.ndarray, inverse: np.ndarray, most: int
) -> np.ndarray:
    """At most so many rows, those whose leverages are above `width / most`."""
    xp, found = problem.xp, []
    for start, x in problem.counted_tiles():
        x = take_columns(xp, _unit_rows(xp, x, column), kept)
        leverage = xp.sum((x @ placed(xp, inverse, x)) ** 2, axis=1)
        found.append(start + host(xp.nonzero(leverage > problem.width / most)[0]))
    return np.concatenate(found)


def _unit_rows(xp: ModuleType, x: Array, column: np.ndarray) -> Array:
    """Rows in units of the columns, as of one size."""
    return unit_rows(xp, x / placed(xp, column, x))
