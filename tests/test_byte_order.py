"""Numbers in the byte order of another machine, as FITS and netCDF files hold them."""

import numpy as np
import pytest

import diffpost_np as dp

X = np.array([[0.3, -0.5], [1.0, 2.0]])


def score(kind):
    mixture = dp.priors.GaussianMixture(kind([0.4, 0.6]), kind(X), kind([0.5, 1.0]))
    return mixture.score(kind(X), kind([0.5, 1.0]))


def score_of_points(kind):
    return dp.priors.Empirical(kind(X)).score(kind(X), 0.5)


def gradient(kind):
    measurement = dp.LinearGaussian(kind(X), kind([0.3, 0.2]))
    return measurement.log_likelihood_grad(kind(X), kind([1.0, 2.0]))


def blur(kind):
    return dp.operators.convolution(kind([0.5, 0.25]), (2,))(kind(X))


def draws(kind):
    return dp.random.normal(dp.random.key(0), (3, 2), like=kind(X))


def draws_of_a_prior(kind):
    return dp.priors.Ring(1.0, 0.1).sample(3, rng=0, like=kind(X))


def kernel(kind):
    return dp.operators.gaussian_kernel(1.0, like=kind(X))


FUNCTIONS = [score, score_of_points, gradient, blur, draws, draws_of_a_prior, kernel]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", ["f4", "f8"])
def test_byte_order_does_not_matter(function, name):
    def foreign(values):
        return np.asarray(values).astype(f">{name}")

    def native(values):
        return foreign(values).astype(name)

    got, want = function(foreign), function(native)
    assert got.dtype == want.dtype and got.dtype.isnative
    np.testing.assert_array_equal(got, want)
