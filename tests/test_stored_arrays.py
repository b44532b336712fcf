"""What an object keeps is its own: arrays that are written to later do not change it."""

import numpy as np
import pytest

import diffpost_np as dp

X = np.array([[0.3, -0.5], [1.0, 2.0]])
WEIGHTS = np.array([0.4, 0.6])
MEANS = np.array([[-1.0, 0.0], [1.0, 2.0]])
VARIANCES = np.array([[1.0, 0.5], [0.25, 2.0]])
MATRICES = VARIANCES[:, :, None] * np.eye(2) + 0.1
KERNEL = np.array([0.5, 0.25])
P, O = dp.priors, dp.operators


def score(prior):
    return prior.score(X, 0.5), prior.sample(5, rng=0)


def image(operator):
    return operator(X), operator.adjoint(np.ones((1, *operator.output_shape)))


def gradient(measurement):
    return measurement.log_likelihood_grad(X, np.ones(2))


def table(schedule):
    return schedule.noise_ratio, schedule.step_size, schedule.n_steps


def low_rank(mean, factor, diag):
    return P.Gaussian(mean, P.LowRank(factor, diag))


def weighted(points, weights):
    return P.Empirical(points, weights=weights)


STORES = [
    (P.GaussianMixture, (WEIGHTS, MEANS, WEIGHTS), score),
    (P.GaussianMixture, (WEIGHTS, MEANS, VARIANCES), score),
    (P.GaussianMixture, (WEIGHTS, MEANS, MATRICES), score),
    (P.Gaussian, (MEANS[0], VARIANCES[0]), score),
    (low_rank, (MEANS[0], VARIANCES[:, :1], VARIANCES[0]), score),
    (weighted, (X, WEIGHTS), score),
    (lambda offset: P.DiscretizedGaussian(0.5, offset, (2,)), (WEIGHTS,), score),
    (O.dense, (MATRICES[0],), image),
    (O.mask, (np.array([True, False]),), image),
    (lambda kernel: O.convolution(kernel, (2,)), (KERNEL,), image),
    (O.subsampled_fourier, (np.array([True, False]),), image),
    (dp.LinearGaussian, (MATRICES[0], VARIANCES[0]), gradient),
    (lambda cov: dp.LinearGaussian(np.eye(2), noise_cov=cov), (MATRICES[0],), gradient),
    (
        dp.posterior.AnnealingSchedule,
        (np.array([3.0, 2.0, 1.0]), np.array([0.1, 0.2]), np.array([4, 5])),
        table,
    ),
    (lambda a: dp.schedules.VPTable(a), (np.array([0.9, 0.5]),), lambda s: [s.noise_level(1.0)]),
]


@pytest.mark.parametrize("make, arguments, what", STORES)
@pytest.mark.parametrize("warm", [False, True], ids=["before use", "after use"])
def test_stored_arrays_are_copies(make, arguments, what, warm):
    given = [a.copy() for a in arguments]
    thing = make(*given)
    if warm:
        what(thing)
    for array in given:
        array[...] = np.flip(array).copy()
    for got, want in zip(what(thing), what(make(*arguments)), strict=True):
        np.testing.assert_array_equal(got, want)
