"""The scores of the library's priors as functions of their parameters."""

from __future__ import annotations

from typing import Any

from .. import priors
from .._xp import Array, array_namespace, as_batch, as_float_array, device_of, is_array
from ..priors import LowRank


def gaussian_score(x: Array, sigma: Any, mean: Any, cov: Any) -> Array:
    """Score of a Gaussian with noise.

    Parameters
    ----------
    x : array, shape (n, *event)
        Points.
    sigma : float or array of shape (n,)
        Noise level, at least 0.
    mean : array, shape event
        Mean.
    cov : float or array, shape (d,), (d, d), or LowRank
        Covariance on the flattened event; a number is a variance.

    Returns
    -------
    array, shape (n, *event)
        Gradient of log (N(mean, cov) * N(0, sigma^2 I)) at `x`.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or `cov` is not positive definite.
    TypeError
        If array types are mixed.

    See Also
    --------
    diffpost_np.priors.Gaussian : The same, prepared once for many calls.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.scores.gaussian_score(np.array([[2.0]]), 1.0, [1.0], 3.0)
    array([[-0.25]])
    """
    mean, cov = (_follow(name, v, x) for name, v in (("mean", mean), ("cov", cov)))
    return priors.Gaussian(mean, cov).score(x, sigma)


def gaussian_mixture_score(x: Array, sigma: Any, weights: Any, means: Any, covs: Any) -> Array:
    """Score of a Gaussian mixture with noise.

    Parameters
    ----------
    x : array, shape (n, *event)
        Points.
    sigma : float or array of shape (n,)
        Noise level, at least 0.
    weights : array, shape (K,)
        Weights, not negative, that sum to one.
    means : array, shape (K, *event)
        Component means.
    covs : float or array, shape (K,), (K, d), (K, d, d), or LowRank
        Covariances on the flattened event; numbers are variances.

    Returns
    -------
    array, shape (n, *event)
        Gradient of log (p * N(0, sigma^2 I)) at `x`.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or the parameters are no mixture.
    TypeError
        If array types are mixed.

    See Also
    --------
    diffpost_np.priors.GaussianMixture : The same, prepared once for many calls.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> x = np.array([[0.5], [1.0]])
    >>> dp.scores.gaussian_mixture_score(x, 0.5, [0.5, 0.5], [[-1.0], [1.0]], 0.25).round(3)
    array([[ 0.523],
           [-0.072]])
    """
    given = {"weights": weights, "means": means, "covs": covs}
    parameters = (_follow(name, value, x) for name, value in given.items())
    return priors.GaussianMixture(*parameters).score(x, sigma)


def empirical_score(x: Array, sigma: Any, points: Any, bandwidth: float = 0.0) -> Array:
    """Score of a data set with noise.

    Parameters
    ----------
    x : array, shape (n, *event)
        Points.
    sigma : float or array of shape (n,)
        Noise level; positive unless there is a bandwidth.
    points : array, shape (N, *event)
        The data.
    bandwidth : float, optional
        Standard deviation of a Gaussian around every datum.

    Returns
    -------
    array, shape (n, *event)
        Gradient of log (p * N(0, sigma^2 I)) at `x`.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or the score does not exist.
    TypeError
        If array types are mixed.

    See Also
    --------
    diffpost_np.priors.Empirical : The same, prepared once for many calls.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.scores.empirical_score(np.array([[0.0]]), 2.0, [[1.0], [1.0]])
    array([[0.25]])
    """
    return priors.Empirical(_follow("points", points, x), bandwidth).score(x, sigma)


def ring_score(x: Array, sigma: Any, radius: float, width: float) -> Array:
    """Score of a ring in the plane with noise.

    Parameters
    ----------
    x : array, shape (n, 2)
        Points.
    sigma : float or array of shape (n,)
        Noise level, at least 0.
    radius : float
        Radius of the circle.
    width : float
        Standard deviation of the Gaussian around it.

    Returns
    -------
    array, shape (n, 2)
        Gradient of log (p * N(0, sigma^2 I)) at `x`.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or the score does not exist.
    TypeError
        If array types are mixed.

    See Also
    --------
    diffpost_np.priors.Ring : The same as an object.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.scores.ring_score(np.array([[1.6, 1.2]]), 0.0, 1.0, 0.1).round(2)
    array([[-80.2 , -60.15]])
    """
    return priors.Ring(radius, width).score(x, sigma)


def discretized_gaussian_score(x: Array, sigma: Any, spacing: float, offset: Any) -> Array:
    """Score of a Gaussian on a lattice with noise.

    Parameters
    ----------
    x : array, shape (n, *event)
        Points.
    sigma : float or array of shape (n,)
        Noise level, positive.
    spacing : float
        Distance of neighbours on the lattice.
    offset : float or array, shape event
        Shift of the lattice, in units of the spacing.

    Returns
    -------
    array, shape (n, *event)
        Gradient of log (p * N(0, sigma^2 I)) at `x`.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or the score does not exist.
    TypeError
        If array types are mixed.

    See Also
    --------
    diffpost_np.priors.DiscretizedGaussian : The same as an object.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.scores.discretized_gaussian_score(np.array([[1.0]]), 1.0, 0.5, 0.0).round(6)
    array([[-0.5]])
    """
    batch = as_batch("x", x, None, xp=array_namespace(x=x, offset=offset), device=device_of(x))
    offset = _follow("offset", offset, batch)
    event_shape = tuple(batch.shape[1:])
    return priors.DiscretizedGaussian(spacing, offset, event_shape).score(batch, sigma)


def _follow(name: str, value: Any, x: Any) -> Any:
    """A parameter given as a list as an array of the kind of `x`."""
    if is_array(value) or isinstance(value, int | float | LowRank):
        return value
    return as_float_array(name, value, xp=array_namespace(x=x), device=device_of(x))
