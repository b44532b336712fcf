"""The first pass over X: whether it is finite, how large its columns are, and some of its rows."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._xp import Array, array_namespace, host, placed
from .._rows.rows import ArrayRows, Rows
from .._rows.tiles import tile_slices

_LEAST_ROWS, _MOST_NUMBERS, _SHARE = 4096, 2**21, 8
_GOLDEN, _LARGEST = np.uint64(0x9E3779B97F4A7C15), np.uint64(2**64 - 1)


class Survey(NamedTuple):
    """What the first pass finds."""

    largest: np.ndarray  # (d,), of the entries of each column, in size
    some: np.ndarray  # rows spread evenly over all
    complete: bool  # whether these are all rows


def survey(rows: Rows) -> Survey:
    """Read X once."""
    largest, kept, n = np.zeros(rows.d), Kept(rows), 0
    for start, chunk in rows.chunks():
        sizes = host(_column_sizes(rows.xp, chunk))
        if not np.all(np.isfinite(sizes)):
            _refuse(chunk, start)
        largest = np.maximum(largest, sizes)
        kept.add(start, chunk)
        n = start + chunk.shape[0]
    some = kept.rows()
    return Survey(largest, some, len(some) == n)


def in_memory(rows: Rows, seen: Survey) -> Rows:
    """The rows, from the survey if it kept them all: short tables are read once."""
    if not seen.complete or rows.xp is not numpy_namespace:
        return rows
    kept = ArrayRows(seen.some, numpy_namespace)
    kept.reads_per_pass = 0
    return kept


class Kept:
    """Rows kept from a pass: those whose number, scrambled, falls below a bound.

    They are spread evenly and follow no period of the rows. Which they are depends on how many
    rows there are and not on the chunks they come in: as more come, some are dropped.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows_of, self.shift = rows, _shift(rows.n or 0, rows.d)
        self.numbers: list[np.ndarray] = []
        self.parts: list[np.ndarray] = []

    def add(self, start: int, chunk: Array) -> None:
        xp, stop = self.rows_of.xp, start + chunk.shape[0]
        self._store(xp.arange(start, stop, dtype=xp.uint64, device=self.rows_of.device), chunk)
        shift = max(self.shift, _shift(stop, self.rows_of.d))
        if shift > self.shift:
            self.shift, numbers, parts = shift, self.numbers, self.parts
            self.numbers, self.parts = [], []
            for k, part in zip(numbers, parts, strict=True):
                self._store(k, part)

    def _store(self, numbers: Array, part: Array) -> None:
        xp, bound = array_namespace(part=part), _LARGEST >> np.uint64(self.shift)
        golden, bound = (placed(xp, np.asarray(v), part) for v in (_GOLDEN, bound))
        keep = xp.nonzero(numbers * golden <= bound)[0]
        self.numbers.append(host(xp.take(numbers, keep)))
        self.parts.append(host(xp.take(part, keep, axis=0)))

    def rows(self) -> np.ndarray:
        return np.concatenate(self.parts)


def _shift(n: int, d: int) -> int:
    """Which share of n rows is kept, as a power of 1/2."""
    most = max(_LEAST_ROWS, 5 * d, min(n // _SHARE, _MOST_NUMBERS // d))
    return 0 if n <= 2 * most else (-(-n // most) - 1).bit_length()


def _column_sizes(xp: ModuleType, chunk: Array) -> Array:
    """The largest |entry| of each column, NaN where one is NaN."""
    if not isinstance(chunk, np.ndarray):
        return xp.max(xp.abs(chunk), axis=0)
    d, sizes = chunk.shape[1], np.zeros(chunk.shape[1])
    for tile in tile_slices(len(chunk)):
        rows = chunk[tile]
        wide = len(rows) // 32 * 32  # long lines are what NumPy reduces fast
        for part in (rows[:wide].reshape(-1, 32 * d), rows[wide:]):
            if len(part):
                ends = np.maximum(part.max(axis=0), -part.min(axis=0))
                sizes = np.maximum(sizes, ends.reshape(-1, d).max(axis=0))
    return sizes


def _refuse(chunk: Array, start: int) -> None:
    """Name the first entry that is not finite."""
    for tile in tile_slices(chunk.shape[0]):
        block = host(chunk[tile, :])
        for row, column in np.argwhere(~np.isfinite(block)):
            place = f"row {start + tile.start + row}, column {column}"
            raise ValueError(f"X must be finite, got {block[row, column]} at {place}")
