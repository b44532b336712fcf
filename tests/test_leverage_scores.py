"""Leverage scores by every method, against a pivoted QR decomposition."""

import lewis_oracles as oracle
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import diffpost_np as dp

EXACT = ("auto", "gram", "qr")
scores_of = dp.lewis.leverage_scores


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("n", [9, 300, 30_000])
def test_they_are_those_of_a_qr_decomposition(method, n):
    X = oracle.rough(n, 6)
    np.testing.assert_allclose(scores_of(X, method=method), oracle.leverage(X), rtol=1e-9)


@given(st.integers(1, 6), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_range_and_sum(d, more, seed):
    scores = scores_of(oracle.rough(d + more, d, seed))
    assert np.all(scores >= 0) and np.all(scores <= 1 + 1e-12)
    assert abs(scores.sum() - d) < 1e-11


@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from(EXACT))
def test_columns_may_be_mixed(d, seed, method):
    X = oracle.rough(20, d, seed)
    M = np.random.default_rng(seed).normal(size=(d, d)) + 3 * np.eye(d)
    np.testing.assert_allclose(scores_of(X @ M, method=method), scores_of(X), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("power", [2, 4, 6, 8, 10, 12])
def test_errors_are_the_condition_times_rounding(method, power):
    rng = np.random.default_rng(power)
    turns = [scipy.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(2)]
    X = oracle.rough(20_000, 6) @ turns[0] * np.logspace(0, -power, 6) @ turns[1]
    error = scores_of(X, method=method) - oracle.leverage(X)
    assert np.max(np.abs(error)) < np.finfo(float).eps * 10**power + 1e-13


@pytest.mark.parametrize("method", EXACT)
def test_heavy_rows(method):
    X = np.random.default_rng(0).normal(size=(40_000, 5))
    X[5] *= 1e9
    X[77, 4] = 1e6
    error = scores_of(X, method=method) - oracle.leverage(X)
    assert np.max(np.abs(error)) < 1e-9


@pytest.mark.parametrize("method", [*EXACT, "sketch"])
@pytest.mark.parametrize("n", [300, 30_000])
def test_dependent_columns_and_zero_rows(method, n):
    X = oracle.rough(n, 4)
    X[7] = 0
    wide = np.concatenate([X, X @ oracle.rough(4, 3), np.zeros((n, 1))], axis=1)
    scores = scores_of(wide, method=method, rng=0)
    assert scores[7] == 0
    rtol = 0.5 if method == "sketch" else 1e-8
    np.testing.assert_allclose(scores, oracle.leverage(X), rtol=rtol, atol=1e-15)


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("ridge", [0.1, 100.0])
@pytest.mark.parametrize("sizes", [np.ones(4), np.logspace(0, 4, 4)], ids=["even", "uneven"])
def test_ridge(method, ridge, sizes):
    X = oracle.rough(200, 4) * sizes
    X = np.concatenate([X, X[:, :1]], axis=1)  # one column twice: the row space is smaller
    inverse = np.linalg.inv(X.T @ X + ridge * np.eye(5))
    want = np.einsum("ij,jk,ik->i", X, inverse, X)
    np.testing.assert_allclose(scores_of(X, method=method, ridge=ridge), want, rtol=1e-7)


@pytest.mark.parametrize("method", ["auto", "gram", "qr"])
@pytest.mark.parametrize("small", [1e-3, 1e-6, 1e-9, 1e-12])
def test_ridge_where_a_column_is_small(method, small):
    rng = np.random.default_rng(5)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for X in (rng.normal(size=(200, 3)) * [1, 1, small], rng.normal(size=(200, 3))):
        for table in (X, X @ np.diag([1, 1, small]) @ turn):
            wide = np.concatenate([table, np.eye(3)])
            want = np.sum(np.linalg.qr(wide)[0][:200] ** 2, axis=1)
            found = scores_of(table, method=method, ridge=1.0)
            np.testing.assert_allclose(found, want, rtol=1e-12 + 2e-18 * np.linalg.cond(table))


def test_ridge_sums_to_the_statistical_dimension():
    X = oracle.rough(300, 5)
    values = np.linalg.svd(X)[1] ** 2
    total = scores_of(X, ridge=3.0).sum()
    assert abs(total - np.sum(values / (values + 3.0))) < 1e-11


@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e-300])
@pytest.mark.parametrize("method", EXACT)
def test_no_scale_overflows(scale, method):
    X = oracle.rough(300, 4)
    np.testing.assert_allclose(scores_of(scale * X, method=method), oracle.leverage(X), rtol=1e-9)
    tiny = scores_of(1e-300 * X, method=method, ridge=1.0)
    assert np.all(tiny < 1e-250)


def test_sketch_is_within_a_factor():
    X = np.random.default_rng(0).normal(size=(6000, 380))
    X[:50] *= 100
    ratio = scores_of(X, method="sketch", rng=0) / scores_of(X)
    assert ratio.min() > 0.4 and ratio.max() < 1.9
    again = scores_of(X, method="sketch", rng=1)
    assert not np.allclose(again, scores_of(X), rtol=1e-3)  # it is random


def test_sketch_is_the_same_for_one_seed():
    X = oracle.rough(3000, 10)
    one, two, other = (scores_of(X, method="sketch", rng=seed) for seed in (3, 3, 4))
    assert np.all(one == two) and np.any(one != other)


def test_sparse_matrices():
    X = scipy.sparse.random(5000, 8, density=0.1, rng=np.random.default_rng(0), format="csr")
    want = oracle.leverage(X.toarray())
    for kind in (X, X.tocsc(), scipy.sparse.coo_array(X)):
        np.testing.assert_allclose(scores_of(kind), want, rtol=1e-9, atol=1e-15)


def test_many_columns():
    """Beyond those for which there is a kernel."""
    X = oracle.rough(1200, 400)
    np.testing.assert_allclose(scores_of(X), oracle.leverage(X), rtol=1e-8)


def test_scores_follow_the_array(xp):
    X = oracle.rough(100, 3)
    scores = scores_of(xp.array(X))
    assert xp.owns(scores)
    np.testing.assert_allclose(xp.numpy(scores), oracle.leverage(X), rtol=1e-11)


def test_single_precision(xp):
    X = oracle.rough(5000, 4)
    scores = scores_of(xp.array(X, "float32"))
    assert str(scores.dtype).endswith("float32")
    np.testing.assert_allclose(xp.numpy(scores), oracle.leverage(X), rtol=2e-5)


@pytest.mark.parametrize("row", [100, 101, 102])
def test_a_direction_of_one_row(row):
    """Few of the rows that a first look keeps show it, if any: all are asked for the rank."""
    X = np.random.default_rng(0).normal(size=(40_000, 3))
    X[:, 2] = 0
    X[row] = [0, 0, 1e-3]
    assert abs(scores_of(X)[row] - 1) < 1e-12
    found = dp.lewis.lewis_weights(X)
    assert found.rank == 3 and abs(found.weights[row] - 1) < 1e-7


def dependent(kind, n, seed):
    """Rows whose columns depend on each other exactly, and their rank."""
    rng = np.random.default_rng(seed)
    if kind == "dummies":
        return np.column_stack([np.ones(n), np.eye(3)[rng.integers(0, 3, n)]]), 3
    a, b = rng.integers(0, 2, (2, n)).astype(float)
    if kind == "twice":
        return np.column_stack([a, b, a, b]), 2
    return np.column_stack([2 * a, a, b]), 2


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n", [2000, 20_000, 200_000])
@pytest.mark.parametrize("kind", ["dummies", "twice", "scaled"])
@pytest.mark.filterwarnings("error")
def test_tall_tables_with_dependent_columns(kind, n, seed):
    """The rounding of a QR decomposition grows with its rows, and must not pass for a direction."""
    X, rank = dependent(kind, n, seed)
    for method in (*EXACT, "sketch"):
        scores = scores_of(X, method=method, rng=0)
        assert scores.max() < 1
        assert abs(scores.sum() - rank) < (1e-8 if method in EXACT else rank / 2)
    for p in (1, 3):
        found = dp.lewis.lewis_weights(X, p=p)
        assert found.rank == rank and found.converged
        assert abs(found.weights.sum() - rank) < 1e-8


@pytest.mark.parametrize("kind", ["blocks", "sparse"])
def test_dependent_columns_elsewhere(kind):
    X, rank = dependent("dummies", 20_000, 0)
    rows = [X[:7000], X[7000:]] if kind == "blocks" else scipy.sparse.csr_array(X)
    np.testing.assert_array_equal(scores_of(rows), scores_of(X))
    assert dp.lewis.lewis_weights(rows).rank == rank


def test_every_read_of_dependent_columns_counts():
    X, _ = dependent("dummies", 40_000, 0)
    reads = []

    def blocks():
        reads.append(1)
        return iter([X])

    found = dp.lewis.lewis_weights(blocks)
    assert len(reads) - 1 == found.n_reads  # one block is looked at for the width


def test_ridge_of_dependent_columns():
    X, _ = dependent("dummies", 20_000, 0)
    inverse = np.linalg.inv(X.T @ X + np.eye(4))
    want = np.einsum("ij,jk,ik->i", X, inverse, X)
    np.testing.assert_allclose(scores_of(X, ridge=1.0), want, rtol=1e-9)


def test_dependent_columns_in_other_namespaces(xp):
    X = dependent("dummies", 20_000, 0)[0]
    scores = xp.numpy(scores_of(xp.array(X)))
    np.testing.assert_allclose(scores, scores_of(X), rtol=1e-9)


@pytest.mark.parametrize("small", [1e-12, 1e-13])
def test_tall_tables_keep_a_direction_that_is_almost_null(small):
    """Below what a QR decomposition of so many rows can tell, above its rounding in one row."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 3))
    X[:, 2] = X[:, 0] + X[:, 1] + small * X[:, 2]
    assert abs(scores_of(X).sum() - 3) < 1e-8
    assert dp.lewis.lewis_weights(X, tol=1e-2).rank == 3
