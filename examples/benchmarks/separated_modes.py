"""A prior that is hard for tempering: eight separated modes in 64 dimensions, some very rare."""

import numpy as np

import diffpost_np as dp

D, ROWS = 64, 16
WEIGHTS = {
    "usual": np.array([0.46, 0.27, 0.15, 0.08, 0.03, 0.009, 7.7e-4, 2.3e-4]),
    "rarest": np.array([0.46, 0.27, 0.15, 0.08, 0.03, 0.01, 7.7e-7, 2.3e-7]),
}
TRUTH = {"high": (0, "usual"), "mid": (4, "usual"), "low": (6, "usual"), "vlow": (6, "rarest")}


def problem(case, noise, seed=0):
    """Prior, measurement and y for a truth in a mode of high, middling, low or tiny weight.

    The last two modes look alike to A, so that y cannot tell them apart and their posterior
    weights are near .77 and .23.
    """
    rng = np.random.default_rng(seed)
    mode, kind = TRUTH[case]
    a = rng.normal(size=(ROWS, D)) / np.sqrt(D)
    means = 1.5 * rng.normal(size=(8, D))
    hidden = 1.5 * rng.normal(size=D)
    means[7] = means[6] + hidden - a.T @ np.linalg.lstsq(a.T, hidden, rcond=None)[0]
    prior = dp.priors.GaussianMixture(WEIGHTS[kind] / WEIGHTS[kind].sum(), means, _covs(rng))
    measurement = dp.LinearGaussian(a, noise)
    truth = means[mode] + np.linalg.cholesky(_dense(prior, mode)) @ rng.standard_normal(D)
    return prior, measurement, measurement.simulate(truth, rng=rng)


def _covs(rng):
    """Random rotations of spectra that fall by powers between one half and two."""
    rotations = np.linalg.qr(rng.normal(size=(8, D, D)))[0]
    powers = np.linspace(0.5, 2.0, 8)[:, None]
    values = 0.3 * np.arange(1, D + 1) ** -powers + 0.005
    values[7], rotations[7] = values[6], rotations[6]
    return (rotations * values[:, None, :]) @ rotations.transpose(0, 2, 1)


def _dense(prior, mode):
    factor = prior.covs.factor(np, D)[mode]
    return factor @ factor.T
