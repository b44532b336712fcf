"""When a level has moved long enough: the cloud's displacement has stopped growing."""

from __future__ import annotations

from types import ModuleType

from .._products import product
from .._xp import Array
from ..random import Key, Purpose, normal

_DIRECTIONS = 32
"""Directions that are enough for a quantile, where there are more."""


class Displacement:
    """Mean squared displacement along random orthonormal whitened directions, move by move.

    If D_k ~ 1 - rho^k, then 1 - D_(k/2) / D_k = rho^(k/2) / (1 + rho^(k/2)): below 0.4 where
    rho^k is about 0.44, below 0.24 where it is about 0.1.
    """

    def __init__(self, xp: ModuleType, start: Array, key: Key, level: int) -> None:
        d = start.shape[1]
        z = normal(key, (d, d), step=level, purpose=Purpose.DIRECTION, like=start)
        self.xp, self.start = xp, start
        self.directions = xp.linalg.qr(z)[0][:, : min(d, _DIRECTIONS)]
        self.history: list[Array] = []

    def record(self, u: Array) -> None:
        """Note the positions after one more move."""
        along = product(self.xp, u - self.start, self.directions)
        self.history.append(self.xp.mean(along * along, axis=0))

    def settled(self, threshold: float) -> bool:
        """Whether nine tenths of the directions have stopped growing, at an even move from 4."""
        k = len(self.history)
        if k < 4 or k % 2:
            return False
        growth = 1 - self.history[k // 2 - 1] / (self.history[-1] + 1e-30)
        ordered = self.xp.sort(growth)
        return float(ordered[(9 * growth.shape[0]) // 10 - (growth.shape[0] >= 10)]) < threshold
