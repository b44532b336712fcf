"""Diagnostics against closed forms, SciPy, and the error rates they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import diffpost_np as dp
from diffpost_np.diagnostics import coverage, ess, sbc_ranks, sliced_wasserstein

WEIGHTS, MEANS = [0.2, 0.3, 0.5], [[-3.0, 0.0, 1.0], [0.0, 1.0, 0.5], [2.0, -1.0, 0.0]]
MIXTURE = dp.priors.GaussianMixture(WEIGHTS, MEANS, [0.3, 1.0, 0.1])


def draws(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class TestSlicedWasserstein:
    @given(st.integers(1, 40), st.integers(2, 40), st.integers(0, 2**32 - 1))
    def test_on_a_line_it_is_the_wasserstein_distance(self, n, m, seed):
        rng = np.random.default_rng(seed)
        x, y = rng.gamma(2.0, size=(n, 1)), rng.normal(size=(m, 1))
        result = sliced_wasserstein(x, y, n_directions=3, rng=0)
        assert result.value == pytest.approx(
            scipy.stats.wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-12
        )
        common = math.lcm(n, m)
        a = np.sort(np.repeat(x, common // n))
        b = np.sort(np.repeat(y, common // m))
        result = sliced_wasserstein(x, y, order=2, n_directions=3, rng=0)
        assert result.value == pytest.approx(np.sqrt(np.mean((a - b) ** 2)), rel=1e-12)

    @pytest.mark.parametrize("d", [2, 5])
    def test_shift_has_a_closed_form(self, d):
        """W_p along u is |u . shift|: its moments on the sphere are known."""
        x, shift, n = draws((7, d)), np.arange(1.0, d + 1), 20_000
        size = np.linalg.norm(shift)
        mean = size * math.gamma(d / 2) / (math.sqrt(math.pi) * math.gamma((d + 1) / 2))
        error = math.sqrt((size**2 / d - mean**2) / n)
        one = sliced_wasserstein(x, x + shift, n_directions=n, rng=1).value
        assert abs(one - mean) < 4 * error
        two = sliced_wasserstein(x, x + shift, order=2, n_directions=n, rng=1).value
        # Var((u . shift)^2) = 2 |shift|^4 (d - 1) / (d^2 (d + 2)), then the delta method.
        error = size * math.sqrt(2 * (d - 1) / (d**2 * (d + 2)) / n) * math.sqrt(d) / 2
        assert abs(two - size / math.sqrt(d)) < 4 * error

    def test_floor_is_the_distance_of_independent_exact_sets(self):
        pairs = [[MIXTURE.sample(100, rng=2 * i + j) for j in (0, 1)] for i in range(200, 300)]
        values = [sliced_wasserstein(*pair, n_directions=20, rng=0).value for pair in pairs]
        for y in (lambda i: MIXTURE, lambda i: pairs[i][0]):
            floors = [
                sliced_wasserstein(np.zeros((100, 3)), y(i), n_directions=20, rng=i).floor
                for i in range(100)
            ]
            error = math.sqrt((np.var(values) + np.var(floors)) / 100)
            assert abs(np.mean(floors) - np.mean(values)) < 3.5 * error
            assert error < 0.06 * np.mean(values)

    @pytest.mark.parametrize("order", [1, 2])
    def test_floor_of_unequal_sizes_is_rescaled(self, order):
        n, m = 50, 800
        normal = dp.priors.GaussianMixture([1.0], [[0.0, 1.0]], 1.0)
        floors, values = [], []
        for i in range(40):
            x, y = normal.sample(n, rng=2 * i), normal.sample(m, rng=2 * i + 1)
            result = sliced_wasserstein(x, y, order=order, n_directions=50, rng=i)
            floors.append(result.floor)
            values.append(result.value)
        error = math.sqrt((np.var(values) + np.var(floors)) / 40)
        # Order 2 has a slowly varying factor on Gaussian tails besides the rate.
        bias = 0.0 if order == 1 else 0.1 * np.mean(values)
        assert abs(np.mean(floors) - np.mean(values)) < 3.5 * error + bias

    def test_exact_samples_have_ratio_one_and_wrong_ones_do_not(self):
        x = MIXTURE.sample(1000, rng=3)
        ratios = [sliced_wasserstein(x, MIXTURE, rng=i).ratio for i in range(10)]
        assert 0.7 < np.mean(ratios) < 1.4
        y = MIXTURE.sample(1000, rng=4)
        for wrong in (x + 0.3, 1.2 * x, x[:, ::-1]):
            assert sliced_wasserstein(wrong, MIXTURE, rng=0).ratio > 2.0
            assert sliced_wasserstein(wrong, y, rng=0).ratio > 2.0

    def test_floor_does_not_depend_on_the_samples(self):
        x, y = draws((50, 2)), draws((60, 2), 1)
        floors = {sliced_wasserstein(x + shift, y, rng=0).floor for shift in (0.0, 100.0)}
        assert len(floors) == 1

    def test_blocks_and_seeds(self, monkeypatch):
        x, y = draws((30, 2, 3)), draws((40, 2, 3), 1)
        one = sliced_wasserstein(x, y, rng=5)
        monkeypatch.setattr("diffpost_np.diagnostics._sliced.BLOCK", 1000)
        two = sliced_wasserstein(x, y, rng=5)
        assert one.value == pytest.approx(two.value, rel=1e-13)
        assert one.floor == pytest.approx(two.floor, rel=1e-13)
        assert sliced_wasserstein(x, y, rng=5) == two
        assert sliced_wasserstein(x, y, rng=6) != two
        flat = sliced_wasserstein(x.reshape(30, 6), y.reshape(40, 6), rng=5)
        assert flat == two

    def test_every_namespace_gives_the_same(self, xp):
        x, y = draws((20, 3)), draws((15, 3), 1)
        expected = sliced_wasserstein(x, y, rng=2)
        result = sliced_wasserstein(xp.array(x), xp.array(y), rng=2)
        assert result.value == pytest.approx(expected.value, rel=1e-12)
        assert result.floor == pytest.approx(expected.floor, rel=1e-12)
        single = sliced_wasserstein(xp.array(x, "float32"), xp.array(y, "float32"), rng=2)
        assert 0.5 < single.value / expected.value < 2.0


class TestEss:
    def test_known_values(self, xp):
        assert ess(xp.array(np.zeros(7))) == pytest.approx(7.0)
        assert ess(xp.array([0.0, -np.inf, -np.inf])) == 1.0
        assert ess(xp.array(np.log([0.5, 0.25, 0.25]))) == pytest.approx(1 / 0.375)

    @given(st.lists(st.floats(-50, 50), min_size=1, max_size=20), st.floats(-1e6, 1e6))
    def test_constants_do_not_matter_and_the_range_is_kept(self, values, shift):
        size = ess(values)
        assert 1 - 1e-12 <= size <= len(values) * (1 + 1e-12)
        assert ess([v + shift for v in values]) == pytest.approx(size, rel=1e-6)

    def test_extreme_weights_do_not_overflow(self):
        assert ess([1e300, 1e300]) == ess([-1e300, -1e300]) == 2.0


class TestCoverage:
    def test_intervals_are_the_quantiles(self, xp):
        samples = xp.array(np.arange(1.0, 100.0)[::-1, None] * np.ones((1, 4)))
        truth = xp.array([4.99, 5.01, 94.99, 95.01])
        result = coverage(samples, truth, level=0.9)
        assert xp.owns(result.per_coordinate)
        np.testing.assert_array_equal(xp.numpy(result.per_coordinate), [0, 1, 1, 0])
        assert result.mean == 0.5 and math.isnan(result.standard_error)

    @pytest.mark.parametrize("n, level", [(19, 0.9), (25, 0.9), (40, 0.5), (2, 0.01)])
    def test_exact_posterior_covers_with_its_level(self, n, level):
        """Of uniform draws the interpolated quantiles are exact for every n."""
        u = np.random.default_rng(n).random((n + 1, 20_000))
        result = coverage(u[1:], u[0], level)
        assert abs(result.mean - level) < 4 * math.sqrt(level * (1 - level) / 20_000)

    def test_list_of_problems_is_averaged(self):
        z = draws((50, 101, 2, 3))
        each = [coverage(row[1:], row[0]) for row in z]
        all_of_them = coverage([row[1:] for row in z], z[:, 0])
        np.testing.assert_allclose(
            all_of_them.per_coordinate, np.mean([c.per_coordinate for c in each], axis=0)
        )
        means = [c.mean for c in each]
        assert all_of_them.mean == pytest.approx(np.mean(means))
        assert all_of_them.standard_error == pytest.approx(np.std(means, ddof=1) / math.sqrt(50))

    def test_standard_error_counts_problems_not_coordinates(self):
        z = np.repeat(draws((200, 101, 1)), 50, axis=2)
        error = coverage(list(z[:, 1:]), z[:, 0]).standard_error
        assert error == pytest.approx(math.sqrt(0.09 / 200), rel=0.3)

    def test_blocks_do_not_matter(self, monkeypatch):
        samples, truth = draws((30, 5, 4)), draws((5, 4), 1)
        expected = coverage(samples, truth).per_coordinate
        monkeypatch.setattr("diffpost_np.diagnostics._problems.BLOCK", 90)
        np.testing.assert_array_equal(coverage(samples, truth).per_coordinate, expected)

    def test_float32_is_kept(self, xp):
        samples, truth = xp.array(draws((30, 4)), "float32"), xp.array(draws(4), "float32")
        assert str(coverage(samples, truth).per_coordinate.dtype).endswith("float32")


class TestRanks:
    def test_ranks_count_the_samples_below(self, xp):
        samples = [xp.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])] * 2
        truth = xp.array([[0.0, 6.5], [2.5, 9.0]])
        ranks = sbc_ranks(samples, truth, rng=0)
        assert xp.owns(ranks.ranks) and ranks.n_draws == 3
        np.testing.assert_array_equal(xp.numpy(ranks.ranks), [[0, 2], [2, 3]])
        assert ranks.p_values().shape == (2,)

    def test_p_values_of_the_right_sampler_are_uniform(self):
        z = draws((300, 100, 150))
        p = sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0).p_values()
        assert scipy.stats.kstest(p, "uniform").pvalue > 1e-3

    def test_p_values_are_those_of_scipy(self):
        z = draws((300, 100, 2))
        ranks = sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0)
        counts = [np.bincount(ranks.ranks[:, j] // 5, minlength=20) for j in range(2)]
        expected = [scipy.stats.chisquare(c).pvalue for c in counts]
        np.testing.assert_allclose(ranks.p_values(n_bins=20), expected, rtol=1e-10)
        # Seven bins of a hundred ranks hold 15, 14, 14, 15, 14, 14 and 14 of them.
        counts = np.bincount(ranks.ranks[:, 0] * 7 // 100, minlength=7)
        share = 3.0 * np.array([15, 14, 14, 15, 14, 14, 14])
        expected = scipy.stats.chisquare(counts, share).pvalue
        assert ranks.p_values(n_bins=7)[0] == pytest.approx(expected, rel=1e-10)

    @pytest.mark.parametrize("scale, shift", [(1.5, 0.0), (0.7, 0.0), (1.0, 0.4)])
    def test_wrong_samplers_are_found(self, scale, shift):
        z = draws((300, 100, 1))
        wrong = list(scale * z[:, 1:] + shift)
        assert sbc_ranks(wrong, z[:, 0], rng=0).p_values()[0] < 1e-4

    def test_ties_are_broken_at_random(self):
        z = np.random.default_rng(0).integers(0, 3, (1000, 20, 4)).astype(float)
        ranks = sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0)
        assert ranks.p_values().min() > 1e-3
        assert np.all(sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0).ranks == ranks.ranks)
        assert np.any(sbc_ranks(list(z[:, 1:]), z[:, 0], rng=1).ranks != ranks.ranks)

    def test_statistic(self):
        z = draws((20, 10, 3, 2))
        ranks = sbc_ranks(
            list(z[:, 1:]), z[:, 0], statistic=lambda x: np.sum(x**2, axis=(1, 2)), rng=0
        )
        squares = np.sum(z**2, axis=(2, 3))
        np.testing.assert_array_equal(ranks.ranks, np.sum(squares[:, 1:] < squares[:, :1], axis=1))
        assert ranks.p_values().shape == ()

    def test_blocks_do_not_matter(self, monkeypatch):
        z = draws((10, 12, 7))
        expected = sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0).ranks
        monkeypatch.setattr("diffpost_np.diagnostics._problems.BLOCK", 30)
        np.testing.assert_array_equal(sbc_ranks(list(z[:, 1:]), z[:, 0], rng=0).ranks, expected)


X, T = draws((30, 2)), draws((2,))
NAN = np.where(np.arange(60).reshape(30, 2) == 7, np.nan, X)
BAD = [
    (lambda: sliced_wasserstein(X[:0], X), ValueError, "x is an empty batch"),
    (lambda: sliced_wasserstein(X[:, 0], X), ValueError, r"x must have shape \(n, \*event\)"),
    (lambda: sliced_wasserstein(NAN, X), ValueError, r"x must be finite, got nan at .*\(3, 1\)"),
    (lambda: sliced_wasserstein(X, NAN), ValueError, "y must be finite"),
    (lambda: sliced_wasserstein(X, X[:, :1]), ValueError, r"y must have shape \(any, 2\)"),
    (lambda: sliced_wasserstein(X, X[:1]), ValueError, "y must have at least two points"),
    (lambda: sliced_wasserstein(X, None), TypeError, "y must be an array"),
    (lambda: sliced_wasserstein(X, MIXTURE), ValueError, r"y.sample must have shape \(any, 2\)"),
    (lambda: sliced_wasserstein(X, X, order=3), ValueError, "order must be 1 or 2"),
    (lambda: sliced_wasserstein(X, X, n_directions=0), ValueError, "n_directions must be at"),
    (lambda: sliced_wasserstein(X, X, n_references=1), ValueError, "n_references must be at"),
    (lambda: sliced_wasserstein(X, X, rng="seed"), TypeError, "rng must be"),
    (lambda: ess([]), ValueError, "log_weights is empty"),
    (lambda: ess([[0.0]]), ValueError, "log_weights must have shape"),
    (lambda: ess([0.0, np.nan]), ValueError, "log_weights must be finite or -inf"),
    (lambda: ess([0.0, np.inf]), ValueError, "log_weights must be finite or -inf"),
    (lambda: ess([-np.inf]), ValueError, "log_weights are all -inf"),
    (lambda: coverage(X, T[:1]), ValueError, r"truth must have shape \(2,\)"),
    (lambda: coverage(X, T, level=1.0), ValueError, "level must be below 1"),
    (lambda: coverage(X, T, level=0.0), ValueError, "level must be greater than 0"),
    (lambda: coverage(X[:18], T), ValueError, "samples must be at least 19 for level 0.9, got 18"),
    (lambda: coverage(NAN, T), ValueError, "samples must be finite"),
    (lambda: coverage([X, NAN], X[:2]), ValueError, r"samples\[1\] must be finite"),
    (lambda: coverage([X, X[:, :1]], X[:2]), ValueError, r"samples\[1\] must have shape"),
    (lambda: coverage([X, X], X[:3]), ValueError, r"truth must have shape \(2, 2\)"),
    (lambda: coverage([], X), ValueError, "samples is an empty list"),
    (lambda: coverage("samples", X), TypeError, "samples must be an array or a list"),
    (lambda: coverage(X, None), TypeError, "truth must be an array"),
    (lambda: sbc_ranks(X, T), TypeError, "samples must be a list of arrays"),
    (lambda: sbc_ranks([X, X[:9]], X[:2]), ValueError, "samples must be equally many"),
    (lambda: sbc_ranks([X], X[:1], statistic=np.sum), ValueError, "statistic must return shape"),
    (lambda: sbc_ranks([X], X[:1]).p_values(32), ValueError, "n_bins must be at most"),
    (lambda: sbc_ranks([X], X[:1]).p_values(1), ValueError, "n_bins must be at least 2"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=[b[2] for b in BAD])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_mixed_namespaces(xp):
    if xp.name in ("numpy", "readonly"):
        pytest.skip("nothing to mix")
    with pytest.raises(TypeError, match="mixed array types"):
        sliced_wasserstein(xp.array(X), X)
    with pytest.raises(TypeError, match="mixed array types"):
        coverage(xp.array(X), T)
