"""Curvature of a log density known by its score: the constants alpha and L of the theorems."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from .._xp import Array
from ..random import Key, Purpose, normal

_SUBSPACE = 24
_SEGMENTS = 16


class Curvature(NamedTuple):
    """Convexity of -log p as seen at some of its draws.

    `alpha` is a lower tenth of the smallest eigenvalues of the Hessian and of the curvature along
    segments between points, `smoothness` the largest eigenvalue, `concave_share` the share of
    segments along which log p is concave, and `variance` the largest of a coordinate.
    """

    alpha: float
    smoothness: float
    concave_share: float
    variance: float


def curvature(
    xp: ModuleType, score: Callable[[Array], Array], points: Array, key: Key
) -> Curvature:
    """Look at the curvature of -log p at points (n, d), which must not all be the same.

    Eigenvalues by Lanczos on central differences of the score: exact up to rounding for
    d <= 24, and from inside for larger d, that is alpha may come out too large and L too small.
    """
    variance = float(xp.max(xp.var(points, axis=0)))
    step = (variance * points.shape[1]) ** 0.5 * (1e-5 if points.dtype == xp.float64 else 1e-2)

    def product(v: Array) -> Array:
        return (score(points - step * v) - score(points + step * v)) / (2 * step)

    start = normal(key, tuple(points.shape), purpose=Purpose.DIRECTION, like=points)
    ritz = xp.linalg.eigvalsh(_lanczos(xp, product, start))
    slopes = _slopes(xp, score, points)
    alpha = min(_lower_tenth(xp, ritz[:, 0]), _lower_tenth(xp, xp.reshape(slopes, (-1,))))
    share = float(xp.mean(xp.astype(xp.min(slopes, axis=1) > 0, points.dtype)))
    return Curvature(alpha, float(xp.max(ritz)), share, variance)


def _slopes(xp: ModuleType, score: Callable[[Array], Array], x: Array) -> Array:
    """Curvature of -log p along segments from each point to the next, (n, _SEGMENTS)."""
    direction = xp.roll(x, 1, axis=0) - x
    square = xp.sum(direction * direction, axis=1)
    square = xp.where(square > 0, square, xp.ones_like(square))
    along = [
        xp.sum(score(x + (t / _SEGMENTS) * direction) * direction, axis=1) / square
        for t in range(_SEGMENTS + 1)
    ]
    slopes = xp.stack(along, axis=1)
    return _SEGMENTS * (slopes[:, :-1] - slopes[:, 1:])


def _lower_tenth(xp: ModuleType, values: Array) -> float:
    return float(xp.sort(values)[values.shape[0] // 10])


def _lanczos(xp: ModuleType, product: Callable[[Array], Array], start: Array) -> Array:
    """Rayleigh quotients on the Krylov space of every row, with full orthogonalisation."""
    basis = [_unit(xp, start)]
    images = [product(basis[0])]
    while len(basis) < min(start.shape[1], _SUBSPACE):
        v = images[-1]
        for _ in range(2):  # twice is enough
            for b in basis:
                v = v - xp.sum(b * v, axis=1, keepdims=True) * b
        basis.append(_unit(xp, v))
        images.append(product(basis[-1]))
    b, h = xp.stack(basis, axis=1), xp.stack(images, axis=1)
    quotient = xp.matmul(b, xp.matrix_transpose(h))
    return 0.5 * (quotient + xp.matrix_transpose(quotient))


def _unit(xp: ModuleType, v: Array) -> Array:
    length = xp.sqrt(xp.sum(v * v, axis=1, keepdims=True))
    return v / xp.where(length > 0, length, xp.ones_like(length))
