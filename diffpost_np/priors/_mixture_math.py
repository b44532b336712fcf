"""Scores, densities and denoisers of Gaussian mixtures, on flattened batches `(n, d)`.

Everything follows from the logits l_k(x) = log w_k N(x; mu_k, C_k + s2 I) and the solutions
u_k = P_k (x - mu_k), P_k = (C_k + s2 I)^-1. Where differences of logits or of posterior means
cancel, they are formed relative to the best component of each point.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple

from .._dispatch import operation
from .._xp import Array, device_of, map_rows
from ._covariance import Covariance, shrink


class Tables(NamedTuple):
    """A mixture in one dtype: what the operations and their kernels take."""

    log_weights: Array
    means: Array
    covs: Covariance

    @property
    def row_bytes(self) -> int:
        """Memory that a point of a batch needs in the formulas below."""
        return 64 * self.means.shape[0] * self.means.shape[1]


@operation
def mixture_score(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Score of the smoothed mixture, -sum_k r_k (C_k + s2 I)^-1 (x - mu_k)."""

    def block(x: Array, s2: Array) -> Array:
        at = locate(xp, x, s2, tables)
        return -xp.sum(at.weights(xp)[..., None] * at.solution, axis=0)

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_log_density(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Log density of the smoothed mixture, shape (n,)."""

    def block(x: Array, s2: Array) -> Array:
        at = locate(xp, x, s2, tables)
        return at.base + log_sum_exp(xp, at.logits) - 0.5 * x.shape[1] * math.log(2 * math.pi)

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_responsibilities(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Probability of each component given the noisy point, shape (n, K)."""

    def block(x: Array, s2: Array) -> Array:
        return locate(xp, x, s2, tables).weights(xp).T

    return map_rows(block, tables.row_bytes, xp, x, s2)


@operation
def mixture_denoise(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Posterior mean, sum_k r_k (mu_k + C_k (C_k + s2 I)^-1 (x - mu_k))."""

    def block(x: Array, s2: Array) -> Array:
        at = locate(xp, x, s2, tables)
        means = tables.means[:, None, :]
        component_means = shrink(xp, tables.covs, x, means, at.solution, s2)
        return xp.sum(at.weights(xp)[..., None] * component_means, axis=0)

    return map_rows(block, tables.row_bytes, xp, x, s2)


def mixture_denoise_vjp(xp: ModuleType, x: Array, s2: Array, v: Array, tables: Tables) -> Array:
    """J v with J = sum_k r_k G_k + s2 sum_k r_k g_k g_k^T.

    G_k = C_k (C_k + s2 I)^-1, and g_k is the score of component k less the mean of all.
    """

    def block(x: Array, s2: Array, v: Array) -> Array:
        at = locate(xp, x, s2, tables)
        weights = at.weights(xp)[..., None]
        solved, _ = tables.covs.solve(xp, v[None, ...], s2)
        within = shrink(xp, tables.covs, v, 0.0, solved, s2)
        gap = _score_gaps(xp, at, s2, tables)
        gap = gap - xp.sum(weights * gap, axis=0)
        slope = s2[:, None] * xp.sum(gap * v, axis=-1, keepdims=True)
        return xp.sum(weights * (within + slope * gap), axis=0)

    return map_rows(block, 2 * tables.row_bytes, xp, x, s2, v)


def mixture_denoise_trace(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Trace of J, shape (n,)."""

    def block(x: Array, s2: Array) -> Array:
        at = locate(xp, x, s2, tables)
        weights, gap = at.weights(xp), _score_gaps(xp, at, s2, tables)
        gap = gap - xp.sum(weights[..., None] * gap, axis=0)
        within = tables.covs.shrunk_trace(xp, s2, x.shape[1])
        return xp.sum(weights * (within + s2 * xp.sum(gap * gap, axis=-1)), axis=0)

    return map_rows(block, 2 * tables.row_bytes, xp, x, s2)


def log_sum_exp(xp: ModuleType, logits: Array) -> Array:
    """log sum_k exp(l_k) over the leading axis."""
    peak = xp.max(logits, axis=0)
    return peak + xp.log(xp.sum(xp.exp(logits - peak), axis=0))


class Location(NamedTuple):
    """Points as every component sees them."""

    best: Array
    """Component of the largest logit, (n,)."""
    solution: Array
    """u_k, (K, n, d)."""
    base: Array
    """Largest logit, (n,)."""
    logits: Array
    """Logits less `base`, (K, n)."""

    def weights(self, xp: ModuleType) -> Array:
        """Responsibilities r_k, (K, n)."""
        weights = xp.exp(self.logits - xp.max(self.logits, axis=0))
        return weights / xp.sum(weights, axis=0)

    def pick(self, xp: ModuleType, values: Array) -> Array:
        """Of values (K or 1, n or 1, ...) those of each point's best component."""
        if values.shape[0] == 1:
            return values[0, ...]
        k = xp.arange(values.shape[0], device=device_of(values))[:, None] == self.best
        k = xp.reshape(k, (*k.shape, *(1,) * (values.ndim - 2)))
        return xp.sum(xp.where(k, values, xp.zeros_like(values)), axis=0)


def locate(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Location:
    """Solutions and logits of all components.

    Logits are differences of quadratic forms. Where those are not small, or the noise hides
    the components from each other, they are formed anew, relative to the best component.
    """
    d = x.shape[1]
    solution, square = tables.covs.solve(xp, x[None, :, :] - tables.means[:, None, :], s2)
    largest = xp.max(tables.covs.scale(xp))
    common, log_det = _log_det(xp, s2, d, tables.covs, largest)
    logits = tables.log_weights[:, None] - 0.5 * (square + log_det)
    base, best = xp.max(logits, axis=0), xp.argmax(logits, axis=0)
    at = Location(best, solution, base - 0.5 * common, logits - base)
    cancels = (at.pick(xp, square) > 100 + 2 * d) | (s2 > largest)
    if not bool(xp.any(cancels)):
        return at
    relative = _relative_logits(xp, x, s2, at, log_det, tables)
    return at._replace(logits=xp.where(cancels, relative, at.logits))


def _log_det(
    xp: ModuleType, s2: Array, d: int, covs: Covariance, largest: Array
) -> tuple[Array, Array]:
    """log det(C_k + s2 I) as a sum of what all components share and the rest."""
    noisy, one = s2 > largest, xp.ones_like(s2)
    noise = xp.where(noisy, s2, one)
    common = xp.where(noisy, d * xp.log(noise), 0 * one)
    whole = covs.log_det(xp, xp.where(noisy, one, s2), d)
    return common, xp.where(noisy, covs.log_det_ratio(xp, noise, d), whole)


def _relative_logits(
    xp: ModuleType, x: Array, s2: Array, at: Location, log_det: Array, tables: Tables
) -> Array:
    """Logits relative to those of the best component b, from differences alone.

    With t = P_k (x - mu_b) and s = P_b (x - mu_b) the quadratic forms of k and b differ by
    -(mu_k - mu_b)'(u_k + t) + t'C_b s - s'C_k t.
    """
    covs, mean = tables.covs, xp.take(tables.means, at.best, axis=0)
    t, _ = covs.solve(xp, (x - mean)[None, :, :], s2)
    image = shrink(xp, covs, x - mean, 0.0, t, s2)
    linear = xp.sum((tables.means[:, None, :] - mean) * (at.solution + t), axis=-1)
    bend = xp.sum(t * at.pick(xp, image), axis=-1) - xp.sum(at.pick(xp, t) * image, axis=-1)
    log_weights = tables.log_weights[:, None] - xp.take(tables.log_weights, at.best)
    return log_weights + 0.5 * (linear - bend - (log_det - at.pick(xp, log_det)))


def _score_gaps(xp: ModuleType, at: Location, s2: Array, tables: Tables) -> Array:
    """Score of every component less that of the best one, (K, n, d).

    Where the noise prevails it is that of the posterior means, divided by s2, see `shrink`.
    """
    covs, mean = tables.covs, xp.take(tables.means, at.best, axis=0)
    image, scale = covs.times(xp, at.solution), covs.scale(xp)
    shift = tables.means[:, None, :] - mean + (image - at.pick(xp, image))
    noisy = s2[None, :, None] > xp.maximum(scale, at.pick(xp, scale))
    noise = xp.where(s2 > 0, s2, xp.ones_like(s2))[:, None]
    return xp.where(noisy, shift / noise, at.pick(xp, at.solution) - at.solution)
