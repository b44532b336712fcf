"""The pivotal method: a sample of fixed size, by duels of neighbours."""

from __future__ import annotations

from types import ModuleType

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._dispatch import operation
from ..._xp import Array, host, placed


def pivotal_choice(xp: ModuleType, inclusion: Array, u: Array) -> Array:
    """Which rows are drawn with these probabilities; one after the other, so on the host."""
    drawn = pivotal_drawn(numpy_namespace, host(inclusion), host(u))
    return placed(xp, drawn, inclusion)


@operation
def pivotal_drawn(xp: ModuleType, inclusion: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Which rows are drawn.

    Rows that are undecided duel in turn, each with the one left over. If their probabilities a
    and b sum to less than 1, the winner takes a + b and the other is out; otherwise the winner is
    in, and the other is left over with a + b - 1.
    """
    drawn = inclusion >= 1.0
    left, a = -1, 0.0
    for i in map(int, np.flatnonzero((inclusion > 0.0) & (inclusion < 1.0))):
        b = float(inclusion[i])
        if a + b < 1.0:
            left = left if u[i] * (a + b) >= b else i
            a = a + b
        elif u[i] * (2.0 - (a + b)) < 1.0 - a:
            drawn[i] = True
            a = (a + b) - 1.0
        else:
            drawn[left] = True
            left, a = i, (a + b) - 1.0
    if a > 0.5:
        drawn[left] = True  # its probability is 1 but for rounding
    return drawn
