"""Kernels of the moves against their definitions, and components given up early."""

import numba
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._numba import ghmc
from diffpost_np._xp import numpy_namespace as xp
from diffpost_np.posterior import _ghmc, _moves


def arrays(dtype, n=37, d=11):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, d)).astype(dtype) for _ in range(5)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moves_equal_their_definitions(dtype):
    a, b, c, d, e = arrays(dtype)
    tolerance = 50 * np.finfo(dtype).eps
    pairs = [
        (ghmc.ghmc_open(xp, a, b, c, d, 0.3), _ghmc.ghmc_open.__wrapped__(xp, a, b, c, d, 0.3)),
        (
            ghmc.ghmc_close(xp, a, b, c, d, e, 0.3),
            _ghmc.ghmc_close.__wrapped__(xp, a, b, c, d, e, 0.3),
        ),
        ([ghmc.trapezoid(xp, a, b, c, d)], [_moves.trapezoid.__wrapped__(xp, a, b, c, d)]),
    ]
    for fast, plain in pairs:
        for x, y in zip(fast, plain, strict=True):
            assert x.dtype == dtype
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * 10)


def mixture(n_components=6, d=40):
    """Well separated full covariances with a common floor, as pictures have."""
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(n_components, d, 6))
    covs = factors @ factors.transpose(0, 2, 1) + 0.01 * np.eye(d)
    return dp.priors.GaussianMixture(
        np.full(n_components, 1 / n_components), 3 * rng.normal(size=(n_components, d)), covs
    )


@pytest.mark.parametrize("sigma", [0.0, 0.5, 30.0])
def test_giving_up_far_components_changes_no_bit(sigma):
    """A point has the same score alone, among its like, and among points of other modes."""
    prior = mixture()
    x = prior.sample(150, rng=2)
    together = prior.score(x, sigma)
    with dp.reference():
        np.testing.assert_allclose(together, prior.score(x, sigma), rtol=1e-9, atol=1e-9)
    for rows in (slice(0, 1), slice(40, 75), slice(149, 150)):
        np.testing.assert_array_equal(prior.score(x[rows], sigma), together[rows])
    order = np.random.default_rng(3).permutation(150)
    np.testing.assert_array_equal(prior.score(x[order], sigma), together[order])


def test_threads_do_not_change_the_cloud():
    """The whole of `annealed_smc` to the same bits with one thread and with two."""
    prior, measurement = mixture(3, 12), dp.LinearGaussian(np.eye(12)[:5], 0.3)
    y, results = prior.sample(1, rng=5)[0, :5], []
    before = numba.get_num_threads()
    try:
        for n_threads in (1, min(2, before)):
            numba.set_num_threads(n_threads)
            results.append(
                dp.posterior.annealed_smc(
                    prior, measurement, y, n_samples=500, metropolis=False, rng=4
                ).samples
            )
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*results)
