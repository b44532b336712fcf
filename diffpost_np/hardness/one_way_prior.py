"""The prior whose posteriors hide a one-way function."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._checks import number
from .._xp import Array
from ..priors._given import SampledGiven
from ..priors._lattice import Lattice
from ..random import Key, Purpose, normal, uniform
from ._one_way import as_one_way, image_of, phase_of, signs_of
from ._score import one_way_score
from ._separation import Size, check_separation, error_bound
from ._vertices import Vertices, log_cosh, sech_squared

if TYPE_CHECKING:
    from ._enumerated import EnumeratedPrior
    from .relu_network import ReLUNetwork

__all__ = ["OneWayPrior"]

_VISIBLE = 2.0
"""Variance, in squared spacings, above which waves of a lattice are below 2^-57."""


class OneWayPrior(SampledGiven):
    """Random signs s with noise, beside points of lattices whose phases spell f(s).

    The first `n_bits` entries are radius s_i + N(0, 1), for fair signs s. Each of the others is
    a standard Gaussian restricted to the lattice spacing (k + b / 2), k integer, where b is 0 or
    1 as the entry of f(s) is -1 or 1. Drawing takes one evaluation of f, and so does a score:
    while noise leaves the lattices visible it leaves the signs visible too. Only a posterior
    that sees the lattices and not the signs has to invert f.

    Parameters
    ----------
    n_bits, m_bits : int
        Numbers of signs that f takes and gives.
    one_way : "arx" or callable
        The function f: rows of signs (n, n_bits) to rows of signs, or booleans, (n, m_bits).
    spacing : float
        Distance of neighbours on a lattice, positive; the signs have to be visible at all noise
        levels up to about this one.
    radius : float
        Distance of the signs' values from 0, in standard deviations of their noise.

    Attributes
    ----------
    event_shape : tuple of int
        (n_bits + m_bits,).
    n_bits, m_bits, spacing, radius, one_way
        The parameters.
    has_density : bool
        False: only the smoothings have a density.

    Raises
    ------
    ValueError
        If a number is out of its range, the lattices are so wide that the signs merge while
        they are visible, or f is not deterministic, not vectorised, or gives other shapes or
        values.
    TypeError
        If `one_way` is not a function of arrays.

    Notes
    -----
    The score at noise level sigma is that of the signs, (radius tanh(radius x / V) - x) / V with
    V = 1 + sigma^2, and that of lattices with the phases f(sign x). Phases are left away above
    sigma^2 / V = 2 spacing^2, where waves are below 2^-57. Against the exact score, a sum over
    all 2^n_bits signs, only points are wrong where noise has turned a sign and the lattices
    still show; `score_error` bounds the mean square of that.

    Coordinates are `radius` times those of the paper, whose signs are at -1 and 1.

    References
    ----------
    S. Gupta, A. Jalal, A. Parulekar, E. Price, Z. Xun, "Diffusion posterior sampling is
    computationally intractable", arXiv 2402.12727, 2024.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> prior = dp.hardness.OneWayPrior(4, 3, "arx", spacing=0.4, radius=8.0)
    >>> x = prior.sample(1, rng=0)
    >>> x[:, :4].round(1), x[:, 4:].round(1)  # signs, and lattices of step 0.2
    (array([[10. , -6.7, -9. ,  9.6]]), array([[-0.8,  2. , -1.2]]))
    >>> dp.hardness.arx(x[:, :4], 3)  # an odd multiple of it for 1
    array([[-1., -1., -1.]])
    """

    has_density = False

    def __init__(
        self, n_bits: int, m_bits: int, one_way: Any, spacing: float, radius: float
    ) -> None:
        self.one_way, self.n_bits, self.m_bits = as_one_way(one_way, n_bits, m_bits)
        self.spacing = number("spacing", spacing, above=0, at_least=1e-9, at_most=1e9)
        self.radius = number("radius", radius, above=0, at_least=1e-9, at_most=1e9)
        check_separation(self._sizes)
        self.event_shape = (self.n_bits + self.m_bits,)

    def __repr__(self) -> str:
        return (
            f"OneWayPrior(n_bits={self.n_bits}, m_bits={self.m_bits}, "
            f"spacing={self.spacing:g}, radius={self.radius:g})"
        )

    def score_error(self, sigma: float) -> float:
        """Bound of E |s(x) - score(x)|^2 over x from p_sigma, where s is the exact score.

        Parameters
        ----------
        sigma : float
            Noise level, positive.

        Returns
        -------
        float
            The bound.

        Raises
        ------
        ValueError
            If `sigma` is not positive.

        Notes
        -----
        With q the probability that noise turns a sign, n and m bits, D the most that a lattice
        adds to a score, L the ratio of its densities for two images and V = 1 + sigma^2, it is
        4 n q (m D^2 + (radius / V)^2 min(2, (L - 1)^2)).
        """
        level = number("sigma", sigma, above=0, at_least=1e-60, at_most=1e60)
        return error_bound(self._sizes, level)

    def enumerated(self) -> EnumeratedPrior:
        """The same law with sums over all signs: exact everywhere, with exact posteriors.

        Returns
        -------
        EnumeratedPrior
            The prior, at a cost of 2^n_bits terms a point.

        Raises
        ------
        ValueError
            If there are more than 16 bits.
        """
        from ._enumerated import EnumeratedPrior

        return EnumeratedPrior(self)

    def relu_network(self, sigma: float, n_knots: int | None = None) -> ReLUNetwork:
        """A network of rectified linear units for the score at one noise level.

        Parameters
        ----------
        sigma : float
            Noise level, at least a fortieth of the spacing.
        n_knots : int, optional
            Knots of the piecewise linear functions, at least 4: the square error falls with
            their fourth power. By default 32 to a spacing of the lattices, 1024 at least.

        Returns
        -------
        ReLUNetwork
            A function of points (n, d).

        Raises
        ------
        ValueError
            If an argument is out of its range, or a user's function has more than 12 bits: it
            enters as a table.
        """
        from ._score_network import score_network

        return score_network(self, sigma, n_knots)

    def _image(self, signs: Array, xp: ModuleType) -> Array:
        """f of rows of signs, checked."""
        return image_of(self.one_way, signs, self.m_bits, xp)

    def _shows_lattices(self, sigma: float) -> bool:
        """Whether waves of the lattices count at a noise level."""
        return sigma**2 / (1 + sigma**2) <= _VISIBLE * self.spacing**2

    @property
    def _sizes(self) -> Size:
        return Size(self.n_bits, self.m_bits, self.spacing, self.radius)

    def _parts(self, x: Array) -> tuple[Array, Array]:
        return x[:, : self.n_bits], x[:, self.n_bits :]

    def _lattice(self, xp: ModuleType, x: Array, sigma: Array) -> Lattice:
        """The lattices that go with the signs of x, where they can be seen."""
        return Lattice(self.spacing, self._phase(xp, x, sigma))

    def _phase(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        if not self._shows_lattices(float(xp.min(sigma))):
            return xp.zeros_like(x[:1, self.n_bits :])
        return phase_of(self._image(signs_of(xp, self._parts(x)[0]), xp))

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        phase = self._phase(xp, x, sigma)
        return one_way_score(xp, x, sigma, phase, self.radius, self.spacing)

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        (front, back), level = self._parts(x), sigma[:, None]
        cube, lattice = Vertices(self.radius), self._lattice(xp, x, sigma)
        sign = xp.tanh(cube.given(front, level).half_odds())
        means = cube.denoise(front, level, sign), lattice.denoise(xp, back, level)
        return xp.concat(means, axis=1)

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        (front, back), level = self._parts(x), sigma[:, None]
        given, lattice = Vertices(self.radius).given(front, level), self._lattice(xp, x, sigma)
        spread = given.variance * self.radius**2 * sech_squared(xp, given.half_odds())
        slope = Vertices(self.radius).slope(level) * (1 + spread)
        return xp.concat([slope, lattice.denoise_slope(xp, back, level)], axis=1) * v

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        (front, back), level = self._parts(x), sigma[:, None]
        cube, lattice = Vertices(self.radius), self._lattice(xp, x, sigma)
        signs = log_cosh(xp, cube.given(front, level).half_odds())
        vertices = cube.log_density(xp, front, level) + signs
        combs = lattice.log_density(xp, back, level)
        return xp.sum(vertices, axis=1) + xp.sum(combs, axis=1)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        place = {"first_chain": first_chain, "like": like}
        u = uniform(key, (n, self.n_bits), purpose=Purpose.DIRECTION, **place)
        signs = signs_of(xp, u - 0.5)
        z = normal(key, (n, self.n_bits), purpose=Purpose.INITIAL, **place)
        front = Vertices(self.radius).draw(xp, signs, z)
        phase = phase_of(self._image(signs, xp))
        shape = (n, self.m_bits)
        even, odd = (
            Lattice(self.spacing, b).draw(xp, key, shape, like, first_chain) for b in (0.0, 0.5)
        )
        return xp.concat([front, xp.where(phase > 0, odd, even)], axis=1)

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        place = {"first_chain": first_chain, "like": x}
        (front, back), level = self._parts(x), sigma[:, None]
        given = Vertices(self.radius).given(front, level)
        u = uniform(key, front.shape, purpose=Purpose.DIRECTION, **place)
        signs = signs_of(xp, (1 + xp.tanh(given.half_odds())) / 2 - u)
        z = normal(key, front.shape, purpose=Purpose.INITIAL, **place)
        phase = xp.astype(phase_of(self._image(signs, xp)), xp.float64)
        precise, level = xp.astype(back, xp.float64), xp.astype(level, xp.float64)
        lattice = Lattice(self.spacing, phase).given(precise, level)
        combs = lattice.draw(xp, key, back.shape, x, first_chain)
        return xp.concat([given.draw(xp, signs, z), combs], axis=1)
