"""Posterior of a Gaussian mixture given y = A x + noise: again a mixture, in closed form.

With delta_k the shift of component k and r_k = y - A mu_k, the evidence of a component is
formed from the minimum of |N^-1/2 (r_k - A delta)|^2 + delta' C_k^-1 delta, a sum of squares.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from .._xp import Array, array_namespace, flatten_events
from ..operators._base import Eigenform
from ._covariance import Covariance, LowRank, Spectral

if TYPE_CHECKING:
    from ..measurement import LinearGaussian
    from ._base import Prior
    from .mixture import GaussianMixture


class Update(NamedTuple):
    """What conditioning does to K components: shifts (K, d), covariances, log det(I + B'B)."""

    shift: Array
    covs: Covariance
    log_det: Array


def mixture_posterior(
    prior: GaussianMixture, measurement: LinearGaussian, y: Any
) -> GaussianMixture:
    """Condition every component and reweight by its evidence."""
    xp, y = check_measured(prior, measurement, y, like=prior.means)
    log_weights, means, covs = prior._float64
    events = xp.reshape(means, (-1, *prior.event_shape))
    residual = measurement.whiten(y[None, ...] - measurement.operator(events))
    update = _condition(xp, measurement, covs, residual, means)
    misfit = residual - measurement.whiten(
        measurement.operator(xp.reshape(update.shift, events.shape))
    )
    log_joint = log_weights - 0.5 * (
        _square(xp, misfit) + _prior_square(xp, covs, update.shift) + update.log_det
    )
    return _assemble(prior, xp, log_joint, means + update.shift, update.covs, measurement)


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


def _assemble(
    prior: GaussianMixture,
    xp: ModuleType,
    log_joint: Array,
    means: Array,
    covs: Covariance,
    measurement: LinearGaussian,
) -> GaussianMixture:
    peak = xp.max(log_joint)
    joint = xp.exp(log_joint - peak)
    total = xp.sum(joint)
    shaped = xp.astype(xp.reshape(means, (-1, *prior.event_shape)), prior.means.dtype)
    posterior = prior._like_me(joint / total, shaped, covs)
    posterior.log_evidence = float(peak + xp.log(total)) - measurement.log_normaliser()
    return posterior


def _condition(
    xp: ModuleType, measurement: LinearGaussian, covs: Covariance, residual: Array, means: Array
) -> Update:
    d = means.shape[1]
    gram = measurement.gram(means)
    back = flatten_events(measurement.operator.adjoint(measurement.unwhiten(residual)), xp)
    if gram is not None and isinstance(covs, LowRank) and gram.is_identity:
        return _low_rank(xp, covs, gram.values, back)
    if gram is not None and isinstance(covs, Spectral) and _commutes(covs, gram):
        return _in_eigenbasis(xp, covs.values, gram, back)
    return _by_svd(xp, covs.factor(xp, d), measurement, residual, means)


def _commutes(covs: Spectral, gram: Eigenform) -> bool:
    return covs.basis is None and (gram.is_identity or covs.values.shape[1] == 1)


def _in_eigenbasis(xp: ModuleType, values: Array, gram: Eigenform, back: Array) -> Update:
    ratio = values * gram.values[None, :]
    conditioned = values / (1 + ratio)
    basis = None if gram.is_identity else gram
    shift = gram.inverse(conditioned * gram.forward(back))
    return Update(shift, Spectral(conditioned, basis), xp.sum(xp.log1p(ratio), axis=1))


def _low_rank(xp: ModuleType, covs: LowRank, precision: Array, back: Array) -> Update:
    """Under a mask the diagonal shrinks to D' and F F' + D to F' F'^T + D', of the same rank."""
    f, diag = covs.factor_matrix, covs.diag
    shrunk = diag / (1 + diag * precision[None, :])
    kept = (shrunk / diag)[..., None]
    inner = xp.matmul(xp.matrix_transpose(f), precision[None, :, None] * kept * f)
    eye = xp.eye(f.shape[-1], dtype=f.dtype)
    root = xp.linalg.cholesky(eye + inner)
    new_factor = xp.matrix_transpose(xp.linalg.solve(root, xp.matrix_transpose(kept * f)))
    updated = LowRank(new_factor, xp.broadcast_to(shrunk, new_factor.shape[:2]))
    log_det = 2 * xp.sum(xp.log(xp.linalg.diagonal(root)), axis=-1)
    log_det = log_det + xp.sum(xp.log1p(diag * precision[None, :]), axis=1)
    return Update(updated.times(xp, back[:, None, :])[:, 0, :], updated, log_det)


def _by_svd(
    xp: ModuleType, factor: Array, measurement: LinearGaussian, residual: Array, means: Array
) -> Update:
    """C = L L', B = N^-1/2 A L = P s V'; the posterior factor is L V (1 + s^2)^-1/2."""
    columns = xp.matrix_transpose(factor)
    shape = (-1, *measurement.event_shape)
    image = measurement.whiten(measurement.operator(xp.reshape(columns, shape)))
    b = _real(xp, flatten_events(image, xp))
    b = xp.matrix_transpose(xp.reshape(b, (*columns.shape[:2], -1)))
    is_wide = b.shape[1] < b.shape[2]  # only then is the small V' not whole
    p, s, vh = xp.linalg.svd(b, full_matrices=is_wide)
    full = xp.concat([s, xp.zeros((s.shape[0], vh.shape[-1] - s.shape[1]), dtype=s.dtype)], axis=1)
    rotated = xp.matmul(factor, xp.matrix_transpose(vh))
    r = _real(xp, flatten_events(residual, xp))[:, None, :]
    along = xp.matmul(r, p)[:, 0, : s.shape[1]] * (s / (1 + s * s))
    shift = xp.matmul(rotated[:, :, : s.shape[1]], along[..., None])[..., 0]
    u, values, _ = xp.linalg.svd(rotated / xp.sqrt(1 + full * full)[:, None, :])
    covs = Spectral(values[:, : means.shape[1]] ** 2, u)
    return Update(shift, covs, xp.sum(xp.log1p(s * s), axis=1))


def _prior_square(xp: ModuleType, covs: Covariance, shift: Array) -> Array:
    zero = xp.zeros(1, dtype=shift.dtype)
    solved, _ = covs.solve(xp, shift[:, None, :], zero)
    return xp.sum(shift * solved[:, 0, :], axis=1)


def _square(xp: ModuleType, white: Array) -> Array:
    flat = _real(xp, flatten_events(white, xp))
    return xp.sum(flat * flat, axis=1)


def _real(xp: ModuleType, flat: Array) -> Array:
    """Real and imaginary parts side by side."""
    if not xp.isdtype(flat.dtype, "complex floating"):
        return flat
    return xp.concat([xp.real(flat), xp.imag(flat)], axis=1)
