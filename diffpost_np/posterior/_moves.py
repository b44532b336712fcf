"""Markov moves of a cloud of particles, in coordinates whitened by a metric.

A move sees a `Point` (positions with all that is known there), proposes new positions, asks the
target for them once, and returns the new state with the mean acceptance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NamedTuple

from .._dispatch import operation
from .._xp import Array
from ..random import Key, Purpose, normal, uniform
from ._metric import Metric

_WORST = -8.0
"""Log acceptance below which an unadjusted move stays: it guards against divergence only."""

_EVERY, _SHARE, _PENALTY = 4, 2, 40.0
"""Every which move and chain checks the trapezoid rule; what misjudging costs in acceptance."""


class Point(NamedTuple):
    """Flat positions (n, d), the prior's score and log density there, and the likelihood."""

    x: Array
    score: Array
    log_likelihood: Array
    likelihood_grad: Array
    log_density: Array | None


@dataclass(frozen=True)
class Walk:
    """A cloud on its way through one level: where it is, in both coordinates, and its velocity.

    `gradient` is that of the tempered log density in whitened coordinates, `misjudged` the last
    error of the trapezoid rule, and `n_moves` counts the moves of the level.
    """

    point: Point
    u: Array
    velocity: Array
    gradient: Array
    step_size: float
    misjudged: float = 0.0
    n_moves: int = 0


@dataclass(frozen=True)
class Target:
    """What a move needs to know of a level."""

    xp: ModuleType
    evaluate: Callable[[Array], Point]
    metric: Metric
    beta: float
    metropolis: bool
    key: Key
    midpoint_score: Callable[[Array], Array]

    def start(self, point: Point, step_size: float, step: int) -> Walk:
        """Fresh velocities at the start of a level."""
        u = self.metric.whiten(self.xp, point.x)
        velocity = normal(
            self.key, tuple(u.shape), step=step, purpose=Purpose.INITIAL, stage=1, like=u
        )
        return Walk(point, u, velocity, self.gradient(point), step_size)

    def gradient(self, point: Point) -> Array:
        """Of the tempered log density, in whitened coordinates."""
        gradient = point.score + self.beta * point.likelihood_grad
        return self.metric.gradient(self.xp, gradient)

    def noise(self, like: Array, step: int) -> Array:
        return normal(self.key, tuple(like.shape), step=step, purpose=Purpose.NOISE, like=like)

    def accept(self, log_ratio: Array, step: int) -> Array:
        """Which chains move: all but the absurd, or those that pass the Metropolis test."""
        if not self.metropolis:
            return log_ratio > _WORST
        shape = (log_ratio.shape[0], 1)
        u = uniform(self.key, shape, step=step, purpose=Purpose.ACCEPT, like=log_ratio)
        return self.xp.log(u[:, 0]) < log_ratio

    def log_ratio(self, old: Point, new: Point) -> Array:
        """Change of the tempered log density; the prior's by the trapezoid rule if need be."""
        if old.log_density is not None and new.log_density is not None:
            change = new.log_density - old.log_density
        else:
            change = trapezoid(self.xp, old.x, old.score, new.x, new.score)
        return change + self.beta * (new.log_likelihood - old.log_likelihood)

    def misjudged(self, walk: Walk, new: Point) -> float:
        """Mean of min(1, error^2) of the trapezoid rule, by Simpson's on half of the chains.

        Long moves out of a narrow mode look free to the trapezoid: the acceptance cannot tell.
        """
        old, xp = walk.point, self.xp
        if old.log_density is not None and new.log_density is not None:
            return 0.0
        if walk.n_moves % _EVERY:
            return walk.misjudged
        first = walk.n_moves // _EVERY % _SHARE
        a, b, s, t = (v[first::_SHARE, :] for v in (old.x, new.x, old.score, new.score))
        middle = self.midpoint_score(0.5 * (a + b))
        error = xp.sum((b - a) * (2 * middle - s - t), axis=1) / 3
        return float(xp.mean(xp.minimum(error * error, xp.ones_like(error))))


def split_ghmc(target: Target, walk: Walk, step: int) -> tuple[Walk, float]:
    """Generalised HMC: N(mean, root root') rotated exactly, the rest kicked, momentum kept.

    For a Gaussian target nothing is rejected at any step size. One score a move.
    """
    xp, h = target.xp, walk.step_size
    noise = target.noise(walk.u, step)
    start, kicked, u = ghmc_open(xp, walk.u, walk.velocity, walk.gradient, noise, h)
    new = target.evaluate(target.metric.events(xp, u))
    gradient = target.gradient(new)
    end, kinetic = ghmc_close(xp, walk.u, start, kicked, u, gradient, h)
    log_ratio = target.log_ratio(walk.point, new) + kinetic
    moved = Walk(new, u, end, gradient, h)
    stayed = replace(walk, velocity=-start)
    return _select(target, log_ratio, moved, stayed, step)


@operation
def ghmc_open(
    xp: ModuleType, u: Array, velocity: Array, gradient: Array, noise: Array, h: float
) -> tuple[Array, Array, Array]:
    """Refresh the velocity, kick it by half a step, rotate: returns both velocities, new u."""
    decay = math.exp(-h)
    start = decay * velocity + math.sqrt(1 - decay**2) * noise
    kicked = start + 0.5 * h * (gradient + u)
    return start, kicked, math.cos(h) * u + math.sin(h) * kicked


@operation
def ghmc_close(
    xp: ModuleType, u: Array, start: Array, kicked: Array, new: Array, gradient: Array, h: float
) -> tuple[Array, Array]:
    """Rotate the velocity and kick it by half a step; returns it and the kinetic energy lost."""
    end = math.cos(h) * kicked - math.sin(h) * u + 0.5 * h * (gradient + new)
    return end, 0.5 * xp.sum((start - end) * (start + end), axis=1)


@operation
def trapezoid(xp: ModuleType, x: Array, s: Array, new: Array, new_s: Array) -> Array:
    """Change of a log density along chords, from its scores at both ends."""
    return 0.5 * xp.sum((new - x) * (s + new_s), axis=1)


def mala(target: Target, walk: Walk, step: int) -> tuple[Walk, float]:
    """Metropolis-adjusted Langevin (or unadjusted with the guard). One score a move."""
    xp, h = target.xp, walk.step_size
    drift = 0.5 * h * h
    u = walk.u + drift * walk.gradient + h * target.noise(walk.u, step)
    new = target.evaluate(target.metric.events(xp, u))
    gradient = target.gradient(new)
    back, forth = walk.u - u - drift * gradient, u - walk.u - drift * walk.gradient
    proposal = (xp.sum(back * back, axis=1) - xp.sum(forth * forth, axis=1)) / (2 * h * h)
    log_ratio = target.log_ratio(walk.point, new) - proposal
    moved = Walk(new, u, walk.velocity, gradient, h)
    return _select(target, log_ratio, moved, walk, step)


def _select(
    target: Target, log_ratio: Array, moved: Walk, stayed: Walk, step: int
) -> tuple[Walk, float]:
    xp = target.xp
    keep = target.accept(log_ratio, step)
    rate = _mean_acceptance(xp, log_ratio)
    misjudged = target.misjudged(stayed, moved.point)
    rate = max(0.0, rate - _PENALTY * misjudged)
    moved = replace(moved, misjudged=misjudged, n_moves=stayed.n_moves + 1)
    if bool(xp.all(keep)):
        return moved, rate
    point = Point(*(_where(xp, keep, a, b) for a, b in zip(moved.point, stayed.point, strict=True)))
    walk = replace(
        moved,
        point=point,
        u=_where(xp, keep, moved.u, stayed.u),
        velocity=_where(xp, keep, moved.velocity, stayed.velocity),
        gradient=_where(xp, keep, moved.gradient, stayed.gradient),
    )
    return walk, rate


def _mean_acceptance(xp: ModuleType, log_ratio: Array) -> float:
    """Mean of min(1, ratio), where NaN counts as a rejection."""
    ratio = xp.exp(xp.minimum(log_ratio, xp.zeros_like(log_ratio)))
    return float(xp.mean(xp.where(xp.isnan(ratio), xp.zeros_like(ratio), ratio)))


def _where(xp: ModuleType, keep: Array, a: Any, b: Any) -> Any:
    if a is None:
        return None
    return xp.where(keep if a.ndim == 1 else keep[:, None], a, b)


MOVES: dict[str, Callable[[Target, Walk, int], tuple[Walk, float]]] = {
    "split_ghmc": split_ghmc,
    "mala": mala,
}
