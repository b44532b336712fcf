"""The rows of a regression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..._xp import Array, array_namespace, as_float_array, check_finite
from .._rows.arrays import with_ones
from .._rows.rows import ArrayRows, Rows, as_rows

_INDEPENDENT = 1e-11


class Tile(NamedTuple):
    """Some rows that follow each other, valid until the next are read."""

    part: slice
    x: Array
    y: Array
    weight: Array | None


class RowsElsewhere(Rows):
    """What a copy of a result knows of rows that came in blocks: all but the rows."""

    def __init__(self, n: int, d: int, dtype: Any) -> None:
        self.n, self.d, self.dtype = n, d, dtype

    def _chunks(self) -> Iterator[tuple[int, Array]]:
        raise ValueError("X came in blocks, which a copy of the result does not hold: fit again")


@dataclass(frozen=True, eq=False)
class Regression:
    """Rows x_i, with a one at their end for an intercept, a target and an optional weight each."""

    x: Rows
    y: Array
    weight: Array | None
    intercept: bool
    unit: float = 1.0
    """Of the weights, so that their products neither overflow nor vanish."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Without modules and functions, of which there are no copies: arrays tell the first."""
        x = self.x
        rows = x.array if isinstance(x, ArrayRows) else RowsElsewhere(self.n, x.d, x.dtype)
        return _restored, (rows, self.y, self.weight, self.intercept, self.unit)

    @property
    def xp(self) -> ModuleType:
        """The namespace of the arrays."""
        return self.x.xp

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.y.shape[0])

    @property
    def width(self) -> int:
        """Coefficients, the intercept among them."""
        return self.x.d + self.intercept

    @property
    def independence(self) -> float:
        """The angle to the span of others from which on a column is independent of them."""
        single = self.x.dtype == self.xp.float32
        return 10 * float(np.finfo(np.float32).eps) * self.width**0.5 if single else _INDEPENDENT

    def rows(self, index: Array | None) -> tuple[Array, Array]:
        """Some rows, in their order, or all, in float64 and times their weights."""
        if index is None and isinstance(self.x, ArrayRows):
            x = self.x.array
        else:
            x = self.x.take(np.arange(self.n) if index is None else index)
        check_finite("X", x, self.xp)  # blocks may be others in every pass
        return self._weighted(x, self.weights(index)), self.target(index)

    def unweighted(self, index: Array | None) -> Array:
        """The same rows, for the same index, without their weights."""
        return self._weighted(self.x.take(np.arange(self.n) if index is None else index), None)

    def _weighted(self, x: Array, weight: Array | None) -> Array:
        x = self.xp.astype(x, self.xp.float64, copy=False)
        x = with_ones(self.xp, x) if self.intercept else x
        return x if weight is None else x * weight[:, None]

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
        return self.xp.astype(part, self.xp.float64, copy=False)

    def tiles(self) -> Iterator[Tile]:
        """One pass over all rows."""
        for start, x in self._chunks():
            part = slice(start, start + x.shape[0])
            weight = None if self.weight is None else self.weight[part]
            yield Tile(part, x, self.y[part], weight)

    def _chunks(self) -> Iterator[tuple[int, Array]]:
        """The chunks of a pass; kernels make no copies, so an array in memory is one."""
        x = self.x
        if isinstance(x, ArrayRows) and isinstance(x.array, np.ndarray) and not x.mapped:
            return iter([(0, x.array)])
        return self.x.chunks()

    def counted_tiles(self) -> Iterator[tuple[int, Array]]:
        """One pass over the rows in float64, in chunks, and where each starts.

        Those that weigh nothing are zero.
        """
        for start, x in self.x.chunks():
            check_finite(_from_row(start), x, self.xp)
            x = self._weighted(x, None)
            if self.weight is not None:
                counts = self.weight[start : start + x.shape[0]] > 0
                x = self.xp.where(counts[:, None], x, 0 * x)
            yield start, x

    def check(self) -> None:
        """Raise if a number is not finite, naming the first."""
        for start, x in self.x.chunks():
            check_finite(_from_row(start), x, self.xp)
        check_finite("y", self.y, self.xp)

    def check_tile(self, tile: Tile) -> None:
        """Raise if a number of these rows is not finite."""
        check_finite(_from_row(tile.part.start), tile.x, self.xp)
        check_finite("y", tile.y, self.xp)


def _restored(x: Any, *others: Any) -> Regression:
    rows = x if isinstance(x, Rows) else ArrayRows(x, array_namespace(X=x))
    return Regression(rows, *others)


def _from_row(start: int) -> str:
    return "X" if start == 0 else f"X, from row {start} on,"


def paired(X: Any) -> tuple[Rows, np.ndarray]:
    """The rows and the targets of blocks that are pairs (X_block, y_block)."""
    if not (callable(X) or isinstance(X, list | tuple)):
        raise TypeError(f"y must be an array, unless X gives pairs of blocks; X is a {_kind(X)}")
    blocks: Callable[[], Iterable[Any]] = X if callable(X) else lambda: X
    targets = [_targets(k, _pair(k, block)[1]) for k, block in enumerate(blocks())]
    if not targets:
        raise ValueError("X must have at least one row, got no blocks")
    for k, target in enumerate(targets):
        if target.shape[1:] != targets[0].shape[1:]:
            shapes = f"{targets[0].shape}, then {target.shape} in block {k}"
            raise ValueError(f"y must have as many columns in every block, got {shapes}")
    rows = as_rows(lambda: (_pair(k, block)[0] for k, block in enumerate(blocks())))
    return rows, np.concatenate(targets)


def _targets(k: int, given: Any) -> np.ndarray:
    """The targets of a block, (n,) or (n, k)."""
    y = as_float_array(f"y, block {k},", given)
    if y.ndim not in (1, 2):
        raise ValueError(f"y, block {k}, must have shape (n,) or (n, k), got {tuple(y.shape)}")
    return y


def _pair(k: int, block: Any) -> Any:
    if not isinstance(block, tuple) or len(block) != 2:
        raise TypeError(
            f"y must be an array, unless X gives pairs (X_block, y_block): block {k} is a "
            f"{_kind(block)}"
        )
    return block


def _kind(value: Any) -> str:
    return type(value).__name__
