"""Rows with a one at their end, for an intercept."""

from __future__ import annotations

from collections.abc import Iterator

from ..._xp import Array
from .arrays import with_ones
from .rows import Rows


class ConstantRows(Rows):
    """Other rows, each with a one at its end."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.xp, self.d = rows, rows.xp, rows.d + 1
        self.dtype, self.device = rows.dtype, rows.device

    @property
    def n(self) -> int | None:  # type: ignore[override]
        """Their number, None until they were read once."""
        return self.rows.n

    def chunks(self) -> Iterator[tuple[int, Array]]:
        for start, chunk in self.rows.chunks():
            yield start, with_ones(self.xp, chunk)

    def take(self, indices: Array) -> Array:
        return with_ones(self.xp, self.rows.take(indices))
