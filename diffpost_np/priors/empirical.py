"""A data set as a prior."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._checks import number
from .._xp import Array, array_namespace, check_size, device_of, map_rows, size
from ..operators._base import parameter
from ..random import Key, Purpose, normal, uniform
from . import _empirical_math as math_
from ._conjugate import check_measured
from ._given import SampledGiven
from ._noise import combine
from ._weights import checked_weights
from .mixture import GaussianMixture

if TYPE_CHECKING:
    from ..measurement import LinearGaussian

__all__ = ["Empirical"]


class Empirical(SampledGiven):
    """Weighted points, each blurred by N(0, bandwidth^2 I).

    Parameters
    ----------
    points : array, shape (N, *event)
        The data set.
    bandwidth : float, optional
        Standard deviation of the blur, at least 0. At 0 the prior has no density, only its
        smoothings have one.
    weights : array, shape (N,), optional
        Weights, not negative; within 1e-6 of summing to one they are normalised. Equal by
        default.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.
    points, weights : array
        The parameters, weights normalised.
    bandwidth : float
        The bandwidth.
    has_density : bool
        Whether the bandwidth is positive.
    log_evidence : float or None
        log p(y), where the prior is the posterior of another one.

    Raises
    ------
    ValueError
        If there are no points, a shape does not fit, an entry is not finite, the bandwidth is
        negative, or weights are negative or do not sum to one.
    TypeError
        If array types are mixed, or `bandwidth` is not a number.

    Notes
    -----
    With s^2 = bandwidth^2 + sigma^2 the score is (m - x) / s^2, where m is the mean of the
    points under the weights w_i exp(-|x - x_i|^2 / (2 s^2)). A batch costs two matrix products
    of n x N x d, on blocks of rows that need about 256 MB. Where s is so small that rounding
    in the product would show, the few points that can matter are found by it and their
    weights formed from differences; with s = 0 `denoise` is the nearest point.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Empirical(np.array([[0.0], [1.0], [3.0]]))
    >>> prior.denoise(np.array([[0.2], [2.5]]), sigma=0.5).round(3)
    array([[0.231],
           [2.964]])
    """

    _blur = "bandwidth"

    def __init__(self, points: Any, bandwidth: float = 0.0, *, weights: Any = None) -> None:
        xp = array_namespace(points=points, weights=weights)
        self.points = parameter("points", points, xp=xp)
        if self.points.ndim < 2 or 0 in self.points.shape:
            raise ValueError(f"points must have shape (N, *event), got {tuple(self.points.shape)}")
        self.event_shape = tuple(self.points.shape[1:])
        check_size("points", self.points, self._limit(self.points, xp), xp)
        self.bandwidth = number("bandwidth", bandwidth, at_least=0)
        self.has_density = self.bandwidth > 0
        if weights is None:
            n = self.points.shape[0]
            weights = xp.full(n, 1 / n, dtype=xp.float64, device=device_of(self.points))
        self.weights = checked_weights(weights, self.points, xp)
        self.log_evidence: float | None = None
        self._clouds: dict[str, math_.Cloud] = {}

    def posterior(self, measurement: LinearGaussian, y: Any) -> Empirical | GaussianMixture:
        """Law of x given y = A x + noise.

        Parameters
        ----------
        measurement : LinearGaussian
            The measurement.
        y : array, shape measurement.output_shape
            What was measured.

        Returns
        -------
        Empirical or GaussianMixture
            The same points with new weights; with a bandwidth a mixture of N Gaussians of one
            covariance. Its attribute `log_evidence` is log p(y).

        Raises
        ------
        ValueError
            If shapes do not fit.
        TypeError
            If `measurement` is not linear Gaussian.
        """
        if self.has_density:
            mixture = GaussianMixture(self.weights, self.points, self.bandwidth**2)
            return mixture.posterior(measurement, y)
        return self._reweighted(measurement, y)

    def __repr__(self) -> str:
        n = self.points.shape[0]
        return f"Empirical({n} points of shape {self.event_shape}, bandwidth={self.bandwidth:g})"

    def _arrays(self) -> dict[str, Array]:
        return {"points": self.points}

    def _cloud(self, dtype: Any) -> math_.Cloud:
        """Tables of the points in a dtype, made once."""
        if str(dtype) not in self._clouds:
            xp = array_namespace(points=self.points)
            self._clouds[str(dtype)] = math_.as_cloud(xp, self.points, self.weights, dtype)
        return self._clouds[str(dtype)]

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        noise = combine(xp, self.bandwidth, sigma)
        return math_.score(xp, x, noise.scale, self._cloud(x.dtype))

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        noise = combine(xp, self.bandwidth, sigma)
        return noise.own * x + noise.added * math_.mean(xp, x, noise.scale, self._cloud(x.dtype))

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        noise = combine(xp, self.bandwidth, sigma)
        product = math_.covariance_product(xp, x, noise.scale, v, self._cloud(x.dtype))
        safe = xp.where(noise.scale > 0, noise.scale, xp.ones_like(noise.scale))
        return noise.own * v + noise.added * (product / safe / safe)

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        noise = combine(xp, self.bandwidth, sigma)
        return math_.log_density(xp, x, noise.scale, self._cloud(x.dtype))

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        place = {"first_chain": first_chain}
        table = xp.cumulative_sum(self.weights)
        u = uniform(key, (n,), purpose=Purpose.COMPONENT, like=table, **place)
        chosen = xp.searchsorted(table / table[-1], u, side="right")
        z = normal(key, (n, *self.event_shape), like=like, **place)
        points = xp.astype(xp.take(self.points, chosen, axis=0), like.dtype, copy=False)
        return points + self.bandwidth * z

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        noise, cloud = combine(xp, self.bandwidth, sigma), self._cloud(x.dtype)
        place = {"first_chain": first_chain}
        u = uniform(key, (x.shape[0], 1), purpose=Purpose.COMPONENT, like=self.weights, **place)
        chosen = math_.draw(xp, u, x, noise.scale, cloud)
        z = normal(key, x.shape, like=x, **place)
        mean = noise.own * x + noise.added * xp.take(cloud.points, chosen, axis=0)
        return mean + self.bandwidth * xp.sqrt(noise.added) * z

    def _reweighted(self, measurement: LinearGaussian, y: Any) -> Empirical:
        xp, y = check_measured(self, measurement, y, like=self.points)

        def block(points: Array) -> Array:
            return measurement.log_likelihood(xp.astype(points, xp.float64), y)

        d = size((*self.event_shape, *measurement.output_shape))
        log_joint = map_rows(block, 32 * d, xp, self.points) + math_.log_weights(xp, self.weights)
        peak = xp.max(log_joint)
        joint = xp.exp(log_joint - peak)
        total = xp.sum(joint)
        posterior = Empirical(self.points, weights=joint / total)
        posterior.log_evidence = float(peak + xp.log(total))
        return posterior
