"""active_lad: which labels it asks for, its guarantee, and its mistakes."""

import math

import numpy as np
import pytest

import diffpost_np as dp

BETA = np.array([1.0, -2.0, 0.0, 3.0])


def table(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    X[rng.choice(n, n // 100, replace=False)] *= 100
    return X, X @ BETA + rng.standard_t(1.5, size=n)


class Oracle:
    """Labels that are counted."""

    def __init__(self, y):
        self.y, self.asked = y, []

    def __call__(self, rows):
        self.asked.append(rows)
        return self.y[rows]


@pytest.mark.parametrize("method", ["iid", "poisson", "pivotal"])
@pytest.mark.parametrize("loss", [{}, {"p": 1.5}, {"huber": 1.0}])
def test_each_label_is_asked_for_once(method, loss):
    X, y = table()
    label = Oracle(y)
    result = dp.lewis.active_lad(X, label, m=400, method=method, rng=0, **loss)
    (rows,) = label.asked
    assert rows.dtype.kind == "i" and np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, result.asked)
    assert result.n_labels == len(rows) <= 450 and not result.every_row
    assert np.all(np.abs(result.coef - BETA) < 0.5)
    assert 0 <= result.gap <= 1e-8
    again = dp.lewis.active_lad(X, label, m=400, method=method, rng=0, **loss)
    np.testing.assert_array_equal(again.coef, result.coef)


@pytest.mark.parametrize("intercept", [False, True])
def test_as_many_draws_as_rows_means_every_row(intercept):
    X, y = table(300)
    result = dp.lewis.active_lad(X, Oracle(y), m=300, intercept=intercept, rng=0)
    full = dp.lewis.lad(X, y, intercept=intercept)
    assert result.every_row and result.n_labels == 300
    np.testing.assert_allclose(result.coef, full.coef, rtol=1e-9)
    np.testing.assert_allclose(result.intercept, full.intercept, rtol=1e-9)
    assert "all of them" in repr(result)


@pytest.mark.parametrize("intercept", [False, True])
def test_blocks_ask_for_the_same_labels(intercept):
    X, y = table(9000)
    options = {"m": 500, "intercept": intercept, "rng": 1}
    whole = dp.lewis.active_lad(X, Oracle(y), **options)
    parts = dp.lewis.active_lad(lambda: np.array_split(X, 7), Oracle(y), **options)
    np.testing.assert_array_equal(parts.asked, whole.asked)
    np.testing.assert_array_equal(parts.coef, whole.coef)


def test_every_namespace(xp):
    X, y = table(600)
    result = dp.lewis.active_lad(xp.array(X), lambda rows: xp.array(y[rows]), m=200, rng=0)
    plain = dp.lewis.active_lad(X, Oracle(y), m=200, rng=0)
    assert xp.owns(result.coef)
    np.testing.assert_array_equal(result.asked, plain.asked)
    np.testing.assert_allclose(xp.numpy(result.coef), plain.coef, rtol=1e-8)


def adversarial(seed, n=4000, d=2, eps=0.2):
    """The labels of the lower bound: groups of equal rows whose signs nearly balance."""
    rng = np.random.default_rng(seed)
    size = n // d
    up = round(size * (0.5 + eps))
    y = np.concatenate([rng.permutation(np.r_[np.ones(up), -np.ones(size - up)]) for _ in range(d)])
    return np.repeat(np.eye(d), size, axis=0), y * np.repeat(rng.choice([-1.0, 1.0], d), size)


@pytest.mark.parametrize("labels", ["benign", "adversarial"])
def test_the_guarantee(labels):
    eps = delta = 0.2
    within = []
    for seed in range(30):
        X, y = table(4000, seed) if labels == "benign" else adversarial(seed)
        result = dp.lewis.active_lad(X, Oracle(y), eps=eps, delta=delta, rng=seed)
        assert not result.every_row
        least = np.abs(y - X @ dp.lewis.lad(X, y).coef).sum()
        within.append(np.abs(y - X @ result.coef).sum() <= (1 + eps) * least)
    assert np.mean(within) >= 1 - delta - 2 * math.sqrt(delta * (1 - delta) / 30)


def test_a_sample_without_rows_is_an_error():
    X, _ = table(300)
    with pytest.raises(ValueError, match="no row was drawn for m = 1"):
        for seed in range(50):  # a third of all Poisson samples of this size are empty
            dp.lewis.active_lad(X, np.zeros_like, m=1, method="poisson", rng=seed)


def test_a_label_may_write_to_what_it_gets():
    X, y = table(300)

    def label(rows):
        own = y[rows]
        rows[:] = 0
        return own

    result = dp.lewis.active_lad(X, label, m=100, rng=0)
    assert np.all(np.diff(result.asked) > 0)


def test_a_fit_that_is_not_certain_says_so(monkeypatch):
    monkeypatch.setattr("diffpost_np.lewis._robust_fit._MOST_STEPS", 1)
    X, y = table(300)
    with pytest.warns(RuntimeWarning, match="relative gap"):
        dp.lewis.active_lad(X, Oracle(y), m=100, p=1.2, rng=0)


def test_dtype_is_kept():
    X, y = table(500)
    for loss in ({}, {"p": 1.2}):
        result = dp.lewis.active_lad(X.astype(np.float32), Oracle(y), m=200, rng=0, **loss)
        assert result.coef.dtype == np.float32


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        (lambda rows: np.zeros(len(rows) + 1), ValueError, "labels, one for each row asked for"),
        (lambda rows: np.zeros((len(rows), 1)), ValueError, "labels, one for each row asked for"),
        (lambda rows: np.full(len(rows), np.nan), ValueError, "label returns"),
        (lambda rows: np.zeros(len(rows)) + 1j, TypeError, "label returns"),
        (lambda rows: None, TypeError, "label returns"),
    ],
)
def test_wrong_labels_are_refused(label, error, message):
    X, _ = table(300)
    with pytest.raises(error, match=message):
        dp.lewis.active_lad(X, label, m=100, rng=0)


def test_mistakes_that_take_several_arguments():
    X, y = table(300)
    with pytest.raises(TypeError, match="m must be given, or both eps and delta"):
        dp.lewis.active_lad(X, Oracle(y))
    with pytest.raises(ValueError, match="m must not be given beside eps"):
        dp.lewis.active_lad(X, Oracle(y), m=10, eps=0.1, delta=0.1)
    with pytest.raises(ValueError, match="X must not be zero"):
        dp.lewis.active_lad(np.zeros((5, 2)), Oracle(y), m=3)
    with pytest.raises(ValueError, match="p must be 1 beside huber"):
        dp.lewis.active_lad(X, Oracle(y), m=10, huber=1.0, p=1.5)
    unasked = Oracle(y)
    strict = pytest.importorskip("array_api_strict").asarray(X)
    with pytest.raises(TypeError, match="X must be of NumPy"):
        dp.lewis.active_lad(strict, unasked, m=10, p=1.5)
    with pytest.raises(ValueError, match="X"):
        dp.lewis.active_lad(np.where(X > 2, np.inf, X), unasked, m=10)
    assert unasked.asked == []
