"""Derivatives of scores and densities in space and in the noise level."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np

from .._xp import Array, flatten_events
from ._differences import Estimate, extrapolate
from ._prior_case import PriorCase

__all__ = ["along", "change_of_density", "change_of_score", "unit"]

Field = Callable[[Array], Array]

STEPS = 6
"""Halvings of the step of a first derivative."""
FLOW_STEPS = 5
"""Halvings of the step in the heat flow, whose every step costs 2 d + 3 scores a point."""


def unit(xp: ModuleType, v: Array) -> Array:
    """Vectors of length 1; zeros stay zeros."""
    length = xp.sqrt(xp.sum(flatten_events(v * v, xp), axis=1))
    safe = xp.where(length > 0, length, xp.ones_like(length))
    return v / xp.reshape(safe, (-1, *(1,) * (v.ndim - 1)))


def along(case: PriorCase, field: Field, x: Array, u: Array, sigma: float) -> Estimate:
    """Derivative of a field along directions of length 1."""
    step = 0.2 * max(sigma, 0.1 * case.width)
    n_steps = STEPS if sigma else STEPS + 4

    def difference(h: float) -> tuple[Array, Array]:
        ahead, behind = field(x + h * u), field(x - h * u)
        slope = (ahead - behind) / (2 * h)
        return slope, _rounding(case, x, ahead, slope, h)

    return extrapolate(case.xp, difference, step, n_steps)


def change_of_score(case: PriorCase, x: Array, sigma: float) -> tuple[Estimate, Estimate]:
    """ds/d(sigma^2), and 1/2 grad(div s + |s|^2) for a score that is a gradient."""
    xp = case.xp
    score = case.score(x, sigma)
    length = xp.sqrt(xp.sum(flatten_events(score * score, xp), axis=1))
    u, factor = unit(xp, score), xp.reshape(length, (-1, *(1,) * (x.ndim - 1)))

    def space(h: float) -> tuple[Array, Array]:
        ahead, behind = _moved(case, x, h, sigma), _moved(case, x, -h, sigma)
        laplacian = xp.sum(ahead - 2 * score[:, None, ...] + behind, axis=1) / h**2
        slope = (case.score(x + h * u, sigma) - case.score(x - h * u, sigma)) / (2 * h)
        total = 0.5 * laplacian + factor * slope
        return total, _rounding(case, x, ahead, laplacian, h) / h

    return _in_noise(case, lambda s: case.score(x, s), x, sigma), extrapolate(
        xp, space, 0.25 * sigma, FLOW_STEPS
    )


def change_of_density(case: PriorCase, x: Array, sigma: float) -> tuple[Estimate, Estimate]:
    """d log p/d(sigma^2), and 1/2 (div s + |s|^2)."""
    xp = case.xp
    square = flatten_events(case.score(x, sigma) ** 2, xp)

    def space(h: float) -> tuple[Array, Array]:
        change = _moved(case, x, h, sigma) - _moved(case, x, -h, sigma)
        flat = xp.reshape(change, (x.shape[0], square.shape[1], -1))
        divergence = xp.sum(xp.linalg.diagonal(flat), axis=1, keepdims=True) / (2 * h)
        total = 0.5 * (divergence + xp.sum(square, axis=1, keepdims=True))
        return total, _rounding(case, x, square**0.5, total, h) * square.shape[1] ** 0.5

    density = _in_noise(case, lambda s: case.prior.log_density(x, s)[:, None], x, sigma)
    return density, extrapolate(xp, space, 0.25 * sigma, FLOW_STEPS)


def _in_noise(case: PriorCase, field: Callable[[float], Array], x: Array, sigma: float) -> Estimate:
    """Derivative in sigma^2."""

    def difference(share: float) -> tuple[Array, Array]:
        ahead, behind = (field(sigma * (1 + s) ** 0.5) for s in (share, -share))
        slope = (ahead - behind) / (2 * share * sigma**2)
        return slope, _rounding(case, x, ahead, slope, share * sigma**2)

    return extrapolate(case.xp, difference, 0.25, STEPS)


def _moved(case: PriorCase, x: Array, h: float, sigma: float) -> Array:
    """Scores at x + h e_i for every entry i, of shape (n, d, *event)."""
    xp, d = case.xp, int(np.prod(case.event_shape))
    steps = xp.reshape(h * xp.eye(d, dtype=x.dtype), (1, d, *case.event_shape))
    points = x[:, None, ...] + case.xp.astype(steps, x.dtype)
    scores = case.score(xp.reshape(points, (-1, *case.event_shape)), sigma)
    return xp.reshape(scores, tuple(points.shape))


def _rounding(case: PriorCase, x: Array, values: Array, slope: Array, h: float) -> Array:
    """What rounding of values and of points does to a first difference of step h (n,)."""
    xp = case.xp

    def largest(a: Array) -> Array:
        return xp.max(xp.abs(flatten_events(a, xp)), axis=1)

    return case.make.eps * (largest(values) + largest(x) * largest(slope)) / h
