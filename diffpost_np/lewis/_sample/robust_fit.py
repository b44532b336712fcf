"""Fits of small weighted problems by convex losses between least absolutes and least squares.

Newton's directions where they exist, those of reweighted least squares where not, and the best step
along them. What is found is certified by a bound on the loss of all other coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_MOST_STEPS = 200
_EXPANSIONS = 60


class Loss(NamedTuple):
    """A convex loss of a residual, its slope, and its curvature and slope(r) / r, floored."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray, float], np.ndarray]
    ratio: Callable[[np.ndarray, float], np.ndarray]
    dual: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    """The largest sum of weights (t a y - sup_r (t a r - value(r))) over t, of weights, a and y.

    For a that is orthogonal to the columns the residual may stand for y, with less rounding.
    """


class Minimum(NamedTuple):
    """Coefficients, their loss, and how much less any others may have."""

    coef: np.ndarray
    objective: float
    gap: float
    n_steps: int


def power_loss(p: float) -> Loss:
    """|r|^p / p for 1 < p <= 2, whose conjugate is |a|^q / q with 1 / p + 1 / q = 1.

    With c = sum weights |a|^q the best multiple t of a has t^(q - 1) = (sum weights a y) / c.
    """
    q = p / (p - 1)

    def ratio(r: np.ndarray, floor: float) -> np.ndarray:
        return (r * r + floor * floor) ** (p / 2 - 1)

    def dual(weights: np.ndarray, a: np.ndarray, y: np.ndarray) -> float:
        largest = float(np.max(np.abs(a)))
        if largest == 0:
            return 0.0
        mass = float(weights @ (np.abs(a) / largest) ** q)
        gain = max(float(weights @ (a * y)) / largest, 0.0)
        return gain * (gain / mass) ** (p - 1) / p

    return Loss(
        value=lambda r: np.abs(r) ** p / p,
        slope=lambda r: np.sign(r) * np.abs(r) ** (p - 1),
        curvature=lambda r, floor: (p - 1) * ratio(r, floor),
        ratio=ratio,
        dual=dual,
    )


def huber_loss(threshold: float) -> Loss:
    """r^2 / 2 up to a threshold, a line beyond it; its conjugate is a^2 / 2 up to the threshold."""
    k = threshold

    def value(r: np.ndarray) -> np.ndarray:
        size = np.abs(r)
        inner = np.minimum(size, k)
        return inner * (size - 0.5 * inner)

    def dual(weights: np.ndarray, a: np.ndarray, y: np.ndarray) -> float:
        gain, square = float(weights @ (a * y)), float(weights @ (a * a))
        if square == 0:
            return 0.0
        t = min(gain / square, k / float(np.max(np.abs(a))))
        return t * gain - 0.5 * t * t * square

    return Loss(
        value=value,
        slope=lambda r: np.clip(r, -k, k),
        curvature=lambda r, floor: (np.abs(r) <= k) * 1.0,
        ratio=lambda r, floor: np.minimum(1.0, k / np.maximum(np.abs(r), k)),
        dual=dual,
    )


def fit(X: np.ndarray, y: np.ndarray, weights: np.ndarray, loss: Loss, tol: float) -> Minimum:
    """Minimise sum_i weights_i loss(y_i - x_i b) up to a relative gap of `tol`."""
    coef = _least_squares(X, y, weights)
    best = Minimum(coef, math.inf, math.inf, 0)
    for step in range(1, _MOST_STEPS + 1):
        residual = y - X @ coef
        objective = float(weights @ loss.value(residual))
        if objective >= best.objective:
            break
        direction, dual = _direction(X, residual, weights, loss, 10.0 ** -min(step, 12))
        gap = max(objective - loss.dual(weights, dual, residual), 0.0)
        best = Minimum(coef, objective, min(gap, best.gap), step)
        if gap <= tol * objective:
            break
        coef = coef + _best_step(X @ direction, residual, weights, loss) * direction
    return best


def _direction(
    X: np.ndarray, residual: np.ndarray, weights: np.ndarray, loss: Loss, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's direction if its system can be solved, else that of reweighted least squares.

    With it come slopes, made orthogonal to the columns of X where they are easiest to change.
    """
    floor = share * float(np.median(np.abs(residual))) + np.finfo(float).tiny ** 0.5
    slopes = loss.slope(residual)
    pull = X.T @ (weights * slopes)
    for curvature in (loss.curvature(residual, floor), loss.ratio(residual, floor)):
        scaled = X * (weights * curvature)[:, None]
        direction = _solve(X.T @ scaled, pull)
        if direction is not None:
            dual = slopes - curvature * (X @ direction)
            again = _solve(X.T @ scaled, X.T @ (weights * dual))  # what rounding left of it
            return direction, dual - curvature * (X @ again)
    return pull, slopes


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The solution of a positive definite system, None where it is not or nearly so."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    scale = np.sqrt(np.diagonal(matrix))
    if not np.all(scale > 0):
        return None
    try:
        factor = cho_factor(matrix / scale / scale[:, None])
    except LinAlgError:
        return None
    if np.min(np.diagonal(factor[0])) < 1e-7:
        return None
    return cho_solve(factor, right / scale) / scale


def _best_step(change: np.ndarray, residual: np.ndarray, weights: np.ndarray, loss: Loss) -> float:
    """The step along a direction that lowers the loss most, by the root of its slope."""
    from scipy.optimize import brentq

    def slope(t: float) -> float:
        return float(-change @ (weights * loss.slope(residual - t * change)))

    high = 1.0
    for _ in range(_EXPANSIONS):
        if slope(high) >= 0:
            break
        high *= 2
    if slope(0.0) >= 0 or slope(high) < 0:
        return 0.0
    return float(brentq(slope, 0.0, high, xtol=1e-16 * high, rtol=1e-12))


def _least_squares(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    root = np.sqrt(weights)
    return np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
