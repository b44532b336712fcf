"""What the exact fit asks of all rows: functions of a tile of rows.

A row (x, y, weight) has the residual y - x b, where a `b` with one more entry than x has an
intercept at its end. Sums of several tiles add up.
"""

from __future__ import annotations

from types import ModuleType

from ..._dispatch import operation
from ..._xp import Array
from .._rows.arrays import with_ones


def product(x: Array, b: Array) -> Array:
    """x b, with the intercept at the end of b, if there is one."""
    d = x.shape[1]
    return x @ b if b.shape[0] == d else x @ b[:d] + b[d]


@operation
def sides_of(
    xp: ModuleType,
    x: Array,
    y: Array,
    weight: Array | None,
    b: Array,
    factor: Array,
    quantile: float,
    unit: float,
) -> tuple[Array, Array, float, bool]:
    """On which side of the fit a row lies for certain: where |unit (y - x b)| > |factor x|.

    Returns the sides (1, -1, or 0 where it is not certain or the weight is zero), the sums of
    weight * dual * (x, 1) and of weight * dual * y over those that have one, where the dual is
    `quantile` above the fit and `quantile - 1` below, and whether all residuals are finite.
    """
    x, y, full = _in_double(xp, x, y)
    r = y - product(x, b)
    square = xp.sum((full[:, : b.shape[0]] @ factor.T) ** 2, axis=1)
    sure = (unit * r) ** 2 > square
    if weight is not None:
        sure = sure & (weight > 0)
    sides = xp.astype(sure & (r > 0), xp.int8) - xp.astype(sure & (r < 0), xp.int8)
    c = weighted_dual(xp, sides, weight, quantile)
    return sides, c @ full, float(xp.sum(c * y)), bool(xp.all(xp.isfinite(r)))


@operation
def check_sides(
    xp: ModuleType,
    x: Array,
    y: Array,
    weight: Array | None,
    b: Array,
    sides: Array,
    quantile: float,
) -> tuple[Array, Array, float]:
    """Which rows are not on their side after all; the moment and the loss of those that have one.

    Returns indices, the sum of weight * dual * (x, 1), and that of weight * dual * (y - x b).
    """
    x, y, full = _in_double(xp, x, y)
    r = y - product(x, b)
    c = weighted_dual(xp, sides, weight, quantile)
    wrong = xp.nonzero(r * xp.astype(sides, r.dtype) < 0)[0]
    return wrong, c @ full, float(xp.sum(c * r))


def _in_double(xp: ModuleType, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Rows and targets in float64, and the rows with ones."""
    x, y = (xp.astype(a, xp.float64, copy=False) for a in (x, y))
    return x, y, with_ones(xp, x)


def weighted_dual(xp: ModuleType, sides: Array, weight: Array | None, quantile: float) -> Array:
    """weight * quantile above the fit, weight * (quantile - 1) below it, 0 where side is 0."""
    side = xp.astype(sides, xp.float64)
    dual = xp.where(side > 0, quantile * side, (1 - quantile) * side)
    return dual if weight is None else dual * weight
