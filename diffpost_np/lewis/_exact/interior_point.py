"""A weighted sum of absolute errors made small: Mehrotra's predictor and corrector in a box.

For min_b sum_i rho(y_i - x_i b) with rho(r) = max(q r, (q - 1) r) the residual is split as
u - v with u, v >= 0, and the dual is max y'a, X'a = 0, q - 1 <= a_i <= q. With s1 = q - a and
s2 = a - (q - 1), the central path is u s1 = v s2 = mu. Newton's step on it is

    X'DX db = X'D(r - e1 / s1 + e2 / s2) + X'a,    D = s1 s2 / (u s2 + v s1),

with right-hand sides e1, e2: zero to predict, then mu plus the products of the predicted steps
to correct. X'a stays zero but for rounding, as u - v stays the residual.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, device_of, host, placed
from .._rows.arrays import nth_smallest

SHORT_OF_BOUNDARY = 0.9995
_RIDGE = 1e-15
LONGEST = 80
"""Iterations of a path."""

FITTED = 2.0**-42
"""Residuals that are no more than rounding, as a share of what they are the difference of."""


class Path(NamedTuple):
    """A point near the end of the central path."""

    b: np.ndarray
    a: Array
    u: Array
    v: Array
    n_iterations: int
    gap: float
    objective: float


def closeness(path: Path, quantile: float) -> Array:
    """The weight D of a row, which grows for the rows that the fit goes through."""
    s1, s2 = quantile - path.a, path.a - (quantile - 1)
    with np.errstate(all="ignore"):
        return s1 * s2 / (path.u * s2 + path.v * s1)


def follow(
    xp: ModuleType,
    x: Array,
    y: Array,
    quantile: float,
    b: np.ndarray,
    tolerance: float,
    limit: int = LONGEST,
    floor: float = 0.0,
) -> Path:
    """From b along the path until the gap is small.

    Small is `tolerance` times the loss, or times what it were if all rows had the residual that
    the middle one has at b, of those that b does not fit: some rows may outweigh all others.
    """
    r = xp.abs(y - x @ placed(xp, b, x))
    share = 0.5 * float(xp.sum(r)) / r.shape[0] or 1.0
    most = r.shape[0] * _middle(xp, x, y, b, r)
    with np.errstate(all="ignore"):  # numbers of very different sizes: who asks looks at b
        return Path(*central_path(xp, x, y, quantile, b, share, tolerance, most, floor, limit))


def _middle(xp: ModuleType, x: Array, y: Array, b: np.ndarray, r: Array) -> float:
    """The middle one of residuals, or of those that b leaves where it fits half of the rows."""
    n = r.shape[0]
    middle = float(nth_smallest(xp, r, n // 2))
    if middle > FITTED * float(xp.max(xp.abs(y))):
        return middle
    terms = xp.abs(y) + xp.abs(x) @ placed(xp, np.abs(b), x)
    usual = nth_smallest(xp, terms, n // 2)  # b is that far off in rows of small terms, too
    n_left = int(xp.sum(xp.astype(r > FITTED * (terms + usual), xp.int64)))
    return float(nth_smallest(xp, r, n - 1 - n_left // 2))


@operation
def central_path(
    xp: ModuleType,
    x: Array,
    y: Array,
    quantile: float,
    b: np.ndarray,
    share: float,
    tolerance: float,
    most: float,
    floor: float,
    limit: int,
) -> tuple[np.ndarray, Array, Array, Array, int, float, float]:
    """Follow the path from residuals at b, both of whose parts get `share` more."""
    b = placed(xp, b, x)
    r = y - x @ b
    a, u, v = xp.zeros_like(y), xp.maximum(r, 0 * r) + share, xp.maximum(-r, 0 * r) + share
    for done in range(limit + 1):
        s1, s2 = quantile - a, a - (quantile - 1)
        gap = float(xp.sum(u * s1 + v * s2))
        objective = float(xp.sum(quantile * u + (1 - quantile) * v))
        if not gap > tolerance * min(objective, most) + floor or done == limit:
            break
        db, da, du, dv = _step(xp, x, a, (u, v), (s1, s2), gap)
        dual = _share(xp, da / s1, -da / s2)
        primal = _share(xp, -du / u, -dv / v)
        b, u, v = b + primal * db, u + primal * du, v + primal * dv
        a = a + dual * da
    return host(b), a, u, v, done, gap, objective


def _step(
    xp: ModuleType,
    x: Array,
    a: Array,
    parts: tuple[Array, Array],
    room: tuple[Array, Array],
    gap: float,
) -> tuple[Array, Array, Array, Array]:
    """Predictor, then corrector: steps of b, a, u and v."""
    (u, v), (s1, s2) = parts, room
    weight = s1 * s2 / (u * s2 + v * s1)
    gram = x.T @ (x * weight[:, None])
    eye = xp.eye(gram.shape[0], dtype=gram.dtype, device=device_of(x))
    gram = gram + _RIDGE * eye * gram  # what rounding leaves of near-dependent columns

    def direction(e1: Array, e2: Array) -> tuple[Array, Array, Array, Array]:
        z = weight * (u - v - e1 / s1 + e2 / s2)
        db = xp.linalg.solve(gram, (x.T @ (z + a))[:, None])[:, 0]
        da = z - weight * (x @ db)
        return db, da, (e1 + u * da) / s1 - u, (e2 - v * da) / s2 - v

    _, da, du, dv = direction(0 * u, 0 * v)
    dual, primal = _share(xp, da / s1, -da / s2), _share(xp, -du / u, -dv / v)
    ahead = (u + primal * du) * (s1 - dual * da) + (v + primal * dv) * (s2 + dual * da)
    mu = gap / (2 * u.shape[0]) * (float(xp.sum(ahead)) / gap) ** 3
    return direction(mu + du * da, mu - dv * da)


def _share(xp: ModuleType, *rates: Array) -> float:
    """The step that stops short of the first boundary, at most 1."""
    most = max(float(xp.max(rate)) for rate in rates)
    return min(1.0, SHORT_OF_BOUNDARY / max(most, 1e-300))
