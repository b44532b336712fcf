"""Kernels of mixtures: the reference's values, and bits that nothing but the chain decides."""

import array_api_compat.numpy as xp
import numba
import numpy as np
import pytest
from accuracy import assert_accurate, dot
from mpmath import exp, log, mp

import diffpost_np as dp
from diffpost_np import _rows
from diffpost_np._numba.mixtures import mixture as kernels
from diffpost_np._numba.mixtures import rows as row_kernels
from diffpost_np._philox import Stream
from diffpost_np._rows import Linear
from diffpost_np.priors import _mixture_math as reference

K, D, M = 5, 7, 3
FORMS = ("shared", "scalar", "diagonal", "full", "tied", "low_rank")
DTYPES = (np.float64, np.float32)
CASES = [(form, np.float64) for form in FORMS]  # compiling them is most of the time here
CASES += [("shared", np.float32), ("full", np.float32)]
STREAM = Stream((3, 4), 11, 5, 2)


def covariances(form, rng, d=D):
    if form == "shared":
        return 0.7
    if form == "scalar":
        return rng.uniform(0.2, 2.0, K)
    if form == "diagonal":
        return rng.uniform(0.2, 2.0, (K, d))
    if form == "low_rank":
        return dp.priors.LowRank(rng.normal(size=(K, d, 2)), rng.uniform(0.2, 2.0, (K, d)))
    q = rng.normal(size=(1 if form == "tied" else K, d, d))
    return q @ q.transpose(0, 2, 1) + 0.1 * np.eye(d)


def mixture(form, d=D, spread=1.0, seed=0):
    """A mixture with unequal weights, one of them zero and its mean far away."""
    rng = np.random.default_rng(seed)
    means = spread * rng.normal(size=(K, d)) + 1.0
    means[-1] = 1e6
    return dp.priors.GaussianMixture([0.1, 0.2, 0.3, 0.4, 0.0], means, covariances(form, rng, d))


def points(n, dtype, d=D, seed=1):
    return (2 * np.random.default_rng(seed).normal(size=(n, d))).astype(dtype)


def level(sigma, dtype):
    return np.array([sigma**2], dtype)


def assert_close(computed, expected, factor=40):
    """Equal up to rounding, relative to the largest entry."""
    assert computed.dtype == expected.dtype
    tolerance = factor * np.finfo(expected.dtype).eps * np.max(np.abs(expected))
    np.testing.assert_allclose(computed, expected, rtol=0, atol=tolerance)


@pytest.fixture
def threads():
    before = numba.get_num_threads()
    yield range(1, numba.config.NUMBA_NUM_THREADS + 1)
    numba.set_num_threads(before)


@pytest.mark.parametrize("form, dtype", CASES)
class TestParity:
    @pytest.mark.parametrize("sigma", [0.0, 0.5, 20.0])
    def test_score_and_density(self, form, dtype, sigma):
        prior, x, s2 = mixture(form), points(70, dtype), level(sigma, dtype)
        arguments = xp, x, s2, prior.tables(x.dtype)
        assert_close(
            kernels.mixture_score(*arguments), reference.mixture_score.__wrapped__(*arguments)
        )
        assert_close(
            kernels.mixture_log_density(*arguments),
            reference.mixture_log_density.__wrapped__(*arguments),
        )

    @pytest.mark.parametrize("outputs", ["none", "one y", "y of each chain"])
    def test_rows(self, form, dtype, outputs):
        prior, x, table = mixture(form), points(70, dtype), steps(6)
        linear = measured(outputs, len(x), dtype)
        arguments = xp, x, prior.tables(x.dtype), table, linear, STREAM
        moved = row_kernels.advance_rows(*arguments)
        with dp.reference():
            expected = _rows.advance_rows(*arguments)
        assert_close(moved, expected)


def steps(n):
    """Rows whose five coefficients all differ, some of them twice in a row and some zero."""
    sigma = np.repeat(np.linspace(1.5, 0.1, (n + 1) // 2), 2)[:n]
    likelihood = np.where(np.arange(n) % 3, 0.03, 0.0)
    noise = np.where(np.arange(n) % 4, 0.2, 0.0)
    return np.column_stack([sigma, np.full(n, 0.9), np.linspace(0.0, 0.1, n), likelihood, noise])


def measured(outputs, n, dtype, seed=2, m=M):
    if outputs == "none":
        return None
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(1 if outputs == "one y" else n, m))
    arrays = rng.normal(size=(m, D)), np.geomspace(0.5, 2.0, m), y
    return Linear(*(a.astype(dtype) for a in arrays))


@pytest.mark.parametrize("form, dtype", CASES)
class TestSameBits:
    def run(self, form, x, linear=None, first_chain=0, table=None, step=5):
        tables = mixture(form).tables(x.dtype)
        stream = STREAM._replace(first_chain=first_chain, step=step)
        table = steps(7) if table is None else table
        return row_kernels.advance_rows(xp, x, tables, table, linear, stream)

    def test_chains_do_not_see_each_other(self, form, dtype):
        x, linear = points(150, dtype), measured("y of each chain", 150, dtype)
        whole = self.run(form, x, linear)
        for first, last in ((0, 1), (0, 65), (64, 150), (33, 97), (149, 150)):
            own = linear._replace(y=linear.y[first:last])
            assert np.array_equal(self.run(form, x[first:last], own, first), whole[first:last])

    def test_scores_of_a_permuted_batch(self, form, dtype):
        x, s2 = points(150, dtype), level(0.3, dtype)
        tables, order = mixture(form).tables(x.dtype), np.random.default_rng(0).permutation(150)
        for function in (kernels.mixture_score, kernels.mixture_log_density):
            whole = function(xp, x, s2, tables)
            assert np.array_equal(function(xp, x[order], s2, tables), whole[order])

    def test_threads(self, form, dtype, threads, monkeypatch):
        monkeypatch.setattr("diffpost_np._numba.parallel._WORTH_SHARING_NS", 0.0)
        x, tables = points(300, dtype), mixture(form).tables(np.dtype(dtype))
        results = []
        for n in threads:
            numba.set_num_threads(n)
            score = kernels.mixture_score(xp, x, level(0.3, dtype), tables)
            results.append((self.run(form, x), score))
        for result in results[1:]:
            assert all(map(np.array_equal, results[0], result))

    def test_a_table_in_parts(self, form, dtype):
        x, linear, table = points(40, dtype), measured("one y", 40, dtype), steps(7)
        whole = self.run(form, x, linear)
        half = self.run(form, x, linear, table=table[:3])
        assert np.array_equal(self.run(form, half, linear, table=table[3:], step=8), whole)

    def test_short_calls(self, form, dtype, monkeypatch):
        x, linear = points(40, dtype), measured("one y", 40, dtype)
        whole = self.run(form, x, linear)
        monkeypatch.setattr(row_kernels, "_CALL_NS", 1.0)
        assert np.array_equal(self.run(form, x, linear), whole)


@pytest.mark.parametrize("dtype", DTYPES)
class TestLikelihood:
    def assert_parity(self, linear, dtype, table):
        x = points(70, dtype)
        arguments = xp, x, mixture("shared").tables(x.dtype), table, linear, STREAM
        with dp.reference():
            expected = _rows.advance_rows(*arguments)
        assert_close(row_kernels.advance_rows(*arguments), expected)

    @pytest.mark.parametrize("outputs", ["one y", "y of each chain"])
    @pytest.mark.parametrize("m", [1, 4, D - 1, D, D + 1, 3 * D])
    def test_numbers_of_outputs(self, dtype, m, outputs):
        self.assert_parity(measured(outputs, 70, dtype, m=m), dtype, steps(6))

    @pytest.mark.parametrize("m", [4, 9])
    def test_dependent_outputs(self, dtype, m):
        linear = measured("y of each chain", 70, dtype, m=m)
        matrix = linear.matrix.copy()
        matrix[1], matrix[2], matrix[:, 0] = matrix[0], 0, 0
        self.assert_parity(linear._replace(matrix=matrix), dtype, steps(6))

    def test_little_noise(self, dtype):
        """Steps of the size that a noise of 1e-3 allows, from points that nearly fit."""
        linear, noise_std = measured("one y", 70, dtype, m=4), dtype(1e-3)
        linear = linear._replace(weights=np.full(4, noise_std**-2))
        table = steps(6) * np.array([1.0, 1.0, 1e-6, 1e-6, 1e-3])
        self.assert_parity(linear, dtype, table)

    def test_new_weights_for_a_matrix(self, dtype):
        linear = measured("one y", 70, dtype)
        self.assert_parity(linear, dtype, steps(6))
        self.assert_parity(linear._replace(weights=linear.weights[::-1]), dtype, steps(6))


class TestRegimes:
    """One variance: logits linear in x up to a spread of 30 deviations, differences beyond."""

    @pytest.mark.parametrize("spread", [1.0, 8.0, 13.0, 100.0, 1e4])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_accuracy(self, spread, dtype):
        rng = np.random.default_rng(3)
        means = (spread * rng.normal(size=(3, 4))).astype(dtype).astype(float)
        prior = dp.priors.GaussianMixture([0.2, 0.3, 0.5], means, 1.0)
        for x in (means[1] + rng.normal(size=4), 0.5 * (means[0] + means[2])):
            point = x[None, :].astype(dtype)
            score = prior.score(point, 0.25)[0]
            assert_accurate(score, exact_score, x=point[0], means=means, weights=prior.weights)

    def test_rows_of_both_regimes(self):
        prior, x = mixture("shared", spread=20.0), points(50, np.float64)
        table = np.column_stack([[9.0, 9.0, 0.1, 0.1, 9.0, 0.1], *np.full((4, 6), 0.1)])
        arguments = xp, x, prior.tables(x.dtype), table, None, STREAM
        with dp.reference():
            expected = _rows.advance_rows(*arguments)
        assert_close(row_kernels.advance_rows(*arguments), expected)


def exact_score(x, means, weights):
    variance = 1 + mp.mpf(0.25) ** 2
    logits = [
        log(w) - dot(x - m, x - m) / (2 * variance) for w, m in zip(weights, means, strict=True)
    ]
    r = [exp(value - max(logits)) for value in logits]
    return sum(weight * (m - x) for weight, m in zip(r, means, strict=True)) / (sum(r) * variance)


@pytest.mark.parametrize("form", FORMS)
def test_a_chain_that_is_not_finite_stays_alone(form):
    x, tables = points(40, np.float64), mixture(form).tables(np.dtype(float))
    clean = kernels.mixture_score(xp, x, level(0.3, float), tables)
    x[3, 1], x[7, 0] = np.nan, np.inf
    score = kernels.mixture_score(xp, x, level(0.3, float), tables)
    assert not np.isfinite(score[[3, 7]]).all(axis=1).any()
    others = np.delete(np.arange(40), [3, 7])
    assert np.array_equal(score[others], clean[others])


def apart(dtype, d=50):
    """Full covariances, components so far apart that they are given up early."""
    rng = np.random.default_rng(3)
    means = 30 * rng.normal(size=(K, d))
    covs = covariances("full", rng, d)
    prior = dp.priors.GaussianMixture(np.full(K, 1 / K), means, covs)
    x = means[rng.integers(0, K, 256)] + rng.normal(size=(256, d))
    return prior.tables(np.dtype(dtype)), x.astype(dtype)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_chains_that_are_not_finite_stay_alone_where_components_are_given_up(sigma, value):
    tables, x = apart(np.float64)
    clean = kernels.mixture_score(xp, x, level(sigma, float), tables)
    spoilt = np.arange(0, 256, 13)
    x[spoilt, spoilt % x.shape[1]] = value
    score = kernels.mixture_score(xp, x, level(sigma, float), tables)
    assert np.isnan(score[spoilt]).all()
    assert np.array_equal(*(np.delete(a, spoilt, axis=0) for a in (score, clean)))
    score = kernels.mixture_score(xp, x[spoilt], level(sigma, float), tables)
    assert np.isnan(score).all()


def test_scores_do_not_depend_on_calls_before():
    """What a diverged run leaves in the arrays of a thread does not reach other mixtures."""
    rng = np.random.default_rng(0)
    low_rank = dp.priors.LowRank(rng.normal(size=(2, 3, 2)), np.ones((2, 3)))
    before = dp.priors.GaussianMixture([0.5, 0.5], np.zeros((2, 3)), low_rank)
    prior = dp.priors.GaussianMixture(
        [0.5, 0.5], rng.normal(size=(2, 3)), np.ones((1, 3, 3)) + 2 * np.eye(3)
    )
    x = points(3, np.float64, 3)
    clean = prior.score(x, 0.3)
    infinite = np.full((40, 3), np.inf)
    kernels.mixture_score(xp, infinite, level(0.3, float), before.tables(x.dtype))
    assert np.array_equal(prior.score(x, 0.3), clean)


@pytest.mark.parametrize("dtype, far", [(np.float32, 7e4), (np.float64, 5e8)])
def test_far_points_do_not_depend_on_calls_before(dtype, far):
    """Where logits are so large that some ten of them are less than their rounding."""
    d, n = 50, 8
    means = np.zeros((n, d))
    means[1, [0, 49]] = 60 / far, 3
    means[2:, 0] = 500
    for k in range(2, n):
        means[k, 4 * k - 7 : 4 * k - 3] = 100
    identity = np.repeat(np.eye(d)[None], n, axis=0)
    prior = dp.priors.GaussianMixture(
        np.full(n, 1 / n), means.astype(dtype), identity.astype(dtype)
    )
    x, scores = np.zeros((1, d), dtype), []
    x[0, 0] = -far
    for shift in (1, 2):
        prior.score((means[1:2] + shift).astype(dtype), 0.0)
        scores.append(prior.score(x, 0.0))
    assert np.array_equal(*scores)


@pytest.mark.parametrize("form", FORMS)
def test_far_points_and_zero_responsibilities(form):
    """Components below 2^-99.7 are left out: the score is that of the others, to rounding."""
    prior = mixture(form, spread=40.0)
    x = np.concatenate([prior.means[:4] + 0.1, points(6, np.float64) * 1e6])
    arguments = xp, x, level(0.2, float), prior.tables(x.dtype)
    computed, expected = (
        kernels.mixture_score(*arguments),
        reference.mixture_score.__wrapped__(*arguments),
    )
    for row, want in zip(computed, expected, strict=True):
        assert_close(row, want, factor=1e4)


@pytest.mark.parametrize("layout", ["read-only", "columns first", "strided"])
def test_layout_of_the_points(layout):
    prior, x = mixture("full"), points(40, np.float64)
    made = {
        "read-only": lambda: _frozen(x.copy()),
        "columns first": lambda: np.asfortranarray(x),
        "strided": lambda: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
    }[layout]()
    before = made.copy()
    assert np.array_equal(prior.score(made, 0.3), prior.score(x, 0.3))
    moved = row_kernels.advance_rows(xp, made, prior.tables(x.dtype), steps(3), None, STREAM)
    assert moved is not made
    assert np.array_equal(made, before)


def _frozen(array):
    array.setflags(write=False)
    return array


def test_what_kernels_do_not_cover_is_left_to_the_reference():
    prior, x = mixture("diagonal"), points(6, np.float64)
    per_point = np.linspace(0.1, 0.6, 6) ** 2
    assert kernels.mixture_score(xp, x, per_point, prior.tables(x.dtype)) is NotImplemented
    with dp.reference():
        expected = prior.score(x, np.linspace(0.1, 0.6, 6))
    np.testing.assert_allclose(prior.score(x, np.linspace(0.1, 0.6, 6)), expected, rtol=1e-12)
    blur = dp.operators.convolution(np.array([0.2, 0.6, 0.2]), (7,))
    posterior = mixture("shared").posterior(dp.LinearGaussian(blur, 0.5), np.zeros(7))
    assert (
        kernels.mixture_score(xp, x, level(0.3, float), posterior.tables(x.dtype)) is NotImplemented
    )


def test_random_numbers_of_a_row_are_the_public_ones():
    prior, x = mixture("shared"), np.zeros((70, D))
    table = np.array([[1.0, 0.0, 0.0, 0.0, 1.0]])
    for dtype in DTYPES:
        start = x.astype(dtype)
        moved = row_kernels.advance_rows(xp, start, prior.tables(start.dtype), table, None, STREAM)
        key = dp.random.Key(*STREAM.key)
        z = dp.random.normal(key, (70, D), step=5, purpose=2, first_chain=11, like=start)
        assert np.array_equal(moved, z)


class TestOneVarianceFarAway:
    """What components share, and where they are, does not hide by how much they differ."""

    def test_log_density_at_a_mean(self):
        means = np.array([[0.0, 40.0], [30.0, 0.0], [-20.0, 10.0]]) + [3e8, -2e8]
        prior = dp.priors.GaussianMixture([0.2, 0.3, 0.5], means, 2.0)
        found = prior.log_density(means, 0.5)
        with dp.reference():
            np.testing.assert_allclose(found, prior.log_density(means, 0.5), rtol=1e-13)

    def test_score_in_many_dimensions(self):
        means = np.zeros((2, 2000), np.float32)
        means[0, 0], means[1, 0] = 1e6, -1e6
        prior = dp.priors.GaussianMixture(np.float32([0.3, 0.7]), means, np.float32(1.0))
        x = np.zeros((1, 2000), np.float32)
        for sigma in (1e6, 2e6, 3e6):
            variance = 1 + sigma**2
            assert prior.score(x, sigma)[0, 0] == pytest.approx(-0.4e6 / variance, rel=3e-6)

    def test_largest_noise(self):
        prior = dp.priors.GaussianMixture([0.3, 0.7], np.float32([[1, 2, 3], [3, 1, 2]]), 1.0)
        x, sigma = np.full((1, 3), 1e18, np.float32), 4e18
        np.testing.assert_allclose(prior.score(x, sigma), -x / sigma**2, rtol=1e-5)


def test_points_are_sorted_only_where_that_can_pay():
    prior, x = mixture("full", spread=3.0), points(20, np.float64)
    prepared = kernels.prepare(prior.tables(x.dtype))
    assert np.array_equal(kernels.by_neighbourhood(prepared, x, 1e4), np.arange(20))
    order = kernels.by_neighbourhood(prepared, x, 0.0)
    nearest = np.argmin(np.sum((x[order][:, None] - prior.means[:4]) ** 2, axis=2), axis=1)
    assert np.all(np.diff(nearest) >= 0) and nearest[-1] > nearest[0]


def test_components_that_differ_in_shape_are_given_up_early():
    """Equal means tell nothing apart, unequal axes do, until the noise hides them."""
    rng, d = np.random.default_rng(0), 30
    axes = np.linalg.qr(rng.normal(size=(K, d, d)))[0]
    covs = axes * np.where(np.arange(d) < 4, 1.0, 1e-4) @ axes.transpose(0, 2, 1)
    covs = 0.5 * (covs + covs.transpose(0, 2, 1))
    prior = dp.priors.GaussianMixture(np.full(K, 1 / K), np.zeros((K, d)), covs)
    form = kernels.prepare(prior.tables(np.dtype(np.float64))).levels(np.array([100.0, 1e-4]))
    assert form.n_first.tolist() == [d, 24]
