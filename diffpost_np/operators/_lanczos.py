"""The largest eigenvalue of a symmetric operator that can only be applied."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType

from .._xp import Array

MAX_STEPS = 3000


def largest_eigenvalue(
    apply: Callable[[Array], Array], start: Array, xp: ModuleType, tolerance: float
) -> float:
    """Largest eigenvalue of a symmetric operator on rows `(1, d)`, to a relative tolerance.

    Lanczos' three-term recurrence without reorthogonalisation: rounding makes copies of
    eigenvalues that have converged, but does not move them (Paige 1976). Stops when the
    residual of the largest Ritz pair is at most tolerance * value: then an eigenvalue is that
    close, the largest one unless `start` is all but orthogonal to its eigenvectors.
    """
    alphas: list[float] = []
    betas: list[float] = []
    before, beta = xp.zeros_like(start), 0.0
    vector = start / xp.sqrt(xp.sum(start * start))
    while len(alphas) < MAX_STEPS:
        image = apply(vector) - beta * before
        alphas.append(float(xp.sum(image * vector)))
        image = image - alphas[-1] * vector
        beta = float(xp.sqrt(xp.sum(image * image)))
        betas.append(beta)
        value, residual = ritz_value(alphas, betas)
        if residual <= tolerance * abs(value):
            return value
        before, vector = vector, image / beta
    warnings.warn(
        f"norm did not reach its tolerance in {MAX_STEPS} steps: its square is {value:g} with a "
        f"residual of {residual:g}",
        RuntimeWarning,
        stacklevel=3,
    )
    return value


def ritz_value(alphas: list[float], betas: list[float]) -> tuple[float, float]:
    """The largest Ritz value after k steps, and the norm of its residual."""
    from scipy.linalg import eigh_tridiagonal  # here, for SciPy is slow to import

    last = len(alphas) - 1
    value, vector = eigh_tridiagonal(alphas, betas[:-1], select="i", select_range=(last, last))
    return float(value[0]), betas[-1] * abs(float(vector[-1, 0]))
