"""What people look at: short texts, identity, and quantiles of results."""

import dataclasses

import numpy as np
import pytest

import diffpost_np as dp

P = dp.priors
MEANS = np.array([[-1.0, 0.0], [1.0, 2.0]])
WEIGHTS = [0.4, 0.6]
FULL = np.tile(np.eye(2) + 0.1, (2, 1, 1))
BLUR = dp.LinearGaussian(dp.operators.convolution([0.5, 0.25], (2,)), 0.1)
TEXTS = {
    "GaussianMixture(2 components, event_shape=(2,), covs: isotropic)": (WEIGHTS, MEANS, 0.5),
    "GaussianMixture(2 components, event_shape=(2,), covs: diagonal)": (WEIGHTS, MEANS, FULL[0]),
    "GaussianMixture(2 components, event_shape=(2,), covs: full)": (WEIGHTS, MEANS, FULL),
    "GaussianMixture(2 components, event_shape=(2,), covs: rank 1 plus diagonal)": (
        WEIGHTS,
        MEANS,
        P.LowRank(MEANS[:, :, None], 0.5),
    ),
}
SCHEDULE = dp.posterior.AnnealingSchedule([4.0, 2.0, 1.0], [0.1, 0.05], [10, 10])


@pytest.mark.parametrize("text, arguments", TEXTS.items())
def test_a_mixture_says_what_it_holds(text, arguments):
    assert repr(P.GaussianMixture(*arguments)) == text


def test_other_texts():
    gaussian = P.Gaussian(MEANS[0], 0.5)
    assert repr(gaussian) == "Gaussian(event_shape=(2,), cov: isotropic)"
    assert "eigenbasis" in repr(gaussian.posterior(BLUR, MEANS[1]))
    assert repr(SCHEDULE) == "AnnealingSchedule(3 levels from ratio 4, 20 steps)"


def result(xp=np):
    samples = np.random.default_rng(0).normal(size=(101, 3))
    return dp.posterior.Result(xp.asarray(samples), "test", 1, 1, 0.0, dp.random.key(0))


def test_results_say_what_a_sample_cost():
    drawn = result()
    assert repr(drawn) == "<test: 101 samples of shape (3,), 0 score evaluations each, 0.00 s>"
    counted = dataclasses.replace(drawn, n_proposals=1010, exhausted=True)
    assert "10 proposals each" in repr(counted) and "proposals exhausted" in repr(counted)


@pytest.mark.parametrize("make", [result, lambda: SCHEDULE, lambda: P.LowRank(MEANS, 1.0)])
def test_records_of_arrays_are_compared_by_identity(make):
    one = make()
    assert one == one and len({one, one}) == 1
    assert one != P.Ring(1.0, 0.1)


@pytest.mark.parametrize("q", [0.3, [0.05, 0.95], np.array([0.0, 0.123, 1.0]), (1,)])
def test_quantiles_are_those_of_numpy(q, xp):
    drawn = result(xp.xp)
    quantile = drawn.quantile(q)
    assert xp.owns(quantile)
    wanted = np.quantile(xp.numpy(drawn.samples), q, axis=0)
    np.testing.assert_allclose(xp.numpy(quantile), wanted, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "prior, remedy",
    [
        (P.Empirical(MEANS), "or give it a bandwidth$"),
        (P.Ring(1.0, 0.0), "or give it a width$"),
        (P.DiscretizedGaussian(0.5, 0.0, (2,)), r"or smooth it by priors\.Smoothed$"),
    ],
)
def test_a_prior_without_density_names_its_own_remedy(prior, remedy):
    with pytest.raises(ValueError, match=remedy):
        prior.score(MEANS)


def test_shapes_are_written_as_tuples():
    with pytest.raises(ValueError, match=r"weights must have shape \(2,\), got \(1,\)"):
        P.GaussianMixture([1.0], MEANS, 1.0)
