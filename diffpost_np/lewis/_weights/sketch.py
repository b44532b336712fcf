"""Random projections of tall matrices."""

from __future__ import annotations

import numpy as np

from ..._threads import single_threaded_blas
from ..._xp import host
from ...random import Key, bits, normal
from .._rows.rows import Rows, kind_of
from .._rows.tiles import tile_slices
from .basis import Basis, basis_of_rows
from .survey import Survey

_ENTRIES, _ROWS_PER_COLUMN = 4, 16


def sketched_basis(rows: Rows, survey: Survey, key: Key) -> Basis:
    """The basis from an embedding of all rows: the frame has a Gram matrix of about 1."""
    size = _ROWS_PER_COLUMN * rows.d
    if survey.complete and len(survey.some) <= size:
        return basis_of_rows(survey.some, survey, kind_of(rows.dtype))
    sketch = np.zeros((size, rows.d))
    for start, chunk in rows.chunks():
        for tile in tile_slices(chunk.shape[0]):
            block = host(chunk[tile, :]).astype(np.float64)
            sketch += _embedding(key, start + tile.start, len(block), size) @ block
    with single_threaded_blas(rows.xp):
        return basis_of_rows(sketch, survey, kind_of(rows.dtype))


def _embedding(key: Key, first: int, n: int, size: int) -> np.ndarray:
    """Columns first to first + n of a sparse embedding (Clarkson and Woodruff): a few +-1 each."""
    from scipy.sparse import csc_array

    words = bits(key, (n, _ENTRIES), first_chain=first)
    band = size // _ENTRIES  # entries of a column fall into bands of their own
    place = (words >> np.uint32(1)).astype(np.int64) % band + band * np.arange(_ENTRIES)
    signs = (1.0 - 2.0 * (words & np.uint32(1))) / _ENTRIES**0.5
    ends = np.arange(0, _ENTRIES * n + 1, _ENTRIES)
    return csc_array((signs.reshape(-1), place.reshape(-1), ends), shape=(size, n))


def random_columns(key: Key, d: int, n: int) -> np.ndarray:
    """Normals (d, n) of variance 1 / n, which keep lengths on average."""
    return normal(key.fold("columns"), (d, n)) / n**0.5
