"""Derivatives by central differences, extrapolated, with an estimate of their own error."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from .._xp import Array, flatten_events

__all__ = ["Estimate", "extrapolate"]

SAFETY = 10.0
"""Factor on estimated errors."""


class Estimate(NamedTuple):
    """Values (n, k) and a bound of the error of each row (n,)."""

    value: Array
    error: Array


def extrapolate(
    xp: ModuleType,
    difference: Callable[[float], tuple[Array, Array]],
    step: float,
    n_steps: int,
) -> Estimate:
    """The limit of a difference quotient as its step goes to zero.

    `difference(h)` gives the quotient, whose error has an expansion in h^2, and a bound (n,) of
    what rounding adds to it. Of Neville's table over h = step, step / 2, ... the entry of every
    row is taken that differs least from its two parents, as Ridders does.
    """
    best: Estimate | None = None
    above: list[Array] = []
    for i in range(n_steps):
        value, rounding = difference(step / 2**i)
        row = [flatten_events(value, xp)]
        for j, parent in enumerate(above):
            row.append(row[j] + (row[j] - parent) / (4.0 ** (j + 1) - 1))
            spread = xp.maximum(_norm(xp, row[-1] - row[j]), _norm(xp, row[-1] - parent))
            best = _better(xp, best, Estimate(row[-1], SAFETY * (spread + rounding)))
        above = row
    assert best is not None
    return best


def _better(xp: ModuleType, best: Estimate | None, other: Estimate) -> Estimate:
    if best is None:
        return other
    take = other.error < best.error
    return Estimate(
        xp.where(take[:, None], other.value, best.value), xp.where(take, other.error, best.error)
    )


def _norm(xp: ModuleType, flat: Array) -> Array:
    return xp.max(xp.abs(flat), axis=1)
