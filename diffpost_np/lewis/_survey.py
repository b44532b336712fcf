"""The first pass over X: whether it is finite, how large its columns are, and some of its rows."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from .._xp import Array, check_finite, host
from ._rows import Rows
from ._tiles import tile_slices

_LEAST_ROWS, _MOST_ROWS, _SHARE = 4096, 2**17, 16
_GOLDEN = 0.6180339887498949


class Survey(NamedTuple):
    """What the first pass finds."""

    largest: np.ndarray  # (d,), of the entries of each column, in size
    some: np.ndarray  # rows spread evenly over all, as float64
    complete: bool  # whether these are all rows


def survey(rows: Rows) -> Survey:
    """Read X once."""
    largest, kept, n = np.zeros(rows.d), Kept(rows), 0
    for start, chunk in rows.chunks():
        sizes = host(_column_sizes(rows.xp, chunk))
        if not np.all(np.isfinite(sizes)):
            _refuse(rows.xp, chunk, start)
        largest = np.maximum(largest, sizes)
        kept.add(start, chunk)
        n = start + chunk.shape[0]
    some = kept.rows()
    return Survey(largest, some, len(some) == n)


class Kept:
    """Rows kept from a pass: those whose number times the golden ratio has a small fraction.

    They are spread evenly, follow no period of the rows, and depend on their number alone.
    """

    def __init__(self, rows: Rows) -> None:
        self.xp, d = rows.xp, rows.d
        self.most = max(_LEAST_ROWS, 20 * d, min(_MOST_ROWS, 2**26 // (8 * d)))
        if rows.n is not None:
            self.most = min(self.most, max(_LEAST_ROWS, 20 * d, rows.n // _SHARE))
        self.share = 1.0 if rows.n is None else min(1.0, self.most / rows.n)
        if self.share > 0.25:
            self.share, self.most = 1.0, max(self.most, rows.n or 0)
        self.numbers: list[np.ndarray] = []
        self.parts: list[np.ndarray] = []

    def add(self, start: int, chunk: Array) -> None:
        numbers = np.arange(start, start + chunk.shape[0])
        self._store(numbers, chunk)
        while sum(map(len, self.numbers)) > self.most:
            self.share /= 2
            numbers, parts = self.numbers, self.parts
            self.numbers, self.parts = [], []
            for k, part in zip(numbers, parts, strict=True):
                self._store(k, part)

    def _store(self, numbers: np.ndarray, part: Array) -> None:
        keep = np.flatnonzero((numbers * _GOLDEN) % 1.0 < self.share)
        if not isinstance(part, np.ndarray):
            part = host(self.xp.take(part, self.xp.asarray(keep), axis=0))
            keep, numbers = np.arange(len(keep)), numbers[keep]
        self.numbers.append(numbers[keep])
        self.parts.append(part[keep].astype(np.float64))

    def rows(self) -> np.ndarray:
        return np.concatenate(self.parts)


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


def _refuse(xp: ModuleType, chunk: Array, start: int) -> None:
    """Name the first entry that is not finite."""
    for tile in tile_slices(chunk.shape[0]):
        check_finite(f"X (rows counted from {start + tile.start})", chunk[tile, :], xp)
