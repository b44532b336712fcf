"""Draws of every prior follow its arrays, or those they are to go with."""

import contextlib

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._xp import numpy_namespace
from diffpost_np.priors._covariance import Spectral
from diffpost_np.priors._mixture_draws import draw_chosen
from diffpost_np.priors._mixture_given import draw_given
from diffpost_np.priors._mixture_math import Tables

POINTS = np.array([[0.1, 0.2], [0.3, -0.4], [1.0, 2.0]])
BARE = {
    "ring": dp.priors.Ring(1.0, 0.1),
    "lattice": dp.priors.DiscretizedGaussian(0.5, 0.25, (2,)),
}
HOLDING = {
    "mixture": lambda a: dp.priors.GaussianMixture(a([0.2, 0.3, 0.5]), a(POINTS), 0.5),
    "low rank": lambda a: dp.priors.GaussianMixture(
        a([0.2, 0.3, 0.5]), a(POINTS), dp.priors.LowRank(a(POINTS[:, :, None]), 0.3)
    ),
    "points": lambda a: dp.priors.Empirical(a(POINTS), 0.1),
    "shifted lattice": lambda a: dp.priors.DiscretizedGaussian(0.5, a(POINTS[0]), (2,)),
}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("prior", BARE.values(), ids=BARE)
def test_a_prior_without_arrays_follows_like(prior, dtype, xp):
    draws = prior.sample(5, rng=0, like=xp.array([0.0], dtype))
    assert xp.owns(draws) and draws.dtype == getattr(xp.xp, dtype)
    wanted = prior.sample(5, rng=0, like=np.zeros(1, dtype))
    np.testing.assert_array_equal(xp.numpy(draws), wanted)
    assert isinstance(prior.sample(5, rng=0), np.ndarray)


@DTYPES
@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_a_prior_with_arrays_follows_these(make, dtype, xp):
    prior = make(lambda values: xp.array(values, dtype))
    assert xp.owns(draws := prior.sample(5, rng=0)) and draws.dtype == getattr(xp.xp, dtype)
    for other in ("float32", "float64"):
        draws = prior.sample(5, rng=0, like=xp.array([0.0], other))
        assert xp.owns(draws) and draws.dtype == getattr(xp.xp, other)


@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_a_prior_with_arrays_does_not_leave_their_library(make):
    with pytest.raises(TypeError, match="mixed array types: like is a array_api_strict"):
        make(np.asarray).sample(5, rng=0, like=array_api_strict.zeros(1))


@pytest.mark.parametrize("like", [np.zeros(1, complex), np.zeros(1, int)], ids=["complex", "int"])
def test_draws_are_real_in_the_precision_of_like(like):
    assert BARE["ring"].sample(2, rng=0, like=like).dtype == np.float64


@pytest.mark.parametrize(
    "like",
    [np.zeros(1, np.float16), np.zeros(1, bool), np.array(["a"]), "float32", np.float32, [0.0]],
    ids=repr,
)
def test_like_is_an_array_of_a_precision(like):
    key = dp.random.key(0)
    for draw in (
        lambda: BARE["ring"].sample(2, like=like),
        lambda: dp.random.normal(key, (1,), like=like),
    ):
        with pytest.raises(TypeError, match=r"^like must be a float32 or float64 array, got"):
            draw()


def other_axes(covs):
    """The same matrices by axes of other signs, turned in the plane of the first two."""
    basis = covs.basis * np.array([1.0, -1.0, -1.0, 1.0, -1.0])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    return Spectral(covs.values, np.concatenate([basis[..., :2] @ turn, basis[..., 2:]], axis=-1))


@pytest.mark.parametrize("n_levels", [1, 40])
@pytest.mark.parametrize("reference", [False, True])
def test_draws_do_not_depend_on_the_axes_that_a_lapack_finds(n_levels, reference):
    rng, key = np.random.default_rng(0), dp.random.key(1)
    basis = np.linalg.qr(rng.standard_normal((2, 5, 5)))[0]
    values = np.array([[0.3, 0.3, 1.0, 2.0, 5.0], [0.1, 0.1, 0.5, 0.7, 9.0]])
    means, x = rng.standard_normal((2, 5)), rng.standard_normal((40, 5))
    s2, draws = np.linspace(0.1, 2, n_levels), []
    for covs in (Spectral(values, basis), other_axes(Spectral(values, basis))):
        tables = Tables(np.log([0.4, 0.6]), means.copy(), covs)
        with dp.reference() if reference else contextlib.nullcontext():
            draws += [draw_chosen(numpy_namespace, tables, np.arange(40) % 2, key)]
            draws += [draw_given(numpy_namespace, x, s2, tables, key)]
    for one, other in zip(draws[:2], draws[2:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_low_rank_posteriors_draw_by_a_symmetric_root():
    """As the square root of a matrix is unique, so are the draws."""
    rng = np.random.default_rng(0)
    factor, diag = rng.standard_normal((1, 6, 2)), rng.uniform(0.5, 2, (1, 6))
    prior = dp.priors.GaussianMixture([1.0], np.zeros((1, 6)), dp.priors.LowRank(factor, diag))
    seen = np.arange(6) % 2 == 0
    posterior = prior.posterior(dp.LinearGaussian(dp.operators.mask(seen), 0.5), np.ones(3))
    kept = 1 / (1 + diag[0] * seen / 0.25)
    shrunk = factor[0] * (np.sqrt(kept) * seen / 0.5)[:, None]
    values, axes = np.linalg.eigh(np.eye(2) + shrunk.T @ shrunk)
    expected = kept[:, None] * factor[0] @ (axes / np.sqrt(values)) @ axes.T
    np.testing.assert_allclose(posterior.covs.factor_matrix[0], expected, atol=1e-12)
