"""A mixture in every form of covariance, seen through two rows, as rejection tests use it."""

import functools

import numpy as np

import diffpost_np as dp

WEIGHTS, MEANS = [0.5, 0.2, 0.3], [[-1.3, 0.5, 0.2], [0.4, 1.7, -1.0], [2.1, -0.6, 0.6]]
FACTOR = np.array([[[0.9], [0.1], [-0.4]], [[0.2], [0.5], [0.3]], [[-0.3], [0.6], [0.1]]])
FULL = FACTOR @ FACTOR.transpose(0, 2, 1) + 0.1 * np.eye(3)
COVS = {
    "isotropic": 0.3,
    "a variance each": [0.25, 0.04, 0.8],
    "one diagonal": [[0.2, 0.5, 0.1]],
    "diagonal": [[0.2, 0.5, 0.1], [0.1, 0.05, 0.9], [0.7, 0.2, 0.3]],
    "one matrix": FULL[:1],
    "full": FULL,
    "low rank": dp.priors.LowRank(FACTOR, [[0.1, 0.2, 0.3]]),
}
MATRIX, Y = np.array([[1.0, 0.5, -0.2], [0.3, -0.4, 0.8]]), np.array([0.4, -0.3])
MEASUREMENT = dp.LinearGaussian(MATRIX, 0.5)
SHARED = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS["full"])
run = functools.partial(dp.posterior.rejection, SHARED, MEASUREMENT, Y, n_samples=300, rng=0)


class Drawn:
    """The mixture as a user's prior that has draws alone."""

    event_shape = (3,)

    def sample(self, n, rng=None):
        return SHARED.sample(n, rng=rng)


class Placed(Drawn):
    def sample(self, n, rng=None, first_chain=0):
        return SHARED.sample(n, rng=rng, first_chain=first_chain)


class Below:
    """y = 0 wherever x < 1, never elsewhere."""

    event_shape = (1,)

    def log_likelihood(self, x, y):
        return np.where(x[:, 0] < 1, 0.0, -np.inf)
