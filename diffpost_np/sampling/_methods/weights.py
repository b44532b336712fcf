"""Weights of multistep rules, whose denoised point is a polynomial in log sigma."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_SERIES_BELOW, _N_TERMS = 0.1, 12


def adams(places: Sequence[float], h: float, rate: float) -> list[float]:
    """Integrals over (0, h) of rate e^(-rate (h - u)) times each Lagrange polynomial."""
    u = h * (_NODES + 1) / 2
    weights = h / 2 * _WEIGHTS * rate * np.exp(-rate * (h - u))
    result = []
    for j, own in enumerate(places):
        others = [*places[:j], *places[j + 1 :]]
        basis = np.prod([(u - other) / (own - other) for other in others], axis=0)
        result.append(float(np.sum(weights * basis)))
    return result


def matched(places: Sequence[float], scale: float, h: float) -> np.ndarray:
    """The rho that make the moments of the rule of UniPC right; 1/2 where there is but one."""
    n = len(places)
    if n < 2:
        return np.full(n, 0.5)
    moments = [phi(k, h) * math.factorial(k) / scale for k in range(1, n + 1)]
    return np.linalg.solve(np.vander(places, increasing=True).T, moments)


def phi(n: int, h: float) -> float:
    """(e^h - 1 - ... - h^n / n!) / h^n, by its series where that cancels."""
    if abs(h) < _SERIES_BELOW:
        return sum(h ** (k + 1) / math.factorial(k + n + 1) for k in range(_N_TERMS))
    value = math.expm1(h) / h - 1
    for k in range(1, n):
        value = value / h - 1 / math.factorial(k + 1)
    return value
