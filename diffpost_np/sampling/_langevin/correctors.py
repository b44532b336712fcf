"""Correctors: short Langevin runs at one noise level, which turn a close law into a close density.

They run on the scale of the Ornstein-Uhlenbeck process, x = y / sqrt(1 + sigma^2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._steps.step import Step
from .underdamped import Transition, random_midpoint, transition_over

Force = Callable[[Any], Any]


def overdamped(s: Step, x: Any, force: Force, duration: float, n: int, friction: float) -> Any:
    """n steps x + h s(x) + sqrt(2 h) xi."""
    h = duration / n
    for _ in range(n):
        x = x + h * force(x) + math.sqrt(2 * h) * s.noise()
    return x


def underdamped(s: Any, x: Any, force: Force, duration: float, n: int, friction: float) -> Any:
    """n steps with the force at their start, from a fresh velocity."""
    over, v = transition_over(friction, duration / n), s.noise()
    for _ in range(n):
        x, v = over.apply(x, v, force(x), over.noise(s.noise(), s.noise()))
    return x


def randomized_midpoint(
    s: Any, x: Any, force: Force, duration: float, n: int, friction: float
) -> Any:
    """n steps with the force at a random time of each, where an underdamped step gets."""
    h, v = duration / n, s.noise()
    for _ in range(n):
        x, v = randomized_midpoint_step(s, x, v, force, h, friction)
    return x


def randomized_midpoint_step(
    s: Any, x: Any, v: Any, force: Force, h: float, friction: float
) -> tuple[Any, Any]:
    """One of these steps."""
    share = s.uniform()
    way = random_midpoint(s.xp, friction, h, share, [s.noise() for _ in range(4)])
    return way.end(x, v, force(way.middle(x, v, force(x))))


def picard(s: Any, x: Any, force: Force, duration: float, n: int, friction: float) -> Any:
    """The n steps of `underdamped` in blocks of duration 1 / friction, each found all at once."""
    v, over = s.noise(), transition_over(friction, duration / n)
    n_blocks = min(n, math.ceil(friction * duration))
    for b in range(n_blocks):
        size = n * (b + 1) // n_blocks - n * b // n_blocks
        noises = [over.noise(s.noise(), s.noise()) for _ in range(size)]
        x, v = picard_block(s.xp, x, v, force, over, noises)
    return x


def picard_block(
    xp: ModuleType,
    x: Any,
    v: Any,
    force: Force,
    over: Transition,
    noises: list[tuple[Any, Any]],
    n_sweeps: int = 4,
) -> tuple[Any, Any]:
    """Steps with known noise, whose forces are asked for in one batch a sweep.

    The error falls like that of a power series in the duration; as many sweeps as steps leave none.
    """
    n, path = x.shape[0], [x] * len(noises)
    for _ in range(min(n_sweeps, len(noises))):
        forces, path, at = force(xp.concat(path)), [], (x, v)
        for m, noise in enumerate(noises):
            path.append(at[0])
            at = over.apply(*at, forces[m * n : (m + 1) * n, :], noise)
    return at


CORRECTORS = {
    "none": None,
    "overdamped": overdamped,
    "underdamped": underdamped,
    "randomized_midpoint": randomized_midpoint,
    "picard": picard,
}
