"""The moves by the names that samplers take."""

from __future__ import annotations

from collections.abc import Callable

from ._ghmc import split_ghmc
from ._langevin_moves import mala, randomized_midpoint, ula, underdamped
from ._moves import Target, Walk

MOVES: dict[str, Callable[[Target, Walk, int], tuple[Walk, float]]] = {
    "split_ghmc": split_ghmc,
    "ula": ula,
    "mala": mala,
    "underdamped": underdamped,
    "randomized_midpoint": randomized_midpoint,
}

ADJUSTED = ("mala", "underdamped")
"""Those of first order in the step, which need a test of Metropolis, if by the trapezoid rule."""

UNADJUSTED = ("ula", "randomized_midpoint")
"""Those that have none."""
