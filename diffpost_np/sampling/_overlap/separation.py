"""How long parts of a mixture stay apart, in time of the Ornstein-Uhlenbeck process.

The process can only make two laws more alike, so each question has one answer in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .components import Components, Pairs
from .line import Line, line_of

Laws = Line | Pairs
_HALVINGS = 50


def laws_of(parts: Components) -> Laws:
    """Total variations along the process: exact on a line, else bounds by pairs."""
    line = line_of(parts)
    return Pairs(parts) if line is None else line


def separated_until(laws: Laws, part: list[int], rest: list[int], eps: float) -> float:
    """The last time at which their total variation is at least 1 - eps^2; inf without a rest."""
    if not np.sum(laws.weights[rest]) > 0:
        return math.inf
    return float(last_time(lambda t: laws.overlap(part, rest, float(t)) <= eps**2))


def merged_from(laws: Laws, part: list[int], whole: list[int], eps: float) -> float:
    """The first time at which a part and the whole are within eps in total variation."""
    others = sorted(set(whole) - set(part))
    added = float(np.sum(laws.weights[others]) / np.sum(laws.weights[whole]))
    if added == 0:
        return 0.0
    return max(0.0, float(last_time(lambda t: added * laws.distance(part, others, float(t)) > eps)))


def last_time(holds: Callable[[Any], Any], shape: tuple[int, ...] = ()) -> np.ndarray:
    """The last t >= 0 at which something holds that does not come back; -inf where it never does.

    `holds` is a function of times, entry by entry.
    """
    low, high = np.zeros(shape), np.ones(shape)
    ever = holds(low)
    while np.any(still := holds(high)):
        high = np.where(still, 2 * high, high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        yes = holds(middle)
        low, high = np.where(yes, middle, low), np.where(yes, high, middle)
    return np.where(ever, low, -np.inf)
