"""The instance with sums over all signs: the truth that everything else is held against."""

from __future__ import annotations

from copy import copy
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._xp import Array, array_namespace, device_of, map_rows, size
from ..operators._base import as_cast, prototype
from ..priors._conjugate import check_measured
from ..priors._given import SampledGiven
from ..priors._mixture_draws import invert
from ..priors._mixture_math import log_sum_exp
from ..random import Key, Purpose, normal, uniform
from ._law import Law
from ._vertices import Vertices

if TYPE_CHECKING:
    from ..measurement import LinearGaussian
    from .one_way_prior import OneWayPrior

__all__ = ["EnumeratedPrior"]

MOST_BITS = 16
_MOST_ENTRIES = 2**24
"""Entries of a table of all signs with their images."""


class EnumeratedPrior(SampledGiven):
    """A `OneWayPrior`, or its posterior given single entries, by sums over all signs.

    Get it from `OneWayPrior.enumerated`. It is conjugate to measurements of single entries.

    Parameters
    ----------
    prior : OneWayPrior
        The prior, of at most 16 bits.

    Attributes
    ----------
    event_shape : tuple of int
        (n_bits + m_bits,).
    signs : array, shape (2^n_bits, n_bits)
        All signs.
    images : array, shape (2^n_bits, m_bits)
        Their images.
    has_density : bool
        False: only the smoothings have a density.
    log_evidence : float or None
        log p(y), where the prior is the posterior of another one.

    Raises
    ------
    ValueError
        If there are more bits, or 2^n_bits (n_bits + m_bits) exceeds 2^24.
    TypeError
        If `prior` is no `OneWayPrior`.

    Notes
    -----
    A point costs 2^n_bits (n_bits + m_bits) multiplications, on blocks of rows that need about
    256 MB.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> instance = dp.hardness.one_way_instance(6, 6)
    >>> challenge = instance.challenge(rng=0)
    >>> prior = instance.prior.enumerated()
    >>> posterior = dp.posterior.exact(prior, instance.measurement, challenge.y)
    >>> signs = instance.invert(posterior.sample(5, rng=0))
    >>> instance.check(signs, challenge.image)
    array([ True,  True,  True,  True,  True])
    """

    has_density = False

    def __init__(self, prior: OneWayPrior) -> None:
        from .one_way_prior import OneWayPrior

        if not isinstance(prior, OneWayPrior):
            raise TypeError(f"prior must be a OneWayPrior, got {prior!r}")
        if prior.n_bits > MOST_BITS:
            raise ValueError(
                f"n_bits must be at most {MOST_BITS} to sum over all signs, got {prior.n_bits}"
            )
        most = _MOST_ENTRIES // 2**prior.n_bits - prior.n_bits
        if prior.m_bits > most:
            raise ValueError(
                f"m_bits must be at most {most} to sum over the signs of {prior.n_bits} bits, "
                f"got {prior.m_bits}"
            )
        self.prior, self.event_shape = prior, prior.event_shape
        self.signs = all_signs(prior.n_bits)
        self.images = prior._image(self.signs, array_namespace(signs=self.signs))
        self.log_evidence: float | None = None
        self._mean: Any = None
        self._variance: Any = None

    def __repr__(self) -> str:
        given = "" if self.log_evidence is None else ", given y"
        return f"EnumeratedPrior({self.prior!r}{given})"

    def probabilities(self, *, like: Any = None) -> Array:
        """Probability of every row of `signs`.

        Parameters
        ----------
        like : array, optional
            Gives the namespace and device; those of y by default, else NumPy's.

        Returns
        -------
        array, shape (2^n_bits,)
            The probabilities.

        Raises
        ------
        TypeError
            If `like` is of another library than y was.
        """
        xp, like = prototype(like=like, **self._arrays())
        log_weights, _ = self._normalised(xp, self._law(xp, self._origin(xp, like)))
        return xp.exp(log_weights[0, :])

    def posterior(self, measurement: LinearGaussian, y: Any) -> EnumeratedPrior:
        """Law of x given noisy single entries.

        Parameters
        ----------
        measurement : LinearGaussian
            A measurement of single entries: `diffpost_np.operators.mask` with independent noise, or
            a stack of them.
        y : array, shape measurement.output_shape
            What was measured.

        Returns
        -------
        EnumeratedPrior
            The posterior. Its attribute `log_evidence` is log p(y).

        Raises
        ------
        ValueError
            If shapes do not fit.
        TypeError
            If `measurement` is not linear Gaussian, or mixes entries.
        """
        xp, y = check_measured(self, measurement, y, like=None)
        origin = self._origin(xp, xp.asarray(y, dtype=xp.float64))
        form = measurement.gram(origin)
        if form is None or not form.is_identity:
            raise TypeError(
                "measurement must see single entries for a posterior in closed form: "
                "make its A by diffpost_np.operators.mask"
            )
        before = self._law(xp, origin)
        added = xp.reshape(form.values, (1, -1))
        given = copy(self)
        given._variance = before.variance / (1 + before.variance * added)
        pull = measurement.log_likelihood_grad(origin, y)
        given._mean = given._variance * (before.mean / before.variance + pull)
        misfit = xp.sum((given._mean - before.mean) ** 2 / before.variance)
        at_mean = measurement.log_likelihood(given._mean, y)[0] - 0.5 * misfit
        change = given._log_volume(xp, origin) - self._log_volume(xp, origin)
        given.log_evidence = float(at_mean) + change
        return given

    def _arrays(self) -> dict[str, Array]:
        return {"the y before": self._mean}

    def _law(self, xp: ModuleType, like: Array) -> Law:
        """The law of x before the signs are summed over, in the precision of `like`."""
        zero = xp.zeros_like(like[:1, :])
        if self._mean is None:
            return Law(self.prior, zero, zero + 1)
        return Law(self.prior, as_cast(self._mean, like, xp), as_cast(self._variance, like, xp))

    def _origin(self, xp: ModuleType, like: Array) -> Array:
        shape = (1, size(self.event_shape))
        return xp.zeros(shape, dtype=xp.float64, device=device_of(like))

    def _tables(self, xp: ModuleType, like: Array) -> tuple[Array, Array]:
        """Signs (2^n, n), and images as 0 and 1 (2^n, m), beside `like`."""
        to = {"dtype": like.dtype, "device": device_of(like)}
        return xp.asarray(self.signs, **to), xp.asarray((self.images + 1) / 2, **to)

    def _normalised(self, xp: ModuleType, law: Law) -> tuple[Array, Array]:
        """Logarithms of the probabilities of the signs (n, 2^n), and of their sum (n, 1)."""
        signs, bits = self._tables(xp, law.mean)
        even, odd = law.log_masses(xp)
        logits = law.cube.half_odds() @ signs.T + odd @ bits.T + even @ (1 - bits).T
        total = log_sum_exp(xp, logits.T)[:, None]
        return logits - total, total

    def _log_volume(self, xp: ModuleType, origin: Array) -> float:
        """Logarithm of the integral of p times what was seen, at its best for a Gaussian."""
        law = self._law(xp, origin)
        front = law.variance[0, : self.prior.n_bits]
        away = self.prior.radius**2 * xp.sum(1 - front)
        half = 0.5 * (xp.sum(xp.log(law.variance)) - away)
        return float(half + self._normalised(xp, law)[1][0, 0])

    def _by_rows(self, xp: ModuleType, function: Any, *arrays: Array) -> Array:
        return map_rows(function, 32 * self.signs.shape[0], xp, *arrays)

    def _at(self, xp: ModuleType, x: Array, sigma: Array) -> _Located:
        """What there is to know of the signs, and of the rest given them, at points."""
        law = self._law(xp, x)
        given = law.given(x, sigma[:, None])
        signs, bits = self._tables(xp, x)
        weights = xp.exp(self._normalised(xp, given)[0])
        return _Located(law, given, weights, weights @ signs, weights @ bits, weights @ (1 - bits))

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        def block(x: Array, sigma: Array) -> Array:
            at, (front, back), level = self._at(xp, x, sigma), self._parts(x), sigma[:, None]
            even, odd = (comb.score(xp, back, level) for comb in at.law.combs)
            vertices = at.law.cube.score(front, level, at.sign)
            return xp.concat([vertices, at.zero * even + at.one * odd], axis=1)

        return self._by_rows(xp, block, x, sigma)

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        def block(x: Array, sigma: Array) -> Array:
            at, (front, back), level = self._at(xp, x, sigma), self._parts(x), sigma[:, None]
            even, odd = (comb.denoise(xp, back, level) for comb in at.law.combs)
            vertices = at.law.cube.denoise(front, level, at.sign)
            return xp.concat([vertices, at.zero * even + at.one * odd], axis=1)

        return self._by_rows(xp, block, x, sigma)

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        def block(x: Array, sigma: Array, v: Array) -> Array:
            at, (_, back), level = self._at(xp, x, sigma), self._parts(x), sigma[:, None]
            even, odd = (comb.denoise_slope(xp, back, level) for comb in at.law.combs)
            slope = xp.zeros_like(at.sign) + at.law.cube.slope(level)
            own = xp.concat([slope, at.zero * even + at.one * odd], axis=1) * v
            return own + self._between(xp, at, back, level, v)

        return self._by_rows(xp, block, x, sigma, v)

    def _between(self, xp: ModuleType, at: _Located, back: Array, level: Array, v: Array) -> Array:
        """What differences of the means given signs add to the Jacobian of the denoiser."""
        signs, bits = self._tables(xp, v)
        safe = xp.where(level > 0, level, xp.ones_like(level))
        even, odd = (comb.denoise(xp, back, level) for comb in at.law.combs)
        cube = xp.zeros_like(at.sign) + self.prior.radius * at.given.cube.variance
        apart = xp.concat([cube, odd - even], axis=1)
        means = xp.concat([signs, bits], axis=1)
        along = (apart * v) @ means.T
        centred = along - xp.sum(at.weights * along, axis=1, keepdims=True)
        return apart / safe / safe * ((at.weights * centred) @ means)

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        def block(x: Array, sigma: Array) -> Array:
            law, level = self._law(xp, x), sigma[:, None]
            (front, back), given = self._parts(x), law.given(x, level)
            gaussian = Vertices(0.0, *law.parts[1]).log_density(xp, back, level)
            vertices = law.cube.log_density(xp, front, level)
            total = self._normalised(xp, given)[1] - self._normalised(xp, law)[1]
            return xp.sum(vertices, axis=1) + xp.sum(gaussian, axis=1) + total[:, 0]

        return self._by_rows(xp, block, x, sigma)

    def _parts(self, x: Array) -> tuple[Array, Array]:
        return x[:, : self.prior.n_bits], x[:, self.prior.n_bits :]

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        law = self._law(xp, self._origin(xp, like))
        cumulative = xp.cumulative_sum(xp.exp(self._normalised(xp, law)[0][0, :]))
        level = _sign_levels(cumulative, key, n, first_chain) * cumulative[-1]
        chosen = xp.searchsorted(cumulative, level)
        return self._drawn(xp, law, chosen, like, key, first_chain)

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        precise = xp.astype(x, xp.float64)
        given = self._law(xp, precise).given(precise, xp.astype(sigma, xp.float64)[:, None])

        def block(mean: Array, variance: Array, level: Array) -> Array:
            logits, _ = self._normalised(xp, Law(self.prior, mean, variance))
            return invert(xp, xp.exp(logits), level[:, None])

        level = _sign_levels(precise, key, x.shape[0], first_chain)
        chosen = self._by_rows(xp, block, given.mean, given.variance, level)
        return self._drawn(xp, given, chosen, x, key, first_chain)

    def _drawn(
        self, xp: ModuleType, law: Law, chosen: Array, like: Array, key: Key, first_chain: int
    ) -> Array:
        """A draw with the chosen signs for every chain."""
        n = chosen.shape[0]
        signs, bits = (xp.take(t, chosen, axis=0) for t in self._tables(xp, law.mean))
        place = {"purpose": Purpose.INITIAL, "first_chain": first_chain, "like": law.mean}
        front = law.cube.draw(xp, signs, normal(key, signs.shape, **place))
        shape = (n, self.prior.m_bits)
        even, odd = (comb.draw(xp, key, shape, law.mean, first_chain) for comb in law.combs)
        draws = xp.concat([front, xp.where(bits > 0, odd, even)], axis=1)
        return xp.astype(draws, like.dtype)


class _Located(NamedTuple):
    """At points: the laws of x, without and with them, and what they say of the signs."""

    law: Law
    given: Law
    weights: Array
    """Probabilities of the signs, (n, 2^n)."""
    sign: Array
    """Means of the signs."""
    one: Array
    """Probabilities that a bit of the image is 1."""
    zero: Array
    """Probabilities that it is 0."""


def _sign_levels(like: Array, key: Key, n: int, first_chain: int) -> Array:
    """Uniforms (n,) that choose signs; lattices have others."""
    place = {"purpose": Purpose.DIRECTION, "first_chain": first_chain, "like": like}
    return uniform(key, (n, 1), **place)[:, 0]


def all_signs(n_bits: int) -> np.ndarray:
    """All rows of n signs, the first one slowest."""
    number = np.arange(2**n_bits)[:, None]
    return 2.0 * (number >> np.arange(n_bits)[::-1] & 1) - 1.0
