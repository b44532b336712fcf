"""Triangular factors of inverse covariances, beside their products."""

import numba
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._numba.mixtures.factors import triangular_factors
from diffpost_np._numba.mixtures.tables import prepare

EPS = np.finfo(np.float64).eps
SIZES = (1, 2, 5, 31, 32, 33, 70)  # beside one block of lanes, and two


def bases(d, n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, d, d)))[0]


def factors(basis, precisions, dtype=np.float64):
    lower, upper = np.zeros((2, *precisions.shape, precisions.shape[-1]), dtype)
    triangular_factors(lower, upper, np.ascontiguousarray(basis[:, ::-1]), precisions)
    return lower, upper


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("spread", [1.0, 1e8])
def test_their_squares_are_the_inverses(d, spread):
    basis = bases(d, 3)
    precisions = spread ** -np.random.default_rng(1).uniform(size=(2, 3, d))
    lower, upper = factors(basis, precisions)
    exact = basis * precisions[:, :, None, :] @ np.swapaxes(basis, 1, 2)
    off = np.abs(np.swapaxes(lower, 2, 3) @ lower - exact)
    assert np.max(off) <= 4 * d * EPS * np.max(precisions)
    assert np.array_equal(lower, np.tril(lower))
    assert np.array_equal(upper, np.swapaxes(lower, 2, 3))


def test_threads_do_not_change_them():
    basis, precisions = bases(40, 5), np.random.default_rng(1).uniform(0.1, 2, (20, 5, 40))
    whole, before = factors(basis, precisions, np.float32)[0], numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert np.array_equal(factors(basis, precisions, np.float32)[0], whole)
    finally:
        numba.set_num_threads(before)


def test_levels_with_and_without_noise():
    """Without noise covariances are factored from their axes, which keeps small ones exact."""
    covs = bases(9, 4) * np.geomspace(1e-3, 1, 9) @ np.swapaxes(bases(9, 4), 1, 2)
    means = np.random.default_rng(2).normal(size=(4, 9))
    prior = dp.priors.GaussianMixture(np.full(4, 0.25), means, 0.5 * (covs + covs.swapaxes(1, 2)))
    s2 = np.array([0.3, 0.0, 2.0])
    form = prepare(prior.tables(np.dtype(np.float64))).levels(s2, reused=True)
    squares = np.swapaxes(form.factor, 2, 3) @ form.factor
    for level, noise in enumerate(s2):
        exact = np.linalg.inv(covs + noise * np.eye(9))[:, form.order][:, :, form.order]
        tolerance = 100 * EPS * np.max(exact) * np.max(np.linalg.cond(covs))
        np.testing.assert_allclose(squares[level], exact, rtol=0, atol=tolerance)
