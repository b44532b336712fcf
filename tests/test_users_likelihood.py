"""Likelihoods of a user that are zero somewhere: log 0 has no gradient, and NaN stands for it."""

import numpy as np
import pytest

import diffpost_np as dp


class Below:
    """y = 0 wherever x < 1, never elsewhere; a function of a user's own knows no gradient there."""

    event_shape = (1,)

    def log_likelihood(self, x, y):
        return np.where(x[:, 0] < 1, 0.0, -np.inf)

    def log_likelihood_grad(self, x, y):
        return np.where(x < 1, 0.0, np.nan)


GAUSSIAN = dp.priors.Gaussian([0.0], 1.0)


def test_no_gradient_is_needed_where_the_likelihood_is_zero():
    """The truncated normal below 1 has mean -phi(1) / Phi(1)."""
    result = dp.posterior.annealed_smc(GAUSSIAN, Below(), [0.0], n_samples=4000, rng=0)
    assert result.samples.max() < 1
    assert result.mean()[0] == pytest.approx(-0.28760, abs=4.5 * 0.794 / np.sqrt(4000) * 2)


def test_chains_of_langevin_pass_there():
    start = np.array([[0.0], [3.0]])
    run = {"step_size": 0.01, "n_steps": 2, "initial": start, "n_samples": 2, "rng": 0}
    assert np.isfinite(dp.posterior.langevin(GAUSSIAN, Below(), [0.0], **run).samples).all()
