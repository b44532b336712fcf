"""Scores, densities and denoisers of Gaussian mixtures, on flattened batches `(n, d)`.

Everything follows from the logits l_k(x) = log w_k N(x; mu_k, C_k + s2 I). They are formed from
differences x - mu_k; where the noise dwarfs the spread of the components these would cancel, and
the logits are formed relative to N(centre, s2 I) instead.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple

from .._dispatch import operation
from .._xp import Array, map_rows
from ._covariance import Covariance


class Tables(NamedTuple):
    """A mixture in one dtype: what the operations and their kernels take."""

    log_weights: Array
    means: Array
    covs: Covariance

    @property
    def row_bytes(self) -> int:
        """Memory that a point of a batch needs in the formulas below."""
        return 48 * self.means.shape[0] * self.means.shape[1]


@operation
def mixture_score(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Score of the smoothed mixture, -sum_k r_k (C_k + s2 I)^-1 (x - mu_k)."""

    def block(x: Array, s2: Array) -> Array:
        solution, _, logits = _solve(xp, x, s2, tables)
        return -xp.sum(_softmax(xp, logits)[..., None] * solution, axis=0)

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_log_density(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Log density of the smoothed mixture, shape (n,)."""

    def block(x: Array, s2: Array) -> Array:
        _, _, logits = _solve(xp, x, s2, tables)
        return log_sum_exp(xp, logits) - 0.5 * x.shape[1] * math.log(2 * math.pi)

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_responsibilities(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Probability of each component given the noisy point, shape (n, K)."""

    def block(x: Array, s2: Array) -> Array:
        return _softmax(xp, _stable_logits(xp, x, s2, tables)).T

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_denoise(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Posterior mean, sum_k r_k (mu_k + C_k (C_k + s2 I)^-1 (x - mu_k))."""

    def block(x: Array, s2: Array) -> Array:
        weights, component_means, _ = _denoisers(xp, x, s2, tables)
        return xp.sum(weights[..., None] * component_means, axis=0)

    return map_rows(block, tables.row_bytes, xp, x, s2)


def mixture_denoise_vjp(xp: ModuleType, x: Array, s2: Array, v: Array, tables: Tables) -> Array:
    """J v with J = sum_k r_k G_k + sum_k r_k (s_k - s) (D_k - D)^T, G_k = C_k (C_k + s2 I)^-1."""

    def block(x: Array, s2: Array, v: Array) -> Array:
        weights, component_means, solution = _denoisers(xp, x, s2, tables)
        weights = weights[..., None]
        within = tables.covs.times(xp, tables.covs.solve(xp, v[None, ...], s2)[0])
        spread = component_means - xp.sum(weights * component_means, axis=0)
        slope = xp.sum(spread * v[None, ...], axis=-1)[..., None]
        return xp.sum(weights * (within - slope * solution), axis=0)

    return map_rows(block, 2 * tables.row_bytes, xp, x, s2, v)


def log_sum_exp(xp: ModuleType, logits: Array) -> Array:
    """log sum_k exp(l_k) over the leading axis."""
    peak = xp.max(logits, axis=0)
    return peak + xp.log(xp.sum(xp.exp(logits - peak), axis=0))


def _softmax(xp: ModuleType, logits: Array) -> Array:
    weights = xp.exp(logits - xp.max(logits, axis=0))
    return weights / xp.sum(weights, axis=0)


def _solve(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> tuple[Array, Array, Array]:
    """(C_k + s2 I)^-1 (x - mu_k), the differences themselves, and the logits (K, n)."""
    delta = x[None, :, :] - tables.means[:, None, :]
    solution, quadratic = tables.covs.solve(xp, delta, s2)
    log_det = tables.covs.log_det(xp, s2, x.shape[1])
    return solution, delta, tables.log_weights[:, None] - 0.5 * (quadratic + log_det)


def _denoisers(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> tuple[Array, Array, Array]:
    """Responsibilities (K, n), posterior mean of every component and its solution."""
    delta = x[None, :, :] - tables.means[:, None, :]
    solution, _ = tables.covs.solve(xp, delta, s2)
    component_means = tables.means[:, None, :] + tables.covs.times(xp, solution)
    return _softmax(xp, _stable_logits(xp, x, s2, tables)), component_means, solution


def _stable_logits(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Logits up to a constant of each point, by whichever form does not cancel there."""
    far = s2 >= _crossover(xp, tables)
    if not bool(xp.any(far)):
        return _solve(xp, x, s2, tables)[2]
    relative = _relative_logits(xp, x, xp.where(far, s2, xp.ones_like(s2)), tables)
    if bool(xp.all(far)):
        return relative
    return xp.where(far[None, :], relative, _solve(xp, x, s2, tables)[2])


def _crossover(xp: ModuleType, tables: Tables) -> Array:
    """Noise variance above which every component is small beside the noise."""
    means = tables.means - xp.mean(tables.means, axis=0)
    spread = xp.max(xp.sum(means * means, axis=1)) / 1000
    return xp.maximum(xp.max(tables.covs.largest(xp)), spread)


def _relative_logits(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Logits relative to N(centre, s2 I); with u = x - centre, m_k = mu_k - centre they are

    log w_k - log det(I + C_k/s2)/2 + (u'C_k P_k u / s2 + 2 m_k'P_k u - m_k'P_k m_k) / 2,
    where P_k = (C_k + s2 I)^-1.
    """
    centre = xp.mean(tables.means, axis=0)
    u, m = (x - centre)[None, :, :], (tables.means - centre)[:, None, :]
    covs = tables.covs
    along, _ = covs.solve(xp, u, s2)
    _, mean_square = covs.solve(xp, m, s2)
    excess = xp.sum(u * covs.times(xp, along), axis=-1) / s2[None, :]
    linear = xp.sum(m * along, axis=-1)
    log_det = covs.log_det_ratio(xp, s2, x.shape[1])
    return tables.log_weights[:, None] + 0.5 * (excess + 2 * linear - mean_square - log_det)
