"""Draws of every prior follow its arrays, or those they are to go with."""

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp

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
