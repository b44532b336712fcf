"""`annealed_smc` against closed-form posteriors, seen through the score alone."""

import dataclasses
import warnings

import numpy as np
import pytest
from problems import ScoreOnly, narrow_mode, three_in_eight

import diffpost_np as dp
from diffpost_np.posterior import annealed_smc
from diffpost_np.posterior._genealogy import weight_error
from diffpost_np.posterior._problem import Problem
from diffpost_np.posterior._smc_report import _distrust


def quality(result, exact, order=1):
    """Sliced Wasserstein distance to the exact posterior over its two-sample floor."""
    return dp.diagnostics.sliced_wasserstein(
        result.samples, exact, order=order, rng=0, n_references=4
    ).ratio


def test_three_modes_in_eight_dimensions():
    """Twenty problems whose posterior weights differ from the prior's: ratio 1.2 on average."""
    ratios, errors = [], []
    for seed in range(20):
        prior, measurement, y = three_in_eight(seed)
        exact = prior.posterior(measurement, y)
        result = annealed_smc(ScoreOnly(prior), measurement, y, rng=seed)
        ratios.append(quality(result, exact, order=2))
        errors.append(result.log_evidence - exact.log_evidence)
    assert np.mean(ratios) < 1.2
    assert np.sqrt(np.mean(np.square(errors))) < 0.15


@pytest.mark.parametrize("options", [{}, {"metropolis": True}])
def test_a_narrow_mode_keeps_its_weight(options):
    """A long move out of a narrow mode looks free to the trapezoid rule."""
    prior, measurement, y = narrow_mode()
    exact = prior.posterior(measurement, y)
    shares = [
        exact.responsibilities(
            annealed_smc(
                ScoreOnly(prior), measurement, y, n_samples=2000, rng=seed, **options
            ).samples
        ).mean(axis=0)
        for seed in range(4)
    ]
    np.testing.assert_allclose(np.mean(shares, axis=0), exact.weights, atol=0.04)


@pytest.mark.parametrize(
    "options, worst",
    [
        ({"kernel": "prior_local"}, 2.0),
        ({"kernel": "mala"}, 2.0),
        ({"metropolis": False}, 2.0),
        ({"n_initial": 1000}, 2.0),
        ({"waste_free": 400, "n_particles": 8000}, 3.0),  # a draft: a third of the scores
    ],
)
def test_options_reach_the_same_law(options, worst):
    """A single exact run scatters by about 0.3 around 1, prior draws are beyond 5."""
    ratios = []
    for seed in range(4):
        prior, measurement, y = three_in_eight(seed)
        exact = prior.posterior(measurement, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            result = annealed_smc(prior, measurement, y, rng=seed, **options)
        ratios.append(quality(result, exact))
    assert np.mean(ratios) < worst


def test_same_seed_same_bits_whether_stopped_or_not():
    prior, measurement, y = three_in_eight(0, noise=0.02)
    whole = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, rng=1)
    again = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, rng=1)
    np.testing.assert_array_equal(whole.samples, again.samples)
    part = annealed_smc(
        ScoreOnly(prior), measurement, y, n_samples=500, rng=1, progress=lambda p: True
    )
    assert not part.finished
    rest = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, resume=part)
    np.testing.assert_array_equal(rest.samples, whole.samples)
    assert rest.log_evidence == whole.log_evidence
    assert rest.n_score_evals == whole.n_score_evals
    assert np.all(rest.trace["ess"] > 324)
    other = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, rng=2)
    assert not np.array_equal(whole.samples, other.samples)


@pytest.mark.parametrize(
    "options, name",
    [
        ({"n_particles": 1000}, "n_particles"),
        ({"waste_free": 100, "n_particles": 500}, "waste_free|n_chains|n_particles"),
        ({"kernel": "mala"}, "kernel"),
        ({"metropolis": True}, "metropolis"),
        ({"stop": 0.3}, "stop"),
    ],
)
def test_a_resumed_run_has_the_options_it_began_with(options, name):
    prior, measurement, y = three_in_eight(0, noise=0.02)
    problem = ScoreOnly(prior), measurement, y
    part = annealed_smc(*problem, n_samples=100, rng=1, progress=lambda p: True, **options)
    with pytest.raises(ValueError, match=f"({name}) must be as in the run to resume"):
        annealed_smc(*problem, n_samples=100, resume=part)
    assert annealed_smc(*problem, n_samples=100, resume=part, **options).finished


def test_a_flat_prior_has_nothing_to_be_unlike():
    start = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    measurement = dp.LinearGaussian(np.eye(2), 0.3)
    result = annealed_smc(
        lambda x, sigma: np.zeros_like(x), measurement, [0.5, 0.0], initial=start, rng=0
    )
    assert not result.warnings


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9])
def test_tiny_noise_takes_more_levels(noise):
    """Temperatures as small as the squared noise are found."""
    prior = dp.priors.GaussianMixture(
        [0.4, 0.6], [[-1.0, 0.0], [1.0, 2.0]], [[1.0, 0.5], [0.25, 2.0]]
    )
    measurement = dp.LinearGaussian(np.array([[1.0, 0.5]]), noise)
    exact = prior.posterior(measurement, [0.5])
    result = annealed_smc(prior, measurement, [0.5], kernel="prior_local", rng=0)
    error = (result.mean() - exact.mean()) / exact.std()
    assert np.abs(error).max() < 5 / np.sqrt(1000)
    assert abs(result.log_evidence - exact.log_evidence) < 5 * np.sqrt(
        result.trace["beta"].size / 500
    )


def test_namespaces_and_dtypes(xp):
    weights, means = [0.3, 0.7], [[-1.0, 0.0], [1.0, 2.0]]
    for dtype in (np.float32, np.float64):
        prior = dp.priors.GaussianMixture(xp.array(weights, dtype), xp.array(means, dtype), 0.5)
        measurement = dp.LinearGaussian(xp.array([[1.0, 0.5]], dtype), 0.5)
        y = xp.array([0.7], dtype)
        result = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=300, rng=0)
        assert xp.owns(result.samples)
        assert result.samples.dtype == y.dtype
        exact = dp.priors.GaussianMixture(weights, means, 0.5).posterior(
            dp.LinearGaussian(np.array([[1.0, 0.5]]), 0.5), [0.7]
        )
        error = (xp.numpy(result.samples).mean(axis=0) - exact.mean()) / exact.std()
        assert np.abs(error).max() < 5 / np.sqrt(100)


def test_a_prior_without_arrays_follows_y(xp):
    """A ring holds no arrays, so its draws take the library of y."""
    y = xp.array([0.7], np.float64)
    measurement = dp.LinearGaussian(xp.array([[1.0, 0.5]], np.float64), 0.5)
    result = annealed_smc(dp.priors.Ring(1.0, 0.3), measurement, y, n_samples=20, rng=0)
    assert xp.owns(result.samples)


def test_a_general_likelihood():
    """A logistic measurement in one dimension, against quadrature."""

    class Logistic:
        event_shape = (1,)

        def log_likelihood(self, x, y):
            return -np.log1p(np.exp(-4 * y[0] * x[:, 0]))

        def log_likelihood_grad(self, x, y):
            return 4 * y[0] / (1 + np.exp(4 * y[0] * x))

    prior, likelihood = dp.priors.Gaussian([0.0], 1.0), Logistic()
    result = annealed_smc(prior, likelihood, [1.0], n_samples=4000, rng=0)
    grid = np.linspace(-8, 8, 4001)[:, None]
    log_joint = prior.log_density(grid) + likelihood.log_likelihood(grid, [1.0])
    weights = np.exp(log_joint)
    mean = (weights @ grid / weights.sum())[0]
    spread = np.sqrt(weights @ (grid[:, 0] - mean) ** 2 / weights.sum())
    assert abs(result.mean()[0] - mean) < 5 * spread / np.sqrt(2000)
    assert abs(result.log_evidence - np.log(weights.sum() * 0.004)) < 0.1


def test_callable_prior_needs_initial():
    def score(x, sigma):
        return -x / (1 + sigma**2)

    measurement = dp.LinearGaussian(np.eye(2), 0.5)
    with pytest.raises(TypeError, match="initial"):
        annealed_smc(score, measurement, [1.0, 0.0], rng=0)
    draws = np.random.default_rng(0).standard_normal((500, 2))
    result = annealed_smc(score, measurement, [1.0, 0.0], initial=draws, n_samples=500, rng=0)
    np.testing.assert_allclose(result.mean(), [0.8, 0.0], atol=5 * 0.447 / np.sqrt(250))


def rare_mode(weight):
    """A mode of this weight, far from the other, that y points at."""
    prior = dp.priors.GaussianMixture([1 - weight, weight], [[0.0, 0.0], [3.0, 3.0]], 0.01)
    return prior, dp.LinearGaussian(np.eye(2), 0.2), np.array([3.0, 3.0])


def test_it_warns_of_a_mode_that_it_missed():
    prior, measurement, y = rare_mode(1e-6)
    with pytest.warns(RuntimeWarning):
        result = annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, rng=0)
    assert any("do not explain y" in reason for reason in result.warnings)
    assert result.trace["misfit"][-1] > 100


def test_it_warns_of_samples_unlike_the_prior():
    """A tail that explains y to the noise: only its scores tell that it is a tail."""
    prior, measurement = dp.priors.Gaussian(np.zeros(2), 0.01), dp.LinearGaussian(np.eye(2), 1e-3)
    with pytest.warns(RuntimeWarning, match="unlike the prior"):
        result = annealed_smc(ScoreOnly(prior), measurement, [3.0, 3.0], n_samples=500, rng=0)
    assert result.trace["misfit"][-1] < 2


def test_one_warning_in_five_hundred_at_most_where_all_is_well():
    """Draws of y from the model: no run has a reason to doubt."""
    prior, measurement, _ = three_in_eight(0)
    for seed in range(10):
        y = measurement.simulate(prior.sample(1, rng=seed), rng=seed)[0]
        annealed_smc(ScoreOnly(prior), measurement, y, n_samples=500, rng=seed)  # warnings raise


def test_it_warns_of_a_mode_with_few_draws():
    prior, measurement, y = rare_mode(1e-4)
    options = {"n_samples": 500, "n_particles": 500, "rng": 0}
    with pytest.warns(RuntimeWarning, match="stand behind"):
        annealed_smc(ScoreOnly(prior), measurement, y, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        annealed_smc(ScoreOnly(prior), measurement, y, n_initial=1_000_000, **options)


def problem_of(prior, measurement, y):
    return Problem("annealed_smc", ScoreOnly(prior), measurement, y, 0, 200, None, False)


@pytest.mark.parametrize("n_each, told", [([1] * 60, False), ([60], True)])
def test_it_warns_of_weights_that_few_draws_know(n_each, told):
    """A mode with 60 of 1000 particles, from as many draws or from one."""
    prior, measurement, y = three_in_eight(0)
    result = annealed_smc(prior, measurement, y, n_samples=1000, n_particles=1000, rng=0)
    x = np.random.default_rng(0).standard_normal((1000, 8))
    x[:60, 0] += 50
    roots = np.repeat(np.arange(len(n_each) + 940), n_each + [1] * 940)
    state = dataclasses.replace(result.state, point=result.state.point._replace(x=x), roots=roots)
    reasons = _distrust(problem_of(prior, measurement, y), state.options, state)
    assert any("weights of modes have standard errors up to 0.06" in r for r in reasons) == told


@pytest.mark.parametrize("n_roots", [20, 200, 1000])
def test_standard_errors_of_weights_are_those_of_independent_roots(n_roots):
    """Two points, of 0.3 and 0.7 of the roots, each root with as many particles."""
    problem, n = problem_of(*three_in_eight(0)), 1000
    x = np.zeros((n, 8))
    x[: 3 * n // 10] = 1
    error = weight_error(problem, x, np.arange(n) * n_roots // n)
    assert error == pytest.approx((0.3 * 0.7 / n_roots) ** 0.5, rel=1e-9)


def test_standard_errors_of_weights_are_those_of_runs():
    """A mode whose weight differs from run to run by as much as each of them says."""
    prior = dp.priors.GaussianMixture([0.9, 0.1], [[0.0, 0.0], [3.0, 3.0]], 0.01)
    measurement, y = dp.LinearGaussian(np.eye(2), 1.5), np.array([3.0, 3.0])
    problem, exact = problem_of(prior, measurement, y), prior.posterior(measurement, y)
    options, weights, said = {"n_samples": 300, "n_particles": 300, "n_initial": 600}, [], []
    for seed in range(40):
        result = annealed_smc(ScoreOnly(prior), measurement, y, rng=seed, **options)
        x = result.state.point.x
        weights.append(exact.responsibilities(x)[:, 0].mean())
        said.append(weight_error(problem, x, result.state.roots))
    three_standard_errors = 3 / np.sqrt(2 * len(weights))  # of a standard deviation, relative
    expected = np.sqrt(np.mean(np.square(said)))
    assert np.std(weights) == pytest.approx(expected, rel=three_standard_errors)
