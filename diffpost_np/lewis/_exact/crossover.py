"""From a point near the optimum to an optimal vertex.

A vertex fits `d` rows exactly, its basis. Off the basis a row's dual is the quantile above the
fit and the quantile less one below it; the basis' own duals follow from X'a = 0, and the vertex
is optimal where they lie in the same box. Where one does not, leaving its row for the better
side lowers the loss: the fit moves along that edge to the row where the loss is least. Rows
that the fit goes through without need are degenerate; small shifts of y, kept until the
vertex is optimal, tell them apart. The dual does not know of y, so what it proves holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, placed
from .._rows.arrays import replaced
from .ties import proven
from .vertex import Corner, Vertex, corner, first_basis, residual_of, solved

_EPS = float(np.finfo(float).eps)
_SHIFTS = tuple(2.0**k * _EPS for k in (14, 20, 26))  # of rounding errors' size, and more
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
PARALLEL = 1e-11
_NEAR = 256
_FEW = 20  # more pivots than this, and one for each column, may be going round


def vertex(
    xp: ModuleType,
    x: Array,
    y: Array,
    quantile: float,
    close: Array,
    limit: int,
    inner: Array | None = None,
) -> Vertex:
    """The optimal vertex, searched from the rows that are `close` to the fit.

    `inner` is a dual near the best, and not at its bounds for rows that the fit goes through.
    """
    with np.errstate(all="ignore"):  # weights of very different sizes; the certificate tells
        return _search(xp, x, y, quantile, close, limit, inner)


def _search(
    xp: ModuleType,
    x: Array,
    y: Array,
    quantile: float,
    close: Array,
    limit: int,
    inner: Array | None,
) -> Vertex:
    """The vertex of a dual that is known, or pivots, then those of y with shifts."""
    at = corner(xp, x, y, quantile, first_basis(xp, x, close))
    known = None if at.optimal or inner is None else proven(xp, x, y, quantile, at, inner)
    if known is not None:
        return known
    found = _pivots(xp, x, y, quantile, at, min(limit, _FEW + len(at.basis)))
    for attempt, shift in enumerate(_SHIFTS):
        if found.optimal:
            break
        shifted = y + shift * _directions(xp, x, y, found.b, attempt)
        at = corner(xp, x, shifted, quantile, found.basis)
        again = _pivots(xp, x, shifted, quantile, at, limit)
        try:
            b = solved(xp, x, y, again.basis)
        except np.linalg.LinAlgError:  # those rows depend on each other, by rounding
            break
        residual, n_pivots = residual_of(xp, x, y, b, again.basis), found.n_pivots + again.n_pivots
        found = again._replace(b=b, residual=residual, n_pivots=n_pivots)
    return found


def _pivots(xp: ModuleType, x: Array, y: Array, quantile: float, at: Corner, limit: int) -> Vertex:
    """Edge by edge downhill."""
    done = 0
    while not at.optimal and done < limit:
        own, out = at.own[at.worst], at.worst
        edge = at.inverse[:, out] * (-1.0 if own > quantile else 1.0)
        excess = max(own - quantile, quantile - 1 - own)
        into = next_row(xp, x, at.residual, edge, at.basis, float(excess))
        if into is None:
            break
        basis = at.basis.copy()
        basis[out] = into
        try:
            at = corner(xp, x, y, quantile, basis)
        except np.linalg.LinAlgError:  # by rounding, the row that came in depends on the others
            break
        done += 1
    dual = replaced(xp, at.dual, at.basis, at.own)
    return Vertex(at.b, at.basis, dual, at.residual, done, at.optimal)


@operation
def next_row(
    xp: ModuleType, x: Array, r: Array, edge: np.ndarray, basis: np.ndarray, excess: float
) -> int | None:
    """The row at which the loss along an edge stops falling."""
    slope = x @ placed(xp, edge, x)
    slope = replaced(xp, slope, basis, np.zeros(len(basis)))
    moving = xp.abs(slope) > PARALLEL * xp.max(xp.abs(slope))
    ahead = xp.nonzero(moving & (r * slope > 0))[0]
    if ahead.shape[0] == 0:
        return None
    speed = xp.take(slope, ahead)
    distance, speed = xp.take(r, ahead) / speed, xp.abs(speed)
    first = _first_to_reach(xp, distance, speed, excess)
    return int(ahead[first])


def _first_to_reach(xp: ModuleType, distance: Array, speed: Array, excess: float) -> int:
    """The place up to which, in order of distance, speeds add up to `excess`, or the last."""
    near = _nearest_parts(distance)
    for part in near:
        taken = speed if part is None else speed[part]
        if part is None or float(np.sum(taken)) >= excess:
            break
    order = xp.argsort(distance if part is None else distance[part])
    below = xp.cumulative_sum(xp.take(taken, order)) < excess
    place = min(int(xp.sum(xp.astype(below, xp.int64))), order.shape[0] - 1)
    return int(order[place]) if part is None else int(part[int(order[place])])


def _nearest_parts(distance: Array) -> Iterator[np.ndarray | None]:
    """The nearest few places, then all (None): sorting is what a pivot would spend its time on."""
    if isinstance(distance, np.ndarray) and len(distance) > _NEAR:
        yield np.argpartition(distance, _NEAR)[:_NEAR]
    yield None


def _scale(xp: ModuleType, x: Array, y: Array, b: np.ndarray) -> Array:
    """The size of the terms that a residual is the sum of, and a part of what others have."""
    size = xp.abs(y) + xp.abs(x) @ placed(xp, np.abs(b), x)
    return size + (xp.mean(size) + 1e-30)


def _directions(xp: ModuleType, x: Array, y: Array, b: np.ndarray, attempt: int) -> Array:
    """Numbers of the size of y, as different as hashes of the rows' indices are."""
    mixed = (np.arange(y.shape[0], dtype=np.uint64) + 1) * np.uint64(_MULTIPLIERS[attempt])
    unit = (mixed >> np.uint64(11)).astype(float) * 2.0**-52 - 1.0
    return _scale(xp, x, y, b) * placed(xp, unit, y)
