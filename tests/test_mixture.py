"""Gaussian and GaussianMixture: every covariance form against dense NumPy formulas."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import diffpost_np as dp

K, D = 4, 5
FORMS = ["shared", "scalar", "diagonal", "full", "tied", "low_rank"]


def covariances(form, rng):
    """The library's argument, and the dense matrices (K, d, d) that it stands for."""
    eye = np.eye(D)
    if form == "shared":
        return 0.7, np.tile(0.7 * eye, (K, 1, 1))
    if form == "scalar":
        v = rng.uniform(0.2, 2.0, K)
        return v, v[:, None, None] * eye
    if form == "diagonal":
        v = rng.uniform(0.2, 2.0, (K, D))
        return v, v[:, :, None] * eye
    if form == "low_rank":
        f, v = rng.normal(size=(K, D, 2)), rng.uniform(0.2, 2.0, (K, D))
        return dp.priors.LowRank(f, v), f @ f.transpose(0, 2, 1) + v[:, :, None] * eye
    q = rng.normal(size=(1 if form == "tied" else K, D, D))
    c = q @ q.transpose(0, 2, 1) + 0.1 * eye
    return c, np.broadcast_to(c, (K, D, D))


def problem(form, seed=0):
    rng = np.random.default_rng(seed)
    weights, means = np.array([0.1, 0.2, 0.3, 0.4]), rng.normal(size=(K, D)) + 1.0
    covs, dense = covariances(form, rng)
    return dp.priors.GaussianMixture(weights, means, covs), weights, means, dense


def dense_log_density(x, sigma, weights, means, dense):
    smoothed = dense + sigma**2 * np.eye(D)
    logs = [
        np.log(w) + multivariate_normal(m, c).logpdf(x)
        for w, m, c in zip(weights, means, smoothed, strict=True)
    ]
    return logsumexp(logs, axis=0)


def dense_score(x, sigma, weights, means, dense):
    smoothed = dense + sigma**2 * np.eye(D)
    logs = np.array(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(x)
            for w, m, c in zip(weights, means, smoothed, strict=True)
        ]
    )
    r = np.exp(logs - logsumexp(logs, axis=0))
    return -sum(r[k][:, None] * np.linalg.solve(smoothed[k], (x - means[k]).T).T for k in range(K))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sigma", [0.0, 0.4, 20.0])
def test_score_and_density(form, sigma, xp):
    prior, *dense = problem(form)
    mixture = on(prior, form, xp)
    x = np.random.default_rng(1).normal(size=(6, D)) * 2
    score = mixture.score(xp.array(x), sigma)
    assert xp.owns(score)
    np.testing.assert_allclose(xp.numpy(score), dense_score(x, sigma, *dense), rtol=1e-10)
    log_density = xp.numpy(mixture.log_density(xp.array(x), sigma))
    np.testing.assert_allclose(log_density, dense_log_density(x, sigma, *dense), rtol=1e-10)


def on(prior, form, xp, dtype=np.float64):
    """The same mixture with its parameters in another namespace."""
    covs = covariances(form, _after_means())[0]
    if form == "low_rank":
        covs = dp.priors.LowRank(xp.array(covs.factor_matrix, dtype), xp.array(covs.diag, dtype))
    elif form != "shared":
        covs = xp.array(covs, dtype)
    return dp.priors.GaussianMixture(
        xp.array(prior.weights, dtype), xp.array(prior.means, dtype), covs
    )


def _after_means():
    rng = np.random.default_rng(0)
    rng.normal(size=(K, D))
    return rng


@pytest.mark.parametrize("form", FORMS)
def test_per_point_noise_equals_one_level_at_a_time(form, xp):
    prior, *_ = problem(form)
    mixture = on(prior, form, xp)
    x = np.random.default_rng(1).normal(size=(3, D))
    sigma = np.array([0.1, 1.0, 50.0])
    for name in ("score", "denoise", "log_density"):
        method = getattr(mixture, name)
        together = xp.numpy(method(xp.array(x), xp.array(sigma)))
        alone = [xp.numpy(method(xp.array(x[i : i + 1]), sigma[i]))[0] for i in range(3)]
        np.testing.assert_allclose(together, np.stack(alone), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sigma", [0.3, 3.0, 300.0])
def test_denoiser_and_its_jacobian(form, sigma, xp):
    prior, *_ = problem(form)
    mixture = on(prior, form, xp)
    rng = np.random.default_rng(2)
    x, v, step = rng.normal(size=(4, D)) * 2, rng.normal(size=(4, D)), 1e-4 * max(1, sigma)
    denoised = xp.numpy(mixture.denoise(xp.array(x), sigma))
    tweedie = x + sigma**2 * xp.numpy(mixture.score(xp.array(x), sigma))
    np.testing.assert_allclose(denoised, tweedie, rtol=1e-9 * max(1, sigma**2), atol=1e-12)
    ahead = xp.numpy(mixture.denoise(xp.array(x + step * v), sigma))
    behind = xp.numpy(mixture.denoise(xp.array(x - step * v), sigma))
    product = xp.numpy(mixture.denoise_vjp(xp.array(x), sigma, xp.array(v)))
    np.testing.assert_allclose(product, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)


def assert_moments(x, mean, std):
    """Means and variances of draws within 4.5 of their standard errors."""
    z = (x - mean) / std
    for moment in (z, z**2 - 1):
        error = np.abs(moment.mean(axis=0)) / (moment.std(axis=0) / np.sqrt(len(x)))
        assert error.max() < 4.5


@pytest.mark.parametrize("form", FORMS)
def test_samples_have_the_closed_form_moments(form):
    prior, *_ = problem(form)
    x = prior.sample(100_000, rng=3)
    assert_moments(x, prior.mean(), prior.std())
    np.testing.assert_array_equal(prior.sample(7, rng=3, first_chain=40), x[40:47])
    with dp.reference():
        np.testing.assert_allclose(prior.sample(50, rng=3), x[:50], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_sample_given_is_the_posterior_of_a_denoising_problem(form):
    prior, *_ = problem(form)
    x_noisy, sigma, n = np.linspace(-1, 2, D), 0.8, 100_000
    draws = prior.sample_given(np.tile(x_noisy, (n, 1)), sigma, rng=4)
    exact = prior.posterior(dp.LinearGaussian(np.eye(D), sigma), x_noisy)
    np.testing.assert_allclose(exact.mean(), prior.denoise(x_noisy[None], sigma)[0], rtol=1e-10)
    assert_moments(draws, exact.mean(), exact.std())


MEASUREMENTS = {
    "dense": lambda rng: dp.LinearGaussian(rng.normal(size=(3, D)), 0.4),
    "per_output": lambda rng: dp.LinearGaussian(rng.normal(size=(3, D)), np.array([0.1, 0.5, 2.0])),
    "correlated": lambda rng: dp.LinearGaussian(
        rng.normal(size=(2, D)), noise_cov=np.array([[0.5, 0.3], [0.3, 0.4]])
    ),
    "tall": lambda rng: dp.LinearGaussian(rng.normal(size=(8, D)), 0.4),
    "mask": lambda rng: dp.LinearGaussian(
        dp.operators.mask(np.array([True, False, True, True, False])), np.array([0.1, 0.5, 2.0])
    ),
    "blur": lambda rng: dp.LinearGaussian(
        dp.operators.convolution(np.array([0.2, 0.5, 0.3]), (D,)), 0.3
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", list(MEASUREMENTS))
def test_posterior_is_bayes(form, kind):
    prior, weights, means, dense = problem(form)
    measurement = MEASUREMENTS[kind](np.random.default_rng(5))
    a = measurement.operator.matrix()
    y = np.random.default_rng(6).normal(size=a.shape[0])
    if measurement.noise_cov is not None:
        noise = measurement.noise_cov
    else:
        noise = np.diag(np.broadcast_to(measurement.noise_std, y.shape) ** 2)
    posterior = prior.posterior(measurement, y)
    gains = [c @ a.T @ np.linalg.inv(a @ c @ a.T + noise) for c in dense]
    logs = np.array(
        [
            np.log(w) + multivariate_normal(a @ m, a @ c @ a.T + noise).logpdf(y)
            for w, m, c in zip(weights, means, dense, strict=True)
        ]
    )
    np.testing.assert_allclose(posterior.log_evidence, logsumexp(logs), rtol=1e-10)
    np.testing.assert_allclose(posterior.weights, np.exp(logs - logsumexp(logs)), rtol=1e-9)
    shifted = np.stack([m + g @ (y - a @ m) for m, g in zip(means, gains, strict=True)])
    np.testing.assert_allclose(posterior.means, shifted, rtol=1e-9, atol=1e-11)
    conditioned = np.stack([c - g @ a @ c for c, g in zip(dense, gains, strict=True)])
    x = np.random.default_rng(7).normal(size=(4, D))
    expected = dense_log_density(x, 0.2, posterior.weights, shifted, conditioned)
    np.testing.assert_allclose(posterior.log_density(x, 0.2), expected, rtol=1e-8)
    np.testing.assert_allclose(
        posterior.score(x, 0.2),
        dense_score(x, 0.2, posterior.weights, shifted, conditioned),
        rtol=1e-7,
        atol=1e-9,
    )


def test_posterior_of_a_tall_regression_stays_small():
    """A complete basis of the outputs alone would take 72 MB for each component."""
    measurement = dp.LinearGaussian(np.random.default_rng(0).normal(size=(3000, D)), 0.5)
    prior, y = problem("full")[0], np.ones(3000)
    tracemalloc.start()
    prior.posterior(measurement, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


def test_structure_survives_conditioning():
    keep = np.arange(D) % 2 == 0
    measurement = dp.LinearGaussian(dp.operators.mask(keep), 0.3)
    for form in ("scalar", "diagonal", "low_rank"):
        posterior = problem(form)[0].posterior(measurement, np.zeros(3))
        kind = dp.priors.LowRank if form == "low_rank" else type(problem("scalar")[0].covs)
        assert isinstance(posterior.covs, kind)
        assert getattr(posterior.covs, "basis", None) is None
    gaussian = dp.priors.Gaussian(np.zeros(D), 2.0).posterior(measurement, np.ones(3))
    assert isinstance(gaussian, dp.priors.Gaussian)


def test_zero_weights_and_float32():
    prior = dp.priors.GaussianMixture([0.0, 1.0], np.array([[5.0], [1.0]], np.float32), 1.0)
    x = np.array([[5.0], [0.0]], np.float32)
    score = prior.score(x)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, 1 - x)
    assert prior.sample(3, rng=0).dtype == np.float32


def test_images_and_sklearn():
    from sklearn.mixture import GaussianMixture

    data = np.random.default_rng(0).normal(size=(200, 6))
    for kind in ("full", "tied", "diag", "spherical"):
        fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(data)
        prior = dp.priors.GaussianMixture.from_sklearn(fitted, event_shape=(2, 3))
        x = data[:5]
        np.testing.assert_allclose(
            prior.log_density(x.reshape(5, 2, 3)), fitted.score_samples(x), rtol=1e-9
        )
        assert prior.sample(4, rng=0).shape == (4, 2, 3)
    with pytest.raises(TypeError, match="fitted"):
        dp.priors.GaussianMixture.from_sklearn(GaussianMixture(2))


def test_real_data_of_a_complex_operator_are_complex_numbers():
    measurement = dp.LinearGaussian(np.array([[1.0, 1j, 0.5, 0.0, 1.0]]), 0.3)
    prior, *_ = problem("full")
    real, explicit = (prior.posterior(measurement, np.array([v])) for v in (0.5, 0.5 + 0j))
    assert real.log_evidence == explicit.log_evidence
    np.testing.assert_array_equal(real.mean(), explicit.mean())
