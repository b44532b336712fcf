"""Stacks of K covariances C_k that are never inverted as dense matrices.

Both forms answer the same questions about C_k + s2 I for batches in the layout (K, n, d) and
noise variances s2 of shape (1,) or (n,), so that the maths of mixtures is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._xp import Array, array_namespace, as_float_array, check_finite, check_shape, is_array
from ..operators._base import Eigenform, parameter

__all__ = ["Covariance", "LowRank", "Spectral", "as_covariance"]


@dataclass(frozen=True)
class Spectral:
    """C_k = U_k diag(values_k) U_k^T.

    `values` has shape (K or 1, d or 1); `basis` is None for U = I, an array (K or 1, d, d) with
    the eigenvectors in columns, or an `Eigenform` that all components share.
    """

    values: Array
    basis: Any = None

    def astype(self, xp: ModuleType, dtype: Any) -> Spectral:
        basis = xp.astype(self.basis, dtype) if is_array(self.basis) else self.basis
        return Spectral(xp.astype(self.values, dtype), basis)

    def solve(self, xp: ModuleType, delta: Array, s2: Array) -> tuple[Array, Array]:
        """(C_k + s2 I)^-1 delta, and the quadratic form of delta, of shape (K, n)."""
        z = self._coordinates(xp, delta)
        scaled = z / self._smoothed(s2)
        square = xp.real(xp.conj(z) * scaled) if self._is_complex(xp, z) else z * scaled
        return self._events(xp, scaled), xp.sum(square, axis=-1)

    def times(self, xp: ModuleType, v: Array) -> Array:
        """C_k v."""
        return self._events(xp, self.values[:, None, :] * self._coordinates(xp, v))

    def log_det_ratio(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(I + C_k / s2), of shape (K or 1, n or 1)."""
        return self._sum(xp, xp.log1p(self.values[:, None, :] / s2[None, :, None]), d)

    def log_det(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(C_k + s2 I), of shape (K or 1, n or 1)."""
        return self._sum(xp, xp.log(self._smoothed(s2)), d)

    def largest(self, xp: ModuleType) -> Array:
        """Largest eigenvalue of each component, shape (K or 1,)."""
        return xp.max(self.values, axis=1)

    def factor(self, xp: ModuleType, d: int) -> Array:
        """Matrices L_k with C_k = L_k L_k^T, shape (K or 1, d, d)."""
        root = xp.sqrt(self.values)
        eye = xp.eye(d, dtype=root.dtype)
        if self.basis is None:
            return root[:, :, None] * eye[None, :, :]
        return self._basis_matrix(xp, eye) * root[:, None, :]

    def colour(self, xp: ModuleType, z: Array) -> Array:
        """Turn standard normals (K, n, d) into draws of N(0, C_k)."""
        if isinstance(self.basis, Eigenform):  # the symmetric root keeps real events real
            return self._events(xp, xp.sqrt(self.values)[:, None, :] * self._coordinates(xp, z))
        return self._events(xp, xp.sqrt(self.values)[:, None, :] * z)

    def component(self, k: int) -> Spectral:
        """The stack of the k-th covariance alone."""
        basis = self.basis
        if is_array(basis):
            basis = basis[min(k, basis.shape[0] - 1), ...][None, ...]
        return Spectral(self.values[min(k, self.values.shape[0] - 1), :][None, :], basis)

    def _smoothed(self, s2: Array) -> Array:
        return self.values[:, None, :] + s2[None, :, None]

    def _sum(self, xp: ModuleType, logs: Array, d: int) -> Array:
        return xp.sum(logs, axis=-1) * (d / logs.shape[-1])

    def _is_complex(self, xp: ModuleType, z: Array) -> bool:
        return bool(xp.isdtype(z.dtype, "complex floating"))

    def _basis_matrix(self, xp: ModuleType, eye: Array) -> Array:
        return (
            self._events(xp, eye[None, :, :]).mT
            if isinstance(self.basis, Eigenform)
            else (self.basis)
        )

    def _coordinates(self, xp: ModuleType, delta: Array) -> Array:
        if self.basis is None:
            return delta
        if isinstance(self.basis, Eigenform):
            return _on_rows(xp, self.basis.forward, delta)
        return xp.matmul(delta, self.basis)

    def _events(self, xp: ModuleType, z: Array) -> Array:
        if self.basis is None:
            return z
        if isinstance(self.basis, Eigenform):
            return _on_rows(xp, self.basis.inverse, z)
        return xp.matmul(z, xp.matrix_transpose(self.basis))


@dataclass(frozen=True)
class LowRank:
    """Covariances of low rank plus a diagonal, F_k F_k^T + diag(D_k), never expanded.

    Parameters
    ----------
    factor : array, shape (K, d, r), or (1, d, r) for one that all components share
        The factors F_k. For a single Gaussian also (d, r).
    diag : float or array, shape (K,), (K, d), (1, d) or (d,) for one Gaussian
        Positive variances added to the diagonal.

    Raises
    ------
    ValueError
        If a shape does not fit, or a variance is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> cov = dp.priors.LowRank(np.ones((1, 3, 1)), 0.5)
    >>> dp.priors.Gaussian(np.zeros(3), cov).score(np.ones((1, 3))).round(3)
    array([[-0.286, -0.286, -0.286]])
    """

    factor_matrix: Array
    diag: Array

    def __init__(self, factor: Any, diag: Any) -> None:
        f = parameter("factor", factor)
        xp = array_namespace(factor=f, diag=diag)
        f = f[None, ...] if f.ndim == 2 else f
        check_shape("factor", f, (None, None, None))
        d = parameter("diag", diag) if is_array(diag) else xp.asarray(diag, dtype=f.dtype)
        if d.ndim == 0:
            d = xp.reshape(d, (1, 1))
        elif d.ndim == 1:
            per_component = d.shape[0] == f.shape[0] and f.shape[0] != 1
            d = d[:, None] if per_component else d[None, :]
        check_shape("diag", d, (None, d.shape[-1]))
        if d.shape[0] not in (1, f.shape[0]) and f.shape[0] != 1:
            raise ValueError(f"diag must have one row or {f.shape[0]}, got {tuple(d.shape)}")
        if d.shape[1] not in (1, f.shape[1]):
            raise ValueError(f"diag must have {f.shape[1]} entries, got {tuple(d.shape)}")
        check_finite("diag", d, xp)
        if bool(xp.any(d <= 0)):
            raise ValueError(f"diag must be positive, got {float(xp.min(d)):g}")
        object.__setattr__(self, "factor_matrix", f)
        object.__setattr__(self, "diag", d)

    def astype(self, xp: ModuleType, dtype: Any) -> LowRank:
        return LowRank(xp.astype(self.factor_matrix, dtype), xp.astype(self.diag, dtype))

    def solve(self, xp: ModuleType, delta: Array, s2: Array) -> tuple[Array, Array]:
        """(C_k + s2 I)^-1 delta by Woodbury, and the quadratic form of delta."""
        noise = self._noise(s2)
        scaled = delta / noise
        f = self.factor_matrix
        inner = self._inner(xp, noise)
        right = xp.matmul(scaled, f)  # (K, n, r)
        coefficients = xp.linalg.solve(inner, right[..., None])[..., 0]
        solution = scaled - xp.matmul(coefficients, xp.matrix_transpose(f)) / noise
        return solution, xp.sum(delta * solution, axis=-1)

    def times(self, xp: ModuleType, v: Array) -> Array:
        """C_k v."""
        f = self.factor_matrix
        return xp.matmul(xp.matmul(v, f), xp.matrix_transpose(f)) + self.diag[:, None, :] * v

    def log_det_ratio(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(I + C_k / s2), of shape (K or 1, n or 1)."""
        ratio = xp.log1p(self.diag[:, None, :] / s2[None, :, None])
        return self._log_det_inner(xp, s2) + xp.sum(ratio, axis=-1) * (d / ratio.shape[-1])

    def log_det(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(C_k + s2 I), of shape (K or 1, n or 1)."""
        logs = xp.log(self._noise(s2))
        return self._log_det_inner(xp, s2) + xp.sum(logs, axis=-1) * (d / logs.shape[-1])

    def largest(self, xp: ModuleType) -> Array:
        """An upper bound of the largest eigenvalue of each component."""
        gram = xp.matmul(xp.matrix_transpose(self.factor_matrix), self.factor_matrix)
        return xp.max(self.diag, axis=1) + xp.max(xp.linalg.eigvalsh(gram), axis=-1)

    def factor(self, xp: ModuleType, d: int) -> Array:
        """Matrices L_k with C_k = L_k L_k^T, shape (K or 1, d, r + d)."""
        eye = xp.eye(d, dtype=self.diag.dtype)
        diagonal = xp.sqrt(self.diag)[:, :, None] * eye[None, :, :]
        f = self.factor_matrix
        k = max(f.shape[0], diagonal.shape[0])
        return xp.concat([xp.broadcast_to(m, (k, *m.shape[1:])) for m in (f, diagonal)], axis=-1)

    def colour(self, xp: ModuleType, z: Array) -> Array:
        """Turn standard normals (K, n, d + r) into draws of N(0, C_k)."""
        d = self.factor_matrix.shape[1]
        low = xp.matmul(z[..., d:], xp.matrix_transpose(self.factor_matrix))
        return low + xp.sqrt(self.diag)[:, None, :] * z[..., :d]

    def component(self, k: int) -> LowRank:
        """The stack of the k-th covariance alone."""
        f, d = self.factor_matrix, self.diag
        k_f, k_d = min(k, f.shape[0] - 1), min(k, d.shape[0] - 1)
        return LowRank(f[k_f, ...][None, ...], d[k_d, :][None, :])

    def _noise(self, s2: Array) -> Array:
        return self.diag[:, None, :] + s2[None, :, None]

    def _inner(self, xp: ModuleType, noise: Array) -> Array:
        """I + F^T (D + s2)^-1 F, of shape (K, n or 1, r, r)."""
        f = self.factor_matrix[:, None, :, :]
        r = f.shape[-1]
        weighted = f / noise[..., None]
        return xp.matmul(xp.matrix_transpose(f), weighted) + xp.eye(r, dtype=f.dtype)

    def _log_det_inner(self, xp: ModuleType, s2: Array) -> Array:
        factor = xp.linalg.cholesky(self._inner(xp, self._noise(s2)))
        return 2 * xp.sum(xp.log(xp.linalg.diagonal(factor)), axis=-1)


Covariance = Spectral | LowRank


def _on_rows(xp: ModuleType, transform: Any, batch: Array) -> Array:
    flat = transform(xp.reshape(batch, (-1, batch.shape[-1])))
    return xp.astype(xp.reshape(flat, batch.shape), batch.dtype, copy=False)


def as_covariance(name: str, covs: Any, n_components: int, d: int, xp: ModuleType) -> Covariance:
    """Covariances in any of the forms users give, in float64."""
    if isinstance(covs, Spectral):
        return covs
    if isinstance(covs, LowRank):
        _check_stack(name, covs.factor_matrix, (n_components, d, None))
        return covs.astype(xp, xp.float64)
    array = as_float_array(name, covs, xp=xp, dtype=xp.float64)
    if array.ndim == 3:
        return _from_matrices(name, array, n_components, d, xp)
    if array.ndim == 0:
        array = xp.reshape(array, (1, 1))
    elif array.ndim == 1:
        array = array[:, None]
    elif array.ndim != 2:
        raise ValueError(f"{name} must be a number, (K,), (K, d) or (K, d, d), got {array.shape}")
    _check_stack(name, array, (n_components, None))
    if array.shape[1] not in (1, d):
        raise ValueError(f"{name} must have {d} variances a row, got {tuple(array.shape)}")
    if bool(xp.any(array <= 0)):
        raise ValueError(f"{name} must be positive, got {float(xp.min(array)):g}")
    return Spectral(array)


def _check_stack(name: str, array: Array, shape: tuple[int | None, ...]) -> None:
    if array.shape[0] == 1:
        shape = (1, *shape[1:])
    check_shape(name, array, shape)


def _from_matrices(
    name: str, matrices: Array, n_components: int, d: int, xp: ModuleType
) -> Spectral:
    _check_stack(name, matrices, (n_components, d, d))
    transposed = xp.matrix_transpose(matrices)
    scale = xp.max(xp.abs(matrices), axis=(1, 2))
    if bool(xp.any(xp.max(xp.abs(matrices - transposed), axis=(1, 2)) > 1e-8 * scale)):
        raise ValueError(f"{name} must be symmetric")
    values, vectors = xp.linalg.eigh(0.5 * (matrices + transposed))
    if bool(xp.any(values <= 0)):
        bad = int(xp.argmin(xp.min(values, axis=1)))
        raise ValueError(
            f"{name} must be positive definite: component {bad} has eigenvalue "
            f"{float(xp.min(values)):g}"
        )
    return Spectral(values, vectors)
