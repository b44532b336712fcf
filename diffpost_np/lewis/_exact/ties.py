"""Fits that go through more rows than they need: a dual that proves them without a basis of it.

Where y and the columns are whole numbers a fit goes through thousands of rows, any few of which
make the same vertex, and pivots would go from one basis to the next to find the one whose duals
lie in the box. The dual of an interior point is inside the box for all of these rows: moved
until X'a = 0 holds, it proves the vertex.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from ..._xp import Array, host, placed
from .._rows.arrays import replaced
from .vertex import FEASIBLE, Corner, Vertex, determined

_EPS = float(np.finfo(float).eps)
_TIED = 64 * _EPS
_NEARLY = 1e-9


def proven(
    xp: ModuleType, x: Array, y: Array, quantile: float, at: Corner, inner: Array
) -> Vertex | None:
    """The vertex of a corner, if the fit goes through more rows and `inner` is near its dual."""
    size, few = xp.abs(at.residual), len(at.basis)
    near = size <= _NEARLY * xp.max(xp.abs(y))
    if int(xp.sum(xp.astype(near, xp.int64))) <= few or not determined(xp, x, y, at.basis):
        return None
    tied = size <= _TIED * (xp.abs(y) + xp.abs(x) @ placed(xp, np.abs(at.b), x))
    index = xp.nonzero(tied)[0]
    if index.shape[0] <= few:
        return None
    dual = xp.where(tied, inner, at.dual)
    found = _balanced(xp, x, dual, index, quantile)
    r = replaced(xp, at.residual, host(index), np.zeros(index.shape[0]))
    return None if found is None else Vertex(at.b, at.basis, found, r, 0, True)


def _balanced(xp: ModuleType, x: Array, dual: Array, index: Array, quantile: float) -> Array | None:
    """A dual with X'a = 0: some rows' own are moved, each by the room it has, twice for rounding.

    None where one of them would have to leave the box.
    """
    rows, own = xp.take(x, index, axis=0), xp.take(dual, index)
    room = (quantile - own) * (own - (quantile - 1))
    gram = host(rows.T @ (rows * room[:, None]))
    if not np.all(np.isfinite(gram)):
        return None
    for _ in range(2):
        move = np.linalg.lstsq(gram, -host(dual @ x), rcond=None)[0]
        own = own + room * (rows @ placed(xp, move, x))
        dual = replaced(xp, dual, host(index), host(own))
    inside = xp.clip(own, quantile - 1, quantile)
    left = np.abs(host(dual @ x)) <= FEASIBLE * host(xp.abs(dual) @ xp.abs(x))
    if not (bool(xp.all(xp.abs(own - inside) <= FEASIBLE)) and np.all(left)):
        return None
    return replaced(xp, dual, host(index), host(inside))
