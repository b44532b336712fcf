"""Lanes: functions of a row of lanes, and products of matrices and blocks."""

import numpy as np
import pytest
from numba import njit

from diffpost_np._numba.blocks import rows
from diffpost_np._numba.device import log
from diffpost_np._numba.gemm import (
    Difference,
    Onto,
    Towards,
    multiply,
    multiply_add,
    multiply_add_largest,
)
from diffpost_np._numba.lanes import LANES, any_lane, fma, get, put, put_interleaved, select
from diffpost_np._numba.powers import LOWEST_LOGIT, exp_or_zero, power_of_two_or_zero
from diffpost_np._numba.triangles import multiply_add_lower, multiply_add_upper, squares_lower

DTYPES = (np.float64, np.float32)


@njit
def exp_rows(out, x):
    for row in range(x.shape[0]):
        put(out, row, exp_or_zero(get(x, row)))


@njit
def power_rows(out, x):
    for row in range(x.shape[0]):
        put(out, row, power_of_two_or_zero(get(x, row), 0.5))


@njit
def log_rows(out, x):
    for row in range(x.shape[0]):
        put(out, row, log(get(x, row)))


@njit
def operators(out, x, y):
    a, b = get(x, 0), get(y, 0)
    put(out, 0, a + b * 2.0 - 1.0)
    put(out, 1, a / b)
    put(out, 2, -a)
    put(out, 3, fma(a, b, 0.5))
    put(out, 4, select(a > b, a, 7.0))
    put(out, 5, 3.0)
    return any_lane(a > 1e30), any_lane(a != b)


@njit
def interleave(two, four, x):
    put_interleaved(two, (get(x, 0), get(x, 1)))
    put_interleaved(four, (get(x, 0), get(x, 1), get(x, 2), get(x, 3)))


@njit
def product(out, a, x):
    multiply(out, a, x)


@njit
def product_from(out, start, a, x):
    multiply_add(out, start, a, x)


@njit
def scaled_product(out, x, centre, lanes, a):
    scale = get(lanes, 0)
    multiply_add(out, Towards(x, centre, scale), a, x, scale)


@njit
def weighted_products(out, above, lanes, a, b, x):
    multiply_add(out, None, a, x, Onto(out, get(lanes, 0)))
    multiply_add_upper(above, None, b, x, Onto(above, get(lanes, 0)))


@njit
def products_of_differences(out, squares, x, order, centre, a):
    multiply(out, a, Difference(x, None, centre))
    put(squares, 0, squares_lower(None, a, Difference(x, order, centre), 0, a.shape[0]))


@njit
def product_and_largest(out, largest, start, a, x):
    put(largest, 0, multiply_add_largest(out, start, a, x))


@njit
def trapezoids(below, above, start, a, b, x):
    multiply_add_lower(below, start, a, x, 0, a.shape[0])
    multiply_add_upper(above, start, b, x)


@njit
def squares(totals, kept, a, x):
    put(totals, 0, squares_lower(kept, a, x, 0, a.shape[0]))
    put(totals, 1, squares_lower(None, a, x, 1, a.shape[0]))


def block(values, dtype):
    made = rows(len(values), dtype)
    made[:] = values
    return made


def applied(function, values, dtype):
    n = LANES[np.dtype(dtype)]
    x = block(np.asarray(values, dtype).reshape(-1, n), dtype)
    out = rows(len(x), dtype)
    function(out, x)
    return x.ravel(), out.ravel()


def ulps(computed, exact):
    return float(np.max(np.abs(computed - exact) / np.spacing(np.abs(computed))))


@pytest.mark.parametrize("dtype", DTYPES)
class TestFunctions:
    def test_exp(self, dtype):
        x = -np.random.default_rng(0).exponential(12.0, 64 * 1000)
        x, value = applied(exp_rows, x, dtype)
        kept = value > 0
        off = np.abs(value - np.exp(x.astype(np.longdouble))) / np.spacing(value)
        assert np.all(off[kept] <= 2 - x[kept] / 4)
        assert not np.any(kept[x <= dtype(LOWEST_LOGIT)])
        assert 0 < np.count_nonzero(~kept) < len(x)

    def test_exp_at_the_ends(self, dtype):
        x = np.zeros(64)
        x[:5] = 0, -np.inf, np.finfo(dtype).min, LOWEST_LOGIT + 0.3, LOWEST_LOGIT
        _, value = applied(exp_rows, x, dtype)
        assert value[0] == 1
        assert list(value[[1, 2, 4]]) == [0, 0, 0]
        assert value[3] > 0

    def test_powers_of_two(self, dtype):
        """Whole numbers and eighths, on either side of where they round."""
        powers = np.arange(64 * 12) / 8 * -1.0
        _, value = applied(power_rows, powers * 2, dtype)
        kept = powers > -99.75
        assert np.all(value[~kept] == 0)
        assert ulps(value[kept], np.exp2(powers[kept].astype(np.longdouble))) < 1
        assert np.array_equal(value[::8], np.where(kept, np.exp2(powers), 0)[::8])

    def test_log(self, dtype):
        x = np.exp(np.random.default_rng(1).normal(0, 8, 64 * 1000))
        x, value = applied(log_rows, x, dtype)
        assert ulps(value, np.log(x.astype(np.longdouble))) < 5

    def test_operators(self, dtype):
        rng = np.random.default_rng(2)
        n = LANES[np.dtype(dtype)]
        x, y = (block(rng.normal(size=(1, n)), dtype) for _ in range(2))
        out = rows(6, dtype)
        assert operators(out, x, y) == (False, True)
        a, b = x[0], y[0]
        want = a + 2 * b - 1, a / b, -a, None, np.where(a > b, a, dtype(7)), np.full(n, 3)
        for have, expected in zip(out, want, strict=True):
            assert expected is None or np.array_equal(have, expected)
        exact = a.astype(np.longdouble) * b + 0.5
        assert ulps(out[3], exact) <= 0.5

    def test_interleaved(self, dtype):
        n = LANES[np.dtype(dtype)]
        x = block(np.arange(4 * n).reshape(4, n), dtype)
        two, four = rows(2, dtype), rows(4, dtype)
        interleave(two, four, x)
        assert np.array_equal(two.reshape(n, 2), x[:2].T)
        assert np.array_equal(four.reshape(n, 4), x.T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 13, 20])
@pytest.mark.parametrize("depth", [1, 2, 9])
class TestProducts:
    def operands(self, dtype, n, depth):
        rng = np.random.default_rng(n + depth)
        lanes = LANES[np.dtype(dtype)]
        a = rng.integers(-4, 5, (n, depth)).astype(dtype)  # exact in any order
        return a, block(rng.integers(-4, 5, (depth, lanes)), dtype)

    def test_product(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        out = block(np.full((n, x.shape[1]), np.nan), dtype)
        product(out, a, x)
        assert np.array_equal(out, a @ x)

    def test_starts(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        out, numbers = rows(n, dtype), np.arange(n, dtype=dtype)
        product_from(out, numbers, a, x)
        assert np.array_equal(out, numbers[:, None] + a @ x)
        product_from(out, out, a, x)
        assert np.array_equal(out, numbers[:, None] + 2 * (a @ x))

    def test_towards_a_centre(self, dtype, n, depth):
        a, x = self.operands(dtype, max(n, depth), depth)
        a, out, centre = a[:depth], rows(depth, dtype), np.arange(depth, dtype=dtype)
        lanes = block(np.arange(x.shape[1])[None], dtype)
        scaled_product(out, x, centre, lanes, a)
        assert np.array_equal(out, ((centre[:, None] - x) * lanes + a @ x) * lanes)

    def test_weighted_onto_rows(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        lanes = block(np.arange(x.shape[1])[None], dtype)
        out, above = (block(np.full((n, x.shape[1]), 3), dtype) for _ in range(2))
        weighted_products(out, above, lanes, a, np.triu(a), x)
        assert np.array_equal(out, 3 + lanes * (a @ x))
        assert np.array_equal(above, 3 + lanes * (np.triu(a) @ x))

    def test_largest(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        out, numbers, largest = rows(n, dtype), -10 * np.arange(n, dtype=dtype), rows(1, dtype)
        product_and_largest(out, largest, numbers, a, x)
        assert np.array_equal(out, numbers[:, None] + a @ x)
        assert np.array_equal(largest[0], np.max(out, axis=0))

    def test_trapezoids(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        below, above, start = rows(n, dtype), rows(n, dtype), block(np.full((n, 1), 2), dtype)
        trapezoids(below, above, start, np.tril(a), np.triu(a), x)
        assert np.array_equal(below, start + np.tril(a) @ x)
        assert np.array_equal(above, start + np.triu(a) @ x)

    def test_squares(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        kept, totals = rows(n, dtype), rows(2, dtype)
        squares(totals, kept, np.tril(a), x)
        assert np.array_equal(kept, np.tril(a) @ x)
        assert np.array_equal(totals, [np.sum(kept[first:] ** 2, axis=0) for first in (0, 1)])

    def test_differences(self, dtype, n, depth):
        a, x = self.operands(dtype, n, depth)
        centre, order = np.arange(depth, dtype=dtype), np.arange(depth)[::-1].copy()
        out, totals = rows(n, dtype), rows(1, dtype)
        products_of_differences(out, totals, x, order, centre, np.tril(a))
        assert np.array_equal(out, np.tril(a) @ (x - centre[:, None]))
        assert np.array_equal(
            totals[0], np.sum((np.tril(a) @ (x[::-1] - centre[:, None])) ** 2, axis=0)
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_a_product_do_not_depend_on_their_tile(dtype):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(13, 33)).astype(dtype)
    x = block(rng.normal(size=(33, LANES[np.dtype(dtype)])), dtype)
    whole = rows(13, dtype)
    product(whole, a, x)
    for first in range(13):
        part = rows(13 - first, dtype)
        product(part, np.ascontiguousarray(a[first:]), x)
        assert np.array_equal(part, whole[first:])
