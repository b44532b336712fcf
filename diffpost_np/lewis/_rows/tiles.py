"""Tiles: the fixed ranges of rows whose sums are added up by themselves, one after the other."""

from __future__ import annotations

import numpy as np

from ..._xp import Array

TILE = 4096
"""Rows of a tile. Sums over tiles are added in order, so bits do not depend on who hands out
rows, in which blocks, or how many threads work."""


def tile_slices(n: int) -> list[slice]:
    """The tiles of n rows, the last of them perhaps short."""
    return [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]


def parts_of(chunk: Array) -> list[slice]:
    """The tiles of a chunk; all of it on a device, where a call costs more than its memory."""
    n = chunk.shape[0]
    return tile_slices(n) if isinstance(chunk, np.ndarray) else [slice(0, n)]
