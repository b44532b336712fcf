"""How far scores that read signs off a point are from the exact ones, and where that is too far.

A point x of p_sigma shows the wrong sign in an entry with probability q = Q(radius / sqrt(V)), with
V = 1 + sigma^2. Let D bound what a lattice does to a score, and L the ratio of its densities for
two images. Given x, let P be the exact probability of signs other than those seen: E P^2 <= n q. A
lattice entry errs by at most 2 D P. The mean of a sign errs by 2 |p - p'|, where p and p' are the
probabilities that it was turned, with and without what lattices tell: both have mean q, and they
differ by a factor of L at most. So, with n signs and m lattices,

    E |s - score|^2 <= 4 n q (m D^2 + (radius / V)^2 min(2, (L - 1)^2)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_TOLERATED = 1e-6
"""Mean square error of a score, in units of sigma^-2."""

_LOWEST = 1 / 20
_HIGHEST = 100.0
"""Noise levels that are looked at: from this part of a spacing to this part of a radius."""

_N_WAVES = 5


class Size(NamedTuple):
    """What matters of an instance."""

    n_bits: int
    m_bits: int
    spacing: float
    radius: float


def error_bound(of: Size, sigma: float) -> float:
    """Bound of E |s - score|^2 at one noise level."""
    total = 1 + sigma**2
    q = 0.5 * math.erfc(of.radius / math.sqrt(2 * total))
    pull, odds = _visibility(of.spacing, sigma)
    excess = math.expm1(min(of.m_bits * odds, 1.0))
    signs = (of.radius / total) ** 2 * min(2.0, excess**2)
    return 4 * of.n_bits * q * (of.m_bits * pull**2 + signs)


def _visibility(spacing: float, sigma: float) -> tuple[float, float]:
    """What a lattice adds at most to a score, and log of the ratio of its densities."""
    total = 1 + sigma**2
    j = np.arange(1, _N_WAVES + 1)
    heights = 2 * np.exp(-2 * (np.pi * j * sigma / spacing) ** 2 / total)
    pull, height = spacing / (2 * sigma**2), float(np.sum(heights))
    if height >= 1:
        return pull, math.inf
    slope = float(np.sum(2 * np.pi * j / spacing * heights)) / (1 - height)
    return min(pull, slope / total), 2 * math.atanh(height)


def check_separation(size: Size) -> None:
    """Refuse lattices that still show where noise merges the signs; the error gives the bound."""
    if _is_separated(size):
        return
    narrow = size._replace(spacing=1e-3 * size.radius)
    if not _is_separated(narrow):
        least = _threshold(lambda r: not _is_separated(narrow._replace(radius=r)), size.radius, 1e3)
        who = f"{size.n_bits} signs"
        raise ValueError(
            f"radius must be at least {_up(least):.6g} to tell {who} from each other, "
            f"got {size.radius:g}"
        )
    most = _threshold(
        lambda s: _is_separated(size._replace(spacing=s)), narrow.spacing, size.spacing
    )
    raise ValueError(
        f"spacing must be at most {math.floor(1e3 * most) / 1e3:g} for {size.n_bits} and "
        f"{size.m_bits} bits at radius {size.radius:g}, got {size.spacing:g}: wider lattices still "
        "show where noise merges the signs"
    )


def _is_separated(size: Size) -> bool:
    levels = np.geomspace(_LOWEST * size.spacing, _HIGHEST * size.radius, 200)
    return all(sigma**2 * error_bound(size, sigma) <= _TOLERATED for sigma in levels.tolist())


def _threshold(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a property that holds at `low` and not at `high` is lost."""
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _up(value: float) -> float:
    """Rounded up to two decimals."""
    return math.ceil(100 * value) / 100
