"""Covariances of low rank plus a diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from .._xp import Array, array_namespace, as_float_array, check_shape, device_of
from ..operators._base import parameter

__all__ = ["LowRank"]


@dataclass(frozen=True, eq=False)
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
        d = as_float_array("diag", diag, xp=xp, dtype=f.dtype, device=device_of(f))
        d = xp.asarray(d, copy=True)
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
        if bool(xp.any(d <= 0)):
            raise ValueError(f"diag must be positive, got {float(xp.min(d)):g}")
        object.__setattr__(self, "factor_matrix", f)
        object.__setattr__(self, "diag", d)

    @classmethod
    def unchecked(cls, factor_matrix: Array, diag: Array) -> LowRank:
        """From arrays in canonical form."""
        made = object.__new__(cls)
        object.__setattr__(made, "factor_matrix", factor_matrix)
        object.__setattr__(made, "diag", diag)
        return made

    def astype(self, xp: ModuleType, dtype: Any) -> LowRank:
        arrays = (self.factor_matrix, self.diag)
        return LowRank.unchecked(*(xp.astype(a, dtype, copy=False) for a in arrays))

    def solve(self, xp: ModuleType, delta: Array, s2: Array) -> tuple[Array, Array]:
        """(C_k + s2 I)^-1 delta, and the quadratic form of delta, of shape (K, n).

        In float64, since what lies along large factors loses their condition number once; the
        correction by its own residual gives it back.
        """
        exact, wide = self.astype(xp, xp.float64), xp.astype(delta, xp.float64)
        columns = exact.columns(xp, s2)
        solution, square = columns.residual(xp, wide)
        rest = wide - exact.times(xp, solution) - xp.astype(s2, xp.float64)[:, None] * solution
        solution = solution + columns.residual(xp, rest)[0]
        return xp.astype(solution, delta.dtype), xp.astype(square, delta.dtype)

    def columns(self, xp: ModuleType, s2: Array) -> Columns:
        """The orthonormal columns that `solve` and `log_det` rest on, in float64."""
        exact = self.astype(xp, xp.float64)
        root = xp.sqrt(exact._noise(xp.astype(s2, xp.float64)))
        root = xp.broadcast_to(root, (*root.shape[:2], exact.factor_matrix.shape[1]))
        upper = exact.factor_matrix[:, None, :, :] / root[..., None]
        d, r = upper.shape[-2:]
        eye = xp.broadcast_to(xp.eye(r, dtype=upper.dtype), (*upper.shape[:2], r, r))
        q, right = xp.linalg.qr(xp.concat([upper, eye], axis=-2))
        log_det = 2 * xp.sum(xp.log(xp.abs(xp.linalg.diagonal(right))), axis=-1)
        return Columns(root, q[..., :d, :], q[..., d:, :], log_det)

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

    def shrunk_trace(self, xp: ModuleType, s2: Array, d: int) -> Array:
        """tr C_k (C_k + s2 I)^-1, of shape (K or 1, n or 1)."""
        columns = self.columns(xp, s2)
        noise = columns.root * columns.root
        added = xp.sum(columns.top * columns.top, axis=-1) * xp.astype(s2, noise.dtype)[:, None]
        own = xp.astype(self.diag, noise.dtype)[:, None, :]
        return xp.astype(xp.sum((own + added) / noise, axis=-1), s2.dtype)

    def scale(self, xp: ModuleType) -> Array:
        """The diagonals of C_k, (K, 1, d), see `shrink`."""
        return (self.diag + xp.sum(self.factor_matrix**2, axis=-1))[:, None, :]

    @property
    def form(self) -> str:
        """What the matrices look like, in a word."""
        return f"rank {self.factor_matrix.shape[2]} plus diagonal"

    def narrowest(self, xp: ModuleType) -> float:
        """Bound from below of the standard deviations, over all components and directions."""
        return float(xp.min(self.diag)) ** 0.5

    def whitener(self, xp: ModuleType, d: int) -> Array:
        """Matrices W_k with W_k^T W_k = C_k^-1, shape (K or 1, d + r, d)."""
        root, top, bottom, _ = self.columns(xp, xp.zeros(1, dtype=self.diag.dtype))
        q = xp.concat([top, bottom], axis=-2)[:, 0, ...]
        part = xp.eye(q.shape[-2], d, dtype=q.dtype) - xp.matmul(
            q, xp.matrix_transpose(q[:, :d, :])
        )
        return part / root

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
        return LowRank.unchecked(f[k_f, ...][None, ...], d[k_d, :][None, :])

    def _noise(self, s2: Array) -> Array:
        return self.diag[:, None, :] + s2[None, :, None]

    def _log_det_inner(self, xp: ModuleType, s2: Array) -> Array:
        return xp.astype(self.columns(xp, s2).log_det, s2.dtype)


class Columns(NamedTuple):
    """Orthonormal columns Q that span those of (N^-1/2 F, I), N = D + s2 I, at L noise levels."""

    root: Array
    """N^1/2, (K, L, d)."""
    top: Array
    """Upper part of Q, (K, L, d, r)."""
    bottom: Array
    """Lower part, (K, L, r, r)."""
    log_det: Array
    """log det(I + F^T N^-1 F), (K, L)."""

    def residual(self, xp: ModuleType, delta: Array) -> tuple[Array, Array]:
        """(F F^T + N)^-1 delta, (K, n, d), and the quadratic form of delta, (K, n).

        Both are in the residual of min |N^-1/2 (delta - F c)|^2 + |c|^2, the part of
        (N^-1/2 delta, 0) orthogonal to Q.
        """
        white = delta / self.root
        n_levels, (n, d) = self.root.shape[1], white.shape[1:]
        upper = xp.reshape(white, (white.shape[0], n_levels, -1, d))
        along = xp.matmul(upper, self.top)
        upper = upper - xp.matmul(along, xp.matrix_transpose(self.top))
        lower = xp.matmul(along, xp.matrix_transpose(self.bottom))
        square = xp.sum(upper * upper, axis=-1) + xp.sum(lower * lower, axis=-1)
        solution = xp.reshape(upper, (upper.shape[0], n, d)) / self.root
        return solution, xp.reshape(square, (upper.shape[0], n))
