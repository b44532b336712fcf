"""Exact least absolute deviations: what a best fit must be, and that this one is it."""

import contextlib
import copy
import pickle
from fractions import Fraction

import hypothesis
import lad_cases as cases
import numba
import numpy as np
import pytest
from hypothesis import strategies as st

import diffpost_np as dp
from diffpost_np.lewis._exact import pilot, preprocess, solve

LARGE = 5000  # rows that are not fitted all at once
CERTAIN = 1e-9


def assert_optimal(fit, X, y, quantile=0.5, weight=None):
    """The certificate, from the data alone: dual feasible, no gap, a vertex."""
    w, a = np.ones(len(y)) if weight is None else weight, fit.dual
    r = y - X @ fit.coef - fit.intercept
    total = np.sum(w * np.maximum(quantile * r, (quantile - 1) * r))
    assert abs(fit.objective - total) <= CERTAIN * total
    assert np.min(a) >= quantile - 1 and np.max(a) <= quantile
    assert np.all(np.abs((w * a) @ X) <= CERTAIN * (w @ np.abs(X)))
    assert abs(total - np.sum(w * a * y)) <= CERTAIN * np.sum(np.abs(w * y))
    assert fit.gap <= CERTAIN
    scale = np.abs(y) + np.abs(X) @ np.abs(fit.coef) + abs(float(fit.intercept))
    assert np.all(np.abs(r[fit.active_set]) <= 1e-12 * scale[fit.active_set])


@pytest.mark.parametrize("quantile", [0.5, 0.1, 0.77])
@pytest.mark.parametrize(("n", "d"), [(30, 1), (60, 4), (200, 7)])
def test_loss_is_that_of_a_linear_program(n, d, quantile):
    X, y = cases.table(n, d, seed=n)
    weight = np.random.default_rng(1).exponential(size=n)
    for w in (None, weight):
        fit = dp.lewis.lad(X, y, sample_weight=w, quantile=quantile)
        best = cases.least_loss(X, y, quantile, w)
        assert abs(fit.objective - best) <= CERTAIN * best
        assert_optimal(fit, X, y, quantile, w)


@pytest.mark.parametrize("seed", range(5))
def test_loss_is_that_of_the_best_vertex(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((9, 3)), rng.standard_normal(9)
    best = cases.least_loss_of_all_vertices(X, y, 0.3)
    assert abs(dp.lewis.lad(X, y, quantile=0.3).objective - best) < 1e-12


@hypothesis.given(st.data())
def test_ties_and_degenerate_vertices(data):
    """Small integers: the fit passes through many rows, and several fits are best."""
    n, d = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 4))
    numbers = st.lists(st.integers(-2, 2), min_size=n, max_size=n)
    X = np.array([data.draw(numbers) for _ in range(d)], float).T
    y, weight = np.array(data.draw(numbers), float), np.abs(np.array(data.draw(numbers), float))
    hypothesis.assume(np.any(weight > 0))
    quantile = data.draw(st.sampled_from([0.5, 0.25, 0.1]))
    fit = dp.lewis.lad(X, y, sample_weight=weight, quantile=quantile)
    best = cases.least_loss(X, y, quantile, weight)
    assert abs(fit.objective - best) <= 1e-9 * (1 + best)
    assert fit.gap <= CERTAIN
    assert fit.rank == np.linalg.matrix_rank(X * weight[:, None])


@pytest.mark.parametrize("quantile", [0.5, 0.05, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_pilot_and_band_give_the_fit_of_all_rows(seed, quantile, monkeypatch):
    n = 5 * LARGE
    X, y = cases.table(n, 6, seed)
    fit = dp.lewis.lad(X, y, quantile=quantile, intercept=True, rng=seed)
    assert fit.n_passes > 0 and fit.n_kept < n / 2
    assert_optimal(fit, X, y, quantile)
    monkeypatch.setattr(solve, "_FEW_ROWS", n)
    whole = dp.lewis.lad(X, y, quantile=quantile, intercept=True)
    assert whole.n_kept == n and whole.n_passes == 0
    assert np.array_equal(whole.active_set, fit.active_set)
    np.testing.assert_allclose(fit.coef, whole.coef, rtol=1e-10)


def test_one_band_is_mostly_enough():
    fits = [dp.lewis.lad(*cases.table(20_000, 8, seed), rng=seed) for seed in range(10)]
    assert sum(fit.n_passes for fit in fits) <= 12


@pytest.mark.parametrize("width", [0.02, 0.3, 1.0])
def test_a_band_that_is_too_narrow_is_mended(width, monkeypatch):
    monkeypatch.setattr(preprocess, "_BAND", width)
    X, y = cases.table(LARGE, 6)
    assert_optimal(dp.lewis.lad(X, y, rng=0), X, y)


def test_a_column_that_the_sample_misses():
    X, y = cases.table(LARGE, 3)
    X[:, 0] = 0.0
    X[[7, 1234, 4000], 0] = [1.0, 2.0, 1.0]
    fit = dp.lewis.lad(X, y, rng=0)
    assert fit.rank == 3 and not fit.warnings
    assert_optimal(fit, X, y)


@pytest.mark.parametrize("n", [100, LARGE])
def test_shifts_and_scales(n):
    X, y = cases.table(n, 3)
    g, scale = np.array([1.0, -2.0, 0.5]), np.array([1e100, 1e-100, 3.0])
    fit = dp.lewis.lad(X, y, rng=0)
    np.testing.assert_allclose(dp.lewis.lad(X, y + X @ g, rng=0).coef, fit.coef + g, rtol=1e-9)
    np.testing.assert_allclose(dp.lewis.lad(X * scale, y, rng=0).coef * scale, fit.coef, rtol=1e-9)
    np.testing.assert_allclose(dp.lewis.lad(X, -y, rng=0).coef, -fit.coef, rtol=1e-9)
    for c in (1e100, 1e-100):
        scaled = dp.lewis.lad(X, c * y, rng=0)
        np.testing.assert_allclose(scaled.coef, c * fit.coef, rtol=1e-9)
        np.testing.assert_allclose(scaled.objective, c * fit.objective, rtol=1e-9)


def test_powers_of_two_change_no_bit():
    X, y = cases.table(LARGE, 3)
    scale = 2.0 ** np.array([40, -3, 100])
    fit, other = dp.lewis.lad(X, y, rng=0), dp.lewis.lad(X * scale, y / 8, rng=0)
    assert np.array_equal(other.coef * scale * 8, fit.coef)


def test_other_quantiles_mirror():
    X, y = cases.table(300, 3)
    low, high = dp.lewis.lad(X, y, quantile=0.2), dp.lewis.lad(X, -y, quantile=0.8)
    np.testing.assert_allclose(low.coef, -high.coef, rtol=1e-10)


@pytest.mark.parametrize("n", [60, LARGE])
def test_weights_are_repeated_rows(n):
    X, y = cases.table(n, 3)
    weight = np.random.default_rng(0).integers(0, 4, n)
    fit = dp.lewis.lad(X, y, sample_weight=weight, rng=0)
    repeated = dp.lewis.lad(np.repeat(X, weight, axis=0), np.repeat(y, weight), rng=1)
    np.testing.assert_allclose(fit.coef, repeated.coef, rtol=1e-9)
    np.testing.assert_allclose(fit.objective, repeated.objective, rtol=1e-10)
    assert_optimal(fit, X, y, weight=weight)


def test_rows_without_weight_may_be_anything_finite():
    X, y = cases.table(LARGE, 3)
    weight = (np.arange(LARGE) % 3 > 0).astype(float)
    kept = weight > 0
    spoiled = np.where(kept[:, None], X, 1e9)
    fit = dp.lewis.lad(spoiled, y, sample_weight=weight, rng=0)
    np.testing.assert_allclose(fit.coef, dp.lewis.lad(X[kept], y[kept], rng=0).coef, rtol=1e-10)
    assert np.all(fit.dual[~kept] == 0)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
@pytest.mark.parametrize("n", [1, 101, LARGE + 1])
def test_a_constant_alone_is_a_quantile(n, quantile):
    y = np.random.default_rng(n).standard_cauchy(n)
    fit = dp.lewis.lad(np.ones((n, 1)), y, quantile=quantile, rng=0)
    assert abs(fit.coef[0] - np.sort(y)[int(n * quantile)]) <= 1e-12 * abs(fit.coef[0])


@pytest.mark.parametrize("n", [200, LARGE])
def test_what_most_rows_agree_on(n):
    X, y = cases.table(n, 4, high_leverage=0.0)
    b = np.array([1.0, -2.0, 0.5, 3.0])
    y = np.where(np.arange(n) % 10 < 7, X @ b, y)
    fit = dp.lewis.lad(X, y, rng=0)
    np.testing.assert_allclose(fit.coef, b, rtol=1e-10)
    assert fit.gap <= CERTAIN


def test_fits_without_a_residual():
    X, _ = cases.table(50, 4)
    for n in (4, 50):
        fit = dp.lewis.lad(X[:n], X[:n] @ np.arange(4.0))
        np.testing.assert_allclose(fit.coef, np.arange(4.0), atol=1e-11)
        assert fit.gap <= CERTAIN and not fit.warnings
    assert np.all(dp.lewis.lad(X, np.zeros(50)).coef == 0)


@pytest.mark.parametrize("seed", range(20))
def test_zeros_are_fitted_by_independent_rows(seed):
    """Zero is what any rows fit, so those looked at first may depend on each other."""
    h = np.random.default_rng(seed)
    X = h.standard_normal((96, 3))
    X[::4] = h.standard_normal((24, 2)) @ h.standard_normal((2, 3))
    fit = dp.lewis.lad(X, np.zeros(96))
    assert np.all(fit.coef == 0) and fit.gap == 0
    assert np.linalg.matrix_rank(X[fit.active_set]) == 3


@pytest.mark.parametrize("n", [100, LARGE])
def test_dependent_columns(n):
    X, y = cases.table(n, 3)
    wide = np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.zeros(n), np.ones(n), 2 * np.ones(n)])
    fit = dp.lewis.lad(wide, y, intercept=True, rng=0)
    assert fit.rank == 4 and len(fit.active_set) == 4
    assert "rank 4 with 8 columns" in fit.warnings[0]
    assert_optimal(fit, wide, y)
    alone = dp.lewis.lad(cases.with_ones(X), y, rng=0)
    np.testing.assert_allclose(fit.objective, alone.objective, rtol=1e-12)


@pytest.mark.parametrize("n", [300, LARGE])
@pytest.mark.parametrize("condition", [1e6, 1e8])
def test_columns_that_nearly_depend(n, condition):
    """Normal equations lose the square of the condition; pivots do not use them."""
    X, y = cases.table(n, 4, high_leverage=0.0)
    near = X.copy()
    near[:, 3] = X[:, 0] + X[:, 3] / condition
    fit = dp.lewis.lad(near, y, rng=0)
    assert fit.rank == 4
    assert_optimal(fit, near, y)
    np.testing.assert_allclose(fit.objective, dp.lewis.lad(X, y, rng=0).objective, rtol=1e-7)


def test_fewer_rows_than_columns():
    X, y = cases.table(3, 5)
    fit = dp.lewis.lad(X, y)
    assert fit.rank == 3
    np.testing.assert_allclose(X @ fit.coef, y, rtol=1e-10)


def test_a_table_of_zeros():
    fit = dp.lewis.lad(np.zeros((3, 2)), [1.0, -1.0, 2.0])
    assert fit.rank == 0 and np.all(fit.coef == 0) and fit.objective == 2.0


def test_duplicated_rows():
    X, y = cases.table(40, 3)
    fit, other = dp.lewis.lad(X, y), dp.lewis.lad(np.tile(X, (3, 1)), np.tile(y, 3))
    np.testing.assert_allclose(fit.coef, other.coef, rtol=1e-10)


@pytest.mark.parametrize("n", [50, LARGE])
def test_targets_and_quantiles_together(n):
    X, y = cases.table(n, 3)
    targets, levels = np.column_stack([y, 1e6 * y[::-1]]), [0.25, 0.5]
    fit = dp.lewis.lad(X, targets, quantile=levels, intercept=True, rng=0)
    assert fit.coef.shape == (2, 2, 3) and fit.intercept.shape == (2, 2)
    assert fit.dual.shape == (2, 2, n) and fit.active_set.shape == (2, 2, 4)
    for i, level in enumerate(levels):
        for k in range(2):
            alone = dp.lewis.lad(X, targets[:, k], quantile=level, intercept=True, rng=0)
            np.testing.assert_allclose(fit.coef[i, k], alone.coef, rtol=1e-9)
            np.testing.assert_allclose(fit.objective[i, k], alone.objective, rtol=1e-12)
    assert dp.lewis.lad(X, targets, rng=0).coef.shape == (2, 3)
    assert dp.lewis.lad(X, y, quantile=levels, rng=0).coef.shape == (2, 3)


@pytest.mark.parametrize("n", [80, LARGE])
def test_every_namespace(xp, n):
    X, y = cases.table(n, 3)
    weight = 1.0 + np.arange(n) % 3
    fit = dp.lewis.lad(X, y, sample_weight=weight, intercept=True, rng=0)
    arrays = (xp.array(v) for v in (X, y, weight))
    X_, y_, weight_ = arrays
    other = dp.lewis.lad(X_, y_, sample_weight=weight_, intercept=True, rng=0)
    assert all(map(xp.owns, (other.coef, other.intercept, other.active_set, other.dual)))
    np.testing.assert_allclose(xp.numpy(other.coef), fit.coef, rtol=1e-10)
    np.testing.assert_allclose(xp.numpy(other.dual), fit.dual, atol=1e-10)
    assert np.array_equal(xp.numpy(other.active_set), fit.active_set)


@pytest.mark.parametrize("n", [80, LARGE])
def test_float32_is_fitted_in_float64(xp, n):
    X, y = (v.astype(np.float32) for v in cases.table(n, 3))
    fit = dp.lewis.lad(xp.array(X, np.float32), xp.array(y, np.float32), rng=0)
    exact = dp.lewis.lad(X.astype(float), y.astype(float), rng=0)
    assert fit.coef.dtype == xp.xp.float32 and fit.dual.dtype == xp.xp.float32
    assert np.array_equal(xp.numpy(fit.active_set), exact.active_set)
    assert np.array_equal(xp.numpy(fit.coef), exact.coef.astype(np.float32))


def test_integers_and_lists_and_views():
    X, y = np.arange(20).reshape(10, 2) ** 2 % 7, np.arange(10)
    fit = dp.lewis.lad(X, y)
    assert fit.coef.dtype == np.float64
    assert np.array_equal(fit.coef, dp.lewis.lad(X.tolist(), y.tolist()).coef)
    X, y = cases.table(LARGE, 4)
    strided = np.asfortranarray(np.repeat(X, 2, axis=1))[:, ::2]
    assert np.array_equal(dp.lewis.lad(strided, y, rng=0).coef, dp.lewis.lad(X, y, rng=0).coef)


@pytest.mark.parametrize("n", [200, LARGE])
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_kernels_do_what_the_reference_does(n, quantile):
    X, y = cases.table(n, 5)
    fit = dp.lewis.lad(X, y, quantile=quantile, rng=0)
    with dp.reference():
        plain = dp.lewis.lad(X, y, quantile=quantile, rng=0)
    assert np.array_equal(plain.active_set, fit.active_set)
    np.testing.assert_allclose(plain.coef, fit.coef, rtol=1e-12)
    assert abs(plain.n_iterations - fit.n_iterations) <= 2 and plain.n_kept == fit.n_kept


def test_threads_change_no_bit():
    X, y = cases.table(30_000, 4)
    fits = []
    for n_threads in (1, 2):
        numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
        fits.append(dp.lewis.lad(X, y, rng=0))
    assert np.array_equal(fits[0].coef, fits[1].coef) and fits[0].objective == fits[1].objective


def test_inputs_are_not_written_to():
    X, y = cases.table(LARGE, 3)
    kept = X.copy(), y.copy()
    dp.lewis.lad(X, y, rng=0)
    assert np.array_equal(X, kept[0]) and np.array_equal(y, kept[1])


def test_progress_tells_each_fit():
    X, y = cases.table(40, 2)
    seen = []
    dp.lewis.lad(X, y, quantile=[0.2, 0.5, 0.8], progress=seen.append)
    assert [p.step for p in seen] == [1, 2, 3] and seen[0].total == 3
    assert set(seen[0].numbers) == {"gap"}


@pytest.mark.parametrize(("seed", "d", "share"), [(1, 2, 0.52), (2, 1, 0.5), (3, 2, 0.52)])
def test_the_sum_of_rows_far_from_the_fit_stays_far(seed, d, share):
    """It is linear on its side alone: a dual inside its box is none of the rows it stands for."""
    n, rng = 4 * LARGE, np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.01)
    y, weight = np.where(rng.random(n) < share, 1.0, -1.0), 1.0 * (rng.random(n) < 0.5)
    fit = dp.lewis.lad(X, y, sample_weight=weight, intercept=True, rng=seed + 1)
    assert fit.gap <= CERTAIN


@pytest.mark.parametrize("n", [3, LARGE])
def test_columns_of_zeros(n):
    y = np.arange(n) - 1.0
    fit = dp.lewis.lad(np.zeros((n, 2)), y)
    assert fit.rank == 0 and fit.gap == 0 and np.all(fit.coef == 0)
    assert fit.objective == 0.5 * np.sum(np.abs(y))
    seldom = np.zeros((n, 1))
    seldom[0] = 1.0
    weighted = dp.lewis.lad(seldom, y, sample_weight=1.0 * (seldom[:, 0] == 0))
    assert weighted.rank == 0 and weighted.gap == 0


def test_left_out_columns_of_rows_without_duals():
    """Rounding of duals that are zero proves nothing against a column."""
    X = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0] * 5, [1, 1, 1, 0, 0], [1] * 5], float)
    y = [-1.0, -1.0, 1.0, 1.0, 1.0]
    weight = [0.6280805487598671, 1.2371870526169362, 0.5736805120199364]
    weight += [0.18238621646319497, 2.330381418853225]
    fit = dp.lewis.lad(X, y, sample_weight=weight, quantile=0.99, intercept=True)
    assert fit.gap <= CERTAIN and fit.rank == 4


def test_coefficients_that_rounding_spoils_are_told():
    """Heavy rows beside huge targets: no coefficients in float64 go through the basis."""
    X = np.array([[-2, 2, -2, -2], [0, 0, 0, 0], [0, 1, 1, 0], [3, -1, 1, -2]], float)
    y = np.array([-15.33879568681752, 10000000007.296722, -4.3386550628791625, 7.590365527316451])
    weight = np.array([36106192.82098543, 0.135, 2.6e-7, 0.0178])
    fit = dp.lewis.lad(X, y, sample_weight=weight, quantile=0.37, intercept=True)
    assert fit.gap == 0 and "rounding of the coefficients" in fit.warnings[-1]


@pytest.mark.parametrize("seed", range(12))
def test_residuals_that_rounding_spoils_are_told(seed):
    h = np.random.default_rng(seed)
    X, y = h.standard_normal((30, 2)), h.standard_normal(30)
    X[:, 1] = X[:, 0] + 1e-10 * X[:, 1]
    fit = dp.lewis.lad(X, y, quantile=0.9)
    exact = np.vectorize(Fraction, otypes=[object])
    r = exact(y) - exact(X) @ exact(fit.coef)
    loss = float(np.sum(np.maximum(r * 9, -r))) / 10
    assert fit.warnings or abs(loss - fit.objective) <= CERTAIN * loss


def test_columns_that_depend_on_others_in_single_precision():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    X[:, 3] = np.float32(0.7) * X[:, 0] - np.float32(1.3) * X[:, 1]
    y = X.sum(axis=1) + rng.standard_t(1.5, 200).astype(np.float32)
    fit = dp.lewis.lad(X, y)
    assert fit.rank == dp.lewis.lewis_weights(X).rank == 3 and np.max(np.abs(fit.coef)) < 10
    assert fit.gap <= CERTAIN and not any("not proven" in text for text in fit.warnings)


@pytest.mark.parametrize("n", [300, LARGE])
def test_shares_in_single_precision_are_proven(n):
    """They sum to the constant but for their rounding."""
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(n, 3)).astype(np.float32)
    X /= X.sum(axis=1)[:, None]
    weight = rng.exponential(size=n)
    y = X @ np.array([1, 2, 3], np.float32) + rng.standard_t(1.5, n).astype(np.float32)
    fit = dp.lewis.lad(X, y, sample_weight=weight, intercept=True, rng=0)
    assert fit.rank == 3 and fit.gap <= CERTAIN


def test_time_stamps_in_single_precision():
    """As documented: a constant in float32, a column of its own if centred."""
    n = 400
    stamps = 1.7e9 + 300.0 * np.arange(n) / n
    X = np.column_stack([stamps, np.ones(n)])
    y = stamps - stamps[0] + np.random.default_rng(0).standard_t(2, n)
    assert dp.lewis.lad(X.astype(np.float32), y.astype(np.float32)).rank == 1
    centred = (X - [stamps[0], 0]).astype(np.float32)
    assert abs(dp.lewis.lad(centred, y.astype(np.float32)).coef[0] - 1) < 0.01


def test_columns_that_nearly_depend_on_others_are_told():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 3))
    X[:, 2] = X[:, 0] + X[:, 1] + 1e-10 * X[:, 2]
    fit = dp.lewis.lad(X, rng.standard_t(2, 200))
    assert fit.rank == 3 and "columns nearly depend on others" in fit.warnings[0]


def test_weights_do_not_lower_the_rank():
    X = np.array([[-1.0, -1.0, 0.0], [2.0, 0.0, 3.0], [0.0, 0.0, -3.0]])
    weight, y = np.array([1.1e6, 1.0e-6, 1.1e-7]), np.array([1.0, 2.0, 3.0])
    fit = dp.lewis.lad(X, y, sample_weight=weight, intercept=True)
    assert fit.rank == 3 and fit.gap <= CERTAIN
    np.testing.assert_allclose(X @ fit.coef + fit.intercept, y, rtol=1e-12)


@pytest.mark.parametrize("n", [300, 8 * LARGE])
def test_whole_numbers_take_few_pivots(n):
    """The fit goes through thousands of rows, and no basis of them is easy to find."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 8))
    y = np.round(X @ rng.standard_normal(8) + rng.standard_t(1.5, n))
    X = 1.0 * (X > 0)
    fit = dp.lewis.lad(X, y, intercept=True, rng=0)
    assert fit.gap <= CERTAIN and fit.n_pivots <= 20
    np.testing.assert_allclose(fit.objective, cases.least_loss(cases.with_ones(X), y), rtol=1e-9)


@pytest.mark.parametrize("kind", ["blocks", "memmap"])
def test_progress_tells_each_pass_over_rows_elsewhere(kind, tmp_path):
    X, y = cases.table(LARGE, 3)
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", X.dtype, "r", shape=X.shape)
    rows, seen = mapped if kind == "memmap" else [X[:2000], X[2000:]], []
    fit = dp.lewis.lad(rows, y, rng=0, progress=seen.append)
    np.testing.assert_array_equal(fit.coef, dp.lewis.lad(X, y, rng=0).coef)
    *passes, last = seen
    assert [p.numbers["pass"] for p in passes] == list(range(1, len(passes) + 1))
    assert all(p.step == p.total == LARGE for p in passes) and len(passes) >= 2
    assert last.step == 1 and last.numbers == {"gap": fit.gap}


def test_repr_is_short():
    X, y = cases.table(40, 2)
    assert len(repr(dp.lewis.lad(X, y))) < 120
    assert "shape (2, 2)" in repr(dp.lewis.lad(X, y, quantile=[0.3, 0.5]))


@pytest.mark.parametrize(
    ("quantile", "coef", "intercept"),
    [
        (0.5, [0.83188406, 0.57391304, -0.06086957], -39.68985507),
        (0.25, [0.5, 1.0, 0.0], -36.0),
    ],
)
def test_stackloss(quantile, coef, intercept):
    """What statsmodels and quantreg print for these data."""
    *columns, loss = cases.STACKLOSS.T
    fit = dp.lewis.lad(np.column_stack(columns), loss, intercept=True, quantile=quantile)
    np.testing.assert_allclose(fit.coef, coef, atol=1e-8)
    np.testing.assert_allclose(fit.intercept, intercept, rtol=1e-8)


@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("name", ["engel", "stackloss"])
def test_data_that_others_have_fitted(name, quantile):
    statsmodels = pytest.importorskip("statsmodels.api", reason="statsmodels has the data")
    data = getattr(statsmodels.datasets, name).load_pandas()
    X, y = np.asarray(data.exog, float), np.asarray(data.endog, float)
    fit = dp.lewis.lad(X, y, intercept=True, quantile=quantile)
    theirs = statsmodels.QuantReg(y, cases.with_ones(X)).fit(q=quantile, max_iter=5000, p_tol=1e-10)
    best = cases.loss(cases.with_ones(X), y, theirs.params, quantile)
    assert fit.objective <= best * (1 + 1e-12) and best <= fit.objective * (1 + 1e-6)
    if quantile == 0.5:
        np.testing.assert_allclose(np.append(fit.coef, fit.intercept), theirs.params, rtol=1e-5)


def tied(name):
    """Discrete and noiseless data, more rows than are fitted all at once."""
    h, n = np.random.default_rng(0), LARGE
    one_hot = np.eye(4)[np.arange(n) % 4]
    if name == "signs":
        return one_hot, h.choice([-1.0, 1.0], n), 0.5
    if name == "counts":
        return one_hot, h.poisson(2.0 + np.arange(n) % 4) * 1.0, 0.5
    if name == "quarter":
        return one_hot, h.integers(1, 6, n) * 1.0, 0.25
    if name == "identical rows":
        return h.normal(size=(4, 4))[np.arange(n) % 4], np.where(h.random(n) < 0.6, 1.0, -1.0), 0.5
    X = np.c_[h.integers(0, 2, (n, 3)), np.ones(n)] * 1.0
    if name == "binary":
        return X, (h.random(n) < 0.3 + 0.3 * X[:, 0] - 0.25 * X[:, 1]) * 1.0, 0.5
    X = h.normal(size=(n, 3))
    return X, X @ [1.0, 2.0, 3.0], 0.5


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("name", ["signs", "counts", "quarter", "identical rows", "binary", "line"])
def test_ties_of_many_rows(name, reference):
    X, y, quantile = tied(name)
    with contextlib.ExitStack() as stack:
        if reference:
            stack.enter_context(dp.reference())
        losses = []
        for seed in range(3 if reference else 10):
            fit = dp.lewis.lad(X, y, quantile=quantile, rng=seed)
            assert fit.gap <= CERTAIN
            losses.append(fit.objective)
    if name == "line":
        np.testing.assert_allclose(fit.coef, [1.0, 2.0, 3.0], rtol=1e-12)
        assert fit.n_pivots == 0
    else:
        best = cases.least_loss(X, y, quantile)
        np.testing.assert_allclose(losses, best, rtol=CERTAIN)


@pytest.mark.parametrize("heavy", [1e8, 1e14, 1e30, 1e200])
@pytest.mark.parametrize("n", [50, LARGE])
def test_a_row_that_outweighs_all_others(n, heavy):
    """It is fitted, and takes one coefficient; the others are those of all other rows."""
    h = np.random.default_rng(3)
    X, y = h.normal(size=(n, 3)), h.normal(size=n)
    weight = np.r_[heavy, np.ones(n - 1)]
    # The fit through the first row, by a change of variables.
    slope, value = X[0, 1:] / X[0, 0], y[0] / X[0, 0]
    best = cases.least_loss(X[1:, 1:] - X[1:, :1] * slope, y[1:] - X[1:, 0] * value, 0.5)
    for fit in (
        dp.lewis.lad(X, y, sample_weight=weight, rng=0),
        dp.lewis.lad(X * weight[:, None], y * weight, rng=0),
    ):
        assert fit.rank == 3 and fit.gap <= CERTAIN
        loss = 0.5 * np.sum(np.abs(y - X @ fit.coef)[1:])
        np.testing.assert_allclose([loss, fit.objective], best, rtol=1e-9)


def test_columns_that_were_left_out_count_in_the_gap(monkeypatch):
    monkeypatch.setattr(pilot, "independent_columns", lambda xp, x, angle: (np.arange(2), None))
    monkeypatch.setattr(pilot, "pivot_columns", lambda corner, angle: np.arange(2))
    for n in (50, LARGE):
        fit = dp.lewis.lad(*cases.table(n, 3), rng=0)
        assert fit.gap == np.inf and "not proven" in fit.warnings[-1]


@pytest.mark.parametrize("n", [50, LARGE])
def test_coefficients_that_float64_cannot_hold_are_refused(n):
    X, y = cases.table(n, 2)
    with pytest.raises(ValueError, match=r"^X\b.*no finite coeff"):
        dp.lewis.lad(X * 1e-200, y * 1e200, rng=0)


def test_rows_that_vanish_beside_others_are_refused():
    X, size = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 1e-150, 1e-150])
    with pytest.raises(ValueError, match=r"^X\b.*determine no coeff"):
        dp.lewis.lad(X * size[:, None], np.ones(3), sample_weight=np.array([1.0, 1e-200, 1e-200]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda fit: pickle.loads(pickle.dumps(fit))])
def test_results_can_be_copied(xp, copied):
    X, y = cases.table(60, 2)
    fit = dp.lewis.lad(xp.array(X), xp.array(y), intercept=True, rng=0)
    other = copied(fit)
    assert other != fit and repr(other) == repr(fit)
    assert np.array_equal(xp.numpy(other.dual), xp.numpy(fit.dual))
    ends = [f.confidence_intervals() for f in (fit, other)]
    assert ends[0] != ends[1] and xp.owns(ends[1].lower)
    assert np.array_equal(xp.numpy(ends[0].lower), xp.numpy(ends[1].lower))
    assert np.array_equal(xp.numpy(copied(ends[0]).upper), xp.numpy(ends[0].upper))


def test_copies_of_fits_of_blocks_know_their_dual():
    X, y = cases.table(LARGE, 2)
    fit = dp.lewis.lad([X[:100], X[100:]], y, rng=0)
    other = copy.deepcopy(fit)
    assert np.array_equal(other.dual, fit.dual)
    with pytest.raises(ValueError, match=r"^X came in blocks"):
        other.confidence_intervals()


SCALES = {
    "weights": [1e100, 1e200, 1e300, 1e-200, 1e-300],
    "columns": [1e100, 1e200, 1e300, 1e-200, 1e-300],
    "both": [1e200, 1e300, 1e-200, 1e-300],
}


@pytest.mark.parametrize("n", [60, LARGE])
@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize(("what", "scale"), [(k, c) for k, v in SCALES.items() for c in v])
def test_scales_near_the_ends_of_float64(what, scale, n, reference):
    X, y = cases.table(n, 3, high_leverage=0.0)
    weight = np.random.default_rng(0).exponential(size=n)
    fit = dp.lewis.lad(X, y, sample_weight=weight, rng=0)
    given = {
        "weights": (X, y, scale),
        "columns": (X * scale, y, 1),
        "both": (X * scale, y * scale, 1),
    }
    X, y, c = given[what]
    with dp.reference() if reference else contextlib.nullcontext():
        other = dp.lewis.lad(X, y, sample_weight=c * weight, rng=0)
    of_coef = scale if what == "columns" else 1.0
    np.testing.assert_allclose(other.coef * of_coef, fit.coef, rtol=1e-9)
    of_loss = 1.0 if what == "columns" else scale
    np.testing.assert_allclose(other.objective / of_loss, fit.objective, rtol=1e-9)
    assert other.gap <= CERTAIN


def test_ties_that_take_all_rows_are_told_of():
    X, y, quantile = tied("signs")
    fit = dp.lewis.lad(X, y, quantile=quantile, rng=0)
    assert fit.n_kept == LARGE and "into memory" in fit.warnings[0]
    for n in (60, LARGE):
        assert not dp.lewis.lad(*cases.table(n, 3), rng=0).warnings


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("quantile", [0.9, 0.25])
@pytest.mark.parametrize("target", ["zeros", "line", "ties"])
def test_weights_of_very_different_sizes(target, quantile, reference):
    h = np.random.default_rng(4)
    X = h.normal(size=(LARGE, 2))
    y = {"zeros": 0 * X[:, 0], "line": X @ [1.0, -2.0], "ties": h.integers(0, 3, LARGE) * 1.0}
    with dp.reference() if reference else contextlib.nullcontext():
        for weight in (None, h.exponential(size=LARGE), 10.0 ** h.uniform(-200, 200, LARGE)):
            fit = dp.lewis.lad(X, y[target], sample_weight=weight, quantile=quantile, rng=1)
            assert fit.gap <= CERTAIN and np.all(np.isfinite(fit.coef))


@pytest.mark.parametrize("seed", [7, 20, 38, 100, 114])
def test_a_basis_of_rows_of_very_different_sizes(seed):
    """Parallel rows, whose rounding is larger than all that is independent of them."""
    h = np.random.default_rng(seed)
    X, weight = h.integers(0, 3, (40, 2)) * 1.0, 10.0 ** h.uniform(-200, 200, 40)
    fit = dp.lewis.lad(X, np.zeros(40), sample_weight=weight)
    assert fit.gap <= CERTAIN and np.all(fit.coef == 0)
    fit = dp.lewis.lad(X, h.integers(0, 3, 40) * 1.0, sample_weight=weight)
    assert np.all(np.isfinite(fit.coef))
    assert fit.gap <= CERTAIN or "proves" in fit.warnings[-1] or "proven" in fit.warnings[-1]


@pytest.mark.parametrize("quantile", [5e-324, 1e-17])
def test_the_rarest_quantiles_lie_below_all_rows(quantile):
    X, y = cases.table(60, 2)
    fit = dp.lewis.lad(X, y, quantile=quantile, intercept=True)
    assert np.all(y - X @ fit.coef - fit.intercept > -1e-12 * np.max(np.abs(y)))


def test_quantiles_as_people_have_them():
    X, y = cases.table(60, 2)
    one, two = dp.lewis.lad(X, y, quantile=0.25), dp.lewis.lad(X, y, quantile=[0.25, 0.5])
    for quantile in (np.array(0.25), np.float32(0.25)):
        fit = dp.lewis.lad(X, y, quantile=quantile)
        assert np.array_equal(fit.coef, one.coef) and isinstance(fit.objective, float)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for quantiles in ((0.25, 0.5), pandas.Series([0.25, 0.5]), pandas.Index([0.25, 0.5])):
        fit = dp.lewis.lad(X, y, quantile=quantiles)
        assert np.array_equal(fit.coef, two.coef)
