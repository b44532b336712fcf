"""Gaussian noise of a measurement: independent, or correlated."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ._xp import Array, array_namespace, check_shape, size
from .operators._base import Operator, as_cast, parameter


class WhiteNoise:
    """Independent noise: one standard deviation, or one for each output."""

    def __init__(self, noise_std: Any, output_shape: tuple[int, ...]) -> None:
        std = parameter("noise_std", noise_std)
        xp = array_namespace(noise_std=std)
        if bool(xp.any(std <= 0)):
            raise ValueError(f"noise_std must be positive, got {float(xp.min(std)):g}")
        if std.ndim:
            check_shape("noise_std", std, output_shape)
        self.std = std if std.ndim else float(std)
        n_shared = 1 if std.ndim else size(output_shape)
        self.log_scale = n_shared * float(xp.sum(xp.log(std)))

    def whiten(self, r: Array, xp: ModuleType) -> Array:
        """N^(-1/2) r."""
        return r / self._like(r, xp)

    unwhiten = whiten

    def colour(self, z: Array, xp: ModuleType) -> Array:
        """N^(1/2) z, noise from standard normals."""
        return z * self._like(z, xp)

    def __repr__(self) -> str:
        return f"noise_std={self.std:g}" if isinstance(self.std, float) else "noise_std per output"

    def _like(self, r: Array, xp: ModuleType) -> Any:
        return self.std if isinstance(self.std, float) else as_cast(self.std, r, xp)[None, ...]


class CorrelatedNoise:
    """Noise of covariance N = L L' on real vectors (n, m)."""

    def __init__(self, noise_cov: Any, m: int) -> None:
        self.cov = parameter("noise_cov", noise_cov, shape=(m, m))
        xp = array_namespace(noise_cov=self.cov)
        self.factor = cholesky("noise_cov", self.cov, xp)
        self.whitener = xp.linalg.inv(self.factor)
        self.log_scale = float(xp.sum(xp.log(xp.linalg.diagonal(self.factor))))

    def whiten(self, r: Array, xp: ModuleType) -> Array:
        """L^-1 r."""
        return r @ as_cast(self.whitener, r, xp).T

    def unwhiten(self, w: Array, xp: ModuleType) -> Array:
        """(L^-1)' w."""
        return w @ as_cast(self.whitener, w, xp)

    def colour(self, z: Array, xp: ModuleType) -> Array:
        """L z, noise from standard normals."""
        return z @ as_cast(self.factor, z, xp).T

    def __repr__(self) -> str:
        return "noise_cov"


def as_noise(noise_std: Any, noise_cov: Any, operator: Operator) -> WhiteNoise | CorrelatedNoise:
    """The noise on outputs of an operator, of which one of the two must be given."""
    if (noise_std is None) == (noise_cov is None):
        raise TypeError("give either noise_std or noise_cov")
    if noise_cov is None:
        return WhiteNoise(noise_std, operator.output_shape)
    if operator.is_complex or len(operator.output_shape) != 1:
        raise ValueError("noise_cov is for real vectors y; use noise_std here")
    return CorrelatedNoise(noise_cov, operator.output_shape[0])


def cholesky(name: str, cov: Array, xp: ModuleType) -> Array:
    """Lower Cholesky factors of symmetric positive definite matrices (..., d, d)."""
    scale, transposed = float(xp.max(xp.abs(cov))), xp.matrix_transpose(cov)
    if float(xp.max(xp.abs(cov - transposed))) > 100 * float(xp.finfo(cov.dtype).eps) * scale:
        raise ValueError(f"{name} must be symmetric")
    try:
        factor = xp.linalg.cholesky(0.5 * (cov + transposed))
    except (np.linalg.LinAlgError, RuntimeError):  # others return NaN
        factor = None
    if factor is None or not bool(xp.all(xp.isfinite(factor))):
        raise ValueError(f"{name} must be positive definite")
    return factor
