"""Gaussian components along the Ornstein-Uhlenbeck process x_t = e^-t x_0 + sqrt(1 - e^-2t) z."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf, ndtr

from ..._checks import instance
from ..._xp import host
from ...priors import GaussianMixture
from ...priors._covariance import Spectral


class Components(NamedTuple):
    """Weights (K,), means (K, d) and variances along axes (K, d), or (1, d) where all share them.

    The axes are those of events, or of the covariance that all share; where there are none for
    all, `matrices` has the covariances (K, d, d).
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    matrices: np.ndarray | None = None


def components_of(prior: Any) -> Components:
    """The parameters of a mixture, on the host in float64."""
    if not isinstance(instance("prior", prior), GaussianMixture):
        raise TypeError(f"prior must be a GaussianMixture, got {prior!r}")
    xp = prior._xp
    tables = prior.tables(xp.float64)
    weights, means = host(xp.exp(tables.log_weights)), host(tables.means)
    d, covs = means.shape[1], tables.covs
    if isinstance(covs, Spectral) and covs.basis is None:
        variances = np.broadcast_to(host(covs.values), (covs.values.shape[0], d))
        return Components(weights, means, _once(variances))
    factors = host(covs.factor(xp, d))
    return _in_axes(weights, means, _once(factors @ np.swapaxes(factors, 1, 2)))


def _in_axes(weights: np.ndarray, means: np.ndarray, matrices: np.ndarray) -> Components:
    values, vectors = np.linalg.eigh(matrices)
    if len(matrices) > 1:
        return Components(weights, means, values, matrices)
    return Components(weights, means @ vectors[0], values)


def _once(stack: np.ndarray) -> np.ndarray:
    """The first entry alone, where all are the same."""
    return stack[:1] if np.all(stack == stack[0]) else stack


def noisy(variances: np.ndarray, t: Any) -> np.ndarray:
    """Variances after time t."""
    return np.exp(-2 * t) * variances - np.expm1(-2 * t)


class Pairs:
    """What any two components have in common after time t, as matrices (K, K).

    In the axes of a pair's mean covariance, that and the means' difference take O(d) a time.
    """

    exact = False

    def __init__(self, parts: Components) -> None:
        self.weights, self.own = parts.weights, parts.variances
        offset = parts.means[:, None, :] - parts.means[None, :, :]
        if parts.matrices is None:
            self.between = 0.5 * (self.own[:, None, :] + self.own[None, :, :])
            self.offset = offset
        else:
            mean = 0.5 * (parts.matrices[:, None, ...] + parts.matrices[None, :, ...])
            self.between, axes = np.linalg.eigh(mean)
            self.offset = np.einsum("ijk,ijkl->ijl", offset, axes)

    def mahalanobis(self, t: Any) -> np.ndarray:
        """Distance of the means in units of the mean covariance; t is a number or (K, K)."""
        time = np.asarray(t)[..., None]
        squares = np.exp(-2 * time) * self.offset**2 / noisy(self.between, time)
        return np.sqrt(np.sum(squares, axis=-1))

    def log_affinity(self, t: Any) -> np.ndarray:
        """Logarithm of the Bhattacharyya coefficient, the integral of sqrt(p q)."""
        time = np.asarray(t)[..., None]
        between = np.sum(np.log(noisy(self.between, time)), axis=-1)
        first, second = (
            np.sum(np.log(noisy(own, time)), axis=-1)
            for own in (self.own[:, None, :], self.own[None, :, :])
        )
        return 0.25 * (first + second) - 0.5 * between - self.mahalanobis(t) ** 2 / 8

    def total_variation(self, t: Any) -> np.ndarray:
        """Of any two: exact where they share a covariance, else at most sqrt(1 - affinity^2)."""
        if len(self.own) == 1:
            return erf(self.mahalanobis(t) / math.sqrt(8))
        return np.sqrt(-np.expm1(2 * np.minimum(self.log_affinity(t), 0)))

    def overlap(self, first: list[int], second: list[int], t: float) -> float:
        """No less than the integral of min(p, q) of two parts: the sum over pairs."""
        a, b = shares(self.weights, first)[:, None], shares(self.weights, second)[None, :]
        pair = np.ix_(first, second)
        if len(self.own) > 1:
            parts = np.sqrt(a * b) * np.exp(self.log_affinity(t)[pair])
        else:
            parts = _least(a, b, self.mahalanobis(t)[pair])
        return float(np.sum(parts))

    def distance(self, first: list[int], second: list[int], t: float) -> float:
        """No less than the total variation of two parts: the mean over pairs."""
        a, b = shares(self.weights, first), shares(self.weights, second)
        return float(a @ self.total_variation(t)[np.ix_(first, second)] @ b)


def shares(weights: np.ndarray, subset: list[int]) -> np.ndarray:
    """Weights of a part, which sum to one."""
    return weights[subset] / np.sum(weights[subset])


def _least(a: np.ndarray, b: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Integral of min(a N(0, 1), b N(distance, 1)), the error of the best guess."""
    distance = np.maximum(distance, 1e-300)
    with np.errstate(divide="ignore", over="ignore"):
        shift = (np.log(a) - np.log(b)) / distance
    return a * ndtr(-distance / 2 - shift) + b * ndtr(shift - distance / 2)
