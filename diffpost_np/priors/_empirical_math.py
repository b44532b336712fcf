"""Probabilities of the points of a cloud given a noisy point, and what follows from them.

Ratios of probabilities come from one matrix product, whose rounding is that of squared
distances from the centre of the cloud. Where this is more than rounding the inputs can do, a
row is sharp: its probabilities are formed anew from differences, for the few points that the
product cannot rule out.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

from .._xp import Array, device_of, flatten_events, map_rows
from ._noise import negligible

TOLERANCE = 256
"""Rounding of a log probability, in units of that of the inputs, that makes a row sharp."""
CUT = 2
"""Points whose probability is below eps^CUT times the second largest do not matter."""


class Cloud(NamedTuple):
    """Weighted points in one dtype."""

    points: Array
    log_weights: Array
    centre: Array
    centred: Array
    half_squares: Array
    reach: Array
    """Largest distance from the centre of a point that has a weight, shape ()."""

    @property
    def row_bytes(self) -> int:
        """Memory that a point of a batch needs below."""
        return 64 * self.points.shape[0]


class Given(NamedTuple):
    """The points given noisy ones: probabilities (n, N), the likeliest point of every row."""

    probabilities: Array
    log_sum: Array
    """log of the sum of all probabilities relative to the likeliest, shape (n,)."""
    anchor: Array
    """Index of the likeliest point, shape (n,)."""


def as_cloud(xp: ModuleType, points: Array, weights: Array, dtype: Any) -> Cloud:
    """The tables of weighted events `(N, *event)` in a dtype."""
    points = flatten_events(xp.astype(points, dtype), xp)
    centre = xp.sum(xp.astype(weights, dtype)[:, None] * points, axis=0)
    centred = points - centre
    squares = xp.sum(centred * centred, axis=1)
    reach = xp.sqrt(xp.max(xp.where(weights > 0, squares, xp.zeros_like(squares))))
    logs = xp.astype(log_weights(xp, weights), dtype)
    return Cloud(points, logs, centre, centred, 0.5 * squares, reach)


def log_weights(xp: ModuleType, weights: Array) -> Array:
    """Logarithms, -inf where a weight is zero."""
    positive = weights > 0
    return xp.where(positive, xp.log(xp.where(positive, weights, xp.ones_like(weights))), -xp.inf)


def score(xp: ModuleType, x: Array, scale: Array, cloud: Cloud) -> Array:
    """Score of the cloud convolved with N(0, scale^2 I); scale has shape (n, 1) or (1, 1)."""

    def block(x: Array, scale: Array) -> Array:
        mean = given(xp, x, scale, cloud).probabilities @ cloud.points
        return (mean - x) / scale / scale

    return map_rows(block, cloud.row_bytes, xp, x, scale)


def mean(xp: ModuleType, x: Array, scale: Array, cloud: Cloud) -> Array:
    """Mean of the points given x."""

    def block(x: Array, scale: Array) -> Array:
        return given(xp, x, scale, cloud).probabilities @ cloud.points

    return map_rows(block, cloud.row_bytes, xp, x, scale)


def covariance_product(xp: ModuleType, x: Array, scale: Array, v: Array, cloud: Cloud) -> Array:
    """Covariance of the points given x, times v.

    Projections on v are taken from their mean: where one point dominates its own then vanishes,
    and what the others leave keeps its digits.
    """

    def block(x: Array, scale: Array, v: Array) -> Array:
        p = given(xp, x, scale, cloud).probabilities
        along = v @ cloud.points.T
        along = along - xp.sum(p * along, axis=1, keepdims=True)
        shares = p * along
        return shares @ cloud.points - (p @ cloud.points) * xp.sum(shares, axis=1, keepdims=True)

    return map_rows(block, 2 * cloud.row_bytes, xp, x, scale, v)


def log_density(xp: ModuleType, x: Array, scale: Array, cloud: Cloud) -> Array:
    """Log density of the cloud convolved with N(0, scale^2 I), shape (n,)."""

    def block(x: Array, scale: Array) -> Array:
        _, log_sum, anchor = given(xp, x, scale, cloud)
        near = (x - xp.take(cloud.points, anchor, axis=0)) / scale
        log_near = xp.take(cloud.log_weights, anchor) - 0.5 * xp.sum(near * near, axis=1)
        log_volume = x.shape[1] * (0.5 * math.log(2 * math.pi) + xp.log(scale[:, 0]))
        return log_near + log_sum - log_volume

    return map_rows(block, cloud.row_bytes, xp, x, scale)


def draw(xp: ModuleType, u: Array, x: Array, scale: Array, cloud: Cloud) -> Array:
    """Index of a point drawn given x, for uniforms of shape (n, 1)."""

    def block(u: Array, x: Array, scale: Array) -> Array:
        p = xp.astype(given(xp, x, scale, cloud).probabilities, u.dtype)
        table = xp.cumulative_sum(p, axis=1)
        return xp.sum(xp.astype(u * table[:, -1:] > table, xp.int64), axis=1)

    return map_rows(block, 2 * cloud.row_bytes, xp, u, x, scale)


def given(xp: ModuleType, x: Array, scale: Array, cloud: Cloud) -> Given:
    """Probabilities of the points given x = point + scale z."""
    z = x - cloud.centre
    extent = cloud.reach + xp.linalg.vector_norm(z, axis=1, keepdims=True)
    scale = xp.maximum(scale, negligible(xp, x) * extent)
    scale = xp.where(scale > 0, scale, xp.ones_like(scale))
    logs = (z @ cloud.centred.T - cloud.half_squares) / scale / scale + cloud.log_weights
    anchor = xp.argmax(logs, axis=1)
    rounding = cloud.reach * extent
    sharp = rounding > TOLERANCE * xp.maximum(scale**2, _input_rounding(xp, x, anchor, cloud))
    if bool(xp.any(sharp)):
        error = 8 * (x.shape[1] + 4) * xp.finfo(x.dtype).eps * (rounding / scale / scale)
        keep = sharp & _contenders(xp, logs, anchor, error)
        logs = xp.where(sharp, _from_differences(xp, x, scale, cloud, keep), logs)
        anchor = xp.argmax(logs, axis=1)
    p = xp.exp(logs - _pick(xp, logs, anchor))
    total = xp.sum(p, axis=1, keepdims=True)
    return Given(p / total, xp.log(total[:, 0]), anchor)


def _input_rounding(xp: ModuleType, x: Array, anchor: Array, cloud: Cloud) -> Array:
    """What rounding the likeliest point does to its log probability, in units of eps / scale^2."""
    near = xp.take(cloud.points, anchor, axis=0)
    return xp.linalg.vector_norm(near * (x - near), axis=1, keepdims=True)


def _contenders(xp: ModuleType, logs: Array, anchor: Array, error: Array) -> Array:
    """Which points may have a probability that matters, next to the second largest."""
    others = xp.where(_is_at(xp, logs, anchor), -xp.inf, logs)
    cut = -CUT * math.log(xp.finfo(logs.dtype).eps)
    return (logs >= xp.max(others, axis=1, keepdims=True) - cut - error) & (logs > -xp.inf)


def _from_differences(xp: ModuleType, x: Array, scale: Array, cloud: Cloud, keep: Array) -> Array:
    """Log probabilities relative to those of a likeliest point a, -inf but where `keep` is true.

    log p_i - log p_a = log w_i / w_a + <x_i - a, (x - x_i) + (x - a)> / (2 scale^2).
    """
    rows, columns = xp.nonzero(keep)

    def squares(rows: Array, columns: Array) -> Array:
        point = xp.take(cloud.points, columns, axis=0)
        miss = (xp.take(x, rows, axis=0) - point) / xp.take(scale, rows, axis=0)
        return xp.take(cloud.log_weights, columns) - 0.5 * xp.sum(miss * miss, axis=1)

    def ratios(rows: Array, columns: Array) -> Array:
        first = xp.take(anchor, rows)
        point, near = (xp.take(cloud.points, i, axis=0) for i in (columns, first))
        noisy, width = xp.take(x, rows, axis=0), xp.take(scale, rows, axis=0)
        step, miss = (point - near) / width, ((noisy - point) + (noisy - near)) / width
        log_ratio = xp.take(cloud.log_weights, columns) - xp.take(cloud.log_weights, first)
        return log_ratio + 0.5 * xp.sum(step * miss, axis=1)

    pair_bytes = 64 * x.shape[1]
    by_square = _table(xp, keep, map_rows(squares, pair_bytes, xp, rows, columns))
    anchor = xp.argmax(by_square, axis=1)
    return _table(xp, keep, map_rows(ratios, pair_bytes, xp, rows, columns))


def _table(xp: ModuleType, keep: Array, values: Array) -> Array:
    """Put values where `keep` is true, in C order, and -inf elsewhere."""
    place = xp.cumulative_sum(xp.astype(xp.reshape(keep, (-1,)), xp.int64)) - 1
    spread = xp.take(values, xp.clip(place, 0), axis=0)
    return xp.where(keep, xp.reshape(spread, keep.shape), -xp.inf)


def _is_at(xp: ModuleType, table: Array, index: Array) -> Array:
    columns = xp.arange(table.shape[1], dtype=index.dtype, device=device_of(table))
    return columns == index[:, None]


def _pick(xp: ModuleType, table: Array, index: Array) -> Array:
    """table[i, index[i]] as a column."""
    picked = xp.where(_is_at(xp, table, index), table, xp.zeros_like(table))
    return xp.sum(picked, axis=1, keepdims=True)
