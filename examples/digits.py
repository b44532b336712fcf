"""The 8x8 digits of scikit-learn as a prior with a known posterior, and four tasks on them."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture

import diffpost_np as dp

NOISE = 0.1
SHAPE = (8, 8)


def images():
    """Training and held-out images in [0, 1]; every tenth is held out."""
    pixels = load_digits().images / 16.0
    held_out = np.arange(len(pixels)) % 10 == 0
    return pixels[~held_out], pixels[held_out]


@cache
def prior():
    """A mixture of 20 Gaussians with full covariances, fitted by EM."""
    flat = images()[0].reshape(-1, 64)
    fitted = GaussianMixture(20, reg_covar=2e-3, random_state=0).fit(flat)
    return dp.priors.GaussianMixture.from_sklearn(fitted, event_shape=SHAPE)


def tasks():
    """The measurements, by name."""
    upper = np.arange(8)[:, None] < 4
    operators = {
        "inpainting": dp.operators.mask(np.broadcast_to(upper, SHAPE)),
        "super-resolution": dp.operators.downsample(SHAPE, 2),
        "deblurring": dp.operators.convolution(dp.operators.gaussian_kernel(1.0), SHAPE),
        "denoising": dp.operators.mask(np.ones(SHAPE, dtype=bool)),
    }
    return {name: dp.LinearGaussian(op, NOISE) for name, op in operators.items()}


class ScoreOnly:
    """A prior that shows its score and its draws, as a network would, and nothing else."""

    def __init__(self, hidden):
        self.event_shape = hidden.event_shape
        self._hidden = hidden

    def score(self, x, sigma=0.0):
        return self._hidden.score(x, sigma)

    def sample(self, n_samples, rng=None):
        return self._hidden.sample(n_samples, rng=rng)
