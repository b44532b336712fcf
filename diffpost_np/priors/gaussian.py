"""A single Gaussian."""

from __future__ import annotations

from typing import Any

from .._xp import Array, array_namespace, as_float_array
from ._covariance import Covariance, LowRank, held_array
from .mixture import GaussianMixture

__all__ = ["Gaussian"]


class Gaussian(GaussianMixture):
    """A Gaussian N(mean, cov).

    Parameters
    ----------
    mean : array, shape event
        The mean.
    cov : float or array, shape (d,) or (d, d), or LowRank
        Covariance on the flattened event of d entries: a variance, a diagonal, a matrix, or
        low rank plus diagonal.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or `cov` is not positive definite.
    TypeError
        If array types are mixed.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian([0.0, 1.0], [1.0, 4.0])
    >>> prior.score(np.array([[1.0, 3.0]]))
    array([[-1. , -0.5]])
    """

    _mean_name, _cov_name = "mean", "cov"

    def __init__(self, mean: Any, cov: Any) -> None:
        xp = array_namespace(mean=mean, cov=held_array(cov))
        mean = as_float_array("mean", mean, xp=xp)
        if mean.ndim == 0 or 0 in mean.shape:
            raise ValueError(f"mean must have shape event, got {tuple(mean.shape)}")
        if not isinstance(cov, LowRank) and not hasattr(cov, "basis"):
            cov = as_float_array("cov", cov, xp=xp)
            if cov.ndim in (1, 2):
                cov = cov[None, ...]
            elif cov.ndim != 0:
                raise ValueError(f"cov must be a number, (d,) or (d, d), got {tuple(cov.shape)}")
        super().__init__(xp.ones(1, dtype=mean.dtype), mean[None, ...], cov)

    def __repr__(self) -> str:
        return f"Gaussian(event_shape={self.event_shape}, cov: {self.covs.form})"

    def _like_me(self, weights: Array, means: Array, covs: Covariance) -> Gaussian:
        return Gaussian(means[0, ...], covs)
