"""Rejection sampling: laws, acceptance and costs against closed forms."""

import functools
import math

import numpy as np
import pytest
from problems import narrow_mode, three_in_eight
from rejection_cases import (
    COVS,
    MATRIX,
    MEANS,
    MEASUREMENT,
    SHARED,
    WEIGHTS,
    Below,
    Drawn,
    Placed,
    Y,
    run,
)
from scipy.special import digamma
from scipy.stats import binom, chi2

import diffpost_np as dp

SIGMAS = 4.5


def agrees(result, log_evidence):
    """Whether the estimate is within its own standard error, as the docstring has it."""
    error = math.sqrt((1 - result.acceptance_rate) / len(result.samples))
    return abs(result.log_evidence - log_evidence) < SIGMAS * error


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_have_the_law_of_the_posterior(seed):
    prior, measurement, y = three_in_eight(seed)
    result = dp.posterior.rejection(prior, measurement, y, n_samples=4000, rng=seed)
    exact = dp.posterior.exact(prior, measurement, y)
    distance = dp.diagnostics.sliced_wasserstein(result.samples, exact, rng=0)
    assert distance.value < 1.3 * distance.floor
    assert agrees(result, exact.log_evidence)


def test_laws_of_samplers():
    dp.testing.check_sampler(dp.posterior.rejection)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", COVS)
def test_acceptance_is_the_evidence_over_the_bound(form, dtype):
    """With independent rows it is (2 pi beta^2)^(m/2) p(y)."""
    prior = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS[form])
    result = dp.posterior.rejection(prior, MEASUREMENT, Y.astype(dtype), n_samples=4000, rng=1)
    exact = dp.posterior.exact(prior, MEASUREMENT, Y)
    rate = 2 * math.pi * 0.5**2 * math.exp(exact.log_evidence)
    error = math.sqrt(rate * (1 - rate) / result.n_proposals)
    assert abs(result.acceptance_rate - rate) < SIGMAS * error
    assert agrees(result, exact.log_evidence)
    deviation = (np.mean(result.samples, axis=0) - exact.mean()) / exact.std()
    assert np.abs(deviation).max() < SIGMAS / math.sqrt(4000)
    assert result.samples.dtype == dtype


REDUNDANT = {
    "outputs that repeat others": (np.array([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0]]), [1.0, 2.6]),
    "an output of noise alone": (np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]]), [1.0, 1.9]),
    "more outputs than unknowns": (
        np.vstack([MATRIX, MATRIX[::-1] + 0.2, [[0.1, 1.0, 1.0]]]),
        [0.4, -0.3, 1.0, 0.2, 0.5],
    ),
    "no data": (np.zeros((1, 3)), [1.0]),
    "a complex operator": (MATRIX[:1] + 1j * MATRIX[1:], [0.4 - 0.3j]),
}


@pytest.mark.parametrize("case", REDUNDANT)
def test_the_envelope_touches_the_likelihood(case):
    """Acceptance is p(y) / sup p(y | x), with the supremum at the least-squares solution."""
    A, y = REDUNDANT[case]
    measurement = dp.LinearGaussian(A, 0.5)
    parts = np.vstack([A.real, A.imag]), np.concatenate([np.real(y), np.imag(y)])
    best = np.linalg.lstsq(*parts)[0]
    log_supremum = measurement.log_likelihood(best[None], np.asarray(y))[0]
    result = dp.posterior.rejection(SHARED, measurement, y, n_samples=2000, rng=0)
    exact = dp.posterior.exact(SHARED, measurement, y).log_evidence
    rate = math.exp(exact - log_supremum)
    error = math.sqrt(rate * (1 - rate) / result.n_proposals)
    assert abs(result.acceptance_rate - rate) <= SIGMAS * error
    assert agrees(result, exact) or case == "no data"
    cost = dp.posterior.rejection_cost(SHARED, measurement, y)
    np.testing.assert_allclose(cost.log_trials, log_supremum - exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("noise", ["noise_std", "noise_cov"])
def test_other_noise(noise):
    value = {"noise_std": [0.3, 0.7], "noise_cov": [[0.3, 0.1], [0.1, 0.2]]}[noise]
    measurement = dp.LinearGaussian(MATRIX, **{noise: np.array(value)})
    result = dp.posterior.rejection(SHARED, measurement, Y, n_samples=2000, rng=0)
    assert agrees(result, dp.posterior.exact(SHARED, measurement, Y).log_evidence)


@pytest.mark.parametrize("prior", [Drawn(), Placed()])
def test_a_users_prior(prior):
    """Draws that cannot be placed come in batches that share nothing."""
    sample = functools.partial(dp.posterior.rejection, prior, MEASUREMENT, Y, rng=0)
    result = sample(n_samples=3000, batch_size=500)
    exact = dp.posterior.exact(SHARED, MEASUREMENT, Y)
    assert agrees(result, exact.log_evidence)
    assert len(np.unique(result.samples[:, 0])) == 3000
    deviation = (result.mean() - exact.mean()) / exact.std()
    assert np.abs(deviation).max() < SIGMAS / math.sqrt(3000)


def test_draws_for_a_prior_without_any():
    options = {"n_samples": 50, "rng": 0}
    result = dp.posterior.rejection(SHARED.score, MEASUREMENT, Y, draw=Placed().sample, **options)
    assert result.samples.shape == (50, 3)
    assert np.isfinite(MEASUREMENT.log_likelihood(result.samples, Y)).all()


def test_a_users_likelihood():
    """The truncated normal below 1 has mean -phi(1) / Phi(1), and Phi(1) is accepted."""
    prior = dp.priors.Gaussian([0.0], 1.0)
    result = dp.posterior.rejection(prior, Below(), [0.0], log_bound=0.0, n_samples=4000, rng=0)
    assert result.samples.max() < 1
    assert result.mean()[0] == pytest.approx(-0.28760, abs=SIGMAS * 0.794 / math.sqrt(4000))
    assert agrees(result, math.log(0.84134))


def test_a_looser_bound_costs_what_it_says():
    bound = -MEASUREMENT.log_normaliser() + math.log(2)
    tight, loose = run(n_samples=2000), run(n_samples=2000, log_bound=bound)
    error = math.hypot(*(1 / math.sqrt(2000),) * 2)
    assert abs(math.log(loose.n_proposals / tight.n_proposals / 2)) < SIGMAS * error
    assert agrees(loose, dp.posterior.exact(SHARED, MEASUREMENT, Y).log_evidence)


def test_intervals_hold_what_they_promise():
    exact = dp.posterior.exact(SHARED, MEASUREMENT, Y).log_evidence
    intervals = np.array(
        [run(n_samples=20, rng=i).trace["log_evidence_interval"] for i in range(200)]
    )
    hit = np.mean((intervals[:, 0] < exact) & (exact < intervals[:, 1]))
    assert hit > 0.95 - SIGMAS * math.sqrt(0.95 * 0.05 / 200)


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("rate", [0.9, 0.05])
def test_log_rate_has_no_bias(n, rate):
    """Summed over the law of the trials that n samples take."""
    trials = np.arange(n, 4000)
    law = rate * binom.pmf(n - 1, trials - 1, rate)
    mean = np.sum(law * (digamma(n) - digamma(trials)))
    assert mean == pytest.approx(math.log(rate), rel=1e-9)
    one = run(n_samples=n)
    expected = digamma(n) - digamma(one.n_proposals) - MEASUREMENT.log_normaliser()
    assert one.log_evidence == pytest.approx(expected)


def selection(m, beta=0.3):
    return dp.priors.Gaussian(np.zeros(8), 1.0), dp.LinearGaussian(np.eye(m, 8), beta)


@pytest.mark.parametrize("m, mean", [(1, 1.747), (2, 3.494), (4, 6.988), (6, 10.482)])
def test_cost_grows_exponentially_with_the_data(m, mean):
    """For N(0, I) seen in m entries it is a chi-squared, see the notes of `rejection_cost`."""
    prior, measurement = selection(m)
    y = measurement.simulate(prior.sample(1000, rng=0), rng=1)
    cost = dp.posterior.rejection_cost(prior, measurement, y)
    base = m / 2 * math.log(1.09 / 0.09)
    np.testing.assert_allclose(cost.log_trials, base + np.sum(y**2, axis=1) / 2.18)
    assert mean == pytest.approx(base + m / 2, abs=5e-4)
    assert abs(cost.mean() - mean) < SIGMAS * cost.standard_error()
    assert cost.standard_error() == pytest.approx(math.sqrt(m / 2 / 1000), rel=0.2)
    level = chi2.cdf(2 * (cost.quantile(0.5) - base), m)
    assert abs(level - 0.5) < SIGMAS * 0.5 / math.sqrt(1000)


@pytest.mark.parametrize("delta", [0.3, 0.05])
def test_cost_is_within_the_bound_of_the_theorem(delta):
    for m in (1, 2, 4, 6):
        prior, measurement = selection(m)
        y = measurement.simulate(prior.sample(500, rng=m), rng=m + 1)
        bound = math.log(2 / delta) + m / 2 * math.log(2 * math.e * 1.09 / (delta * 0.09))
        assert dp.posterior.rejection_cost(prior, measurement, y).quantile(1 - delta) < bound


def test_single_samples_estimate_the_cost():
    """Runs of one sample, for priors without a closed form: no bias, whatever the rate."""
    prior, measurement = selection(2)
    y = measurement.simulate(prior.sample(400, rng=0), rng=1)
    runs = [dp.posterior.rejection(prior, measurement, v, n_samples=1, rng=i) for i, v in
            enumerate(y)]  # fmt: skip
    estimates = np.array([digamma(r.n_proposals) - digamma(1) for r in runs])
    gaps = estimates - dp.posterior.rejection_cost(prior, measurement, y).log_trials
    assert abs(gaps.mean()) < SIGMAS * gaps.std() / math.sqrt(400)


def test_trials_of_a_measurement_are_those_of_a_run():
    prior, measurement, y = narrow_mode()
    cost = dp.posterior.rejection_cost(prior, measurement, y)
    trials = dp.posterior.rejection(prior, measurement, y, n_samples=4000, rng=0).trace["trials"]
    expected = math.exp(cost.mean())
    assert abs(trials.mean() - expected) < SIGMAS * expected / math.sqrt(4000)
    assert math.isnan(cost.standard_error()) and "1 measurements" in repr(cost)


def test_cost_without_a_closed_form():
    with pytest.raises(TypeError, match="prior has no posterior in closed form: Ring; run"):
        dp.posterior.rejection_cost(dp.priors.Ring(1.0, 0.1), MEASUREMENT, Y)
    with pytest.raises(ValueError, match="y is an empty batch"):
        dp.posterior.rejection_cost(SHARED, MEASUREMENT, np.zeros((0, 2)))


def test_operators_that_are_no_matrix():
    """A blur of an image in its own basis, and one too large for any."""
    prior = dp.priors.Gaussian(np.zeros((4, 4)), 0.3)
    blur = dp.operators.convolution(dp.operators.gaussian_kernel(1.0), (4, 4))
    measurement = dp.LinearGaussian(blur, 1.0)
    y = measurement.simulate(prior.sample(1, rng=0)[0], rng=1)
    result = dp.posterior.rejection(prior, measurement, y, n_samples=500, rng=0)
    assert result.samples.shape == (500, 4, 4)
    assert agrees(result, dp.posterior.exact(prior, measurement, y).log_evidence)


class Unknown(dp.operators.Operator):
    """The first entries of a long event, without a word on its eigenform."""

    def __init__(self):
        super().__init__((3000,), (2000,))

    def _apply(self, x, xp):
        return x[:, :2000]

    def _adjoint(self, r, xp):
        return xp.concat([r, xp.zeros((len(r), 1000), dtype=r.dtype)], axis=1)


def test_an_operator_without_an_eigenform():
    prior, measurement = dp.priors.Gaussian(np.zeros(3000), 1e-4), dp.LinearGaussian(Unknown(), 1.0)
    assert measurement.gram() is None
    y = np.random.default_rng(0).normal(size=2000)
    bound = -measurement.log_normaliser() - 0.5 * np.sum(y**2) + 5
    result = dp.posterior.rejection(
        prior, measurement, y, log_bound=bound, n_samples=20, rng=0, max_proposals=20_000
    )
    error = math.sqrt((1 - result.acceptance_rate) / len(result.samples))
    exact = -1000 * math.log(2 * math.pi * 1.0001) - 0.5 * np.sum(y**2) / 1.0001
    assert abs(result.log_evidence - exact) < SIGMAS * error
    loose = dp.posterior.rejection(prior, measurement, 0.01 * y, n_samples=20, rng=0)
    assert len(loose.samples) == 20
