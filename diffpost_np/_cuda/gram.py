"""Weighted Gram matrices and quadratic forms of the rows of a tall table on a CUDA device.

A block of threads adds up a fixed range of rows in a fixed order, and the sums of blocks are added
up in theirs, so results repeat to the bit.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .._xp import Array, device_of
from ..lewis._rows.rows import kind_of
from ..lewis._rows.tiles import TILE
from ..lewis._weights.gram import SMALLEST_FORM
from .loader import WARP, launch_blocks, on

LARGEST = 128
"""Columns up to which the squares of a Gram matrix have a thread each."""

THREADS = 256
SIDE = 4
"""Threads of a block at least, and rows and columns of a square."""

SPAN = TILE // 2
"""Rows of a block: many blocks for many processors, few matrices to add up."""


class Strips(NamedTuple):
    """How blocks go over a table: `n_rows` at a time, four for each team of lanes."""

    d: int
    n_lanes: int
    n_rows: int
    n_threads: int
    kind: str

    @property
    def shared_bytes(self) -> int:
        """Memory of a block: for a strip, and then for the sums of half the threads in double."""
        strip = self.n_rows * (SIDE * quarter_of(self.d) + 1) * np.dtype(self.kind).itemsize
        return max(strip, self.n_threads // 2 * SIDE * SIDE * 8)

    def launch(self, name: str, out: Array, x: Array, args: tuple[Any, ...]) -> None:
        """Run a kernel on all rows."""
        grid, itemsize = (n_blocks(x), self.n_threads), np.dtype(self.kind).itemsize
        sizes = map(np.int32, (self.n_lanes, self.d, self.n_rows, SPAN))
        launch_blocks(name, itemsize, grid, self.shared_bytes, (out, x, x.shape[0], *sizes, *args))


def quarter_of(d: int) -> int:
    """A quarter of the columns, rounded up."""
    return -(-d // SIDE)


def n_blocks(x: Array) -> int:
    """Blocks for all rows."""
    return -(-x.shape[0] // SPAN)


def plan(X: Array) -> Strips | None:
    """Strips for a table, None where it is not covered.

    A lane has about four columns of a form, a thread at most one square of the Gram matrix.
    """
    d, kind = X.shape[1], kind_of(X.dtype)
    if kind not in SMALLEST_FORM or not 1 <= d <= LARGEST:
        return None
    quarter = quarter_of(d)
    n_lanes = 1 << (quarter - 1).bit_length()
    n_squares = quarter * (quarter + 1) // 2
    n_threads = max(THREADS, -(-n_squares // WARP) * WARP)
    return Strips(d, n_lanes, SIDE * THREADS // n_lanes, n_threads, kind)


def weighted_gram(xp: ModuleType, X: Array, w: Array | None = None) -> Array:
    """X' diag(w) X in float64, both triangles alike; one weight goes to all rows."""
    strips = plan(X)
    if strips is None:
        return NotImplemented
    with on(device_of(X)):
        w = xp.ones_like(X[:1, 0]) if w is None else xp.astype(w, X.dtype, copy=False)
        weights = (xp.ascontiguousarray(w), np.int32(w.shape[0] > 1))
        return _summed("weighted_gram", strips, xp, X, weights)


def quadratic_forms(xp: ModuleType, X: Array, M: Array) -> Array:
    """|M' x|^2 of every row x of X, in its dtype."""
    strips = plan(X)
    if strips is None:
        return NotImplemented
    with on(device_of(X)):
        X, q = xp.ascontiguousarray(X), xp.empty_like(X[:, 0])
        strips.launch("quadratic_forms", q, X, _matrix(xp, strips, M, X.dtype))
        return q


def lewis_pass(xp: ModuleType, X: Array, M: Array, p: float) -> tuple[Array, Array]:
    """Weights |M' x|^p of the rows, and the Gram matrix that they make, in one read of X."""
    strips = plan(X)
    if strips is None:
        return NotImplemented
    with on(device_of(X)):
        w, number = xp.empty_like(X[:, 0]), np.dtype(strips.kind).type
        numbers = number(p), number(SMALLEST_FORM[strips.kind])
        matrix = _matrix(xp, strips, M, X.dtype)
        return w, _summed("lewis_pass", strips, xp, X, (*matrix, w, *numbers))


def _matrix(xp: ModuleType, strips: Strips, M: Array, dtype: Any) -> tuple[Array, ...]:
    """M in a dtype, its width, and the columns that a lane takes at a time; zeros fill the last."""
    columns = SIDE if M.shape[1] > (SIDE - 1) * strips.n_lanes else SIDE - 1
    n_zeros = -M.shape[1] % (columns * strips.n_lanes)
    zeros = xp.zeros((M.shape[0], n_zeros), dtype=dtype, device=device_of(M))
    wide = xp.concat([xp.astype(M, dtype), zeros], axis=1)
    return xp.ascontiguousarray(wide), np.int32(wide.shape[1]), np.int32(columns)


def _summed(name: str, strips: Strips, xp: ModuleType, X: Array, args: tuple[Any, ...]) -> Array:
    """The sum of the matrices of all blocks."""
    shape = (n_blocks(X), strips.d, strips.d)
    grams = xp.empty(shape, dtype=xp.float64, device=device_of(X))
    strips.launch(name, grams, xp.ascontiguousarray(X), args)
    return xp.sum(grams, axis=0)
