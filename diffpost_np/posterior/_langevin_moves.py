"""Langevin moves: overdamped, and underdamped with the force at the start or at a random time.

A step size h stands for steps of h in the time of the underdamped equation, and of h^2 / 2 in that
of the overdamped one, both in coordinates in which the target should be about round.
"""

from __future__ import annotations

from dataclasses import replace

from .._xp import Array
from ..random import Purpose
from ..sampling._langevin.underdamped import Transition, random_midpoint, transition_over
from ._moves import Target, Walk, select

FRICTION = 2.0
"""That which brings a unit Gaussian to rest fastest."""


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
    return select(target, log_ratio, moved, walk, step)


def ula(target: Target, walk: Walk, step: int) -> tuple[Walk, float]:
    """The same, never rejected but by the guard."""
    return mala(replace(target, metropolis=False), walk, step)


def underdamped(target: Target, walk: Walk, step: int) -> tuple[Walk, float]:
    """Underdamped Langevin, exact for the force at the start. One score a move.

    The move back starts with the velocity turned around; what noise it would take tells the ratio
    of both densities.
    """
    xp, over = target.xp, transition_over(FRICTION, walk.step_size)
    z, other = target.noise(walk.u, step), target.noise(walk.u, step, stage=1)
    u, velocity = over.apply(walk.u, walk.velocity, walk.gradient, over.noise(z, other))
    new = target.evaluate(target.metric.events(xp, u))
    gradient = target.gradient(new)
    back = _noise_back(over, walk, u, velocity, gradient)
    energy = sum(xp.sum(a * a, axis=1) for a in (walk.velocity, z, other))
    energy = energy - sum(xp.sum(a * a, axis=1) for a in (velocity, *back))
    log_ratio = target.log_ratio(walk.point, new) + 0.5 * energy
    moved = Walk(new, u, velocity, gradient, walk.step_size)
    return select(target, log_ratio, moved, replace(walk, velocity=-walk.velocity), step)


def _noise_back(
    over: Transition, walk: Walk, u: Array, velocity: Array, gradient: Array
) -> tuple[Array, Array]:
    """The normals that bring (u, -velocity) to (walk.u, -walk.velocity)."""
    z = (-walk.velocity + over.decay * velocity - over.drift * gradient) / over.kick
    rest = walk.u - u + over.drift * velocity - over.push * gradient - over.mix * z
    return z, rest / over.rest


def randomized_midpoint(target: Target, walk: Walk, step: int) -> tuple[Walk, float]:
    """Underdamped Langevin with the force at a random time of the move. Two scores a move.

    For that force alone the motion is reversible, so the energy it misjudges is what it changed
    less its work.
    """
    xp, h = target.xp, walk.step_size
    share = target.uniform(walk.u, step, Purpose.TIME)
    normals = [target.noise(walk.u, step, stage) for stage in range(4)]
    way = random_midpoint(xp, FRICTION, h, share, normals)
    middle = way.middle(walk.u, walk.velocity, walk.gradient)
    force = target.gradient(target.evaluate(target.metric.events(xp, middle)))
    end, velocity = way.end(walk.u, walk.velocity, force)
    new = target.evaluate(target.metric.events(xp, end))
    work = xp.sum(force * (end - walk.u), axis=1)
    log_ratio = target.log_ratio(walk.point, new) - work
    moved = Walk(new, end, velocity, target.gradient(new), h)
    unadjusted = replace(target, metropolis=False)
    return select(unadjusted, log_ratio, moved, replace(walk, velocity=-walk.velocity), step)
