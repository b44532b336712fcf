"""What every prior of the library offers, over a few private functions on `(n, d)` batches."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._checks import chain, integer
from .._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    as_noise_level,
    check_size,
    flatten_events,
    is_within,
    largest_square_root,
    like_dtype,
    size,
)
from ..operators._base import prototype
from ..random import Key, key

__all__ = ["Prior", "Scored"]


class Scored:
    """What is known through a score at every noise level.

    A subclass sets `event_shape` and implements, on flattened batches `x` of shape (n, d) and
    noise levels `sigma` of shape (1,) or (n,): `_score`, `_denoise` and `_denoise_vjp`. Arguments
    are checked here, once.
    """

    event_shape: tuple[int, ...]

    def score(self, x: Array, sigma: Any = 0.0) -> Array:
        """Gradient of log p_sigma, where p_sigma is p convolved with N(0, sigma^2 I).

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Points.
        sigma : float or array of shape (n,), optional
            Noise level, at least 0, in the units of x.

        Returns
        -------
        array, shape (n, *event_shape)
            The score, in the dtype of `x`.

        Raises
        ------
        ValueError
            If an argument has a wrong shape, is not finite, or the score does not exist.
        TypeError
            If array types are mixed.
        """
        xp, flat, level = self._enter(x, sigma)
        return self._as_events(xp, self._score(xp, flat, level))

    def denoise(self, x: Array, sigma: Any) -> Array:
        """Posterior mean E[x0 | x0 + sigma z = x].

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Noisy points.
        sigma : float or array of shape (n,)
            Noise level, at least 0.

        Returns
        -------
        array, shape (n, *event_shape)
            E[x0 | x] = x + sigma^2 score(x, sigma), computed without that cancellation.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        """
        xp, flat, level = self._enter(x, sigma, allow_degenerate=True)
        return self._as_events(xp, self._denoise(xp, flat, level))

    def denoise_vjp(self, x: Array, sigma: Any, v: Array) -> Array:
        """Product of `v` with the Jacobian of the denoiser, which is symmetric.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Noisy points.
        sigma : float or array of shape (n,)
            Noise level, at least 0.
        v : array, shape (n, *event_shape)
            Vectors, one per point.

        Returns
        -------
        array, shape (n, *event_shape)
            J v with J = Cov(x0 | x) / sigma^2.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        """
        xp, flat, level = self._enter(x, sigma, allow_degenerate=True)
        shape = (flat.shape[0], *self.event_shape)
        vector = as_float_array("v", v, xp=xp, dtype=flat.dtype, shape=shape)
        product = self._denoise_vjp(xp, flat, level, flatten_events(vector, xp))
        return self._as_events(xp, product)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(event_shape={self.event_shape})"

    heat_consistent = True
    """Whether the scores at all noise levels are those of one p with noise."""

    has_density = True
    """Whether p itself, not only its smoothings, has a density."""

    _blur = ""
    """The parameter that, where positive, gives p a density."""

    _narrowest = 1.0
    """Smallest standard deviation that distances are divided by before they are squared."""

    def _enter(
        self, x: Array, sigma: Any, allow_degenerate: bool = False, name: str = "x"
    ) -> tuple[ModuleType, Array, Array]:
        xp = array_namespace(**{name: x}, **self._arrays())
        batch = as_batch(name, x, self.event_shape, xp=xp, finite=False)
        level = as_noise_level(sigma, batch, xp)
        self._check_size(name, batch, level, xp)
        if not (self.has_density or allow_degenerate) and bool(xp.any(level == 0)):
            blurred = f"give it a {self._blur}" if self._blur else "smooth it by priors.Smoothed"
            raise ValueError(
                f"{type(self).__name__} has no density at sigma = 0, hence no score: "
                f"ask for sigma > 0, or {blurred}"
            )
        return xp, flatten_events(batch, xp), level

    def _as_events(self, xp: ModuleType, flat: Array) -> Array:
        """Flat rows as events."""
        return xp.reshape(flat, (flat.shape[0], *self.event_shape))

    def _check_size(self, name: str, batch: Array, level: Array, xp: ModuleType) -> None:
        """Refuse points so far away that quadratic forms would overflow, or that are no numbers."""
        limit = self._limit(batch, xp)
        if not is_within(batch, -limit, limit, xp):
            check_size(name, batch, self._limit(batch, xp, noise=float(xp.min(level))), xp)

    def _limit(self, like: Array, xp: ModuleType, noise: float = 0.0) -> float:
        """Size up to which points are no further away than that."""
        width = min(1.0, max(self._narrowest, noise))
        return width * largest_square_root(like, xp) / size(self.event_shape) ** 0.5

    def _arrays(self) -> dict[str, Array]:
        """The arrays the prior holds, by the name a user knows them by."""
        return {}

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        raise NotImplementedError

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        raise NotImplementedError

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        raise NotImplementedError


class Prior(Scored):
    """A distribution p(x) known through the scores of its Gaussian smoothings.

    A subclass implements `_log_density` and `_sample`, besides what `Scored` needs.
    """

    def log_density(self, x: Array, sigma: Any = 0.0) -> Array:
        """Logarithm of p_sigma, normalised.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Points.
        sigma : float or array of shape (n,), optional
            Noise level, at least 0.

        Returns
        -------
        array, shape (n,)
            The logarithm of p_sigma(x).

        Raises
        ------
        ValueError
            If an argument has a wrong shape, is not finite, or there is no density.
        """
        xp, flat, level = self._enter(x, sigma)
        return self._log_density(xp, flat, level)

    def sample(
        self, n_samples: int, rng: Any = None, *, first_chain: int = 0, like: Any = None
    ) -> Array:
        """Independent draws from p.

        Parameters
        ----------
        n_samples : int
            How many, at least 1.
        rng : optional
            What `diffpost_np.random.key` takes.
        first_chain : int, optional
            Index of the first draw in a larger run.
        like : array, optional
            Gives namespace, device and precision, and may be complex as a y is; those of the
            prior's arrays by default, and NumPy's float64 where it holds none.

        Returns
        -------
        array, shape (n_samples, *event_shape)
            The draws.

        Raises
        ------
        ValueError
            If `n_samples` is less than 1.
        TypeError
            If `like` is of another library than the prior's arrays, or of no such precision.
        """
        n = integer("n_samples", n_samples)
        first = chain("first_chain", first_chain)
        like_dtype(like, array_namespace(like=like), allow_complex=True)
        xp, like = prototype(like=like, **self._arrays())
        return self._as_events(xp, self._sample(xp, like, key(rng).fold("prior.sample"), n, first))

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        raise NotImplementedError

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        raise NotImplementedError
