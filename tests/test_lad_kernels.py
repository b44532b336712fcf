"""Kernels of the exact fit give what their references give."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.lewis._exact.crossover import next_row
from diffpost_np.lewis._exact.proof import proof_of
from diffpost_np.lewis._exact.reduced import inverse_factor
from diffpost_np.lewis._exact.vertex import corner, first_basis
from diffpost_np.lewis._rows.arrays import column_sizes, distinct


def rows_of(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(9, 700)), int(rng.integers(1, 9))
    x = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-3, 3, d)
    close = rng.exponential(size=n) ** 4
    close[rng.integers(n)] = np.inf if seed % 3 else 1.0
    return (np.asfortranarray(x) if seed % 2 else x), rng.standard_normal(n), close


def both(function, *args):
    with dp.reference():
        reference = function(xp, *args)
    return function(xp, *args), reference


def assert_close(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_basis_corner_and_proof(seed):
    x, y, close = rows_of(seed)
    basis, expected = both(first_basis, x, close)
    assert set(basis) == set(expected)
    at, expected = both(corner, x, y, 0.3, basis)
    assert_close(at, expected)
    others = np.linspace(-0.9, 0.5, len(basis)) @ x[basis] - at.dual @ x
    assert_close(*both(proof_of, x, y, 0.3, at.b, basis, at.residual, at.dual, others))


@pytest.mark.parametrize("seed", range(20))
def test_next_row(seed):
    x, y, close = rows_of(seed)
    basis = first_basis(xp, x, close)
    at = corner(xp, x, y, 0.3, basis)
    for excess in (0.0, 0.1, 3.0, 1e9):
        got, expected = both(next_row, x, at.residual, at.inverse[:, 0], basis, excess)
        assert got == expected
    assert both(next_row, x, 0 * y, at.inverse[:, 0], basis, 0.1) == (None, None)
    assert both(next_row, x, y, np.full(x.shape[1], np.nan), basis, 0.1) == (None, None)


def test_rows_that_depend_on_each_other_make_no_corner():
    x = np.array([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0], [0.0, 1.0]])
    singular, y = np.array([0, 1]), np.ones(4)
    with pytest.raises(np.linalg.LinAlgError):
        corner(xp, x, y, 0.5, singular)
    with pytest.raises(np.linalg.LinAlgError):
        proof_of(xp, x, y, 0.5, np.ones(2), singular, y, y, np.ones(2))
    dependent = x[[0, 1, 0, 1]]
    got, expected = both(first_basis, dependent, np.ones(4))
    assert len(got) == len(expected) == 2


def test_no_number_proves_nothing():
    x, y, close = rows_of(1)
    basis = first_basis(xp, x, close)
    residual, dual = y.copy(), 0.2 * np.sign(y)
    residual[np.setdiff1d(np.arange(len(y)), basis)[0]] = np.nan
    b, others = np.ones(x.shape[1]), np.zeros(x.shape[1])
    for _, loss, excess, *_ in both(proof_of, x, y, 0.3, b, basis, residual, dual, others):
        assert np.isnan(loss) and np.isnan(excess)


@pytest.mark.parametrize("distance", [1.0, 1e-2, 1e-3, 1e-5, 1e-9, 0.0])
def test_inverse_of_columns_that_nearly_depend_on_each_other(distance):
    x = rows_of(2)[0]
    x[:, 0] = x[:, -1] + distance * x[:, 0]
    got, expected = both(inverse_factor, x.T @ x, 1e8)
    assert (got is None) == (expected is None) == (distance < 1e-4)
    if got is not None:
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9 * np.max(np.abs(got)))
        np.testing.assert_allclose(got @ x.T @ x @ got.T, np.eye(len(got)), atol=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.inf, np.nan])
def test_gram_matrix_without_an_inverse(bad):
    gram = np.eye(3)
    gram[1, 1] = bad
    assert both(inverse_factor, gram, 1e8) == (None, None)


def test_sizes_and_distinct_numbers():
    x = rows_of(0)[0]
    np.testing.assert_array_equal(*both(column_sizes, x))
    np.testing.assert_array_equal(distinct(xp, np.array([5, 1, 5, 3]), 7), [1, 3, 5])
