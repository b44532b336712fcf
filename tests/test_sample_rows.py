"""Samples of rows: their laws, and what they are for."""

import math

import lewis_oracles as oracle
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import diffpost_np as dp
from diffpost_np.lewis._sample.pivotal import pivotal_drawn

METHODS = ("iid", "poisson", "pivotal")
W = np.array([0.5, 0.0, 2.0, 1.0, 0.25, 0.0, 4.0, 0.25])
sample_rows = dp.lewis.sample_rows


def inclusion(w, m):
    """min(1, c w) that sum to m, by bisection."""
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(1, middle * w).sum() < m else (low, middle)
    return np.minimum(1, low * w)


def frequencies(method, m, n_runs):
    """How often rows were drawn, and the sizes of the samples."""
    total, sizes = np.zeros(len(W)), []
    for seed in range(n_runs):
        sample = sample_rows(W, m, seed, method=method)
        total[sample.indices] += sample.counts
        sizes.append(sample.counts.sum())
    return total, np.array(sizes)


def test_independent_draws_follow_the_weights():
    sample = sample_rows(W, 100_000, 0)
    positive = np.flatnonzero(W)
    assert np.all(sample.indices == positive)
    expected = 100_000 * W[positive] / W.sum()
    assert scipy.stats.chisquare(sample.counts, expected).pvalue > 1e-3


@pytest.mark.parametrize("method", ["poisson", "pivotal"])
def test_rows_are_included_as_often_as_they_should(method):
    m, n_runs = 3, 3000
    total, sizes = frequencies(method, m, n_runs)
    want = inclusion(W, m)
    assert np.all(total[want == 0] == 0) and np.all(total[want > 1 - 1e-12] == n_runs)
    error = np.sqrt(n_runs * want * (1 - want))
    assert np.all(np.abs(total - n_runs * want) <= 4.5 * error + 1e-9)
    if method == "pivotal":
        assert np.all(sizes == m)
    else:
        spread = math.sqrt(n_runs * np.sum(want * (1 - want)))
        assert abs(sizes.sum() - n_runs * m) < 4.5 * spread


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=40), st.integers(1, 45), st.integers(0))
def test_pivotal_samples_have_their_size(weights, m, seed):
    sample = sample_rows(np.array(weights), m, seed, method="pivotal")
    assert len(sample.indices) == min(m, len(weights))
    assert np.all(np.diff(sample.indices) > 0)


def test_pivotal_samples_are_spread_along_the_rows():
    """Of ten rows in turn about m / (n / 10) are drawn, never two more or less."""
    for seed in range(20):
        drawn = np.zeros(1000)
        drawn[sample_rows(np.ones(1000), 100, seed, method="pivotal").indices] = 1
        assert np.max(np.abs(np.cumsum(drawn) - 0.1 * np.arange(1, 1001))) <= 1 + 1e-9


def test_the_kernel_of_duels_is_the_reference():
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 500):
        probabilities = rng.random(n) * rng.integers(0, 2, n)
        probabilities[: n // 10] = 1.0
        u = rng.random(n)
        fast = pivotal_drawn(np, probabilities, u)
        with dp.reference():
            assert np.all(fast == pivotal_drawn(dp._xp.numpy_namespace, probabilities, u))


@pytest.mark.parametrize("p", [1.0, 3.0])
@pytest.mark.parametrize("method", METHODS)
def test_scales_are_what_they_say(method, p):
    sample = sample_rows(W, 3, 5, method=method, p=p)
    if method == "iid":
        expected = 3 * W[sample.indices] / W.sum()
    else:
        expected = inclusion(W, 3)[sample.indices]
    np.testing.assert_allclose(sample.scales, (sample.counts / expected) ** (1 / p), rtol=1e-9)


def test_scales_know_the_p_of_the_weights():
    X = oracle.rough(100, 3)
    found = dp.lewis.lewis_weights(X, 3.0)
    known, told = sample_rows(found, 20, 0), sample_rows(found.weights, 20, 0, p=3.0)
    assert np.all(known.scales == told.scales)


@pytest.mark.parametrize("method", METHODS)
def test_norms_are_right_on_average(method):
    X = oracle.rough(3000, 4)
    b = np.random.default_rng(1).normal(size=(4, 5))
    found = dp.lewis.lewis_weights(X)
    ratios = []
    for seed in range(200):
        sample = sample_rows(found, 100, seed, method=method)
        rows = X[sample.indices] * sample.scales[:, None]
        ratios.append(np.abs(rows @ b).sum(axis=0) / np.abs(X @ b).sum(axis=0))
    error = np.std(ratios, axis=0) / math.sqrt(200)
    assert np.all(np.abs(np.mean(ratios, axis=0) - 1) < 4.5 * error)
    assert np.all(np.std(ratios, axis=0) < 0.12)  # about 1 / sqrt(m)


def test_errors_fall_with_the_root_of_the_size():
    X, b = oracle.rough(3000, 4), np.array([1.0, -1.0, 0.5, 2.0])
    found = dp.lewis.lewis_weights(X)

    def spread(m):
        samples = (sample_rows(found, m, seed) for seed in range(300))
        norms = [np.abs(X[s.indices] @ b) @ s.scales for s in samples]
        return np.std(norms) / np.abs(X @ b).sum()

    assert abs(spread(100) / spread(400) - 2) < 0.4  # each is known to 4 %


def test_lewis_weights_beat_leverage_and_uniform_draws():
    """Twenty rows x 2000: the others matter for |X b|_1, but leverage overlooks them."""
    X = np.random.default_rng(0).normal(size=(20_000, 10))
    X[:20] *= 2000
    root = np.linalg.cholesky(np.linalg.inv(X.T @ X))
    b = np.concatenate([np.eye(10), root @ np.random.default_rng(1).normal(size=(10, 10))], axis=1)
    full = np.abs(X @ b).sum(axis=0)

    def worst(weights):
        squares = np.zeros(20)
        for seed in range(40):
            s = sample_rows(weights, 500, seed)
            squares += (np.abs(X[s.indices] @ b).T @ s.scales / full - 1) ** 2
        return math.sqrt(squares.max() / 40)

    lewis = worst(dp.lewis.lewis_weights(X, tol=0.05))
    assert lewis < 0.06
    assert worst(dp.lewis.leverage_scores(X)) > 8 * lewis
    assert worst(np.ones(len(X))) > 8 * lewis


@pytest.mark.parametrize("method", METHODS)
def test_seeds_reproduce_on_every_backend(xp, method):
    w = np.random.default_rng(0).random(200)
    want = sample_rows(w, 50, 7, method=method)
    sample = sample_rows(xp.array(w), 50, 7, method=method)
    assert xp.owns(sample.scales)
    assert np.all(xp.numpy(sample.indices) == want.indices)
    np.testing.assert_allclose(xp.numpy(sample.scales), want.scales, rtol=1e-12)


@pytest.mark.parametrize("method", ["poisson", "pivotal"])
def test_more_rows_than_there_are(method):
    sample = sample_rows(W, 100, 0, method=method)
    assert np.all(sample.indices == np.flatnonzero(W)) and np.all(sample.scales == 1)


def test_sizes():
    for d, eps, delta in ((10, 0.1, 0.1), (1, 0.5, 0.3), (100, 0.01, 1e-6)):
        want = math.ceil(2 * d * math.log(d / (eps * delta)) / eps**2)
        assert dp.lewis.sample_size(d, eps, delta) == want
        assert dp.lewis.sample_size(d, eps, delta, p=1.7) == want
    assert dp.lewis.sample_size(10, 0.1, 0.1, p=4.0, constant=1.0) == math.ceil(
        10**2 * math.log(1000) / 0.1**4
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p", [1.0, 1.5, 4.0])
def test_embeddings_keep_norms(method, p):
    X = oracle.rough(5000, 3)
    b = np.random.default_rng(1).normal(size=(3, 50))
    found = dp.lewis.subspace_embedding(X, p, m=1500, rng=0, method=method)
    ratio = np.linalg.norm(found.rows @ b, p, axis=0) / np.linalg.norm(X @ b, p, axis=0)
    assert np.max(np.abs(ratio - 1)) < 0.12
    np.testing.assert_array_equal(found.rows, X[found.indices] * found.scales[:, None])


def test_embeddings_of_blocks_and_of_everything():
    X = oracle.rough(5000, 3)
    blocks = dp.lewis.subspace_embedding(np.array_split(X, 7), eps=0.3, delta=0.1, rng=0)
    whole = dp.lewis.subspace_embedding(X, eps=0.3, delta=0.1, rng=0)
    assert np.all(blocks.rows == whole.rows) and len(whole.rows) <= 308
    assert np.all(dp.lewis.subspace_embedding(X, m=5000, rng=0).rows == X)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [], [[1.0]], [np.inf]])
def test_bad_weights(weights):
    with pytest.raises(ValueError, match="weights must"):
        sample_rows(np.array(weights), 2)


def test_bad_sizes():
    X = np.ones((4, 1))
    with pytest.raises(ValueError, match="m must not be given"):
        dp.lewis.subspace_embedding(X, m=3, eps=0.1)
    for given_ in ({}, {"eps": 0.1}, {"delta": 0.1}):
        with pytest.raises(TypeError, match="m must be given"):
            dp.lewis.subspace_embedding(X, **given_)
    with pytest.raises(ValueError, match="X must not be zero"):
        dp.lewis.subspace_embedding(0 * X, m=3)
