"""Log densities by the probability flow against exact ones, and the flow in SciPy's solver."""

import functools

import array_api_compat.numpy as numpy_namespace
import mixture_cases
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import diffpost_np as dp

MIXTURE = dp.priors.GaussianMixture(
    [0.2, 0.5, 0.3], [[-2.0, 0.5], [1.0, 2.0], [3.0, -1.0]], [[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]]
)
COV = np.array([[0.5, 0.3, 0.0], [0.3, 0.9, -0.2], [0.0, -0.2, 0.15]])
GAUSSIAN = dp.priors.Gaussian([1.0, -2.0, 3.0], COV)
RING = dp.priors.Ring(1.0, 0.2)
PRIORS = {"mixture": MIXTURE, "gaussian": GAUSSIAN, "ring": RING}
FIND = dp.sampling.ode_log_density


class ScoreOnly:
    """A prior that shows nothing but its score."""

    def __init__(self, prior):
        self.prior, self.event_shape = prior, prior.event_shape

    def score(self, x, sigma=0.0):
        return self.prior.score(x, sigma)


def worst(prior, x, sigma=0.0, **options):
    found = FIND(options.pop("shown", prior), x, sigma=sigma, **options)
    return float(np.max(np.abs(found.log_density - prior.log_density(x, sigma))))


@pytest.mark.parametrize("name", PRIORS)
def test_exact_log_densities(name):
    prior = PRIORS[name]
    x = prior.sample(30, rng=0)
    assert worst(prior, x, n_steps=200) < 1e-5
    assert worst(prior, x, n_steps=50) < 3e-3
    assert worst(prior, x, sigma=0.3, n_steps=100) < 1e-5
    plain = FIND(ScoreOnly(prior), x, divergence="exact", n_steps=60)
    assert np.max(np.abs(plain.log_density - FIND(prior, x, n_steps=60).log_density)) < 1e-8
    assert np.all(plain.standard_error == 0)


@pytest.mark.parametrize("schedule", ["log_snr", "karras"])
@pytest.mark.parametrize("name", ["mixture", "gaussian"])
def test_order_four(name, schedule):
    prior, x = PRIORS[name], PRIORS[name].sample(30, rng=0)
    options = {"schedule": schedule, "terminal": "exact", "sigma": 0.05}
    errors = [worst(prior, x, n_steps=n, **options) for n in (80, 160, 320)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(slopes - 4) < 0.5)


def test_the_step_from_the_data_errs_with_the_sixth_power():
    x = GAUSSIAN.sample(30, rng=0)
    smallest = (0.06, 0.03, 0.015)
    options = {"n_steps": 400, "terminal": "exact", "sigma_max": 1.0}
    errors = [worst(GAUSSIAN, x, sigma_min=s, **options) for s in smallest]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(slopes - 6) < 0.5)


def test_no_score_is_asked_for_outside_the_levels():
    asked = []

    def score(x, sigma):
        asked.append(sigma)
        return -x / (1 + sigma**2)

    FIND(score, np.ones((2, 3)), sigma_min=0.01, sigma_max=30.0, n_steps=12, rng=0)
    assert min(asked) >= 0.01 * (1 - 1e-12)
    assert max(asked) <= 30.0 * (1 + 1e-12)


@pytest.mark.parametrize("name", ["mixture", "gaussian"])
def test_the_end_of_the_flow(name):
    prior, x = PRIORS[name], PRIORS[name].sample(30, rng=0)
    mean, std = prior.mean(), prior.std()
    size = float(np.sqrt(mean @ mean + std @ std))
    for sigma_max in (10.0, 20.0, 40.0):
        options = {"sigma_max": sigma_max, "sigma": 0.1, "n_steps": 150}
        with_expansion = FIND(prior, x, **options)
        exact = FIND(prior, x, terminal="exact", **options)
        normal = FIND(prior, x, terminal="normal", **options)
        gap = np.max(np.abs(with_expansion.log_density - exact.log_density))
        assert gap < (size / sigma_max) ** 4
        np.testing.assert_array_equal(with_expansion.terminal, exact.terminal)
        at_end = np.sum(exact.terminal**2, axis=1) / (1 + sigma_max**2)
        at_end = -0.5 * (at_end + prior.event_shape[0] * np.log(2 * np.pi * (1 + sigma_max**2)))
        want = exact.log_density + at_end - prior.log_density(exact.terminal, sigma_max)
        np.testing.assert_allclose(normal.log_density, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("probes", ["rademacher", "normal"])
@pytest.mark.parametrize("shown", [GAUSSIAN, ScoreOnly(GAUSSIAN)], ids=["products", "scores"])
def test_probes_err_by_their_standard_error(probes, shown):
    n, n_probes = 400, 50
    x = GAUSSIAN.sample(n, rng=0)
    options = {"n_steps": 12, "sigma_min": 0.05}
    exact = FIND(GAUSSIAN, x, **options)
    options |= {"divergence": "hutchinson", "n_probes": n_probes, "probes": probes}
    found = FIND(shown, x, rng=1, **options)
    z = (found.log_density - exact.log_density) / found.standard_error
    assert abs(np.mean(z)) < 4 / np.sqrt(n)
    # z^2 of Student's t with 49 degrees has mean 49 / 47 and standard deviation 1.6
    assert abs(np.mean(z**2) - 49 / 47) < 4 * 1.6 / np.sqrt(n)
    np.testing.assert_array_equal(found.terminal, exact.terminal)


def test_rademacher_probes_are_exact_where_dimensions_do_not_interact():
    prior = dp.priors.Gaussian([1.0, -2.0], [0.5, 2.0])
    x = prior.sample(5, rng=0)
    found = FIND(prior, x, divergence="hutchinson", n_probes=2)
    assert np.max(found.standard_error) < 1e-12
    np.testing.assert_allclose(found.log_density, FIND(prior, x).log_density, rtol=1e-12)


@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
@pytest.mark.parametrize("name", PRIORS)
def test_points_do_not_depend_on_each_other(name, divergence):
    prior = PRIORS[name]
    x = prior.sample(7, rng=0)
    find = functools.partial(FIND, prior, rng=0, divergence=divergence, n_steps=12)
    whole = find(x)
    tail = find(x[3:], first_chain=3)
    np.testing.assert_allclose(whole.log_density[3:], tail.log_density, rtol=1e-12)
    np.testing.assert_allclose(whole.standard_error[3:], tail.standard_error, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.terminal[3:], tail.terminal, rtol=1e-12)


@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_namespaces_and_precisions(xp, dtype, divergence):
    weights, means = xp.array(MIXTURE.weights, dtype), xp.array(MIXTURE.means, dtype)
    covs = [[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]]
    prior = dp.priors.GaussianMixture(weights, means, xp.array(covs, dtype))
    x = np.asarray(MIXTURE.sample(5, rng=0), dtype)
    options = {"n_steps": 20, "divergence": divergence, "n_probes": 3, "rng": 0}
    want = FIND(MIXTURE, x.astype(float), **options)
    for shown in (prior, ScoreOnly(prior)):
        found = FIND(shown, xp.array(x, dtype), **options)
        for value in (found.log_density, found.standard_error, found.terminal):
            assert xp.owns(value)
            assert value.dtype == getattr(xp.xp, dtype)
        loose = {"atol": 0.05 if shown is not prior else 1e-3} if dtype == "float32" else {}
        if dtype == "float32" and divergence == "hutchinson":
            continue  # float32 has probes of its own
        tolerance = {"rtol": 1e-6, "atol": 1e-7} | loose
        np.testing.assert_allclose(xp.numpy(found.log_density), want.log_density, **tolerance)


def test_images_and_cost():
    prior = dp.priors.Gaussian(np.ones((2, 3)), 0.5)
    x = prior.sample(4, rng=0)
    found = FIND(prior, x, n_steps=10)
    assert found.terminal.shape == (4, 2, 3)
    assert found.n_score_evals == 4 * found.n_rounds == 4 * (3 + 9 * 4 + 4)
    plain = FIND(ScoreOnly(prior), x, n_steps=10, n_probes=3, rng=0)
    n_divergences = 3 + 9 * 4 + 1
    assert plain.n_score_evals == found.n_score_evals + 4 * 2 * 3 * n_divergences


@pytest.mark.parametrize("form", mixture_cases.FORMS)
def test_traces_of_all_forms_of_covariances(form):
    parts = mixture_cases.parameters(form, "plain")
    prior = mixture_cases.mixture(form, parts, mixture_cases.MEANS)
    x, rng = prior.sample(6, rng=0), np.random.default_rng(0)
    for sigma in (0.0, 1e-3, 0.4, 3.0, 1e3):
        y = x + sigma * rng.normal(size=x.shape)
        units = [np.tile(unit, (6, 1)) for unit in np.eye(3)]
        want = sum(np.sum(prior.denoise_vjp(y, sigma, v) * v, axis=1) for v in units)
        found = prior._denoise_trace(numpy_namespace, y, np.array([sigma]))
        np.testing.assert_allclose(found, want, rtol=1e-9)


class TestProbabilityFlow:
    """The flow by a solver of SciPy."""

    VARIANCES = np.array([0.5, 2.0])
    PRIOR = dp.priors.Gaussian([1.0, -2.0], VARIANCES)
    SOLVE = staticmethod(functools.partial(solve_ivp, rtol=1e-9, atol=1e-9))
    X = np.array([[1.0, 2.0], [-3.0, 0.5], [4.0, -1.0]])

    @pytest.mark.parametrize(("start", "end"), [(0.0, 5.0), (5.0, 0.0), (0.3, 40.0)])
    def test_gaussian_map(self, start, end):
        scale = np.sqrt((self.VARIANCES + end**2) / (self.VARIANCES + start**2))
        exact = self.PRIOR.mean() + scale * (self.X - self.PRIOR.mean())
        flow = dp.sampling.probability_flow(self.PRIOR)
        found = self.SOLVE(flow, (start, end), self.X.ravel()).y[:, -1]
        np.testing.assert_allclose(found.reshape(3, 2), exact, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
    @pytest.mark.parametrize("prior", [PRIOR, MIXTURE, ScoreOnly(MIXTURE)])
    def test_log_density(self, prior, divergence):
        options = {"divergence": divergence, "n_probes": 2, "rng": 0}
        flow = dp.sampling.probability_flow(prior, log_density=True, **options)
        state = np.append(self.X, np.zeros(3))
        end = self.SOLVE(flow, (0.1, 8.0), state).y[:, -1]
        y, change = end[:6].reshape(3, 2), end[6:]
        known = getattr(prior, "prior", prior)
        exact = known.log_density(y, 8.0) - known.log_density(self.X, 0.1)
        if divergence == "exact" or known is self.PRIOR:
            np.testing.assert_allclose(change, exact, atol=1e-5)
        else:
            assert np.all(np.abs(change - exact) < 3)

    def test_images_and_plain_functions(self):
        flow = dp.sampling.probability_flow(
            lambda x, sigma: -x / (1 + sigma**2), event_shape=(2, 3)
        )
        state = np.arange(12.0)
        np.testing.assert_allclose(flow(2.0, state), 2.0 * state / 5)

    def test_mistakes(self):
        flow = dp.sampling.probability_flow(self.PRIOR)
        with pytest.raises(ValueError, match="state must hold 2 numbers for each point, got 3"):
            flow(1.0, np.ones(3))
        with pytest.raises(ValueError, match="state must be finite"):
            flow(1.0, np.array([1.0, np.nan]))
        with pytest.raises(ValueError, match="sigma must lie in"):
            flow(-1.0, np.ones(2))
        with pytest.raises(TypeError, match="event_shape must be given"):
            dp.sampling.probability_flow(lambda x, sigma: x)
        with pytest.raises(ValueError, match="returned NaN or infinity"):
            dp.sampling.probability_flow(lambda x, sigma: x * np.nan, event_shape=(2,))(
                1.0, np.ones(2)
            )


class TestMistakes:
    X = np.ones((3, 2))

    def test_no_density(self):
        points = dp.priors.Empirical(self.X)
        with pytest.raises(ValueError, match="no density at sigma = 0"):
            FIND(points, self.X)
        assert worst(points, self.X, sigma=0.2, n_steps=80) < 1e-4

    def test_ability_for_the_end(self):
        with pytest.raises(TypeError, match=r"no .log_density, which terminal='exact' needs"):
            FIND(ScoreOnly(MIXTURE), self.X, terminal="exact")

    def test_schedules(self):
        levels = [10.0, 1.0, 0.1, 0.0]
        assert FIND(MIXTURE, self.X, schedule=levels).n_score_evals == 3 * (3 + 2 * 4 + 4)
        assert FIND(MIXTURE, self.X, schedule=levels, sigma=0.1).n_score_evals == 3 * (2 * 4 + 4)
        with pytest.raises(ValueError, match=r"schedule must end with the levels sigma = 0.2"):
            FIND(MIXTURE, self.X, schedule=levels, sigma=0.2)
        with pytest.raises(ValueError, match="sigma_max"):
            FIND(MIXTURE, self.X, sigma=100.0)
        with pytest.raises(ValueError, match="n_steps"):
            FIND(MIXTURE, self.X, sigma=1.0, n_steps=0)

    def test_scores_that_are_not_finite_are_named_with_their_point(self):
        def score(x, sigma):
            return np.where(np.arange(len(x))[:, None] == 2, np.nan, -x)

        with pytest.raises(ValueError, match=r"prior.score returned NaN or infinity at chain 2"):
            FIND(score, self.X)

    def test_products_that_are_not_finite_are_named_with_their_point(self):
        class Broken(ScoreOnly):
            def denoise_vjp(self, x, sigma, v):
                return np.where(np.arange(len(x))[:, None] % 3 == 2, np.nan, v)

        with pytest.raises(ValueError, match=r"denoise_vjp returned NaN or infinity at chain 2"):
            FIND(Broken(MIXTURE), self.X)

    def test_divergence_is_named_with_its_step_and_point(self):
        def score(x, sigma):
            return np.where(np.arange(len(x))[:, None] == 1, -1e40 * x, -x / (1 + sigma**2))

        with pytest.raises(ValueError, match=r"diverged by step \d+, chain 1"):
            FIND(score, self.X)
