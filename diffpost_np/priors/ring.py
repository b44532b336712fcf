"""A ring in the plane: the uniform law on a circle plus Gaussian noise."""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple

from .._checks import number
from .._xp import Array, device_of, map_rows
from ..random import Key, Purpose, normal
from ._base import Prior
from ._noise import Noise, combine, negligible

__all__ = ["Ring"]

N_NODES = 24
STEP = 0.6
"""Trapezoid steps in units of z^-1/2: the error is exp(-2 pi^2 / STEP^2)."""


class Ring(Prior):
    """The uniform law on a circle about the origin of R^2, convolved with N(0, width^2 I).

    Parameters
    ----------
    radius : float
        Radius of the circle, positive.
    width : float
        Standard deviation of the noise, at least 0. At 0 the ring has no density, only its
        smoothings have one.

    Attributes
    ----------
    event_shape : tuple of int
        (2,).
    radius, width : float
        The parameters.
    has_density : bool
        Whether `width` is positive.

    Raises
    ------
    ValueError
        If `radius` is not positive or `width` is negative.
    TypeError
        If a parameter is not a real number.

    Notes
    -----
    Let s^2 = width^2 + sigma^2, r = |x|, z = radius r / s^2. The direction of the point on the
    circle given x is von Mises with concentration z; the score is
    (x / r) (radius I1(z) / I0(z) - r) / s^2. The moments of 1 - cos(angle) come from a
    trapezoid rule of 25 nodes (so many exponentials and sines per point), accurate to a few
    units in the last place for every z: its terms are positive, so 1 - I1/I0 and the variance
    keep their relative accuracy where I1/I0 rounds to one.

    At the centre, where every direction is as likely, the score is 0. With s = 0 `denoise` is
    the projection on the circle.

    References
    ----------
    L. N. Trefethen, J. A. C. Weideman, "The exponentially convergent trapezoidal rule", SIAM
    Review 56, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> ring = dp.priors.Ring(radius=1.0, width=0.1)
    >>> ring.score(np.array([[0.6, 0.8], [0.6, 0.7]])).round(3)
    array([[-0.301, -0.401],
           [ 4.725,  5.513]])
    """

    event_shape = (2,)
    _blur = "width"

    def __init__(self, radius: float, width: float) -> None:
        self.radius = number("radius", radius, above=0)
        self.width = number("width", width, at_least=0)
        self.has_density = self.width > 0

    def __repr__(self) -> str:
        return f"Ring(radius={self.radius:g}, width={self.width:g})"

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at = self._locate(xp, x, sigma)
        outer = at.unit * ((self.radius - at.r) - self.radius * at.angle.deficit)
        inner = x * (at.pull - 1)
        return xp.where(at.is_inner, inner, outer) / at.noise.scale / at.noise.scale

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at = self._locate(xp, x, sigma)
        return (at.noise.own + at.noise.added * at.pull) * x

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        at = self._locate(xp, x, sigma)
        along = at.noise.own + at.noise.added * at.tension * at.angle.variance
        across = at.noise.own + at.noise.added * at.pull
        tangent = xp.concat([-at.unit[:, 1:], at.unit[:, :1]], axis=1)
        return _stretch(xp, v, at.unit, along) + _stretch(xp, v, tangent, across)

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        at = self._locate(xp, x, sigma)
        misfit = (at.r - self.radius) / at.noise.scale
        log_volume = math.log(2 * math.pi) + 2 * xp.log(at.noise.scale)
        return (at.angle.log_i0e - 0.5 * misfit * misfit - log_volume)[:, 0]

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        place = {"first_chain": first_chain, "like": like}
        direction = normal(key, (n, 2), purpose=Purpose.DIRECTION, **place)
        noise = normal(key, (n, 2), purpose=Purpose.INITIAL, **place)
        length = xp.sqrt(xp.sum(direction * direction, axis=1, keepdims=True))
        return self.radius * (direction / length) + self.width * noise

    def _locate(self, xp: ModuleType, x: Array, sigma: Array) -> _Location:
        r = xp.hypot(x[:, :1], x[:, 1:])
        noise = combine(xp, self.width, sigma)
        narrow = xp.maximum(noise.scale, negligible(xp, x) * (self.radius + r))
        root = xp.sqrt(self.radius / narrow) * xp.sqrt(r / narrow)
        tension = (self.radius / narrow) ** 2
        angle, is_inner = _von_mises(xp, root), root < 1
        far = (1 - angle.deficit) * (self.radius / xp.where(is_inner, xp.ones_like(r), r))
        pull = xp.where(is_inner, tension * angle.slope, far)
        unit = _direction(xp, x, r)
        return _Location(r, unit, noise, tension, pull, is_inner, angle)


class _Angle(NamedTuple):
    """Of the von Mises law with concentration z, each of shape (n, 1)."""

    log_i0e: Array
    """log(exp(-z) I0(z))."""
    deficit: Array
    """1 - q(z), where q = I1 / I0 is the mean of the cosine."""
    slope: Array
    """q(z) / z, the mean square of the sine."""
    variance: Array
    """q'(z), the variance of the cosine."""


class _Location(NamedTuple):
    """Where points lie with respect to the ring; arrays (n, 1), `unit` (n, 2)."""

    r: Array
    unit: Array
    noise: Noise
    tension: Array
    """(radius / scale)^2."""
    pull: Array
    """radius q(z) / r: the mean point on the circle is this multiple of x."""
    is_inner: Array
    """Whether z < 1, where the score is formed from `pull`, free of r / r."""
    angle: _Angle


def _von_mises(xp: ModuleType, root: Array) -> _Angle:
    """Moments of the von Mises law with concentration root^2, by the trapezoid rule.

    The nodes k h, k = 0..24, cover the half circle while the density is wide; once 0.6 / root,
    a fixed part of its width, is smaller than pi / 24 it is the step.
    """

    def block(root: Array) -> Array:
        node = xp.arange(N_NODES + 1, dtype=root.dtype, device=device_of(root))
        end = (node == 0) | (node == N_NODES)
        step = STEP / xp.clip(root, STEP * N_NODES / math.pi)
        half_sine = xp.sin(0.5 * step * node)
        weight = xp.exp(-2 * (root * half_sine) ** 2)
        weight = xp.where(end, 0.5 * weight, weight)
        total = xp.sum(weight, axis=1, keepdims=True)
        weight, drop = weight / total, 2 * half_sine**2
        deficit = xp.sum(weight * drop, axis=1, keepdims=True)
        slope = xp.sum(weight * drop * (2 - drop), axis=1, keepdims=True)
        variance = xp.sum(weight * (drop - deficit) ** 2, axis=1, keepdims=True)
        return xp.concat([xp.log(total * step / math.pi), deficit, slope, variance], axis=1)

    moments = map_rows(block, 64 * N_NODES, xp, root)
    return _Angle(*(moments[:, i : i + 1] for i in range(4)))


def _direction(xp: ModuleType, x: Array, r: Array) -> Array:
    """x / r, and (1, 0) at the centre."""
    apart = xp.where(r > 0, r, xp.ones_like(r))
    first = xp.where(r > 0, x[:, :1] / apart, apart)
    return xp.concat([first, x[:, 1:] / apart], axis=1)


def _stretch(xp: ModuleType, v: Array, unit: Array, factor: Array) -> Array:
    """The component of v along a unit vector, times a factor."""
    return factor * xp.sum(v * unit, axis=1, keepdims=True) * unit
