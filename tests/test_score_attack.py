"""The attack on a shell (2510.26324, section 1.7): plain Langevin fails, annealed does not."""

import importlib.util
import pathlib

import numpy as np
import pytest

import diffpost_np as dp

_PATH = pathlib.Path(__file__).parent.parent / "examples" / "score_attack.py"


@pytest.fixture(scope="module")
def example():
    if not _PATH.exists():
        pytest.skip("the examples are not beside the tests")
    spec = importlib.util.spec_from_file_location("score_attack", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def attacked(example):
    """Displacement of plain Langevin at 2 t* in posterior standard deviations, by dimension."""
    found = {}
    for d in (200, 500):
        prior = dp.priors.Gaussian(np.zeros(d), 1.0)
        clean, _ = example.plain(prior, d, [2], 50)
        pushed, _ = example.plain(dp.scores.perturbed(prior, example.attack(d)), d, [2], 50)
        found[d] = (pushed - clean).mean() / example.POSTERIOR_STD
    return found


def test_attack_has_the_stated_size_under_the_prior(example):
    """Its fourth moment is 0.1^4; in 20 dimensions draws of the prior still see it."""
    draws = dp.priors.Gaussian(np.zeros(20), 1.0).sample(40_000, rng=0)
    fourth = np.linalg.norm(example.attack(20)(draws, 0.0), axis=1) ** 4
    error = fourth.std() / np.sqrt(len(draws))
    assert abs(fourth.mean() - 1e-4) < 4.5 * error


def test_plain_langevin_is_carried_away(attacked):
    assert attacked[500] > 1
    assert attacked[500] > 4 * attacked[200]


def test_annealed_langevin_is_not(example):
    d = 500
    prior = dp.priors.Gaussian(np.zeros(d), 1.0)
    _, exact = example.annealed(prior, d, 20)
    _, suffered = example.annealed(dp.scores.perturbed(prior, example.attack(d)), d, 20)
    assert (suffered <= 2 * exact).all()


def test_a_perturbed_score_is_perturbed_by_every_name():
    prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    shifted = dp.scores.perturbed(prior, lambda x, sigma: np.ones_like(x))
    score = getattr(shifted, "score", shifted)
    np.testing.assert_allclose(score(np.zeros((1, 2)), 0.0), [[1.0, 1.0]])
