"""What Markov moves of a cloud of chains are made of, in coordinates whitened by a metric.

A move, one of `MOVES`, sees a `Point` (positions with all that is known there), proposes new
positions, asks the target for them once or twice, and returns the new state with the mean
acceptance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NamedTuple

from .._dispatch import operation
from .._xp import Array
from ..random import Key, Purpose, normal, uniform
from ._metric import Constant, Metric

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
    metric: Metric | Constant
    beta: float
    metropolis: bool
    key: Key
    midpoint_score: Callable[[Array], Array] | None = None
    first_chain: int = 0

    def start(self, point: Point, step_size: float, step: int) -> Walk:
        """Fresh velocities at the start of a level."""
        u = self.metric.whiten(self.xp, point.x)
        where = {"step": step, "purpose": Purpose.INITIAL, "first_chain": self.first_chain}
        velocity = normal(self.key, tuple(u.shape), stage=1, like=u, **where)
        return Walk(point, u, velocity, self.gradient(point), step_size)

    def gradient(self, point: Point) -> Array:
        """Of the tempered log density, in whitened coordinates."""
        gradient = point.score + self.beta * point.likelihood_grad
        return self.metric.gradient(self.xp, gradient)

    def noise(self, like: Array, step: int, stage: int = 0) -> Array:
        where = {"step": step, "stage": stage, "first_chain": self.first_chain}
        return normal(self.key, tuple(like.shape), purpose=Purpose.NOISE, like=like, **where)

    def uniform(self, like: Array, step: int, purpose: Purpose) -> Array:
        """One variate (n, 1) for each chain."""
        where = {"step": step, "purpose": purpose, "first_chain": self.first_chain}
        return uniform(self.key, (like.shape[0], 1), like=like, **where)

    def accept(self, log_ratio: Array, step: int) -> Array:
        """Which chains move: all but the absurd, or those that pass the Metropolis test."""
        if not self.metropolis:
            return log_ratio > _WORST
        u = self.uniform(log_ratio, step, Purpose.ACCEPT)
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
        if self.midpoint_score is None or new.log_density is not None:
            return 0.0
        if walk.n_moves % _EVERY:
            return walk.misjudged
        first = walk.n_moves // _EVERY % _SHARE
        a, b, s, t = (v[first::_SHARE, :] for v in (old.x, new.x, old.score, new.score))
        middle = self.midpoint_score(0.5 * (a + b))
        error = xp.sum((b - a) * (2 * middle - s - t), axis=1) / 3
        return float(xp.mean(xp.minimum(error * error, xp.ones_like(error))))


@operation
def trapezoid(xp: ModuleType, x: Array, s: Array, new: Array, new_s: Array) -> Array:
    """Change of a log density along chords, from its scores at both ends."""
    return 0.5 * xp.sum((new - x) * (s + new_s), axis=1)


def select(
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
