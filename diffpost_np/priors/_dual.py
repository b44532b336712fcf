"""A mixture of one variance whose points are known by their inner products with its means.

The products of a point with the means are what responsibilities need, and the denoised point is a
mean of the point and of means. So where the means span the space, products with r of them are
coordinates, and those in which a denoiser takes the fewest multiplications. The way back makes
rounding larger by the condition number of these means, so that is bounded.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .._xp import Array
from ._mixture_math import Tables

SPREAD = 30.0
"""Standard deviations of spread of the means up to which logits linear in x are accurate."""

_MOST_AMPLIFIED = {np.dtype(np.float64): 100.0, np.dtype(np.float32): 30.0}
"""Condition number of the means whose products are coordinates, at most."""


def bias_fits(log_weights: np.ndarray, scale: Any, dtype: Any) -> Any:
    """Whether logarithms of weights less the largest, times a scale, are finite in a dtype."""
    return scale < 0.1 * float(np.finfo(dtype).max) / max(1.0, float(np.ptp(log_weights)))


class DualMixture(NamedTuple):
    """K components, with means less one of them, which is the last.

    A point holds its products with the first r means over the unit, which is about the length of
    the longest: so points keep their size. These means are independent and span the others.
    """

    log_weights: Array  # (K,)
    half_squares: Array  # (K,), of the lengths of means, over the unit
    others: Array  # (K - 1 - r, r), that a point times their transpose has its other products
    means: Array  # (K - 1, r), as points
    variance: float
    unit: float

    def holds(self, s2: float) -> bool:
        """Whether logits over their rate are finite at this noise variance."""
        return bias_fits(self.log_weights, (self.variance + s2) / self.unit, self.means.dtype)

    def denoise(self, xp: ModuleType, u: Array, s2: float) -> Array:
        """Posterior means at noise variance s2."""
        variance = self.variance + s2
        with_last = xp.zeros((u.shape[0], 1), dtype=u.dtype)
        products = xp.concat([u, u @ self.others.T, with_last], axis=1)
        logits = self.log_weights + (products - self.half_squares) * (self.unit / variance)
        weights = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
        pull = weights[:, :-1] @ self.means / xp.sum(weights, axis=1, keepdims=True)
        return (self.variance / variance) * u + (s2 / variance) * pull


class Dual(NamedTuple):
    """The mean that is the centre, what x less the centre is multiplied with, and the way back."""

    centre: np.ndarray
    columns: np.ndarray  # (d, r)
    back: np.ndarray  # (r, d)
    mixture: DualMixture


def n_products(n_components: int, r: int) -> int:
    """Multiplications of a denoised point in r coordinates."""
    return (2 * (n_components - 1) - r) * r


def dual_of(prior: Tables, variance: float) -> Dual | None:
    """A mixture of one variance in these coordinates; None where they would cost digits.

    A power of two as unit keeps the digits.
    """
    log_weights, means = _centre_last(prior)
    away, dtype = means - means[-1], prior.means.dtype
    largest = np.max(np.sum(away**2, axis=1))
    if not variance * np.finfo(dtype).eps < largest < variance * SPREAD**2:
        return None
    rank, order = _independent_first(away[:-1])
    unit = 2.0 ** np.round(0.5 * np.log2(largest))
    columns = np.ascontiguousarray(away[order[:rank]].T / unit, dtype)
    back = _way_back(columns)
    if back is None:
        return None
    mixture = _mixture(log_weights[order], away[order] / unit, columns, back, variance, unit)
    return Dual(means[-1].astype(dtype), columns, back.astype(dtype), mixture)


def _centre_last(prior: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of weights and means of the components in use, the most central last."""
    used = np.isfinite(prior.log_weights)
    log_weights, means = prior.log_weights[used], prior.means[used].astype(np.float64)
    centre = np.argmin(np.sum((means - means.mean(axis=0)) ** 2, axis=1))
    return np.roll(log_weights, -1 - centre), np.roll(means, -1 - centre, axis=0)


def _independent_first(away: np.ndarray) -> tuple[int, np.ndarray]:
    """How many vectors are independent; an order of them and the centre that begins with such."""
    import scipy.linalg

    triangle, order = scipy.linalg.qr(away.T, mode="r", pivoting=True)
    size = np.abs(np.diagonal(triangle))
    rank = np.count_nonzero(size > max(away.shape) * np.finfo(float).eps * size[0])
    return int(rank), np.append(order, len(order))


def _way_back(columns: np.ndarray) -> np.ndarray | None:
    """The inverse on the span of the columns, where it keeps the digits."""
    import scipy.linalg

    basis, triangle = np.linalg.qr(columns.astype(np.float64))
    size = np.linalg.svd(triangle, compute_uv=False)
    if size[0] > _MOST_AMPLIFIED[columns.dtype] * size[-1]:
        return None
    return scipy.linalg.solve_triangular(triangle, basis.T)


def _mixture(
    log_weights: np.ndarray,
    away: np.ndarray,
    columns: np.ndarray,
    back: np.ndarray,
    variance: float,
    unit: float,
) -> DualMixture:
    def cast(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array, columns.dtype)

    return DualMixture(
        log_weights=cast(log_weights),
        half_squares=cast(0.5 * unit * np.sum(away**2, axis=1)),
        others=cast(away[len(back) : -1] @ back.T),
        means=cast(unit * (away[:-1] @ columns)),
        variance=variance,
        unit=float(unit),
    )
