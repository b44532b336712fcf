"""Points and noise levels whose squares overflow: an error that names them, never NaN."""

import re

import numpy as np
import pytest

import diffpost_np as dp

MEANS = np.array([[-1.0, 0.0], [1.0, 2.0]])
MATRICES = np.array([[[1.0, 0.5], [0.5, 2.0]], [[0.3, 0.0], [0.0, 0.6]]])
P = dp.priors
REFUSALS = "(x|sigma) must lie within|.* has no density at sigma = 0"


def priors(unit, array):
    """One of every kind, of about this width."""
    means, square = array(unit * MEANS), unit * unit
    weights = array([0.3, 0.7])
    yield P.GaussianMixture(weights, means, square)
    yield P.GaussianMixture(weights, means, array(square * np.ones((2, 2))))
    yield P.GaussianMixture(weights, means, array(square * MATRICES))
    low_rank = P.LowRank(array(unit * MEANS[:, :, None]), array(square * np.ones((2, 2))))
    yield P.GaussianMixture(weights, means, low_rank)
    yield P.Empirical(means)
    yield P.Empirical(means, 0.1 * unit)
    yield P.Ring(unit, 0.1 * unit)
    yield P.DiscretizedGaussian(unit, 0.25, (2,))


def abilities(prior, x, sigma, v):
    return {
        "score": lambda: prior.score(x, sigma),
        "denoise": lambda: prior.denoise(x, sigma),
        "denoise_vjp": lambda: prior.denoise_vjp(x, sigma, v),
        "log_density": lambda: prior.log_density(x, sigma),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_results_are_numbers_or_errors(unit, dtype, xp):
    sizes = float(np.finfo(dtype).max) ** np.array([0.38, 0.43, 0.47, 0.49, 0.51, 0.56, 0.99])
    v = xp.array(np.ones((2, 2)), dtype)
    for prior in priors(unit, lambda a: xp.array(a, np.float64)):
        for size in sizes:
            near, far = (xp.array([[s, 0.2], [0.3, -0.5 * s]], dtype) for s in (0.5, size))
            for x, sigma in ((far, 0.0), (far, 1.0), (near, size)):
                for name, call in abilities(prior, x, sigma, v).items():
                    try:
                        with np.errstate(over="ignore"):  # of bounds, which may be infinite
                            result = xp.numpy(call())
                    except ValueError as error:
                        assert re.match(REFUSALS, str(error)), error
                        continue
                    if name == "log_density":  # -1e40 rounds to -inf in float32
                        result = np.maximum(result, -1.0)
                    assert np.isfinite(result).all(), (prior, name, size, sigma)


@pytest.mark.parametrize("dtype, far", [(np.float64, 1e200), (np.float32, 1e30)])
def test_the_argument_is_named(dtype, far):
    prior, x = P.Gaussian(np.zeros(2), 1.0), np.zeros((3, 2), dtype)
    with pytest.raises(ValueError, match="sigma must lie within"):
        prior.score(x, far)
    x[1, 0] = -far
    with pytest.raises(ValueError, match=r"x must lie within .* got -1.* at index \(1, 0\)"):
        prior.score(x, 1.0)


def test_parameters_are_named():
    far = np.array([[0.0, 1e200], [1.0, 0.0]])
    with pytest.raises(ValueError, match="means must lie within"):
        P.GaussianMixture([0.5, 0.5], far, 1.0)
    with pytest.raises(ValueError, match="mean must lie within"):
        P.Gaussian(far[0], 1.0)
    with pytest.raises(ValueError, match="points must lie within"):
        P.Empirical(far)


def test_a_narrow_prior_takes_far_points_with_noise():
    """In float32 a width of 1e-15 forbids points beyond 1e3, unless the noise is as wide."""
    prior, x = P.Gaussian(np.zeros(2), 1e-30), np.full((1, 2), 1e5, np.float32)
    with pytest.raises(ValueError, match="x must lie within"):
        prior.score(x)
    np.testing.assert_allclose(prior.score(x, 100.0), -x / 1e4, rtol=1e-6)
