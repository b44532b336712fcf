"""Intervals of least-absolute-error fits: what they cover, and the test that they turn around."""

import lad_cases as cases
import numpy as np
import pytest
import scipy.special

import diffpost_np as dp
from diffpost_np.lewis._exact import intervals


def covered(method, n_sets, n, level, **options):
    """How often intervals cover their coefficients, over data sets and columns."""
    hits = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        X, b = rng.standard_normal((n, 3)), np.array([1.0, -2.0, 0.0])
        y = X @ b + 0.5 + rng.standard_t(2, n)
        found = dp.lewis.lad(X, y, intercept=True).confidence_intervals(level, method, **options)
        low, high = (
            np.append(found.lower, found.intercept[0]),
            np.append(found.upper, found.intercept[1]),
        )
        b = np.append(b, 0.5)
        hits.append((low <= b) & (b <= high))
    return np.mean(hits), len(hits)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_rank_intervals_cover(level):
    """Four standard errors, as if the columns of a data set were one draw."""
    share, n_sets = covered("rank", 60, 100, level)
    assert abs(share - level) <= 4 * np.sqrt(level * (1 - level) / n_sets / 2)


def test_bootstrap_intervals_cover():
    share, n_sets = covered("bootstrap", 40, 100, 0.9, n_resamples=100, rng=0)
    assert abs(share - 0.9) <= 4 * np.sqrt(0.09 / n_sets / 2) + 0.02


def statistic(X, y, j, value, quantile=0.5):
    """The rank statistic, from a fit without the column."""
    others = np.delete(X, j, axis=1)
    fit = dp.lewis.lad(others, y - value * X[:, j], quantile=quantile)
    left = X[:, j] - others @ np.linalg.lstsq(others, X[:, j], rcond=None)[0]
    return fit.dual @ left / np.sqrt(quantile * (1 - quantile) * left @ left)


@pytest.mark.parametrize("quantile", [0.5, 0.25])
def test_ends_are_where_the_test_refuses(quantile):
    X, y = cases.table(120, 3, high_leverage=0.0)
    found = dp.lewis.lad(X, y, quantile=quantile).confidence_intervals(0.9)
    z = 1.6448536269514722
    for j in range(3):
        step = 1e-7 * (found.upper[j] - found.lower[j])
        assert statistic(X, y, j, found.lower[j] - step, quantile) >= z
        assert statistic(X, y, j, found.lower[j] + step, quantile) < z
        assert statistic(X, y, j, found.upper[j] + step, quantile) <= -z
        assert statistic(X, y, j, found.upper[j] - step, quantile) > -z


def test_intervals_that_others_have_made():
    """R's quantreg on Engel's data, from its vignette; it interpolates within a step."""
    statsmodels = pytest.importorskip("statsmodels.api", reason="statsmodels has the data")
    data = statsmodels.datasets.engel.load_pandas().data
    fit = dp.lewis.lad(data[["income"]].to_numpy(), data["foodexp"].to_numpy(), intercept=True)
    found = fit.confidence_intervals(0.9)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [0.48702, 0.60199], rtol=2e-3)
    np.testing.assert_allclose(found.intercept, [53.25915, 114.01156], rtol=1.5e-2)


def test_intervals_of_a_constant_are_order_statistics():
    y = np.random.default_rng(0).standard_normal(101)
    found = dp.lewis.lad(np.ones((101, 1)), y).confidence_intervals(0.9)
    assert found.lower[0] in y and found.upper[0] in y
    below = int(np.sum(y < found.lower[0]))
    assert below == int(np.sum(y > found.upper[0])) and abs(below - 42) <= 1


@pytest.mark.parametrize("method", ["rank", "bootstrap"])
def test_intervals_follow_scales(method):
    X, y = cases.table(80, 2, high_leverage=0.0)
    scale = np.array([4.0, 0.25])
    options = {"n_resamples": 20, "rng": 0}
    found = dp.lewis.lad(X, y, intercept=True).confidence_intervals(0.9, method, **options)
    other = dp.lewis.lad(X * scale, 8 * y, intercept=True)
    other = other.confidence_intervals(0.9, method, **options)
    np.testing.assert_allclose(other.lower * scale, 8 * found.lower, rtol=1e-9)
    np.testing.assert_allclose(other.intercept, 8 * found.intercept, rtol=1e-9)


def test_bootstrap_by_the_band_is_that_of_all_rows(monkeypatch):
    X, y = cases.table(400, 2, high_leverage=0.0)
    fit = dp.lewis.lad(X, y)
    found = fit.confidence_intervals(0.9, "bootstrap", n_resamples=20, rng=0)
    monkeypatch.setattr(intervals, "_BAND", 1e9)
    whole = fit.confidence_intervals(0.9, "bootstrap", n_resamples=20, rng=0)
    np.testing.assert_allclose(found.lower, whole.lower, rtol=1e-9)
    np.testing.assert_allclose(found.upper, whole.upper, rtol=1e-9)


@pytest.mark.parametrize("method", ["rank", "bootstrap"])
def test_every_namespace(xp, method):
    X, y = cases.table(60, 2, high_leverage=0.0)
    options = {"n_resamples": 10, "rng": 0}
    found = dp.lewis.lad(xp.array(X), xp.array(y)).confidence_intervals(0.9, method, **options)
    plain = dp.lewis.lad(X, y).confidence_intervals(0.9, method, **options)
    assert xp.owns(found.lower) and xp.owns(found.intercept)
    np.testing.assert_allclose(xp.numpy(found.lower), plain.lower, rtol=1e-9)
    np.testing.assert_allclose(xp.numpy(found.upper), plain.upper, rtol=1e-9)


def test_spanned_columns_have_no_interval():
    X, y = cases.table(60, 2)
    found = dp.lewis.lad(np.column_stack([X, X[:, 0]]), y).confidence_intervals()
    assert np.sum(np.isnan(found.lower)) == 1


def test_several_fits_are_refused():
    X, y = cases.table(60, 2)
    with pytest.raises(ValueError, match=r"one fit"):
        dp.lewis.lad(X, y, quantile=[0.2, 0.5]).confidence_intervals()


def refused_beside(y, level):
    """The values just below and just above which the sign test of a median refuses."""
    z = scipy.special.ndtri(0.5 + 0.5 * level)
    values = np.unique(y)
    below = [np.sum(np.sign(y - v + 0.5)) / np.sqrt(len(y)) >= z for v in values]
    above = [np.sum(np.sign(y - v - 0.5)) / np.sqrt(len(y)) <= -z for v in values]
    return np.max(values[below]), np.min(values[above])


@pytest.mark.parametrize("highest", [3, 5, 12])
def test_rank_intervals_of_ties(highest):
    y = np.random.default_rng(highest).integers(0, highest, 60) * 1.0
    found = dp.lewis.lad(np.ones((60, 1)), y).confidence_intervals()
    np.testing.assert_allclose([found.lower[0], found.upper[0]], refused_beside(y, 0.9))


@pytest.mark.parametrize("weight", [None, [1.0, 0.0, 2.0, 0.0, 3.0]])
def test_bootstrap_without_free_rows_knows_nothing(weight):
    X, y = cases.table(5 if weight else 3, 3, high_leverage=0.0)
    found = dp.lewis.lad(X, y, sample_weight=weight).confidence_intervals(method="bootstrap")
    assert np.all(found.lower == -np.inf) and np.all(found.upper == np.inf)


@pytest.mark.parametrize("method", ["rank", "bootstrap"])
def test_weights_are_no_counts(method):
    X, y = cases.table(60, 2, high_leverage=0.0)
    weight, keep = np.arange(60) % 3 * 1.0, np.arange(60) % 3 > 0
    options = {"method": method, "n_resamples": 20, "rng": 0}
    found, scaled, fewer = (
        dp.lewis.lad(X[rows], y[rows], sample_weight=w[rows]).confidence_intervals(**options)
        for rows, w in ((slice(None), weight), (slice(None), 8 * weight), (keep, weight))
    )
    for other in (scaled, fewer):
        np.testing.assert_allclose(other.lower, found.lower, rtol=1e-9)
        np.testing.assert_allclose(other.upper, found.upper, rtol=1e-9)


@pytest.mark.parametrize(("n", "d"), [(2, 2), (3, 2), (1, 1), (2, 1)])
def test_too_few_rows_refuse_no_value(n, d):
    g = np.random.default_rng(n)
    found = dp.lewis.lad(g.normal(size=(n, d)), g.normal(size=n)).confidence_intervals()
    assert np.all(found.lower == -np.inf) and np.all(found.upper == np.inf)


def test_few_rows_refuse_what_the_test_refuses():
    g = np.random.default_rng(1)
    X, y = g.normal(size=(5, 3)), g.normal(size=5)
    found, z = dp.lewis.lad(X, y).confidence_intervals(), 1.6448536269514722
    for j in range(3):
        for end, sign in ((found.lower[j], 1), (found.upper[j], -1)):
            if np.isfinite(end):
                outside = end - sign * 1e-6 * (1 + abs(end))
                assert sign * statistic(X, y, j, outside) >= z


@pytest.mark.parametrize("method", ["rank", "bootstrap"])
def test_intervals_of_two_groups_with_ties(method):
    g = np.random.default_rng(0)
    X = np.c_[np.ones(200), g.integers(0, 2, 200)]
    fit = dp.lewis.lad(X, g.integers(0, 5, 200) * 1.0)
    found = fit.confidence_intervals(method=method, rng=0, n_resamples=100)
    for end in (found.lower, found.upper):
        np.testing.assert_allclose(end, np.round(end), atol=1e-9)
    assert np.all(found.lower <= fit.coef + 1e-9) and np.all(found.upper >= fit.coef - 1e-9)
