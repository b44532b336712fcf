"""Split generalised Hamiltonian Monte Carlo."""

from __future__ import annotations

import math
from dataclasses import replace
from types import ModuleType

from .._dispatch import operation
from .._xp import Array
from ._moves import Target, Walk, select


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
    return select(target, log_ratio, moved, stayed, step)


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
