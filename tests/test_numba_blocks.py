"""Blocks: rows of arrays go into lanes and back, whatever their number and order."""

import numpy as np
import pytest
from numba import njit

from diffpost_np._numba.blocks import choose, load, n_blocks, new_work, store
from diffpost_np._numba.device import plain
from diffpost_np._numba.lanes import LANES


@njit(**plain)
def through_lanes(out, block, array, order, index, work):
    n = choose(work, order, index)
    load(block, array, work)
    store(out, block, work, n)


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("d", (1, 7, 8, 9, 16, 17, 40))
@pytest.mark.parametrize("n", (1, 5, 64, 150))
def test_rows_go_into_lanes_and_back(dtype, d, n):
    rng = np.random.default_rng(d)
    array, order = rng.normal(size=(n, d)).astype(dtype), rng.permutation(n)
    work, out = new_work(dtype, d), np.full((n, d), np.nan, dtype)
    for index in range(n_blocks(n, dtype)):
        through_lanes(out, work.x, array, order, index, work)
        n_lanes = LANES[np.dtype(dtype)]
        chosen = order[index * n_lanes : (index + 1) * n_lanes]
        lanes = np.append(chosen, np.repeat(chosen[:1], n_lanes - len(chosen)))
        assert np.array_equal(work.x[:d].T, array[lanes])
    assert np.array_equal(out, array)


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
def test_one_row_goes_to_all_lanes(dtype):
    work, row = new_work(dtype, 20), np.arange(20, dtype=dtype)[None, :]
    through_lanes(np.empty((100, 20), dtype), work.x, row, np.arange(100), 0, work)
    assert np.all(row == work.x[:20].T)
