"""Measurements in other units than those of a prior on patches: noticed, and nothing else is."""

import warnings

import numpy as np
import pytest

import diffpost_np as dp

SHAPE = (32, 32)
PATCHES = dp.priors.photograph_patches()
PRODUCT = dp.priors.PatchProduct(PATCHES, SHAPE, (8, 8))
GRID = dp.priors.PatchGrid(PATCHES, SHAPE, (8, 8), (3, 5))
ALL = dp.operators.mask(np.ones(SHAPE, bool))
SEEN = dp.LinearGaussian(ALL, 0.1)
RNG = np.random.default_rng(0)
PICTURE = 0.5 + 0.5 * np.sin(np.indices(SHAPE).sum(axis=0) / 5)
SHORT = {"n_samples": 2, "rng": 0}
SWEEPS = {**SHORT, "n_levels": 2, "sweeps_per_level": 1, "thin": 1}
SAMPLERS = {
    "split_gibbs": lambda *problem: dp.posterior.split_gibbs(*problem, **SWEEPS),
    "langevin": lambda *problem: dp.posterior.langevin(
        *problem, **SHORT, step_size=1e-9, n_steps=1, initial=np.tile(PICTURE, (2, 1, 1))
    ),
    "sample": lambda *problem: dp.posterior.sample(*problem, **SHORT),
    "exact": lambda *problem: dp.posterior.exact(*problem),
}


def at(index, value):
    image = PICTURE.ravel().copy()
    image[index] = value
    return image


STRANGE = {
    "grey levels": 255 * PICTURE,
    "from -1 to 1": 2 * PICTURE - 1,
    "dark grey levels": np.where(np.arange(1024) % 3, 0.0, 6.0),
    "one pixel of 40": at(5, 40.0),
    "halves": np.where(np.arange(1024) % 2, 3.0, -2.0),
    "overflow": np.full(1024, 1e200),
}


@pytest.mark.parametrize("noise", [0.01, 0.2])
@pytest.mark.parametrize("name", STRANGE)
def test_values_unlike_photographs_are_noticed(name, noise):
    y = STRANGE[name].ravel()
    text = rf"y has values from {y.min():.3g} to {y.max():.3g}, and the prior expects 0\.5"
    with pytest.warns(RuntimeWarning, match=text.replace("+", r"\+")) as caught:
        found = strange(PRODUCT, dp.LinearGaussian(ALL, noise), y)
    assert len(caught) == len(found) == 1


def strange(prior, measurement, y):
    return dp.posterior._problem.Problem("test", prior, measurement, y, 0, scored=False).reasons


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_tells(name):
    prior = PRODUCT if name == "split_gibbs" else GRID
    with pytest.warns(RuntimeWarning, match="y has values from 0 to 255") as caught:
        found = SAMPLERS[name](prior, SEEN, 255 * PICTURE.round(1).ravel())
    assert len(caught) == 1
    assert name == "exact" or len(found.warnings) == 1
    assert caught[0].filename == __file__ or name in ("exact", "sample")


BLACK_AND_WHITE = (PICTURE > 0.5).astype(float)
SCALES = dp.priors.GaussianMixture([1.0], [[0.0, 1000.0]], 1.0)
HIGH = dp.priors.GaussianMixture([0.5, 0.5], [[10.0, 10.0], [11.0, 11.0]], 0.1)
EDGES = np.array([[0, -1, 0], [-1, 4.0000001, -1], [0, -1, 0]])


def rows(matrix, shape, noise=0.1):
    return dp.LinearGaussian(matrix, noise, event_shape=shape)


QUIET = {
    "black and white": (PRODUCT, SEEN, BLACK_AND_WHITE.ravel()),
    "black": (PRODUCT, SEEN, np.zeros(1024)),
    "white": (PRODUCT, SEEN, np.ones(1024)),
    "pixels of two scales": (
        dp.priors.PatchGrid(SCALES, (2, 4), (1, 2), (0, 1)),
        rows(np.eye(8), (2, 4)),
        np.tile([1000.0, 0.0], 4),
    ),
    "differences": (
        dp.priors.PatchGrid(HIGH, (2, 4), (1, 2)),
        rows(np.diff(np.eye(8), axis=0), (2, 4)),
        np.zeros(7),
    ),
    "edges": (
        PRODUCT,
        dp.LinearGaussian(dp.operators.convolution(EDGES, SHAPE), 0.1),
        RNG.normal(size=SHAPE) * 0.1,
    ),
    "one pixel under much noise": (PRODUCT, rows(np.eye(1, 1024), SHAPE, 3.0), np.array([5.0])),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_the_prior_expects_is_not_strange(name):
    assert not strange(*QUIET[name])


@pytest.mark.parametrize("shape", [(2, 2), (2, 8), (32, 32)])
def test_rare_wide_components_are_not_strange(shape):
    """All patches of an image may be of one that draws from the prior hardly ever show."""
    covs = np.array([1e-2, 4.0])
    mixtures = (
        dp.priors.GaussianMixture(weights, np.zeros((2, 4)), covs)
        for weights in ([0.9999, 0.0001], [0.0001, 0.9999])
    )
    narrow, wide = (dp.priors.PatchGrid(mixture, shape, (2, 2)) for mixture in mixtures)
    measurement = dp.LinearGaussian(dp.operators.mask(np.ones(shape, bool)), 0.1)
    y = measurement.simulate(wide.sample(100, rng=1), rng=2)
    assert not any(strange(narrow, measurement, one) for one in y)


def test_fourier_samples():
    keep = RNG.random(SHAPE) < 0.4
    measurement = dp.LinearGaussian(dp.operators.subsampled_fourier(keep, SHAPE), 0.1)
    y = measurement.operator(PICTURE[None])[0]
    assert not strange(PRODUCT, measurement, y)
    with pytest.warns(RuntimeWarning, match="y has values"):
        assert strange(PRODUCT, measurement, 255 * y)


def test_namespaces(xp):
    pair = dp.priors.GaussianMixture(*map(xp.array, ([0.4, 0.6], np.eye(2), np.full(2, 0.1))))
    prior = dp.priors.PatchProduct(pair, (2, 4), (1, 2))
    measurement = dp.LinearGaussian(dp.operators.mask(xp.array(np.ones((2, 4), bool))), 0.1)
    assert not strange(prior, measurement, xp.array(np.full(8, 0.5)))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert strange(prior, measurement, xp.array(np.full(8, 50.0, np.float32)))
