"""Smoothed priors: against mixtures, which smooth themselves, and by the laws of a prior."""

import numpy as np
import pytest

import diffpost_np as dp

MEANS, COVS = np.array([[-1.0, 0.5], [2.0, 0.0]]), np.array([[0.3, 0.8], [0.05, 1.0]])
BASE = dp.priors.GaussianMixture([0.3, 0.7], MEANS, COVS)
WIDE = dp.priors.GaussianMixture([0.3, 0.7], MEANS, COVS + 0.4**2)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_a_smoothed_mixture_is_a_wider_one(sigma, xp):
    prior = dp.priors.Smoothed(
        dp.priors.GaussianMixture(xp.array([0.3, 0.7]), xp.array(MEANS), xp.array(COVS)), 0.4
    )
    x, v = np.random.default_rng(0).normal(size=(2, 7, 2))
    for name in ("score", "log_density", "denoise"):
        found = getattr(prior, name)(xp.array(x), sigma)
        expected = getattr(WIDE, name)(x, sigma)
        assert xp.owns(found)
        np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-9, atol=1e-12)
    found = prior.denoise_vjp(xp.array(x), sigma, xp.array(v))
    np.testing.assert_allclose(xp.numpy(found), WIDE.denoise_vjp(x, sigma, v), rtol=1e-9)


@pytest.mark.parametrize(
    "prior",
    [
        dp.priors.Smoothed(dp.priors.DiscretizedGaussian(0.7, 0.2, (2, 1)), 0.2),
        dp.priors.Smoothed(dp.priors.Empirical(MEANS[:, :, None]), 0.5),
        dp.priors.Smoothed(dp.hardness.one_way_instance(2).prior, 0.1),
    ],
    ids=repr,
)
def test_the_laws_of_a_prior(prior):
    kept = dp.testing.check_prior(prior).kept
    assert {"sample_obeys_rng", "score_of_draws", "draws_given_noisy_point", "denoiser"} <= set(
        kept
    )
    assert prior.has_density


def test_samplers_run_where_there_was_no_density():
    lattice = dp.priors.DiscretizedGaussian(0.5, 0.0, (2,))
    measurement = dp.LinearGaussian(np.array([[1.0, 0.5]]), 0.3)
    smooth = dp.priors.Smoothed(lattice, 0.15)
    result = dp.posterior.annealed_smc(smooth, measurement, [0.8], n_samples=800, rng=0)
    exact = dp.posterior.rejection(smooth, measurement, [0.8], n_samples=4000, rng=1)
    distance = dp.diagnostics.sliced_wasserstein(result.samples, exact.samples, rng=0)
    assert distance.ratio < 1.6
    with pytest.raises(TypeError, match="prior must be one of the library's"):
        dp.priors.Smoothed(dp.priors.Ring(1.0, 0.1), 0.1)
