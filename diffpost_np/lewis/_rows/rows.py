"""Tall matrices as passes over chunks of rows, wherever the rows come from.

A chunk is whole tiles, the last one of a pass perhaps short, so what is added up tile by tile has
the same bits for an array, a memory map and blocks of any size.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._progress import Reporter
from ..._xp import Array, array_namespace, as_float_array, check_shape, device_of, is_array
from .tiles import TILE

_CHUNK_BYTES, _ON_A_DEVICE = 2**25, 8

Blocks = Callable[[], Iterable[Any]]


class Rows:
    """The rows of X, to be read several times; `n` is None until they were once."""

    xp: ModuleType = numpy_namespace
    n: int | None
    d: int
    dtype: Any
    device: Any = None
    reads_per_pass = 1
    """0 for rows that were kept from an earlier pass."""
    chunk_bytes_factor = 1
    """More on a device, where a call costs more than its memory."""
    watch: Callable[[int], None] | None = None
    """Told how many rows a pass has had, chunk by chunk."""

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """One pass: the number of the first row, and the rows. A chunk is valid until the next."""
        for start, chunk in self._chunks():
            yield start, chunk
            if self.watch is not None:
                self.watch(start + chunk.shape[0])

    def _chunks(self) -> Iterator[tuple[int, Array]]:
        raise NotImplementedError

    def take(self, indices: Array) -> Array:
        """Rows by number, which must not fall; one pass."""
        wanted, found = np.asarray(indices), []
        for start, chunk in self.chunks():
            low, high = np.searchsorted(wanted, (start, start + chunk.shape[0]))
            found.append(np.take(chunk, wanted[low:high] - start, axis=0))
        return np.concatenate(found) if found else np.empty((0, self.d), self.dtype)

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk: some 32 MB of them, or 256 MB on a device, in whole tiles."""
        n_bytes = self.chunk_bytes_factor * _CHUNK_BYTES
        return TILE * max(1, n_bytes // (TILE * 8 * self.d))


@contextmanager
def watched(rows: Rows, report: Reporter) -> Iterator[None]:
    """Report every pass over rows that are not in memory as a run of its own."""
    passes, before = 0, math.inf
    far = not isinstance(rows, ArrayRows) or rows.mapped

    def watch(n: int) -> None:
        nonlocal passes, before
        passes, before = passes + (n <= before), n
        report(n, rows.n or n, **{"pass": passes})

    rows.watch = watch if report.watched and far else None
    try:
        yield
    finally:
        rows.watch = None


class ArrayRows(Rows):
    """The rows of an array in memory, or mapped into it."""

    def __init__(self, X: Array, xp: ModuleType, mapped: bool = False) -> None:
        self.xp, self.array, self.mapped = xp, X, mapped
        self.n, self.d = X.shape
        self.dtype, self.device = X.dtype, device_of(X)
        if not isinstance(X, np.ndarray):
            self.chunk_bytes_factor = _ON_A_DEVICE

    def _chunks(self) -> Iterator[tuple[int, Array]]:
        for start in range(0, self.array.shape[0], self.chunk_rows):
            chunk = self.array[start : min(start + self.chunk_rows, self.array.shape[0]), :]
            yield start, np.ascontiguousarray(chunk) if isinstance(chunk, np.ndarray) else chunk

    def take(self, indices: Array) -> Array:
        return self.xp.take(self.array, self.xp.asarray(indices, device=self.device), axis=0)


class BlockRows(Rows):
    """Rows from blocks, which are cut into chunks anew."""

    last: Iterable[Any] | None = None
    """What the function returned for the pass before."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, self.n = blocks, None
        first = next(self._read(), None)
        if first is None:
            raise ValueError("X must have at least one row, got no blocks")
        block = _as_block(0, first)
        self.d, self.dtype = block.shape[1], block.dtype

    def _chunks(self) -> Iterator[tuple[int, Array]]:
        chunk = np.empty((self.chunk_rows, self.d), self.dtype)
        start, filled = 0, 0
        for block in self._checked():
            while len(block):
                n = min(len(block), len(chunk) - filled)
                chunk[filled : filled + n] = block[:n]
                block, filled = block[n:], filled + n
                self._check_no_more_than_before(start + filled)
                if filled == len(chunk):
                    yield start, chunk
                    start, filled = start + filled, 0
        if filled:
            yield start, chunk[:filled]
        self._end(start + filled)

    def _read(self) -> Iterator[Any]:
        """The blocks of one pass; what goes wrong on the way names the block."""
        source, k = self._fresh(), 0
        while True:
            try:
                block = next(source)
            except StopIteration:
                return
            except Exception as error:
                raise ValueError(f"block {k} of X could not be read: {error}") from error
            yield block
            k += 1

    def _fresh(self) -> Iterator[Any]:
        """An iterator that was not used before."""
        try:
            made = self.blocks()
        except Exception as error:
            raise ValueError(f"X could not be read: {error}") from error
        if is_array(made) or not isinstance(made, Iterable):
            kind = type(made).__name__
            raise TypeError(f"X must return an iterator over blocks of rows, got a {kind}")
        if isinstance(made, Iterator) and made is self.last:
            raise TypeError("X must return a fresh iterator each time, got the same one again")
        self.last = made
        return iter(made)

    def _checked(self) -> Iterator[np.ndarray]:
        """The blocks of a pass as arrays, none larger than a chunk."""
        for k, given in enumerate(self._read()):
            for piece in _pieces(given, self.chunk_rows):
                block = _as_block(k, piece)
                check_shape(f"block {k} of X", block, (None, self.d))
                if block.dtype != self.dtype:
                    raise TypeError(f"X: block {k} is {block.dtype}, block 0 is {self.dtype}")
                yield block

    def _check_no_more_than_before(self, n: int) -> None:
        if self.n is not None and n > self.n:
            raise ValueError(f"X must have the same rows in every pass, got more than {self.n}")

    def _end(self, n: int) -> None:
        """The number of rows, which must be that of the pass before."""
        if self.n not in (None, n):
            raise ValueError(f"X must have the same rows in every pass, got {self.n}, then {n}")
        if n == 0:
            raise ValueError("X must have at least one row, got only empty blocks")
        self.n = n


def _pieces(block: Any, n_rows: int) -> Iterator[Any]:
    """A block in pieces: a sparse one is made dense only so far."""
    if not _is_sparse(block):
        yield block
        return
    rows = block.tocsr()
    for start in range(0, max(1, rows.shape[0]), n_rows):
        yield rows[start : start + n_rows].toarray()


def _as_block(k: int, block: Any) -> np.ndarray:
    """A block as an array of NumPy."""
    if _is_sparse(block):
        block = block.tocsr()[:0].toarray()
    array = as_float_array(f"block {k} of X", block, finite=False)
    check_shape(f"block {k} of X", array, (None, None))
    if array.shape[1] == 0:
        raise ValueError(f"X must have at least one column, got block {k} of {array.shape}")
    return array


def _is_sparse(X: Any) -> bool:
    """Whether this is a sparse matrix or array of SciPy."""
    return type(X).__module__.startswith("scipy.sparse") and hasattr(X, "tocsr")


def _is_dask(X: Any) -> bool:
    return type(X).__module__.startswith("dask.array")


def kind_of(dtype: Any) -> str:
    """'float64' or 'float32'."""
    return str(dtype).rpartition(".")[2]


def as_rows(X: Any) -> Rows:
    """What people hand over as a tall matrix: arrays, blocks, functions that return blocks."""
    if isinstance(X, Iterator):
        raise TypeError(
            "X must be readable several times, got an iterator, which is not: give a list of "
            "blocks, or a function that returns a fresh iterator over them"
        )
    if _is_sparse(X):
        _check_2d(X.shape)
        rows = X.tocsr()
        return BlockRows(lambda: (rows,))
    if _is_dask(X):
        _check_2d(X.shape)
        return BlockRows(lambda: (np.asarray(X.blocks[k]) for k in range(X.numblocks[0])))
    if isinstance(X, np.memmap) and X.dtype not in (np.float32, np.float64):
        _check_2d(X.shape)
        return BlockRows(lambda: (X[i : i + TILE] for i in range(0, len(X), TILE)))
    if callable(X):
        return BlockRows(_without_arguments(X))
    if isinstance(X, list | tuple) and len(X) and all(_is_table(block) for block in X):
        return BlockRows(lambda: X)
    return _as_array_rows(X)


def _without_arguments(X: Any) -> Blocks:
    """The function itself, which must need no argument."""
    try:
        inspect.signature(X).bind()
    except TypeError:
        raise TypeError(f"X must be a function without arguments, got {X!r}") from None
    except ValueError:  # functions in C do not say
        pass
    return X


def _is_table(block: Any) -> bool:
    """Whether this is a matrix, of whatever kind: data frames have a shape, too."""
    return _is_sparse(block) or len(getattr(block, "shape", ())) == 2


def _check_2d(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"X must have shape (n, d) with n, d >= 1, got {tuple(shape)}")


def _as_array_rows(X: Any) -> Rows:
    xp, mapped = array_namespace(X=X), isinstance(X, np.memmap)
    X = as_float_array("X", X, xp=xp, finite=False)
    _check_2d(X.shape)
    return ArrayRows(X, xp, mapped)
