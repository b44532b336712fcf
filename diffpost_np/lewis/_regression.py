"""The rows of a regression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from .._xp import Array, check_finite
from ._passes import with_ones

_TILE_BYTES = 2**28


@dataclass(frozen=True)
class Regression:
    """Rows x_i, with a one at their end for an intercept, a target and an optional weight each."""

    xp: ModuleType
    x: Array
    y: Array
    weight: Array | None
    intercept: bool

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.x.shape[0])

    @property
    def width(self) -> int:
        """Coefficients, the intercept among them."""
        return int(self.x.shape[1]) + self.intercept

    def rows(self, index: Array | None) -> tuple[Array, Array]:
        """Some rows, or all, in float64 and times their weights."""
        x = self._some(self.x, index)
        x = with_ones(self.xp, x) if self.intercept else x
        weight = self.weights(index)
        x = x if weight is None else x * weight[:, None]
        return x, self.target(index)

    def target(self, index: Array | None) -> Array:
        """Some targets, or all, times their weights."""
        y, weight = self._some(self.y, index), self.weights(index)
        return y if weight is None else y * weight

    def weights(self, index: Array | None) -> Array | None:
        """Some weights, or all."""
        return None if self.weight is None else self._some(self.weight, index)

    def _some(self, part: Array, index: Array | None) -> Array:
        if index is not None:
            part = self.xp.take(part, index, axis=0)
        return self.xp.astype(part, self.xp.float64)

    def tiles(self) -> Iterator[tuple[slice, Regression]]:
        """Parts small enough for a few copies; kernels make none, so theirs is the whole."""
        step = self.n
        if not isinstance(self.x, np.ndarray):
            step = max(1, _TILE_BYTES // (64 * self.width))
        for start in range(0, self.n, step):
            part = slice(start, min(start + step, self.n))
            weight = None if self.weight is None else self.weight[part]
            yield part, Regression(self.xp, self.x[part, :], self.y[part], weight, self.intercept)

    def check(self) -> None:
        """Raise if a number is not finite, naming the first."""
        check_finite("X", self.x, self.xp)
        check_finite("y", self.y, self.xp)
