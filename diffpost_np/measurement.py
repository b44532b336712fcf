"""The measurement y = A x + noise, and its likelihood."""

from __future__ import annotations

import math
from dataclasses import replace
from types import ModuleType
from typing import Any

from ._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    check_shape,
    device_of,
    flatten_events,
    size,
)
from .operators import Operator, as_operator
from .operators._base import Eigenform, as_cast, parameter
from .random import Key, Purpose, key, normal

__all__ = ["LinearGaussian"]


class LinearGaussian:
    """A linear measurement with Gaussian noise, y = A x + noise_std * N(0, I).

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or Operator
        The linear map. An array acts on the C-order flattened event; SciPy sparse matrices and
        anything with `shape`, `matvec` and `rmatvec` (SciPy, CuPy, PyLops) are taken as well,
        and all of `diffpost_np.operators`.
    noise_std : float or array of the shape of y, optional
        Standard deviation of the noise, positive, in the units of y; for complex y that of the
        real and of the imaginary part each.
    noise_cov : array, shape (m, m), optional
        Covariance of correlated noise, instead of `noise_std`; y must then be a real vector.
    event_shape : tuple of int, optional
        Shape of x where `A` does not know it; `(d,)` by default.

    Attributes
    ----------
    operator : Operator
        The linear map.
    event_shape, output_shape : tuple of int
        Shapes of x and of y.

    Raises
    ------
    ValueError
        If the noise is not positive (definite), or a shape does not fit.
    TypeError
        If `A` is not a linear map, or both or neither kind of noise are given.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 2.0]]), noise_std=0.5)
    >>> measurement.log_likelihood_grad(np.array([[1.0, 1.0]]), np.array([4.0]))
    array([[4., 8.]])
    """

    def __init__(
        self,
        A: Any,
        noise_std: Any = None,
        *,
        noise_cov: Any = None,
        event_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.operator: Operator = as_operator(A, event_shape=event_shape)
        self.event_shape = self.operator.event_shape
        self.output_shape = self.operator.output_shape
        if (noise_std is None) == (noise_cov is None):
            raise TypeError("give either noise_std or noise_cov")
        if noise_cov is None:
            self.noise_std = _checked_std(noise_std, self.output_shape)
            self.noise_cov = self._factor = None
        else:
            self.noise_std = None
            self.noise_cov, self._factor = _checked_cov(noise_cov, self)

    def simulate(self, x: Array, rng: Any = None) -> Array:
        """Draw measurements of known points.

        Parameters
        ----------
        x : array, shape (n, *event_shape) or event_shape
            Points; one event gives one y without a batch axis.
        rng : optional
            What `diffpost_np.random.key` takes.

        Returns
        -------
        array, shape (n, *output_shape) or output_shape
            A x plus noise.

        Raises
        ------
        ValueError
            If `x` has a wrong shape or is not finite.
        """
        xp = array_namespace(x=x, **self._arrays())
        single = getattr(x, "ndim", None) == len(self.event_shape)
        batch = as_batch("x", x[None, ...] if single else x, self.event_shape, xp=xp)
        clean = self.operator(batch)
        y = clean + self.noise(key(rng).fold("measurement.simulate"), clean, like=batch)
        return y[0, ...] if single else y

    def log_likelihood(self, x: Array, y: Array) -> Array:
        """Logarithm of p(y | x), normalised.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Points.
        y : array, shape output_shape or (n, *output_shape)
            One measurement, or one for each point.

        Returns
        -------
        array, shape (n,)
            The log likelihood.

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        xp, x, y = self._enter(x, y)
        white = self.whiten(y - self.operator(x))
        quadratic = xp.sum(flatten_events(xp.real(xp.conj(white) * white), xp), axis=1)
        return -0.5 * quadratic - self.log_normaliser()

    def log_likelihood_grad(self, x: Array, y: Array) -> Array:
        """Gradient of `log_likelihood` in x: Re(A^H N^-1 (y - A x)).

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Points.
        y : array, shape output_shape or (n, *output_shape)
            One measurement, or one for each point.

        Returns
        -------
        array, shape (n, *event_shape)
            The gradient.

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        _, x, y = self._enter(x, y)
        return self.operator.adjoint(self.unwhiten(self.whiten(y - self.operator(x))))

    def check_y(self, y: object, xp: ModuleType, like: Array | None = None) -> Array:
        """One measurement as a finite array of `output_shape`, real unless A is complex."""
        y = as_float_array(
            "y", y, xp=xp, device=device_of(like), allow_complex=self.operator.is_complex
        )
        check_shape("y", y, self.output_shape)
        return y

    def whiten(self, r: Array) -> Array:
        """N^(-1/2) r for residuals of shape (n, *output_shape)."""
        xp = array_namespace(r=r, **self._arrays())
        if self._factor is None:
            return r / self._std_like(r, xp)
        return xp.linalg.solve(as_cast(self._factor, r, xp), r.T).T

    def unwhiten(self, w: Array) -> Array:
        """N^(-1/2)^T w, so that unwhiten(whiten(r)) = N^-1 r."""
        xp = array_namespace(w=w, **self._arrays())
        if self._factor is None:
            return w / self._std_like(w, xp)
        return xp.linalg.solve(as_cast(self._factor, w, xp).T, w.T).T

    def noise(self, key: Key, clean: Array, *, like: Array, **place: Any) -> Array:
        """Noise for a batch of outputs, at a place of the random numbers."""
        xp = array_namespace(clean=clean, **self._arrays())
        place = {"purpose": Purpose.MEASUREMENT, "like": like, **place}
        z = normal(key, clean.shape, stage=0, **place)
        if self.operator.is_complex:
            z = xp.astype(z, clean.dtype) + 1j * xp.astype(
                normal(key, clean.shape, stage=1, **place), clean.dtype
            )
        if self._factor is None:
            return z * self._std_like(clean, xp)
        return z @ as_cast(self._factor, z, xp).T

    def gram(self, like: Array) -> Eigenform | None:
        """Eigenform of A^H N^-1 A in the namespace of `like`, None where there is no cheap one."""
        form = self.operator.gram(like)
        if isinstance(self.noise_std, float):
            scale = self.noise_std**-2
            return None if form is None else replace(form, values=form.values * scale)
        if form is not None and form.is_identity and self._factor is None:
            return replace(form, values=self._diagonal(like))
        return None

    def _diagonal(self, like: Array) -> Array:
        """Diagonal of A' N^-1 A where that matrix is diagonal: it applied to the ones."""
        xp = array_namespace(like=like, **self._arrays())
        ones = xp.ones((1, *self.event_shape), dtype=like.dtype)
        white = self.unwhiten(self.whiten(self.operator(ones)))
        return flatten_events(self.operator.adjoint(white), xp)[0, :]

    def log_normaliser(self) -> float:
        """log of (2 pi)^(m/2) |N|^(1/2), over the real and imaginary parts of y."""
        parts = 2 if self.operator.is_complex else 1
        m = size(self.output_shape)
        if self._factor is not None:
            xp = array_namespace(factor=self._factor)
            log_scale = float(xp.sum(xp.log(xp.linalg.diagonal(self._factor))))
        elif isinstance(self.noise_std, float):
            log_scale = m * math.log(self.noise_std)
        else:
            xp = array_namespace(noise_std=self.noise_std)
            log_scale = float(xp.sum(xp.log(self.noise_std)))
        return parts * (0.5 * m * math.log(2 * math.pi) + log_scale)

    def __repr__(self) -> str:
        if isinstance(self.noise_std, float):
            noise = f"noise_std={self.noise_std:g}"
        else:
            noise = "noise_std per output" if self.noise_cov is None else "noise_cov"
        return f"LinearGaussian({self.operator!r}, {noise})"

    def _enter(self, x: Array, y: Array) -> tuple[ModuleType, Array, Array]:
        xp = array_namespace(x=x, y=y, **self._arrays())
        batch = as_batch("x", x, self.event_shape, xp=xp)
        kwargs: dict[str, Any] = {"xp": xp, "allow_complex": self.operator.is_complex}
        if not self.operator.is_complex:
            kwargs["dtype"] = batch.dtype
        y = as_float_array("y", y, **kwargs)
        if y.ndim == len(self.output_shape):
            y = y[None, ...]
        n = batch.shape[0] if y.shape[0] != 1 else 1
        check_shape("y", y, (n, *self.output_shape))
        return xp, batch, y

    def _arrays(self) -> dict[str, Array]:
        return {**self.operator._arrays(), "noise_std": self.noise_std, "noise_cov": self.noise_cov}

    def _std_like(self, r: Array, xp: ModuleType) -> Any:
        if isinstance(self.noise_std, float):
            return self.noise_std
        real = xp.real(r) if xp.isdtype(r.dtype, "complex floating") else r
        return as_cast(self.noise_std, real, xp)[None, ...]


def _checked_std(noise_std: Any, output_shape: tuple[int, ...]) -> Any:
    std = parameter("noise_std", noise_std)
    xp = array_namespace(noise_std=std)
    if bool(xp.any(std <= 0)):
        raise ValueError(f"noise_std must be positive, got {float(xp.min(std)):g}")
    if std.ndim == 0:
        return float(std)
    check_shape("noise_std", std, output_shape)
    return std


def _checked_cov(noise_cov: Any, measurement: LinearGaussian) -> tuple[Array, Array]:
    m = size(measurement.output_shape)
    if measurement.operator.is_complex or len(measurement.output_shape) != 1:
        raise ValueError("noise_cov is for real vectors y; use noise_std here")
    cov = parameter("noise_cov", noise_cov, shape=(m, m))
    xp = array_namespace(noise_cov=cov)
    return cov, cholesky("noise_cov", cov, xp)


def cholesky(name: str, cov: Array, xp: ModuleType) -> Array:
    """Lower Cholesky factor of a symmetric positive definite matrix."""
    scale = float(xp.max(xp.abs(cov)))
    if float(xp.max(xp.abs(cov - cov.T))) > 1e-8 * scale:
        raise ValueError(f"{name} must be symmetric")
    try:
        factor = xp.linalg.cholesky(0.5 * (cov + cov.T))
    except Exception:
        factor = None
    if factor is None or not bool(xp.all(xp.isfinite(factor))):
        raise ValueError(f"{name} must be positive definite")
    return factor
