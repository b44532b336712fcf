"""The pieces of sequential Monte Carlo that choose the next temperature and resample."""

from __future__ import annotations

from types import ModuleType

from .._xp import Array
from ..random import Key, Purpose, uniform

_HALVINGS = 20
"""Precision of a change of temperature, in bits."""


def effective_sample_size(xp: ModuleType, log_weights: Array) -> float:
    """(sum w)^2 / sum w^2."""
    return _effective_size(xp, log_weights - xp.max(log_weights))


def _effective_size(xp: ModuleType, below_peak: Array) -> float:
    """The same, of log weights none of which is positive."""
    w = xp.exp(below_peak)
    return float(xp.sum(w) ** 2 / xp.sum(w * w))  # one number: a device is waited for once


def next_temperature(
    xp: ModuleType, log_likelihood: Array, beta: float, target_ess: float
) -> float:
    """Largest inverse temperature up to 1 that keeps the effective sample size."""
    below_peak = log_likelihood - xp.max(log_likelihood)

    def keeps(step: float) -> bool:
        return _effective_size(xp, step * below_peak) >= target_ess

    step = 1 - beta
    if keeps(step):
        return 1.0
    while not keeps(step := step / 2):
        if beta + step == beta:
            raise ValueError(
                "the likelihood is too sharp to be tempered in floating point: noise_std is too "
                "small for this prior"
            )
    for halving in range(1, _HALVINGS):
        longer = step * (1 + 0.5**halving)
        step = longer if keeps(longer) else step
    return beta + step


def log_mean_exp(xp: ModuleType, log_weights: Array) -> float:
    """log of the mean weight."""
    peak = float(xp.max(log_weights))
    return peak + float(xp.log(xp.mean(xp.exp(log_weights - peak))))


def shuffle(xp: ModuleType, values: Array, key: Key) -> Array:
    """Their indices in random order."""
    u = uniform(key, (values.shape[0], 1), stage=1, purpose=Purpose.RESAMPLE, like=values)
    return xp.argsort(u[:, 0])


def systematic_resample(xp: ModuleType, log_weights: Array, n: int, key: Key, step: int) -> Array:
    """Ascending indices of n draws, each particle within one of its expected number of times."""
    w = xp.exp(log_weights - xp.max(log_weights))
    cumulative = xp.cumulative_sum(w)
    u = uniform(key, (1,), step=step, purpose=Purpose.RESAMPLE, like=log_weights)
    places = (xp.arange(n, dtype=w.dtype) + u) / n * cumulative[-1]
    found = xp.searchsorted(cumulative, places)
    return xp.minimum(found, xp.full_like(found, w.shape[0] - 1))
