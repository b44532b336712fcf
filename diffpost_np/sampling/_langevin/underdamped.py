"""Underdamped Langevin dx = v dt, dv = (g - gamma v) dt + sqrt(2 gamma) dB with the force g frozen.

The solution over a duration h is exact for such a force. In equilibrium velocities are N(0, I).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._xp import Array

_SERIES_BELOW = 0.5
_EXCESS = [(-1) ** n / math.factorial(n) for n in range(2, 20)]
_POSITION = [(-1) ** n * (4 - 2**n) / math.factorial(n) for n in range(2, 24)]
"""Coefficients of g^2, g^3, ... for friction times duration g, where the formulas cancel."""


class Covariance(NamedTuple):
    """Of the noise in position and velocity, entry by entry."""

    position: Any
    cross: Any
    velocity: Any


class Transition(NamedTuple):
    """x' = x + drift v + push g + mix z + rest z'; v' = decay v + drift g + kick z.

    z and z' are independent normals; the coefficients are numbers, or columns (n, 1).
    """

    decay: Any
    drift: Any
    push: Any
    kick: Any
    mix: Any
    rest: Any

    def noise(self, z: Any, other: Any) -> tuple[Any, Any]:
        """The noise in position and in velocity."""
        return self.mix * z + self.rest * other, self.kick * z

    def apply(self, x: Any, v: Any, g: Any, noise: tuple[Any, Any]) -> tuple[Any, Any]:
        """Position and velocity afterwards."""
        return x + self.drift * v + self.push * g + noise[0], (
            self.decay * v + self.drift * g + noise[1]
        )


def covariance(xp: ModuleType, friction: float, h: Array) -> Covariance:
    """What the noise of a duration adds, accurate for short ones, too."""
    g = friction * h
    position = 2 * g + 4 * xp.expm1(-g) - xp.expm1(-2 * g)
    return Covariance(
        _small(xp, g, _POSITION, position) / friction**2,
        xp.expm1(-g) ** 2 / friction,
        -xp.expm1(-2 * g),
    )


def transition(xp: ModuleType, friction: float, h: Array) -> Transition:
    """The solution over durations, an array."""
    g, noise = friction * h, covariance(xp, friction, h)
    kick = xp.sqrt(noise.velocity)
    mix = noise.cross / kick
    return Transition(
        decay=xp.exp(-g),
        drift=-xp.expm1(-g) / friction,
        push=_small(xp, g, _EXCESS, g + xp.expm1(-g)) / friction**2,
        kick=kick,
        mix=mix,
        rest=xp.sqrt(noise.position - mix * mix),
    )


def transition_over(friction: float, h: float) -> Transition:
    """The solution over one duration, as numbers."""
    return Transition(*(float(c) for c in transition(numpy_namespace, friction, np.asarray(h))))


class RandomMidpoint(NamedTuple):
    """A step of duration h with the force at a random time; the noise of both parts is known.

    The weight of the force is that of its time, with t left: h (1 - e^(-gamma t)) / gamma on the
    position, and h e^(-gamma t) on the velocity.
    """

    h: float
    before: Transition
    after: Transition
    whole: Transition
    early: tuple[Any, Any]
    late: tuple[Any, Any]

    def middle(self, x: Any, v: Any, g: Any) -> Any:
        """The position at the random time, by the force at the start."""
        return self.before.apply(x, v, g, self.early)[0]

    def end(self, x: Any, v: Any, force: Any) -> tuple[Any, Any]:
        """Position and velocity afterwards, by the force in the middle."""
        (moved, kicked), after = self.early, self.after
        x = x + self.whole.drift * v + self.h * after.drift * force
        x = x + (moved + after.drift * kicked + self.late[0])
        v = self.whole.decay * v + self.h * after.decay * force
        return x, v + (after.decay * kicked + self.late[1])


def random_midpoint(
    xp: ModuleType, friction: float, h: float, share: Array, normals: Sequence[Any]
) -> RandomMidpoint:
    """The step with its force at a share of h, and four normals."""
    before, after = transition(xp, friction, h * share), transition(xp, friction, h - h * share)
    early, late = before.noise(*normals[:2]), after.noise(*normals[2:])
    return RandomMidpoint(h, before, after, transition_over(friction, h), early, late)


def _small(xp: ModuleType, g: Array, coefficients: list[float], value: Array) -> Array:
    """The series from g^2 on where g is small, else the value."""
    total = xp.zeros_like(g)
    for c in reversed(coefficients):
        total = total * g + c
    return xp.where(g < _SERIES_BELOW, total * g * g, value)
