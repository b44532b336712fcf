"""Curvature of a log density known by its score: the constants alpha and L of the theorems."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

from .._xp import Array
from ..random import Key, Purpose, normal

_SUBSPACE = 24


def curvature(
    xp: ModuleType, score: Callable[[Array], Array], points: Array, key: Key
) -> tuple[float, float]:
    """Smallest and largest eigenvalue of minus the Hessian over some points (n, d).

    Lanczos on central differences of the score: exact up to rounding for d <= 24, and from
    inside for larger d, that is alpha may come out too large and L too small.
    """
    scale = float(xp.max(xp.std(points, axis=0)))
    scale = scale if scale > 0 else 1.0
    step = scale * (1e-5 if points.dtype == xp.float64 else 1e-2) * math.sqrt(points.shape[1])

    def product(v: Array) -> Array:
        return (score(points - step * v) - score(points + step * v)) / (2 * step)

    start = normal(key, tuple(points.shape), purpose=Purpose.DIRECTION, like=points)
    ritz = xp.linalg.eigvalsh(_lanczos(xp, product, start))
    return float(xp.min(ritz)), float(xp.max(ritz))


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
