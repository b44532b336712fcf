"""active_lad: which labels it asks for, its guarantee, and its mistakes."""

import importlib
import math
import pickle

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.lewis._sample import sample_fit

active_lad = importlib.import_module("diffpost_np.lewis.active_lad")
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
    monkeypatch.setattr("diffpost_np.lewis._sample.robust_fit._MOST_STEPS", 1)
    X, y = table(300)
    with pytest.warns(RuntimeWarning, match="relative gap"):
        dp.lewis.active_lad(X, Oracle(y), m=100, p=1.2, rng=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [{}, {"p": 1.2}])
def test_dtype_is_that_of_rows_and_labels(dtype, loss):
    X, y = table(500)
    options = {"m": 200, "rng": 0, **loss}
    result = dp.lewis.active_lad(X.astype(np.float32), Oracle(y.astype(dtype)), **options)
    assert result.coef.dtype == dtype


def test_labels_beyond_the_rows_precision():
    X, y = table(500)
    fits = [
        dp.lewis.active_lad(X.astype(np.float32), Oracle(y * unit), m=200, rng=0)
        for unit in (1.0, 2.0**500)
    ]
    np.testing.assert_array_equal(fits[1].coef, 2.0**500 * fits[0].coef)


@pytest.mark.parametrize("unit", [2.0**-980, 2.0**-530, 2.0**530, 2.0**980])
@pytest.mark.parametrize("loss", [{}, {"p": 1.5}, {"p": 2}, {"huber": 1.0}, {"huber": 1e-9}])
def test_fits_follow_the_scale_of_labels_and_columns_to_the_bit(unit, loss):
    X, y = table(500)
    column = np.array([1.0, 2.0**-20, 2.0**20, 1.0])
    fit = dp.lewis.active_lad(X, Oracle(y), m=200, rng=0, **loss)
    scaled = {"huber": loss["huber"] * unit} if "huber" in loss else loss
    every = {"m": 500, "rng": 0}  # weights follow columns up to rounding, and draws need not
    whole = dp.lewis.active_lad(X, Oracle(y), **every, **loss)
    other = dp.lewis.active_lad(X, Oracle(y * unit), m=200, rng=0, **scaled)
    wide = dp.lewis.active_lad(X * column, Oracle(y * unit), **every, **scaled)
    np.testing.assert_array_equal(other.coef, unit * fit.coef)
    np.testing.assert_array_equal(wide.coef * column, unit * whole.coef)
    assert max(f.gap for f in (fit, other, whole, wide)) <= 1e-6


@pytest.mark.parametrize("loss", [{"p": 1.5}, {"p": 2}, {"huber": 1.0}])
def test_thresholds_far_from_the_labels(loss):
    """One label that outweighs all others, and a threshold that none reaches, or all exceed."""
    X, y = table(500)
    far = np.where(np.arange(500) == 7, 1e300, y)
    with np.errstate(all="raise"):
        result = dp.lewis.active_lad(X, Oracle(far), m=500, rng=0, **loss)
    assert result.gap <= 1e-6 and np.all(np.isfinite(result.coef))
    if "huber" in loss:
        for huber, like in ((1e300, {"p": 2}), (1e-300, {})):
            found = dp.lewis.active_lad(X, Oracle(y), m=500, huber=huber)
            plain = dp.lewis.active_lad(X, Oracle(y), m=500, **like)
            np.testing.assert_allclose(found.coef, plain.coef, rtol=1e-6, atol=1e-6)


LOSSES = [{}, {"p": 1.5}, {"p": 2}, {"huber": 1.0}]


@pytest.mark.parametrize("loss", LOSSES)
def test_dependent_columns_are_told(loss):
    X, y = table(1000)
    full = dp.lewis.active_lad(X, Oracle(y), m=200, rng=0, **loss)
    assert full.rank == 4 and full.warnings == ()
    result = dp.lewis.active_lad(np.column_stack([X, X[:, 0]]), Oracle(y), m=200, rng=0, **loss)
    assert result.rank == 4 and np.sum(result.coef == 0) == 1
    (text,) = result.warnings
    assert text.startswith("X has rank 4 with 5 columns")


@pytest.mark.parametrize("loss", LOSSES)
def test_too_few_labels_are_told(loss):
    X, y = table(1000)
    result = dp.lewis.active_lad(X, Oracle(y), m=3, rng=0, method="pivotal", **loss)
    (text,) = result.warnings
    assert text.startswith("3 labels do not determine 4 coefficients") and result.rank == 3
    assert result.gap <= 1e-6


def test_a_nan_gap_warns(monkeypatch):
    X, y = table(300)
    found = sample_fit.Found(np.zeros(4), 4, math.nan)
    monkeypatch.setattr(active_lad, "fitted", lambda sample: found)
    with pytest.warns(RuntimeWarning, match="relative gap of nan"):
        dp.lewis.active_lad(X, Oracle(y), m=100, rng=0)


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        (lambda rows: np.zeros(len(rows) + 1), ValueError, "labels, one for each row asked for"),
        (lambda rows: np.zeros((len(rows), 1)), ValueError, "labels, one for each row asked for"),
        (lambda rows: np.full(len(rows), np.nan), ValueError, "label returns"),
        (lambda rows: np.zeros(len(rows)) + 1j, TypeError, "label returns"),
        (lambda rows: None, TypeError, "label returns"),
        (lambda rows: np.ma.masked_array(rows * 1.0, rows > 9), TypeError, "is a masked array"),
    ],
)
def test_wrong_labels_are_refused(xp, label, error, message):
    X, _ = table(300)
    with pytest.raises(error, match=message):
        dp.lewis.active_lad(xp.array(X), label, m=100, rng=0)


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


RESAMPLES = 40


def interval_hits(loss, n_sets, level, intercept):
    """Which intervals cover their coefficient, over data sets."""
    hits = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1000, 2))
        X[:10] *= 30
        y = X @ [1.0, -2.0] + 0.5 * intercept + rng.standard_t(3, 1000)
        fit = dp.lewis.active_lad(X, Oracle(y), m=120, intercept=intercept, rng=seed, **loss)
        found = fit.confidence_intervals(level, n_resamples=RESAMPLES, rng=seed)
        low = np.append(found.lower, found.intercept[0])
        high = np.append(found.upper, found.intercept[1])
        truth = np.array([1.0, -2.0, 0.5 * intercept])
        hits.append((low <= truth) & (truth <= high))
    return np.array(hits)[:, : 2 + intercept]


@pytest.mark.parametrize(
    ("loss", "intercept"),
    [
        ({}, True),
        pytest.param({"p": 1.5}, False, marks=pytest.mark.slow),
        pytest.param({"huber": 1.0}, False, marks=pytest.mark.slow),
    ],
)
def test_intervals_cover(loss, intercept):
    """Four standard errors, beside what quantiles of few resamples lose."""
    hits = interval_hits(loss, 200, 0.9, intercept).mean(axis=1)
    error = hits.std() / math.sqrt(len(hits))
    assert abs(hits.mean() - 0.9) <= 4 * error + 1 / RESAMPLES and error < 0.02


@pytest.mark.parametrize("loss", LOSSES)
def test_intervals_of_what_the_labels_do_not_determine(loss):
    X, y = table(300)
    wide = np.column_stack([X, X[:, 0]])
    few = dp.lewis.active_lad(wide, Oracle(y), m=4, method="pivotal", rng=0, **loss)
    found = few.confidence_intervals(n_resamples=5, rng=0)
    spanned = few.coef == 0
    assert np.sum(spanned) == 1 and np.all(np.isnan(found.lower) == spanned)
    assert np.all(found.lower[~spanned] == -np.inf) and np.all(found.upper[~spanned] == np.inf)


def test_intervals_of_every_namespace(xp):
    X, y = table(600)
    options = {"m": 200, "intercept": True, "rng": 0}
    fits = [dp.lewis.active_lad(rows, Oracle(y), **options) for rows in (xp.array(X), X)]
    found, plain = (fit.confidence_intervals(n_resamples=20, rng=1) for fit in fits)
    assert xp.owns(found.lower) and xp.owns(found.intercept)
    np.testing.assert_allclose(xp.numpy(found.lower), plain.lower, rtol=1e-8)
    np.testing.assert_allclose(xp.numpy(found.intercept), plain.intercept, rtol=1e-8)


def test_a_copy_has_the_same_intervals():
    X, y = table(600)
    fit = dp.lewis.active_lad(X, Oracle(y), m=200, p=1.5, rng=0)
    copy = pickle.loads(pickle.dumps(fit))
    options = {"n_resamples": 20, "rng": 1}
    np.testing.assert_array_equal(
        copy.confidence_intervals(**options).lower, fit.confidence_intervals(**options).lower
    )


@pytest.mark.parametrize("n", [2000, 20_000, 200_000])
def test_labels_determine_what_dummies_and_a_constant_span(n):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(n), np.eye(3)[rng.integers(0, 3, n)]])
    y = X @ BETA + rng.standard_t(1.5, n)
    result = dp.lewis.active_lad(X, Oracle(y), m=400, rng=0)
    (text,) = result.warnings
    assert "rank 3 with 4 columns" in text
    np.testing.assert_allclose(X[:50] @ result.coef, X[:50] @ BETA, atol=1.0)
