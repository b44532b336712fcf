"""Tests of means with a stated probability of a false alarm."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

__all__ = ["MOMENTS", "bernstein", "moments_of_ranks", "normal_quantile", "student_quantile"]

MOMENTS = {"location": math.sqrt(3), "spread": math.sqrt(5), "skewness": math.sqrt(7)}
"""Orthonormal Legendre polynomials of a uniform variate, each with its largest value.

If t is the rank of a draw under the exact law, they have mean 0 and variance 1 whatever that
law is. A shift of a Gaussian by a tenth of its standard deviation moves the first by 0.098, a
standard deviation too large by a tenth the second by 0.12.
"""


def moments_of_ranks(ranks: np.ndarray) -> np.ndarray:
    """The three polynomials of ranks in [0, 1], of shape (*ranks.shape, 3)."""
    u = 2 * ranks - 1
    polynomials = (u, (3 * u * u - 1) / 2, (5 * u**3 - 3 * u) / 2)
    return np.stack([b * p for b, p in zip(MOMENTS.values(), polynomials, strict=True)], axis=-1)


def bernstein(n: float, bound: float, false_alarm: float) -> float:
    """What the mean of n variates of mean 0, variance 1 and size at most `bound` exceeds with
    probability at most `false_alarm`, by Bernstein's inequality: no approximation."""
    log_term = 2 * math.log(2 / false_alarm)
    slope = log_term * bound / (3 * math.sqrt(n))
    return (slope + math.sqrt(slope**2 + 4 * log_term)) / 2 / math.sqrt(n)


def normal_quantile(false_alarm: float) -> float:
    """What a standard normal exceeds in size with probability `false_alarm`."""
    return float(stats.norm.isf(false_alarm / 2))


def student_quantile(false_alarm: float, n: int) -> float:
    """The same for the t-statistic of n values."""
    return float(stats.t.isf(false_alarm / 2, n - 1))
