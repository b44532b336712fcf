"""Critical windows (Li, Chen 2403.01633; Li, Karan, Chen 2502.00921): closed forms, quadrature."""

import importlib.util
import math
import pathlib

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import norm

import diffpost_np as dp
from diffpost_np.sampling import critical_window
from diffpost_np.sampling._overlap.components import Pairs, components_of
from diffpost_np.sampling._overlap.line import line_of

_PATH = pathlib.Path(__file__).parent.parent / "examples" / "critical_windows.py"
SKEW = dp.priors.GaussianMixture(
    [0.1, 0.2, 0.3, 0.4], [[0.0], [1.0], [4.0], [20.0]], [1.0, 0.01, 3.0, 0.5]
)
GROUPS = [([0], [1]), ([0, 1], [2, 3]), ([1, 2], [0]), ([3], [0, 1, 2])]
UNEVEN = dp.priors.GaussianMixture(
    [0.2, 0.5, 0.3],
    [[-30.0, 5.0, 1.0], [10.0, 20.0, -4.0], [12.0, -9.0, 0.5]],
    [[0.3, 0.1, 2.0], [0.05, 0.6, 1.0], [0.2, 0.2, 5.0]],
)


def pair(distance, weight=0.5, covs=1.0):
    return dp.priors.GaussianMixture([1 - weight, weight], [[0.0], [distance]], covs)


def parts(prior, t):
    """Weights, means and standard deviations in one dimension after time t."""
    stds = np.sqrt(1 + np.exp(-2 * t) * (prior.covs.values[:, 0] - 1))
    return prior.weights, np.exp(-t) * prior.means[:, 0], stds * np.ones(prior.n_components)


def brute_force(prior, first, second, t):
    """Integrals of min(p, q) and |p - q| / 2 by the trapezoidal rule."""
    weights, means, stds = parts(prior, t)
    x = np.unique(means + stds * np.linspace(-9, 9, 20_001)[:, None])
    p, q = (
        norm.pdf(x[:, None], means[s], stds[s]) @ (weights[s] / weights[s].sum())
        for s in (first, second)
    )
    return np.trapezoid(np.minimum(p, q), x), 0.5 * np.trapezoid(np.abs(p - q), x)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(("first", "second"), GROUPS)
def test_total_variation_on_a_line(first, second, t):
    line, pairs = line_of(components_of(SKEW)), Pairs(components_of(SKEW))
    overlap, distance = brute_force(SKEW, first, second, t)
    assert abs(line.overlap(first, second, t) - overlap) < 1e-7
    assert abs(line.distance(first, second, t) - distance) < 1e-7
    assert abs(line.overlap(first, second, t) + line.distance(first, second, t) - 1) < 1e-12
    assert pairs.overlap(first, second, t) > overlap
    assert pairs.distance(first, second, t) > distance - 1e-9


@pytest.mark.parametrize("distance", [0.1, 0.3, 1.0, 3.0])
def test_overlap_of_pairs_of_unequal_weights(distance):
    """The third component is out of reach, so that the second has a weight of its own."""
    means = [[0.0], [distance], [60.0]]
    for variances in (1.0, [1.0, 1.0001, 1.0]):
        prior = dp.priors.GaussianMixture([0.3, 0.2, 0.5], means, variances)
        overlap, _ = brute_force(prior, [0], [1, 2], 0.0)
        bound = Pairs(components_of(prior)).overlap([0], [1, 2], 0.0)
        if variances == 1.0:
            assert abs(bound - overlap) < 1e-7
        assert overlap - 1e-7 < bound < 3 * overlap


def test_small_overlaps_keep_their_digits():
    line = line_of(components_of(pair(20.0)))
    assert abs(line.overlap([0], [1], 0.0) / (2 * norm.sf(10.0)) - 1) < 1e-9


class TestTwoComponents:
    """Means +-mu, unit variances: T_end = log mu - log q(1/2 + eps), T_after with 1 - eps^2 / 2."""

    @pytest.mark.parametrize(("eps", "width"), [(0.1, 2.319), (0.05, 3.181), (0.01, 5.045)])
    def test_closed_forms(self, eps, width):
        window = critical_window(pair(2 * 50.0), [0], [0, 1], eps)
        assert window.exact
        assert abs(window.T_end - (math.log(50) - math.log(ndtri(0.5 + eps)))) < 1e-9
        assert abs(window.T_after - (math.log(50) - math.log(-ndtri(eps**2 / 2)))) < 1e-9
        assert abs(window.width - width) < 5e-4
        assert window.T_start == math.inf

    @pytest.mark.parametrize("eps", [0.2, 0.1, 0.01, 0.001])
    def test_published_bounds_hold(self, eps):
        """Those of example 1 of 2502.00921, and the sharper log mu - log(4 log(1/eps)) / 2."""
        mu = 500.0
        window = critical_window(pair(2 * mu), [0], [0, 1], eps)
        assert window.T_end < math.log(mu) + math.log(2 / eps)
        assert window.T_after > math.log(mu) - math.log(math.log(1 / (2 * eps**2)))
        assert window.T_after > math.log(mu) - 0.5 * math.log(4 * math.log(1 / eps))

    def test_distances_shift_the_window_by_their_logarithm(self):
        weights, means = [0.2, 0.5, 0.3], np.array([[-7.0], [9.0], [900.0]])
        windows = [
            critical_window(dp.priors.GaussianMixture(weights, c * means, 1.0), [1], [0, 1])
            for c in (1.0, 13.0)
        ]
        for name in ("T_after", "T_end", "T_start"):
            near, far = (getattr(window, name) for window in windows)
            assert abs(far - near - math.log(13)) < 1e-9

    @pytest.mark.parametrize("weight", [0.1, 0.3, 0.9])
    def test_weights_move_the_end_alone(self, weight):
        """A part of weight w is (1 - w) times the others' distance away from the whole."""
        window = critical_window(pair(100.0, 1 - weight), [0], [0, 1])
        distance = 0.1 / (1 - weight)
        end = math.log(50) - math.log(ndtri((1 + distance) / 2)) if distance < 1 else 0.0
        assert abs(window.T_end - end) < 1e-9
        assert abs(window.T_after - critical_window(pair(100.0), [0], [0, 1]).T_after) < 1e-9

    def test_one_covariance_for_all_is_a_line_too(self):
        """The distance is e^-t |C_t^-1/2 (mu_1 - mu_0)|, C_t = 1 + e^-2t (C - 1)."""
        rng = np.random.default_rng(0)
        factor = rng.normal(size=(3, 3))
        cov, gap = factor @ factor.T + 0.1 * np.eye(3), np.array([30.0, -20.0, 9.0])
        means = rng.normal(size=3) + np.array([[0.0], [1.0]]) * gap
        prior = dp.priors.GaussianMixture([0.3, 0.7], means, cov[None])
        window = critical_window(prior, [0], [0, 1])

        def half_distance(t):
            noisy = np.eye(3) + np.exp(-2 * t) * (cov - np.eye(3))
            return 0.5 * np.exp(-t) * np.sqrt(gap @ np.linalg.solve(noisy, gap))

        assert window.exact
        after = brentq(lambda t: half_distance(t) + ndtri(0.1**2 / 2), 0, 20, xtol=1e-13)
        end = brentq(lambda t: half_distance(t) - ndtri((1 + 0.1 / 0.7) / 2), 0, 20, xtol=1e-13)
        assert abs(window.T_after - after) < 1e-9
        assert abs(window.T_end - end) < 1e-9


class TestBounds:
    """Off the line: on the safe side of the truth, and no worse than closed formulas."""

    def test_of_pairs_against_the_line(self):
        for eps in (0.05, 0.2):
            for initial, target in (([0], [0, 1]), ([1, 2], [0, 1, 2]), ([2], [0, 1, 2, 3])):
                exact = critical_window(SKEW, initial, target, eps)
                wide = np.concatenate([SKEW.means, 0 * SKEW.means], axis=1)
                variances = np.concatenate([SKEW.covs.values, np.ones((4, 1))], axis=1)
                off = dp.priors.GaussianMixture(SKEW.weights, wide, variances)
                bounds = critical_window(off, initial, target, eps)
                assert exact.exact and not bounds.exact
                assert bounds.T_after <= exact.T_after
                assert bounds.T_start <= exact.T_start
                assert exact.T_end <= bounds.T_end < exact.T_end + 1.0
                assert exact.bound == bounds.bound

    @pytest.mark.parametrize("eps", [0.3, 0.1, 0.01])
    def test_no_worse_than_formulas_in_extreme_eigenvalues(self, eps):
        low, high = 0.05, 5.0
        variances, means = UNEVEN.covs.values, UNEVEN.means
        pairs = Pairs(components_of(UNEVEN))
        for i, j in ((0, 1), (0, 2), (1, 2)):
            gap = np.sum((means[i] - means[j]) ** 2)
            apart = 0.5 * math.log(gap / (16 * math.log(1 / eps)) - (high - 1))
            assert 1 - pairs.overlap([i], [j], apart) >= 1 - eps**2
            spread = np.sum((variances[i] - variances[j]) ** 2)

            def excess(t, gap=gap, spread=spread):
                least = 1 + math.exp(-2 * t) * (low - 1)
                return (gap * math.exp(-2 * t) / least + spread * math.exp(-4 * t) / least**2) / 4

            merged = brentq(lambda t, f=excess: f(t) - eps**2, 0, 30)
            assert pairs.total_variation(merged)[i, j] <= eps

    def test_random_means_need_sixteen(self):
        """With 16 log(K / eps) all parts are apart; with 8 log(K / eps) two need not be."""
        for k, eps in ((2, 0.1), (10, 0.1), (10, 0.01), (50, 0.01)):
            means = 1e3 * np.eye(k)
            prior = dp.priors.GaussianMixture(np.full(k, 1 / k), means, 1.0)
            pairs = Pairs(components_of(prior))
            gap = math.log(1e3 * math.sqrt(2))
            first, rest = list(range(k // 2)), list(range(k // 2, k))
            apart = gap - 0.5 * math.log(16 * math.log(k / eps))
            assert pairs.overlap(first, rest, apart) <= eps**2
        two = line_of(components_of(pair(1000.0)))
        too_late = math.log(1000) - 0.5 * math.log(8 * math.log(2 / 0.1))
        assert two.overlap([0], [1], too_late) > 0.1**2

    def test_matrices_are_those_of_any_basis(self):
        turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
        covs = np.einsum("ij,kj,lj->kil", turn, UNEVEN.covs.values, turn)
        turned = dp.priors.GaussianMixture(UNEVEN.weights, UNEVEN.means @ turn.T, covs)
        low_rank = dp.priors.LowRank(turn @ np.eye(3)[None] * 2.0, np.array([[0.3]]))
        for initial, target in (([1], [1, 2]), ([1, 2], [0, 1, 2])):
            one, other = (critical_window(p, initial, target) for p in (UNEVEN, turned))
            np.testing.assert_allclose(
                [one.T_after, one.T_end, one.T_start], [other.T_after, other.T_end, other.T_start]
            )
        lows = dp.priors.GaussianMixture(UNEVEN.weights, UNEVEN.means, low_rank)
        plain = dp.priors.GaussianMixture(UNEVEN.weights, UNEVEN.means, 4.3)
        one, other = (critical_window(p, [1], [1, 2]) for p in (lows, plain))
        np.testing.assert_allclose([one.T_after, one.T_end], [other.T_after, other.T_end])

    def test_against_draws(self):
        """The share of posterior mass on the wrong side is the overlap, estimated without bias."""
        window = critical_window(UNEVEN, [1], [1, 2])
        for t, distance in ((window.T_end, 0.1), (window.T_start, 1 - 0.1**2)):
            sigma = dp.schedules.OU().noise_level(t)
            x = UNEVEN.sample(50_000, rng=0)
            noisy = x + sigma * np.random.default_rng(1).normal(size=x.shape)
            r = UNEVEN.responsibilities(noisy, sigma)
            w = UNEVEN.weights
            if distance < 0.5:
                p, q = r[:, 1] / w[1], (r[:, 1] + r[:, 2]) / (w[1] + w[2])
            else:
                p, q = r[:, 0] / w[0], (r[:, 1] + r[:, 2]) / (w[1] + w[2])
            found = 0.5 * np.abs(p - q)
            error = 4.5 * found.std() / math.sqrt(len(found))
            if distance < 0.5:
                assert found.mean() < distance + error
            else:
                assert found.mean() > distance - error


@pytest.fixture(scope="module")
def example():
    if not _PATH.exists():
        pytest.skip("the examples are not beside the tests")
    spec = importlib.util.spec_from_file_location("critical_windows", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = [
    ([0.45, 0.45, 0.1], 1.0, [0], [0, 1]),
    ([0.09, 0.81, 0.1], 1.0, [0], [0, 1]),
    ([0.05, 0.05, 0.9], 1.0, [0], [0, 1]),
    ([0.3, 0.2, 0.5], [0.5, 4.0, 2.0], [1], [0, 1]),
    ([0.3, 0.2, 0.5], [0.5, 4.0, 2.0], [0, 2], [0, 1, 2]),
    ([0.02, 0.9, 0.08], [0.5, 4.0, 2.0], [0], [0]),
]


class TestTheorem:
    """What comes back from `initial` is within the bound of `target`, by quadrature."""

    @pytest.mark.parametrize("eps", [0.05, 0.2])
    @pytest.mark.parametrize(("weights", "variances", "initial", "target"), CASES)
    def test_bound_is_met(self, example, weights, variances, initial, target, eps):
        prior = dp.priors.GaussianMixture(weights, [[-6.0], [6.0], [4000.0]], variances)
        window = critical_window(prior, initial, target, eps)
        last = min(window.T_start, window.T_end + 5)
        assert last > window.T_end
        for t in np.linspace(window.T_end + 1e-6, last, 6):
            found = example.distance_to_target(prior, initial, target, t)
            assert found <= window.bound + 1e-6

    def test_bound(self):
        for weight, ratio in ((0.1, 1 / 9), (0.9, 9.0)):
            window = critical_window(pair(100.0, weight), [0], [0], 0.05)
            assert abs(window.bound - 0.05 * (1 + max(1, ratio) / math.sqrt(2))) < 1e-12

    def test_it_says_something(self, example):
        """Before the window and after it the distance is larger."""
        prior = dp.priors.GaussianMixture([0.2, 0.4, 0.4], [[-3.0], [3.0], [2000.0]], 1.0)
        window = critical_window(prior, [0], [0, 1])
        assert example.distance_to_target(prior, [0], [0, 1], window.T_after) > 2 * window.bound
        far = window.T_start + 3
        assert example.distance_to_target(prior, [0], [0, 1], far) > 2 * window.bound

    def test_the_score_of_a_part_gives_the_part_back(self, example):
        prior = dp.priors.GaussianMixture([0.3, 0.7], [[-3.0], [1.0]], [0.5, 2.0])
        for t in (0.1, 1.0, 3.0):
            assert example.distance_to_target(prior, [0, 1], [0, 1], t) < 1e-6


class TestExample:
    def test_shares_that_are_kept(self, example):
        """Products of the probabilities to return along both axes."""
        expected = {1: (1.0, 0.926), 2.5: (1.0, 0.560), 4: (0.775, 0.503)}
        prior, n = example.four_components(), 20_000
        for time, shares in expected.items():
            r = [example.returned(math.exp(height - time)) for height in (4, 1.5)]
            np.testing.assert_allclose(r, shares, atol=6e-4)
            found = example.kept(prior, time, "exact", n)
            error = 4.5 * 0.5 / math.sqrt(n)
            np.testing.assert_allclose(found, [*r, r[0] * r[1]], atol=error)

    def test_windows_of_random_means_do_not_widen(self, example):
        """Mean distances concentrate: what is left are scatter and the pull of K = 10."""
        widths = [example.ten_means(d, 3)[1].width for d in (50, 500, 5000)]
        assert max(widths) - min(widths) < 0.05


def test_every_namespace_and_shape(xp):
    means = np.array([[[1.0, 2.0]], [[30.0, -9.0]], [[90.0, 7.0]]])
    made = dp.priors.GaussianMixture(xp.array([0.2, 0.3, 0.5]), xp.array(means), xp.array(0.5))
    plain = dp.priors.GaussianMixture([0.2, 0.3, 0.5], means, 0.5)
    assert critical_window(made, [0], [0, 1]) == critical_window(plain, [0], [0, 1])


class TestEdges:
    def test_close_components_are_never_apart(self):
        window = critical_window(pair(0.1), [0], [0, 1])
        assert (window.T_after, window.T_end) == (-math.inf, 0.0)

    def test_a_part_is_merged_with_itself(self):
        window = critical_window(pair(100.0), [1], [1])
        assert window.T_end == 0
        assert window.T_start == window.T_after

    def test_components_of_no_weight_are_not_there(self):
        prior = dp.priors.GaussianMixture([0.5, 0.5, 0.0], [[0.0], [100.0], [7.0]], 1.0)
        window = critical_window(prior, [0, 2], [0, 1])
        assert window == critical_window(pair(100.0), [0], [0, 1])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([0], [1]), r"target must include initial, \[0\], got \[1\]"),
            (([2], [0, 1]), "initial must have a component of positive weight"),
            (([0], [0, 3]), "target, every index, must be at most 2, got 3"),
            (([0], [0, 1], 1.0), "eps must be below 1, got 1"),
        ],
    )
    def test_mistakes(self, arguments, message):
        prior = dp.priors.GaussianMixture([0.5, 0.5, 0.0], [[0.0], [100.0], [7.0]], 1.0)
        with pytest.raises(ValueError, match=message):
            critical_window(prior, *arguments)

    def test_other_priors(self):
        with pytest.raises(TypeError, match="prior must be a GaussianMixture"):
            critical_window(dp.priors.Ring(1.0, 0.1), [0], [0])
