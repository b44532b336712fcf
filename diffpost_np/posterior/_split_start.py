"""Where Gibbs chains start, and whether that looks like what the prior is about."""

from __future__ import annotations

from typing import Any

from .._xp import Array, flatten_events, is_array, size
from ..priors.patch_grid import PatchGrid
from ..priors.patch_product import PatchProduct
from ._problem import Problem

_FAR = 8.0
"""Standard deviations of the prior beyond which values have other units than it."""


def start(problem: Problem, initial: Any, n: int) -> Array:
    """Flat chains (n, d): what the user gave, else draws, else the constant that explains y."""
    p = problem
    if initial is None and not hasattr(p.prior, "sample"):
        shape = (n, p.d)
        return p.xp.full(shape, explaining_constant(p), dtype=p.dtype, device=p.device)
    if is_array(initial) and tuple(initial.shape) == p.event_shape:
        return p.xp.concat([p.points("initial", initial[None, ...], 1)] * n)
    return p.initial(initial, n, first_chain=p.first_chain)


def explaining_constant(problem: Problem) -> float:
    """The value of a constant event that fits y best, 0 where that says nothing."""
    p, measurement = problem, problem.linear()
    ones = p.xp.ones((1, *p.event_shape), dtype=p.dtype, device=p.device)
    image = flatten_events(measurement.whiten(measurement.operator(ones)), p.xp)
    y = flatten_events(measurement.whiten(p.y[None, ...]), p.xp)
    norm = float(p.xp.sum(p.xp.abs(image) ** 2))
    return float(p.xp.sum(p.xp.real(p.xp.conj(image) * y))) / norm if norm > 0 else 0.0


def strange_units(problem: Problem, x: Array) -> tuple[str, ...]:
    """A reason to distrust y or the start, where they are far from what patches are like."""
    p = problem
    if not isinstance(p.prior, PatchGrid | PatchProduct):
        return ()
    mixture = p.prior.mixture
    mean, std = (float(p.xp.sum(a)) / size(a.shape) for a in (mixture.mean(), mixture.std()))
    constant, largest = explaining_constant(p), float(p.xp.max(p.xp.abs(x - mean)))
    for name, value in (("y", constant), ("initial", mean + largest)):
        if abs(value - mean) > _FAR * std:
            return (
                f"{name} has values around {value:.3g}, and the prior is fitted to "
                f"{mean:.3g} +- {std:.2g}: bring the image to that scale",
            )
    return ()
