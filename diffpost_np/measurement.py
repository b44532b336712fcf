"""The measurement y = A x + noise, and its likelihood."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from ._noise import as_noise
from ._whitened import Whitened, scaled
from ._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    check_finite,
    check_shape,
    device_of,
    flatten_events,
    size,
)
from .operators import Eigenform, Operator, as_operator
from .operators._base import as_cast, float_dtype
from .random import Key, Purpose, key, normal

__all__ = ["LinearGaussian"]

_MISSING = "leave out what is missing by operators.mask"


class LinearGaussian:
    """A linear measurement with Gaussian noise, y = A x + noise_std * N(0, I).

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or Operator
        The linear map. An array acts on the C-order flattened event; sparse matrices of SciPy
        and CuPy and anything with `shape`, `matvec` and `rmatvec` (SciPy, CuPy, PyLops) are
        taken as well, and all of `diffpost_np.operators`.
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
        self._noise = as_noise(noise_std, noise_cov, self.operator)
        self.noise_std: Any = getattr(self._noise, "std", None)
        self.noise_cov: Any = getattr(self._noise, "cov", None)
        array_namespace(**self._arrays())
        self._whitened = Whitened(self)

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
        x = as_float_array("x", x, xp=xp)
        single = x.ndim == len(self.event_shape)
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

    def gram(self, like: Any = None) -> Eigenform | None:
        """Find the eigenform of Re(A^H N^-1 A), the precision that y adds to a Gaussian prior.

        Parameters
        ----------
        like : array, optional
            Gives namespace and precision; those of the operator's arrays by default.

        Returns
        -------
        Eigenform or None
            The eigenform, None where there is no cheap one, see `Operator.gram`.
        """
        if not isinstance(self.noise_std, float):
            return self._whitened.gram(like)
        return scaled(self.operator.gram(like), self.noise_std**-2)

    def check_y(self, y: object, xp: ModuleType, like: Array | None = None) -> Array:
        """Check one measurement.

        Parameters
        ----------
        y : array, shape output_shape
            What was measured.
        xp : namespace
            The array namespace wanted.
        like : array, optional
            Gives the device.

        Returns
        -------
        array, shape output_shape
            The measurement as an array of `xp`, complex exactly if A is.

        Raises
        ------
        ValueError
            If the shape does not fit or an entry is not finite.
        TypeError
            If `y` holds no numbers, or complex ones and A is real.
        """
        is_complex = self.operator.is_complex
        given = {"device": device_of(like), "allow_complex": is_complex, "masked": _MISSING}
        array = as_float_array("y", y, xp=xp, finite=False, **given)
        check_shape("y", array, self.output_shape)
        check_finite("y", array, xp, _MISSING)
        return xp.astype(array, float_dtype(xp, array.dtype, is_complex), copy=False)

    def whiten(self, r: Array) -> Array:
        """Scale residuals so that their noise is white, of unit variance.

        Parameters
        ----------
        r : array, shape (n, *output_shape)
            Residuals.

        Returns
        -------
        array, shape (n, *output_shape)
            N^(-1/2) r.
        """
        return self._noise.whiten(r, array_namespace(r=r, **self._arrays()))

    def unwhiten(self, w: Array) -> Array:
        """Apply the transpose of `whiten`: unwhiten(whiten(r)) = N^-1 r.

        Parameters
        ----------
        w : array, shape (n, *output_shape)
            Whitened residuals.

        Returns
        -------
        array, shape (n, *output_shape)
            N^(-1/2)' w.
        """
        return self._noise.unwhiten(w, array_namespace(w=w, **self._arrays()))

    def noise(self, key: Key, clean: Array, *, like: Array, **place: Any) -> Array:
        """Draw noise for a batch of outputs, at a place of the random numbers.

        Parameters
        ----------
        key : Key
            Key of the run.
        clean : array, shape (n, *output_shape)
            Outputs without noise.
        like : array
            Gives dtype, namespace and device of the normals.
        **place
            Further arguments of `diffpost_np.random.normal`.

        Returns
        -------
        array, shape (n, *output_shape)
            The noise.
        """
        xp = array_namespace(clean=clean, **self._arrays())
        place = {"purpose": Purpose.MEASUREMENT, "like": like, **place}
        z = normal(key, clean.shape, stage=0, **place)
        if self.operator.is_complex:
            z = z + 1j * normal(key, clean.shape, stage=1, **place)
        return self._noise.colour(z, xp)

    def log_normaliser(self) -> float:
        """Logarithm of the constant in the density of y.

        Returns
        -------
        float
            The logarithm of (2 pi)^(m/2) |N|^(1/2), over real and imaginary parts.
        """
        parts = 2 if self.operator.is_complex else 1
        half_m = 0.5 * size(self.output_shape)
        return parts * (half_m * math.log(2 * math.pi) + self._noise.log_scale)

    def __repr__(self) -> str:
        return f"LinearGaussian({self.operator!r}, {self._noise!r})"

    def _enter(self, x: Array, y: Array) -> tuple[ModuleType, Array, Array]:
        xp = array_namespace(x=x, y=y, **self._arrays())
        x = as_batch("x", x, self.event_shape, xp=xp)
        is_complex = self.operator.is_complex
        given = {"device": device_of(x), "allow_complex": is_complex, "masked": _MISSING}
        y = as_float_array("y", y, xp=xp, **given)
        if y.ndim != len(self.output_shape) + 1:
            check_shape("y", y, self.output_shape)
            y = y[None, ...]
        n = x.shape[0] if y.shape[0] != 1 else 1
        check_shape("y", y, (n, *self.output_shape))
        return xp, x, as_cast(y, x, xp)

    def _arrays(self) -> dict[str, Array]:
        return {**self.operator._arrays(), "noise_std": self.noise_std, "noise_cov": self.noise_cov}
