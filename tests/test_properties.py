"""Laws on priors, operators and problems that Hypothesis draws, in every namespace."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import diffpost_np as dp
from diffpost_np.testing import (
    PRIOR_LAWS,
    batches,
    check_operator,
    check_prior,
    mixtures,
    operators,
    problems,
)

few = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
DRAWN = [name for name in PRIOR_LAWS if "sample" in name or "draws" in name]
KIND = ["shapes", "dtype_and_namespace", "inputs_untouched", "rows_are_independent"]
NOT_KIND = [name for name in PRIOR_LAWS if name not in [*KIND, "noise_level_per_point"]]


def singly(xp):
    """Makes float32 arrays, and keeps booleans."""
    return lambda values: xp.array(values, np.float32 if values.dtype.kind == "f" else None)


@few
@given(prior=mixtures())
def test_mixtures_keep_every_law(prior):
    check_prior(prior, skip=DRAWN)


@few
@given(data=st.data())
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mixtures_keep_namespace_shape_and_order_of_chains(data, dtype, xp):
    make = singly(xp) if dtype == np.float32 else xp.array
    prior = data.draw(mixtures(make=make))
    points = np.zeros((1, *prior.event_shape))
    check_prior(prior, points=points, noise_levels=[0.7], like=make(np.zeros(1)), skip=NOT_KIND)


PRIORS = {
    "ring": lambda make: dp.priors.Ring(1.0, 0.3),
    "lattice": lambda make: dp.priors.DiscretizedGaussian(0.7, make(np.arange(6) / 7), (6,)),
    "points": lambda make: dp.priors.Empirical(make(np.arange(12).reshape(4, 3) % 5 / 3)),
    "blurred": lambda make: dp.priors.Empirical(make(np.arange(12).reshape(4, 3) % 5 / 3), 0.3),
    "gaussian": lambda make: dp.priors.Gaussian(make(np.arange(3) / 2), 0.8),
}


@pytest.mark.parametrize("name", list(PRIORS))
def test_priors_keep_namespace_shape_and_order_of_chains(name, xp):
    check_prior(PRIORS[name](xp.array), like=xp.array([0.0]), skip=NOT_KIND)


@few
@given(data=st.data())
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_operators_keep_every_law(data, dtype, xp):
    make = singly(xp) if dtype == np.float32 else xp.array
    check_operator(data.draw(operators(make=make)), like=make(np.zeros(1)))


def components(mixture):
    """Weights, flat means and dense covariances of a mixture."""
    k, d = mixture.weights.shape[0], int(np.prod(mixture.event_shape))
    factors = np.broadcast_to(
        mixture.covs.factor(np, d), (k, d, mixture.covs.factor(np, d).shape[2])
    )
    return mixture.weights, mixture.means.reshape(k, d), factors @ factors.transpose(0, 2, 1)


@given(
    data=st.data(),
    prior=mixtures(covariances=["full", "tied", "diagonal"]),
    scale=st.integers(-30, 30).filter(bool).map(lambda k: k / 10),
    sigma=st.sampled_from([0.0, 0.3, 5.0]),
    seed=st.integers(0, 100),
)
def test_scores_are_affinely_equivariant(data, prior, scale, sigma, seed):
    """Under x -> a Q x + b with Q orthogonal, a score goes to Q s / a at noise level |a| sigma."""
    weights, means, covs = components(prior)
    d = means.shape[1]
    rng = np.random.default_rng(seed)
    q, b = np.linalg.qr(rng.standard_normal((d, d)))[0], rng.standard_normal(d)
    turned = q @ covs @ q.T
    image = dp.priors.GaussianMixture(
        weights, scale * means @ q.T + b, scale**2 * 0.5 * (turned + turned.transpose(0, 2, 1))
    )
    x = data.draw(batches(prior.event_shape))
    flat = x.reshape(len(x), d)
    got = image.score(scale * flat @ q.T + b, abs(scale) * sigma)
    want = prior.score(x, sigma).reshape(flat.shape) @ q.T / scale
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * max(1, np.abs(want).max()))
    shift = image.log_density(scale * flat @ q.T + b, abs(scale) * sigma) + d * np.log(abs(scale))
    np.testing.assert_allclose(shift, prior.log_density(x, sigma), rtol=1e-9, atol=1e-9)


def real(matrix):
    return np.concatenate([matrix.real, matrix.imag]) if np.iscomplexobj(matrix) else matrix


@given(data=st.data(), problem=problems())
def test_posteriors_are_the_dense_formulas(data, problem):
    """Kalman's update of every component, weighted by its evidence."""
    measurement = problem.measurement
    weights, means, covs = components(problem.prior)
    a, y = real(measurement.operator.matrix()), real(problem.y.ravel())
    std = np.broadcast_to(measurement.noise_std, measurement.output_shape).ravel()
    noise = np.diag(np.resize(std, y.size) ** 2)
    gains = [c @ a.T @ np.linalg.inv(a @ c @ a.T + noise) for c in covs]
    log_joint = np.log(weights) + [
        multivariate_normal(a @ m, a @ c @ a.T + noise).logpdf(y)
        for m, c in zip(means, covs, strict=True)
    ]
    posterior = problem.posterior()
    np.testing.assert_allclose(posterior.log_evidence, logsumexp(log_joint), rtol=1e-9, atol=1e-9)
    got_weights, got_means, got_covs = components(posterior)
    shares = np.exp(log_joint - logsumexp(log_joint))
    np.testing.assert_allclose(got_weights, shares, rtol=1e-8, atol=1e-12)
    shifted = [m + g @ (y - a @ m) for m, g in zip(means, gains, strict=True)]
    np.testing.assert_allclose(got_means, shifted, rtol=1e-8, atol=1e-9)
    conditioned = [c - g @ a @ c for c, g in zip(covs, gains, strict=True)]
    np.testing.assert_allclose(got_covs, conditioned, rtol=1e-8, atol=1e-9)


@few
@given(problem=problems())
def test_posteriors_keep_every_law(problem):
    check_prior(problem.posterior(), skip=DRAWN)
