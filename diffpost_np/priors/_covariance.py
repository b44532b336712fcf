"""Stacks of K covariances C_k that are never inverted as dense matrices.

Both forms answer the same questions about C_k + s2 I for batches in the layout (K, n, d) and
noise variances s2 of shape (1,) or (n,), so that the maths of mixtures is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._xp import Array, as_float_array, check_shape, is_array
from ..operators._base import Eigenform
from ._low_rank import LowRank

__all__ = ["Covariance", "LowRank", "Spectral", "as_covariance", "shrink"]


@dataclass(frozen=True, eq=False)
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
        return self._events(xp, scaled), xp.sum(z * scaled, axis=-1)

    def times(self, xp: ModuleType, v: Array) -> Array:
        """C_k v."""
        return self._events(xp, self.values[:, None, :] * self._coordinates(xp, v))

    def log_det_ratio(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(I + C_k / s2), of shape (K or 1, n or 1)."""
        return self._sum(xp, xp.log1p(self.values[:, None, :] / s2[None, :, None]), d)

    def log_det(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """log det(C_k + s2 I), of shape (K or 1, n or 1)."""
        return self._sum(xp, xp.log(self._smoothed(s2)), d)

    def shrunk_trace(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """tr C_k (C_k + s2 I)^-1, of shape (K or 1, n or 1)."""
        return self._sum(xp, self.values[:, None, :] / self._smoothed(s2), d)

    def scale(self, xp: ModuleType) -> Array:
        """Noise variance up to which C_k prevails, (K or 1, 1, d or 1), see `shrink`."""
        if self.basis is None:
            return self.values[:, None, :]
        return xp.max(self.values, axis=1)[:, None, None]

    @property
    def form(self) -> str:
        """What the matrices look like, in a word."""
        if self.basis is None:
            return "isotropic" if self.values.shape[1] == 1 else "diagonal"
        return "full" if is_array(self.basis) else "in an eigenbasis of the operator"

    def narrowest(self, xp: ModuleType) -> float:
        """Smallest standard deviation, over all components and directions."""
        return float(xp.min(self.values)) ** 0.5

    def whitener(self, xp: ModuleType, d: int) -> Array:
        """Matrices W_k with W_k^T W_k = C_k^-1, shape (K or 1, d, d)."""
        eye = xp.eye(d, dtype=self.values.dtype)
        basis = eye[None, :, :] if self.basis is None else self._basis_matrix(xp, eye)
        return xp.matrix_transpose(basis / xp.sqrt(self.values)[:, None, :])

    def factor(self, xp: ModuleType, d: int) -> Array:
        """Matrices L_k with C_k = L_k L_k^T, shape (K or 1, d, d)."""
        root = xp.sqrt(self.values)
        eye = xp.eye(d, dtype=root.dtype)
        if self.basis is None:
            return root[:, :, None] * eye[None, :, :]
        return self._basis_matrix(xp, eye) * root[:, None, :]

    def root(self, xp: ModuleType) -> Array:
        """Symmetric square roots of the C_k, (K or 1, d, d), where `basis` is an array.

        Axes come with either sign, and in any way where variances are equal: every LAPACK has its
        own, but this root is unique, and it keeps real events real.
        """
        scaled = self.basis * xp.sqrt(self.values)[:, None, :]
        return xp.matmul(scaled, xp.matrix_transpose(self.basis))

    def colour(self, xp: ModuleType, z: Array) -> Array:
        """Turn standard normals (K, n, d) into draws of N(0, C_k), by the `root`."""
        return self._events(xp, xp.sqrt(self.values)[:, None, :] * self._coordinates(xp, z))

    def coordinates(self, xp: ModuleType, delta: Array) -> Array:
        """The coordinates of points (n, d) along the axes of a stack of one covariance."""
        return self._coordinates(xp, delta[None, ...])[0, ...]

    def events(self, xp: ModuleType, z: Array) -> Array:
        """The way back from `coordinates`."""
        return self._events(xp, z[None, ...])[0, ...]

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


Covariance = Spectral | LowRank


def shrink(
    xp: ModuleType, covs: Covariance, x: Array, means: Any, solution: Array, s2: Array
) -> Array:
    """means + C_k u for the solution u = (C_k + s2 I)^-1 (x - means), which is x - s2 u.

    The first form is accurate where the noise prevails, the second where C_k does.
    """
    level = s2[None, :, None]
    far = means + covs.times(xp, solution)
    return xp.where(level <= covs.scale(xp), x - level * solution, far)


def _on_rows(xp: ModuleType, transform: Any, batch: Array) -> Array:
    flat = transform(xp.reshape(batch, (-1, batch.shape[-1])))
    return xp.astype(xp.reshape(flat, batch.shape), batch.dtype, copy=False)


def held_array(covs: Any) -> Any:
    """An array that covariances of any form are made of."""
    if isinstance(covs, LowRank):
        return covs.factor_matrix
    return getattr(covs, "values", covs)


def as_covariance(name: str, covs: Any, n_components: int, d: int, xp: ModuleType) -> Covariance:
    """Covariances in any of the forms users give, in float64."""
    if isinstance(covs, Spectral):
        return covs
    if isinstance(covs, LowRank):
        _check_stack(name, covs.factor_matrix, (n_components, d, None))
        _check_stack(f"diag of {name}", covs.diag, (n_components, None))
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
    return Spectral(xp.asarray(array, copy=True))


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
