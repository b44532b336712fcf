"""Gaussian mixtures: exact scores at every noise level, exact posteriors."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._xp import (
    Array,
    array_namespace,
    check_size,
    flatten_events,
)
from ..operators._base import parameter
from ..operators._dense import columns_shape
from ..random import Key
from . import _mixture_math as math_
from ._covariance import Covariance, as_covariance, held_array
from ._given import SampledGiven
from ._mixture_draws import choose, draw_chosen
from ._mixture_given import draw_given
from ._weights import checked_weights

if TYPE_CHECKING:
    from ..measurement import LinearGaussian

__all__ = ["GaussianMixture"]


class GaussianMixture(SampledGiven):
    """A mixture of Gaussians, sum_k w_k N(mu_k, C_k).

    Parameters
    ----------
    weights : array, shape (K,)
        Weights, not negative; within 1e-6 of summing to one they are normalised.
    means : array, shape (K, *event)
        Component means.
    covs : float or array, shape (K,), (K, d), (K, d, d), or LowRank
        Covariances on the flattened event of d entries: a variance, one for each component,
        diagonals, matrices, or low rank plus diagonal. A leading axis of 1 shares one
        covariance among the components.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.
    weights, means : array
        The parameters, weights normalised.
    log_evidence : float or None
        log p(y), where the mixture is the posterior of another one.

    Raises
    ------
    ValueError
        If weights are negative or do not sum to one, a shape does not fit, an entry is not
        finite, or a covariance is not positive definite.
    TypeError
        If array types are mixed.

    Notes
    -----
    A score costs O(K d) for a variance or a diagonal, O(K d^2) for matrices and O(K d r) for
    low rank, per point and noise level; matrices are diagonalised once.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.25)
    >>> prior.score(np.array([[0.5], [1.0]]), sigma=0.5).round(3)
    array([[ 0.523],
           [-0.072]])
    """

    _mean_name, _cov_name = "means", "covs"

    def __init__(self, weights: Any, means: Any, covs: Any) -> None:
        held = {self._cov_name: held_array(covs)}
        xp = array_namespace(weights=weights, means=means, **held)
        means = parameter("means", means, xp=xp)
        if means.ndim < 2 or 0 in means.shape:
            raise ValueError(f"means must have shape (K, *event), got {tuple(means.shape)}")
        self.event_shape = tuple(means.shape[1:])
        self.means = means
        self.weights = checked_weights(weights, means, xp)
        flat = xp.astype(flatten_events(means, xp), xp.float64)
        self.log_evidence: float | None = None
        self.covs: Covariance = as_covariance(
            self._cov_name, covs, means.shape[0], flat.shape[1], xp
        )
        self._narrowest = self.covs.narrowest(xp)
        check_size(self._mean_name, flat, self._limit(flat, xp), xp)
        with_zeros = xp.where(self.weights > 0, self.weights, xp.ones_like(self.weights))
        log_weights = xp.where(self.weights > 0, xp.log(with_zeros), -xp.inf)
        self._tables = {str(xp.float64): math_.Tables(log_weights, flat, self.covs)}

    @staticmethod
    def from_sklearn(fitted: Any, event_shape: tuple[int, ...] | None = None) -> GaussianMixture:
        """The mixture that a fitted `sklearn.mixture.GaussianMixture` describes.

        Parameters
        ----------
        fitted : sklearn.mixture.GaussianMixture or BayesianGaussianMixture
            Any of its four covariance types.
        event_shape : tuple of int, optional
            Shape of an event, where it is not a vector.

        Returns
        -------
        GaussianMixture
            The prior.

        Raises
        ------
        TypeError
            If `fitted` has no fitted parameters.
        ValueError
            If `event_shape` has not as many entries as the fitted means.
        """
        if not hasattr(fitted, "covariances_"):
            raise TypeError(f"fitted must be a fitted Gaussian mixture, got {fitted!r}")
        covs = fitted.covariances_
        if fitted.covariance_type == "tied":
            covs = covs[None, :, :]
        means = fitted.means_
        if event_shape is not None:
            shape = columns_shape(event_shape, means.shape[1])
            means = means.reshape(-1, *shape)
        return GaussianMixture(fitted.weights_, means, covs)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return int(self.weights.shape[0])

    def mean(self) -> Array:
        """Mean of the mixture.

        Returns
        -------
        array, shape event_shape
            The mean.
        """
        flat = self._xp.sum(self.weights[:, None] * self._float64.means, axis=0)
        return self._shaped(flat)

    def std(self) -> Array:
        """Standard deviation of every entry.

        Returns
        -------
        array, shape event_shape
            The standard deviations.
        """
        xp, tables = self._xp, self._float64
        mean = xp.sum(self.weights[:, None] * tables.means, axis=0)
        factors = tables.covs.factor(xp, tables.means.shape[1])
        second = (tables.means - mean) ** 2 + xp.sum(factors * factors, axis=-1)
        return self._shaped(xp.sqrt(xp.sum(self.weights[:, None] * second, axis=0)))

    def responsibilities(self, x: Array, sigma: Any = 0.0) -> Array:
        """Probability of each component given noisy points.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Points.
        sigma : float or array of shape (n,), optional
            Noise level.

        Returns
        -------
        array, shape (n, K)
            Rows that sum to one.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        """
        xp, flat, level = self._enter(x, sigma)
        return math_.mixture_responsibilities(xp, flat, level * level, self.tables(flat.dtype))

    def posterior(self, measurement: LinearGaussian, y: Any) -> GaussianMixture:
        """Law of x given y = A x + noise, again a mixture.

        Parameters
        ----------
        measurement : LinearGaussian
            The measurement.
        y : array, shape measurement.output_shape
            What was measured.

        Returns
        -------
        GaussianMixture
            The exact posterior; its attribute `log_evidence` is log p(y).

        Raises
        ------
        ValueError
            If shapes do not fit.
        TypeError
            If `measurement` is not linear Gaussian.

        Notes
        -----
        Variances and diagonals under a mask stay diagonal, a variance under an operator with
        an eigenform stays in that basis, low rank under a mask stays low rank; all else goes
        through two singular value decompositions for each component, and rounding moves its
        larger variances by about 1e-16 times the prior's standard deviation over the noise's.
        """
        from ._conjugate import mixture_posterior

        return mixture_posterior(self, measurement, y)

    def tables(self, dtype: Any) -> math_.Tables:
        """The parameters in a dtype, as the operations and kernels take them.

        Parameters
        ----------
        dtype : dtype
            One of the two float dtypes of the mixture's namespace.

        Returns
        -------
        Tables
            Log weights (K,), means (K, d) and covariances; made once for each dtype.

        Raises
        ------
        TypeError
            If it is another dtype.
        """
        name = str(dtype)
        if name not in self._tables:
            xp, base = self._xp, self._float64
            if dtype not in (xp.float32, xp.float64):
                raise TypeError(f"dtype must be float32 or float64, got {dtype!r}")
            self._tables[name] = math_.Tables(
                xp.astype(base.log_weights, dtype),
                xp.astype(base.means, dtype),
                base.covs.astype(xp, dtype),
            )
        return self._tables[name]

    def __repr__(self) -> str:
        k, form = self.n_components, self.covs.form
        return f"GaussianMixture({k} components, event_shape={self.event_shape}, covs: {form})"

    @property
    def _xp(self) -> ModuleType:
        """The namespace: found anew, for a module kept here could not be pickled."""
        return array_namespace(means=self.means)

    @property
    def _float64(self) -> math_.Tables:
        return self._tables[str(self._xp.float64)]

    def _conditioned(self, log_weights: Array, means: Array, covs: Covariance) -> GaussianMixture:
        """A distribution of the same family; weights may be too small for all but their logs."""
        xp = self._xp
        shaped = xp.astype(xp.reshape(means, self.means.shape), self.means.dtype)
        made = self._like_me(xp.exp(log_weights), shaped, covs)
        made._tables = {str(xp.float64): math_.Tables(log_weights, means, covs)}
        return made

    def _like_me(self, weights: Array, means: Array, covs: Covariance) -> GaussianMixture:
        return GaussianMixture(weights, means, covs)

    def _shaped(self, flat: Array) -> Array:
        return self._xp.astype(self._xp.reshape(flat, self.event_shape), self.means.dtype)

    def _arrays(self) -> dict[str, Array]:
        return {"means": self.means}

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return math_.mixture_score(xp, x, sigma * sigma, self.tables(x.dtype))

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return math_.mixture_denoise(xp, x, sigma * sigma, self.tables(x.dtype))

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        return math_.mixture_denoise_vjp(xp, x, sigma * sigma, v, self.tables(x.dtype))

    def _denoise_trace(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return math_.mixture_denoise_trace(xp, x, sigma * sigma, self.tables(x.dtype))

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return math_.mixture_log_density(xp, x, sigma * sigma, self.tables(x.dtype))

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        return draw_given(xp, x, sigma * sigma, self.tables(x.dtype), key, first_chain)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        weights = xp.astype(self.weights, like.dtype)[None, :]
        chosen = choose(xp, weights, key, first_chain, n)
        return draw_chosen(xp, self.tables(like.dtype), chosen, key, first_chain)
