"""Posterior of a Gaussian mixture given y = A x + noise: again a mixture, in closed form.

The data, in coordinates where their noise is N(0, I), have a mixture for a law as well, with
means B mu_k and covariances B C_k B' + I. The posterior weights are the responsibilities there,
and the posterior means and covariances those of a least-squares problem for each component.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from .._least_squares import fit
from .._xp import Array, array_namespace, flatten_events
from ..operators._base import Eigenform, as_cast, real_matrix
from ._covariance import Covariance, LowRank, Spectral
from ._mixture_math import Tables, locate, log_sum_exp

if TYPE_CHECKING:
    from ..measurement import LinearGaussian
    from ._base import Prior
    from .mixture import GaussianMixture


class View(NamedTuple):
    """A mixture as whitened data see it, and what they make of it."""

    y: Array
    """The data, (1, m)."""
    means: Array
    """B mu_k, (K, m)."""
    covs: Covariance
    """B C_k B'."""
    misfit: Array
    """The part of the data that no x explains, (1, any)."""
    shift: Array
    """Posterior less prior means, (K, d)."""
    remaining: Covariance
    """Posterior covariances (C_k^-1 + B'B)^-1."""


def mixture_posterior(
    prior: GaussianMixture, measurement: LinearGaussian, y: Any
) -> GaussianMixture:
    """Condition every component and reweight by its evidence."""
    xp, y = check_measured(prior, measurement, y, like=prior.means)
    tables = prior._float64
    white = measurement.whiten(as_cast(y, tables.means, xp)[None, ...])
    view = _view(xp, measurement, tables, white)
    seen = Tables(tables.log_weights, view.means, view.covs)
    at = locate(xp, view.y, xp.ones(1, dtype=view.y.dtype), seen)
    log_weights = at.logits[:, 0] - log_sum_exp(xp, at.logits)
    posterior = prior._conditioned(log_weights, tables.means + view.shift, view.remaining)
    log_joint = at.base + log_sum_exp(xp, at.logits) - 0.5 * xp.sum(xp.abs(view.misfit) ** 2)
    posterior.log_evidence = float(log_joint[0]) - measurement.log_normaliser()
    return posterior


def check_measured(
    prior: Prior, measurement: LinearGaussian, y: Any, *, like: Array
) -> tuple[ModuleType, Array]:
    """The namespace, and y as an array, of a measurement of events of this prior."""
    from ..measurement import LinearGaussian

    if not isinstance(measurement, LinearGaussian):
        raise TypeError(f"measurement must be a LinearGaussian, got {type(measurement).__name__}")
    xp = array_namespace(y=y, **prior._arrays(), **measurement._arrays())
    if measurement.event_shape != prior.event_shape:
        raise ValueError(
            f"measurement takes events of shape {measurement.event_shape}, the prior has "
            f"{prior.event_shape}"
        )
    return xp, measurement.check_y(y, xp, like=like)


def _view(xp: ModuleType, measurement: LinearGaussian, tables: Tables, white: Array) -> View:
    gram = measurement.gram(tables.means)
    if gram is not None and _commutes(tables.covs, gram):
        return _in_eigenbasis(xp, measurement, gram, tables, white)
    y = in_reals(xp, flatten_events(white, xp))
    return _by_matrix(xp, real_matrix(measurement._whitened, tables.means), tables, y)


def _commutes(covs: Covariance, gram: Eigenform) -> bool:
    if isinstance(covs, LowRank):
        return gram.is_identity
    return covs.basis is None and (gram.is_identity or covs.values.shape[1] == 1)


def _in_eigenbasis(
    xp: ModuleType, measurement: LinearGaussian, gram: Eigenform, tables: Tables, white: Array
) -> View:
    """The coordinates of the least-squares fit say all that the data say."""
    gains, _, y, misfit = fit(xp, measurement, gram, white)
    means, covs = gains * gram.forward(tables.means), tables.covs
    if isinstance(covs, LowRank):
        seen = LowRank.unchecked(gains[:, None] * covs.factor_matrix, covs.diag * gains**2)
        return View(y, means, seen, misfit, *_low_rank(xp, covs, gains, y - means))
    ratio = covs.values * gains**2
    remaining = Spectral(covs.values / (1 + ratio), None if gram.is_identity else gram)
    shift = gram.inverse(remaining.values * gains * (y - means))
    return View(y, means, Spectral(ratio), misfit, shift, remaining)


def _low_rank(
    xp: ModuleType, covs: LowRank, gains: Array, residual: Array
) -> tuple[Array, LowRank]:
    """Shifts and covariances for x = mu + F z + D^1/2 e with entries seen `gains` fold.

    The data say about z that (S^1/2 g F) z is S^1/2 times the residual up to unit noise, with
    S = 1 / (1 + g D g); given z, an entry of x is S (F z + D g residual), up to noise S D.
    """
    factor, diag = covs.factor_matrix, covs.diag
    kept = 1 / (1 + diag * gains**2)
    eye = xp.eye(factor.shape[-1], dtype=factor.dtype)
    seen = (xp.sqrt(kept) * gains)[..., None] * factor
    stacked = _stack(xp, seen, eye)
    parts = xp.linalg.svd(stacked, full_matrices=False)
    target = xp.sqrt(kept) * residual
    target = xp.concat([target, xp.zeros((target.shape[0], eye.shape[0]), dtype=eye.dtype)], axis=1)
    z = _least_squares(xp, stacked, parts, target)
    shift = kept * (_apply(xp, factor, z) + diag * gains * residual)
    root = xp.matmul(xp.matrix_transpose(parts[2]) / parts[1][:, None, :], parts[2])
    shrunk = xp.matmul(kept[..., None] * factor, root)
    return shift, LowRank.unchecked(shrunk, xp.broadcast_to(kept * diag, shrunk.shape[:2]))


def _by_matrix(xp: ModuleType, matrix: Array, tables: Tables, y: Array) -> View:
    """For any B (m, d): C_k = L_k L_k' and B L_k = P s V'; rows beyond d are made redundant."""
    m, d = matrix.shape
    misfit = xp.zeros_like(y)
    if m > d:
        columns, matrix = xp.linalg.qr(matrix)
        full, y = y, y @ columns
        misfit = full - y @ columns.T
    left, s, _ = xp.linalg.svd(xp.matmul(matrix, tables.covs.factor(xp, d)), full_matrices=False)
    means = tables.means @ matrix.T
    stacked = _stack(xp, tables.covs.whitener(xp, d), matrix)
    parts = xp.linalg.svd(stacked, full_matrices=False)
    zeros = xp.zeros((means.shape[0], stacked.shape[1] - y.shape[1]), dtype=y.dtype)
    shift = _least_squares(xp, stacked, parts, xp.concat([zeros, y - means], axis=1))
    remaining = Spectral(parts[1] ** -2, xp.matrix_transpose(parts[2]))
    return View(y, means, Spectral(s * s, left), misfit, shift, remaining)


def _least_squares(
    xp: ModuleType, matrices: Array, parts: tuple[Array, Array, Array], target: Array
) -> Array:
    """argmin |M_k x - b_k| for stacks (K or 1, m, d) and (K, m), from M = P s V'.

    The second round corrects the first for its own residuals, after Bjorck, which makes rows of
    very different size as accurate as their own floats.
    """
    p, s, vh = parts
    p_t, v, m_t = (xp.matrix_transpose(a) for a in (p, vh, matrices))
    x, residual = xp.zeros((target.shape[0], s.shape[1]), dtype=s.dtype), xp.zeros_like(target)
    for _ in range(2):
        rest = target - residual - _apply(xp, matrices, x)
        slope = _apply(xp, vh, _apply(xp, m_t, residual)) / s
        along = _apply(xp, p_t, rest) + slope
        x = x + _apply(xp, v, along / s)
        residual = residual + rest - _apply(xp, p, along)
    return x


def _apply(xp: ModuleType, matrices: Array, vectors: Array) -> Array:
    """Products of a stack of matrices (K or 1, m, d) with vectors (K, d)."""
    return xp.matmul(matrices, vectors[..., None])[..., 0]


def _stack(xp: ModuleType, upper: Array, lower: Array) -> Array:
    """A stack of matrices above one matrix."""
    lower = xp.broadcast_to(lower, (upper.shape[0], *lower.shape))
    return xp.concat([upper, lower], axis=1)


def in_reals(xp: ModuleType, flat: Array) -> Array:
    """Real and imaginary parts side by side."""
    if not xp.isdtype(flat.dtype, "complex floating"):
        return flat
    return xp.concat([xp.real(flat), xp.imag(flat)], axis=1)
