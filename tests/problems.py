"""Inverse problems with known posteriors that several test files use."""

import numpy as np

import diffpost_np as dp


class ScoreOnly:
    """A prior that shows its score and its draws, and nothing else."""

    def __init__(self, hidden):
        self.event_shape = hidden.event_shape
        self._hidden = hidden

    def score(self, x, sigma=0.0):
        return self._hidden.score(x, sigma)

    def sample(self, n_samples, rng=None):
        return self._hidden.sample(n_samples, rng=rng)


def narrow_mode():
    """Two dimensions, one of three modes much narrower than the others."""
    prior = dp.priors.GaussianMixture(
        [0.5, 0.2, 0.3], [[-1.3, 0.5], [0.4, 1.7], [2.1, -0.6]], [0.25, 0.04, 0.8]
    )
    return prior, dp.LinearGaussian(np.array([[1.0, 0.5]]), 0.3), np.array([0.4])


def three_in_eight(seed, noise=0.2):
    """Three full Gaussians in d = 8 seen through a 3 x 8 matrix; y moves the weights."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(3, 8, 8)) * np.array([0.3, 0.5, 0.7])[:, None, None]
    covs = factors @ factors.transpose(0, 2, 1) / 8 + 0.02 * np.eye(8)
    prior = dp.priors.GaussianMixture([0.6, 0.3, 0.1], rng.normal(size=(3, 8)), covs)
    measurement = dp.LinearGaussian(rng.normal(size=(3, 8)) / np.sqrt(8), noise)
    truth = prior.means[seed % 3] + 0.1 * rng.normal(size=8)
    y = measurement.operator(truth[None])[0] + noise * rng.normal(size=3)
    return prior, measurement, y
