"""Kernels of tall matrices against plain array code."""

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._xp import numpy_namespace as xp
from diffpost_np.lewis._rows.tiles import TILE
from diffpost_np.lewis._weights.gram import lewis_pass, quadratic_forms, weighted_gram

SHAPES = [(1, 1), (7, 3), (9, 5), (33, 8), (200, 9), (TILE, 20), (2 * TILE + 5, 12), (130, 100)]
SHAPES += [(70, 390)]  # beyond the kernels
RTOL = {"float64": 1e-12, "float32": 2e-5}


def table(n, d, dtype):
    X = np.random.default_rng(n + d).normal(size=(n, d))
    X[n // 2] = 0 if n > 1 else X[0]
    return X.astype(dtype)


def close(fast, plain, dtype):
    np.testing.assert_allclose(
        fast, plain, rtol=RTOL[dtype], atol=RTOL[dtype] * np.abs(plain).max()
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_gram_is_its_definition(n, d, dtype):
    X, w = table(n, d, dtype), np.random.default_rng(0).random(n).astype(dtype)
    w[0] = 0
    wide = X.astype(float)
    for weights, plain in ((w, wide.T * w.astype(float) @ wide), (None, wide.T @ wide)):
        gram = weighted_gram(xp, X, weights)
        assert gram.dtype == np.float64 and np.all(gram == gram.T)
        close(gram, plain, dtype)
        with dp.reference():
            close(weighted_gram(xp, X, weights), plain, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_forms_are_their_definition(n, d, dtype):
    X = table(n, d, dtype)
    for columns in {1, max(1, d - 1), d, d + 2}:
        M = np.random.default_rng(columns).normal(size=(d, columns))
        plain = np.sum((X.astype(float) @ M) ** 2, axis=1)
        close(quadratic_forms(xp, X, M), plain, dtype)
        with dp.reference():
            close(quadratic_forms(xp, X, M), plain, dtype)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, 16.0, 50.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_passes_are_their_definition(n, d, dtype, p):
    X, M = table(n, d, dtype), np.random.default_rng(0).normal(size=(d, d)) / d
    q = np.sum((X.astype(float) @ M) ** 2, axis=1)
    q /= q.max()
    M = M / np.sqrt(np.sum((X.astype(float) @ M) ** 2, axis=1).max())
    w, gram = lewis_pass(xp, X, M, p)
    scale = np.where(q > 0, q, 1) ** (p / 2 - 1) * (q > 0)
    rtol = RTOL[dtype] * (1 + p)
    np.testing.assert_allclose(w, q ** (p / 2), rtol=rtol, atol=1e-30)
    plain = X.astype(float).T * scale @ X.astype(float)
    np.testing.assert_allclose(gram, plain, rtol=rtol, atol=rtol * np.abs(plain).max())
    with dp.reference():
        again, _ = lewis_pass(xp, X, M, p)
    np.testing.assert_allclose(w, again, rtol=rtol, atol=1e-30)


def test_sums_do_not_depend_on_threads():
    import numba

    X, n = table(9 * TILE + 3, 7, "float64"), numba.get_num_threads()
    many = weighted_gram(xp, X)
    try:
        numba.set_num_threads(1)
        assert np.all(weighted_gram(xp, X) == many)
    finally:
        numba.set_num_threads(n)


def test_single_precision_sums_are_better_than_single():
    """They are carried from tile to tile in double precision."""
    X = np.abs(table(50 * TILE, 4, "float32"))
    wide = X.astype(float)
    error = np.abs(weighted_gram(xp, X) / (wide.T @ wide) - 1)
    assert error.max() < 2e-7
