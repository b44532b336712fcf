"""Instances of posterior sampling that are as hard as inverting a one-way function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import number
from .._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    check_shape,
    device_of,
    is_array,
)
from ..measurement import LinearGaussian
from ..operators import mask
from ..operators._base import prototype
from ..priors._lattice import Lattice
from ..random import Purpose, key, normal, uniform
from ._one_way import phase_of, signs_of
from .one_way_prior import OneWayPrior

__all__ = ["Challenge", "OneWayInstance", "one_way_instance"]

_DECODING = 0.01
"""Expected number of bits that noise turns in a default instance."""

_MOST_TURNED = 0.1
"""Expected number of turned bits from which an instance is refused."""


@dataclass(frozen=True, eq=False)
class Challenge:
    """A measurement whose posterior samples invert f.

    Parameters
    ----------
    y : array, shape (m_bits,)
        The measurement.
    image : array, shape (m_bits,)
        The signs z that it shows.
    preimage : array, shape (n_bits,), optional
        Signs s with f(s) = z, None where whoever posed the challenge has none.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.hardness.one_way_instance(6, 4).challenge(rng=1)
    Challenge(y of shape (4,), image of shape (4,), with a preimage)
    """

    y: Array
    image: Array
    preimage: Array | None = None

    def __repr__(self) -> str:
        known = "without" if self.preimage is None else "with"
        shape = tuple(self.y.shape)
        return f"Challenge(y of shape {shape}, image of shape {shape}, {known} a preimage)"


@dataclass(frozen=True, eq=False)
class OneWayInstance:
    """A prior that is easy to sample, and a measurement that makes its posteriors hard.

    `one_way_instance` makes it.

    Parameters
    ----------
    prior : OneWayPrior
        Signs, and lattices that spell their image.
    measurement : LinearGaussian
        Sees the lattices, with noise that is too weak to hide the image.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> instance = dp.hardness.one_way_instance(6)
    >>> challenge = instance.challenge(rng=0)
    >>> bool((instance.decode(challenge.y) == challenge.image).all())
    True
    """

    prior: OneWayPrior
    measurement: LinearGaussian

    @property
    def turned(self) -> float:
        """Probability that noise makes one bit of y look like the other one.

        It is erfc(spacing / (4 sqrt(2) noise_std)), but for the lattice's weights: noise beyond
        a quarter of the spacing, on either side.
        """
        return _turned(self.prior.spacing, self.measurement.noise_std)

    def challenge(self, rng: Any = None, *, image: Any = None, like: Any = None) -> Challenge:
        """Pose a challenge: a y that shows an image.

        Parameters
        ----------
        rng : optional
            What `diffpost_np.random.key` takes.
        image : array of -1 and 1, shape (m_bits,), optional
            The image to invert; nothing else is needed to make y. By default that of fair signs,
            which y is then a measurement of.
        like : array, optional
            Gives namespace, device and precision; NumPy's float64 by default.

        Returns
        -------
        Challenge
            The measurement, the image, and the signs it was made of, if any.

        Raises
        ------
        ValueError
            If `image` has another shape or other entries.
        """
        own = key(rng).fold("hardness.challenge")
        xp, like = prototype(image=image, like=like)
        preimage, prior = None, self.prior
        if image is None:
            u = uniform(own, (1, prior.n_bits), purpose=Purpose.DIRECTION, like=like)
            signs = signs_of(xp, u - 0.5)
            preimage, image = signs[0, :], prior._image(signs, xp)
        else:
            to = {"dtype": like.dtype, "device": device_of(like)}
            image = xp.reshape(_signs("image", image, (prior.m_bits,), xp, **to), (1, -1))
        lattice = Lattice(prior.spacing, phase_of(xp.astype(image, xp.float64)))
        t = lattice.draw(xp, own, (1, prior.m_bits), like, 0)
        noise = normal(own, (1, prior.m_bits), purpose=Purpose.MEASUREMENT, like=like)
        y = t + self.measurement.noise_std * noise
        return Challenge(y[0, :], image[0, :], preimage)

    def decode(self, y: Any) -> Array:
        """The image that y shows: that of the nearest lattice points.

        Parameters
        ----------
        y : array, shape (m_bits,)
            A measurement.

        Returns
        -------
        array of -1 and 1, shape (m_bits,)
            The image.

        Raises
        ------
        ValueError
            If `y` has another shape or is not finite.
        """
        xp = array_namespace(y=y)
        y = as_float_array("y", y, xp=xp, shape=(self.prior.m_bits,))
        halves = xp.round(2 * y / self.prior.spacing)
        return 2 * (xp.abs(halves) % 2) - 1

    def invert(self, samples: Any) -> Array:
        """The signs of samples: preimages, if they are of the posterior.

        Parameters
        ----------
        samples : array, shape (n, n_bits + m_bits)
            Posterior samples.

        Returns
        -------
        array of -1 and 1, shape (n, n_bits)
            The signs.

        Raises
        ------
        ValueError
            If `samples` has another shape or is not finite.
        """
        xp = array_namespace(samples=samples)
        if is_array(samples) and tuple(samples.shape) == (0, *self.prior.event_shape):
            return samples[:, : self.prior.n_bits]  # of a run that accepted nothing
        samples = as_batch("samples", samples, self.prior.event_shape, xp=xp)
        return signs_of(xp, samples[:, : self.prior.n_bits])

    def check(self, preimages: Any, image: Any) -> Array:
        """Whether f takes signs to an image.

        Parameters
        ----------
        preimages : array of -1 and 1, shape (n, n_bits)
            Rows of signs.
        image : array of -1 and 1, shape (m_bits,)
            The image.

        Returns
        -------
        array of bool, shape (n,)
            Whether it does, row by row.

        Raises
        ------
        ValueError
            If an argument has another shape or other entries.
        """
        xp = array_namespace(preimages=preimages, image=image)
        signs = _signs("preimages", preimages, (None, self.prior.n_bits), xp)
        wanted = _signs("image", image, (self.prior.m_bits,), xp, dtype=signs.dtype)
        return xp.all(self.prior._image(signs, xp) == wanted, axis=1)


def one_way_instance(
    n_bits: int,
    m_bits: int | None = None,
    *,
    one_way: Any = "arx",
    spacing: float = 0.4,
    radius: float = 8.0,
    noise_std: float | None = None,
) -> OneWayInstance:
    """Make an instance whose posterior sampling inverts a one-way function f.

    Drawing from the prior, and its score, take one evaluation of f. Whoever draws from the
    posterior given a y that shows an image z finds an s with f(s) = z, as `invert` reads it off
    the sample. So no sampler is fast on all of these, if there are one-way functions.

    Parameters
    ----------
    n_bits : int
        Number of signs that f takes.
    m_bits : int, optional
        Number of signs that f gives; `n_bits` by default.
    one_way : "arx" or callable, optional
        The function f: `arx` of this module, or one that takes rows of signs (n, n_bits) to rows
        of signs, or booleans, (n, m_bits), in the namespace of its input. An attribute `max_bits`
        of it bounds `n_bits`.
    spacing : float, optional
        Distance of neighbours on the lattices, whose points are weighted by N(0, 1).
    radius : float, optional
        Distance of the signs' values from 0, in standard deviations of their noise.
    noise_std : float, optional
        Noise of the measurement, positive. By default the expected number of bits of y that look
        turned is .01; more than .1 are refused.

    Returns
    -------
    OneWayInstance
        Prior and measurement, `challenge`, `invert` and `check`.

    Raises
    ------
    ValueError
        If a number is out of its range, the bits cannot be decoded at this noise and spacing (the
        error gives the bound), lattices show where signs merge, or f is not deterministic or not
        vectorised.
    TypeError
        If `one_way` is not a function of arrays.

    Notes
    -----
    Lengths are `radius` times those of the paper, whose vertices are at -1 and 1 and whose noise
    has a standard deviation of order 1 / log(d)^2.

    References
    ----------
    S. Gupta, A. Jalal, A. Parulekar, E. Price, Z. Xun, "Diffusion posterior sampling is
    computationally intractable", arXiv 2402.12727, 2024.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> instance = dp.hardness.one_way_instance(8)
    >>> challenge = instance.challenge(rng=0)
    >>> x = instance.prior.sample(1000, rng=0)  # guesses
    >>> int(instance.check(instance.invert(x), challenge.image).sum())
    9
    >>> posterior = instance.prior.enumerated().posterior(instance.measurement, challenge.y)
    >>> x = posterior.sample(1000, rng=0)
    >>> int(instance.check(instance.invert(x), challenge.image).sum())
    1000
    """
    m_bits = n_bits if m_bits is None else m_bits
    prior = OneWayPrior(n_bits, m_bits, one_way, spacing, radius)
    return OneWayInstance(prior, _lattice_measurement(prior, noise_std))


def _lattice_measurement(prior: OneWayPrior, noise_std: float | None) -> LinearGaussian:
    """The lattices with noise, which must leave the image readable."""
    limit = _noise_for(prior, _MOST_TURNED)
    noise = _noise_for(prior, _DECODING) if noise_std is None else noise_std
    noise = number("noise_std", noise, above=0)
    if noise > limit:
        raise ValueError(
            f"noise_std must be at most {limit:.3g} for the {prior.m_bits} bits to be decodable at "
            f"spacing {prior.spacing:g}, got {noise:g}"
        )
    keep = np.arange(prior.n_bits + prior.m_bits) >= prior.n_bits
    return LinearGaussian(mask(keep), noise)


def _noise_for(prior: OneWayPrior, failing: float) -> float:
    """Noise at which the expected number of bits that look turned is this."""
    from scipy.special import erfcinv

    return prior.spacing / (4 * math.sqrt(2) * float(erfcinv(failing / prior.m_bits)))


def _turned(spacing: float, noise_std: float) -> float:
    return math.erfc(spacing / (4 * math.sqrt(2) * noise_std))


def _signs(name: str, value: Any, shape: tuple[int | None, ...], xp: Any, **to: Any) -> Array:
    """An array of signs of this shape."""
    array = as_float_array(name, value, xp=xp, **to)
    check_shape(name, array, shape)
    if not bool(xp.all(xp.abs(array) == 1)):
        raise ValueError(f"{name} must hold -1 and 1 only")
    return array
