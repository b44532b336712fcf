"""The matrix behind Lewis weights, as the minimum of a function that is convex along geodesics.

With M = L L' and q_i = x_i' M x_i, Lewis weights are w_i = q_i^(p/2) at the minimum of

    f(M) = (2 r / p) log sum_i q_i^(p/2)  over the matrices M of one determinant.

In the frame of L a direction is a symmetric S without trace, and L exp(t S) L' a geodesic, along
which every q_i, hence sum q_i^(p/2), is log-convex: so f is convex for every p > 0. Its gradient
is E = r L'G L / tr(L'G L) - 1 with G = X' W^(1 - 2/p) X, and its Hessian at the minimum lies
between 1 and p / 2. The step S = -log(1 + E) is the fixed-point map. Quasi-Newton steps with
memory are built on it; frames move along geodesics, which carries the memory along unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Evaluate = Callable[[np.ndarray], tuple[Any, np.ndarray]]
"""Weights and their G, of a frame L."""

_MEMORY = 12
_FAR = 0.5  # deviation of L'G L from a multiple of 1 beyond which steps follow its logarithm
_DECREASE = 1e-4
_PATIENCE = 12  # iterations without a better residual where f is flat
_ALMOST_NOTHING = 1e-15  # least eigenvalue of 1 + E that counts: rounding may leave none
_LONGEST = 4.0  # norm of a step in the frame: q changes by a factor of at most e^4


class Problem(NamedTuple):
    """What is minimised."""

    evaluate: Evaluate
    p: float
    rounding: float  # what relative changes of f may be made of

    def flat(self, point: Point) -> float:
        """Changes of f that rounding may make."""
        return self.rounding * (1.0 + abs(point.value))


class Point(NamedTuple):
    """What is known at a frame."""

    frame: np.ndarray
    weights: Any
    value: float  # f
    gradient: np.ndarray  # E
    spread: np.ndarray  # eigenvalues of 1 + E
    total: float  # sum of the weights

    def scaled_frame(self, p: float) -> np.ndarray:
        """The frame of weights that sum to the rank."""
        return self.frame * (len(self.frame) / self.total) ** (1.0 / p)

    @property
    def residual(self) -> float:
        """Bound of |tau_i / w_i - 1| over all rows, for weights scaled to the rank."""
        return float(max(1.0 / self.spread[0] - 1.0, 1.0 - 1.0 / self.spread[-1]))


@dataclass
class Outcome:
    """Where a minimisation ended."""

    point: Point
    n_iterations: int
    converged: bool
    stopped: bool  # by whoever is told


def minimise(
    problem: Problem,
    frame: np.ndarray,
    tol: float,
    max_iterations: int,
    report: Callable[[int, float], bool],
) -> Outcome | None:
    """Evaluate at frames until the residual is at most `tol`; None if the first is hopeless."""
    point = _evaluated(problem, frame)
    if point is None:
        return None
    n, pairs = 1, list[tuple[np.ndarray, np.ndarray]]()
    best, best_at, stop = point, 1, report(1, point.residual)
    while best.residual > tol and n < max_iterations and not stop:
        if n - best_at >= _PATIENCE and abs(point.value - best.value) <= problem.flat(best):
            break  # rounding is all that is left
        step = _direction(point, pairs, problem.p)
        moved, size, tried = _search(problem, point, step, max_iterations - n)
        n += tried
        if moved is None:
            break
        pairs = [*pairs, (size * step, moved.gradient - point.gradient)][-_MEMORY:]
        point = moved
        if point.residual < best.residual:
            best, best_at = point, n
        stop = report(n, best.residual)
    return Outcome(best, n, best.residual <= tol, stop)


def _evaluated(problem: Problem, frame: np.ndarray) -> Point | None:
    """The point of a frame, None where numbers overflow."""
    weights, G = problem.evaluate(frame)
    H = frame.T @ G @ frame
    total = float(np.trace(H))
    if not (math.isfinite(total) and total > 0 and np.all(np.isfinite(H))):
        return None
    r = len(H)
    H = (H + H.T) * (0.5 * r / total)
    spread = _eigenvalues(H)
    if spread is None or spread[0] <= 0:
        return None
    value = 2.0 * r / problem.p * math.log(total)
    return Point(frame, weights, value, H - np.eye(r), spread, total)


def _eigenvalues(H: np.ndarray) -> np.ndarray | None:
    """In rising order; None where LAPACK does not find them."""
    try:
        return np.linalg.eigvalsh(H)
    except np.linalg.LinAlgError:
        return None


def _direction(point: Point, pairs: list, p: float) -> np.ndarray:
    """Where to go: the damped fixed point far away, a quasi-Newton step nearer."""
    E = point.gradient
    if max(point.spread[-1] - 1.0, 1.0 - point.spread[0]) > _FAR:
        pairs.clear()
    step = _two_loops(E, pairs) if pairs else None
    if step is None or not _descends(step, E):
        pairs.clear()
        step = -min(1.0, 4.0 / (p + 2.0)) * _logarithm(E)
    step = step - np.eye(len(E)) * (np.trace(step) / len(E))
    longest = math.inf if p < 4.0 and not pairs else _LONGEST
    return step * min(1.0, longest / max(float(np.linalg.norm(step)), 1e-300))


def _descends(step: np.ndarray, E: np.ndarray) -> bool:
    """Whether f falls along a step; not if that is no number."""
    return bool(np.sum(step * E) <= -1e-3 * np.linalg.norm(step) * np.linalg.norm(E))


def _two_loops(E: np.ndarray, pairs: list) -> np.ndarray:
    """L-BFGS: minus the inverse Hessian that the pairs suggest, times the gradient."""
    q, factors = E.copy(), []
    for s, y in reversed(pairs):
        rho = 1.0 / np.sum(s * y)
        a = rho * np.sum(s * q)
        q -= a * y
        factors.append((s, y, rho, a))
    s, y = pairs[-1]
    q *= np.sum(s * y) / np.sum(y * y)
    for s, y, rho, a in reversed(factors):
        q += s * (a - rho * np.sum(y * q))
    return -q


def _logarithm(E: np.ndarray) -> np.ndarray:
    """log(1 + E), for eigenvalues above -1 but for their rounding."""
    values, V = np.linalg.eigh(E)
    return (V * np.log1p(np.maximum(values, _ALMOST_NOTHING - 1.0))) @ V.T


def _moved(frame: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The frame at the end of a geodesic."""
    values, V = np.linalg.eigh(step)
    return frame @ ((V * np.exp(0.5 * values)) @ V.T)


def _search(
    problem: Problem, point: Point, step: np.ndarray, budget: int
) -> tuple[Point | None, float, int]:
    """Shorten the step until f falls; where f is flat to rounding, until its slope does."""
    slope, size = float(np.sum(step * point.gradient)), 1.0
    for tried in range(1, budget + 1):
        moved = _evaluated(problem, _moved(point.frame, size * step))
        end = math.inf if moved is None else float(np.sum(step * moved.gradient))
        if moved is not None and _accepted(problem, point, moved, size * slope, size * end):
            return (moved if end > slope else None), size, tried
        size *= min(0.6, max(0.1, slope / (slope - end))) if math.isfinite(end) else 0.25
        if size < 1e-10:
            return None, size, tried
    return None, size, budget


def _accepted(problem: Problem, point: Point, moved: Point, slope: float, end: float) -> bool:
    """Armijo's condition, or that of Hager and Zhang on slopes where f cannot tell."""
    change = moved.value - point.value
    flat = abs(change) <= problem.flat(point)
    return change <= _DECREASE * slope or (flat and end <= 0.8 * abs(slope))
