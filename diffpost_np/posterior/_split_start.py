"""Where Gibbs chains start."""

from __future__ import annotations

from typing import Any

from .._xp import Array, as_float_array, flatten_events, is_array
from ..priors._on_patches import OnPatches
from ._problem import Problem

_BLIND = 1e-6
"""Share of the largest squared gain up to which a measurement does not see constants."""


def start(problem: Problem, initial: Any, n: int, largest: float) -> Array:
    """Flat chains (n, d): what the user gave, else draws, else the constant that explains y."""
    p = problem
    if initial is None and not hasattr(p.prior, "sample"):
        value = explaining_constant(p, largest)
        return p.xp.full((n, p.d), value, dtype=p.dtype, device=p.device)
    if (one := single(p, initial)) is not None:
        return p.xp.concat([p.points("initial", one, 1)] * n)
    return p.initial(initial, n, first_chain=p.first_chain)


def single(problem: Problem, initial: Any) -> Array | None:
    """The batch of one event for all chains, None where the user gave something else."""
    p = problem
    if initial is None or callable(initial):
        return None
    given = initial if is_array(initial) else as_float_array("initial", initial, xp=p.xp)
    if tuple(given.shape) == p.event_shape:
        return given[None, ...]
    return given if tuple(given.shape) == (1, *p.event_shape) else None


def explaining_constant(problem: Problem, largest: float) -> float:
    """The likeliest value of a constant event, given y and what is known of a patch's pixels.

    Both have squared gains: that of y is 0 where it is within rounding of the largest one.
    """
    p, measurement = problem, problem.linear()
    ones = p.xp.ones((1, *p.event_shape), dtype=p.dtype, device=p.device)
    image = flatten_events(measurement.whiten(measurement.operator(ones)), p.xp)
    y = flatten_events(measurement.whiten(p.y[None, ...]), p.xp)
    seen = float(p.xp.sum(p.xp.abs(image) ** 2))
    pull = float(p.xp.sum(p.xp.real(p.xp.conj(image) * y)))
    if seen <= _BLIND * largest * p.d:
        seen = pull = 0.0
    mean, precision = pixel(p)
    total = seen + precision
    return (pull + precision * mean) / total if total > 0 else 0.0


def pixel(problem: Problem) -> tuple[float, float]:
    """Mean and precision of the pixels of a prior on patches, precision 0 for other priors."""
    p = problem
    if not isinstance(p.prior, OnPatches):
        return 0.0, 0.0
    mean, std = p.prior.mixture.mean(), p.prior.mixture.std()
    variance = float(p.xp.mean(std**2)) + float(p.xp.var(mean))
    return float(p.xp.mean(mean)), 1 / variance
