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
def displaced(example):
    """Displacement of plain Langevin in posterior deviations at 2 t* and 16 t*, by dimension."""
    found = {}
    for d in (200, 500, 1000):
        prior = dp.priors.Gaussian(np.zeros(d), 1.0)
        clean, _ = example.plain(prior, d, [2, 16], 20)
        pushed, _ = example.plain(dp.scores.perturbed(prior, example.attack(d)), d, [2, 16], 20)
        found[d] = (pushed - clean).mean(axis=1) / example.POSTERIOR_STD
    return found


def test_attack_has_the_stated_size_under_the_prior(example):
    """Its fourth moment is 0.1^4; in 20 dimensions draws of the prior still see it."""
    draws = dp.priors.Gaussian(np.zeros(20), 1.0).sample(40_000, rng=0)
    fourth = np.linalg.norm(example.attack(20)(draws, 0.0), axis=1) ** 4
    error = fourth.std() / np.sqrt(len(draws))
    assert abs(fourth.mean() - 1e-4) < 4.5 * error


def test_plain_langevin_is_carried_away_for_a_while(displaced):
    """Farther in more dimensions; late, at 16 t*, it is back within a hundredth of a deviation."""
    assert displaced[500][0] > 1
    assert displaced[500][0] > 4 * displaced[200][0]
    assert displaced[1000][0] > 4 * displaced[500][0]
    assert all(late < 0.01 for _, late in displaced.values())


def watched(error):
    """The same error, and a list of which chains it meets, step by step."""
    met = []

    def seen(x, sigma):
        push = error(x, sigma)
        met.append((push != 0).any(axis=1))
        return push

    return seen, met


def at_home(example, d):
    """An error as large as the attack's, on the shell where draws of the prior are."""
    push = example.attack(d)(np.full((1, d), example.CENTRE**0.5), 0.0)

    def error(x, sigma):
        inside = np.abs((x**2).mean(axis=1) - 1) <= example.WIDTH
        return np.where(inside[:, None], push, 0.0)

    return error


@pytest.mark.parametrize("d", [500, 1000])
def test_annealed_langevin_is_not(example, d):
    """It never meets the error, which plain Langevin meets with every chain.

    An error that it does meet carries it away as well: the comparison would show it.
    """
    prior = dp.priors.Gaussian(np.zeros(d), 1.0)
    _, exact = example.annealed(prior, d, 20)
    attack, met = watched(example.attack(d))
    _, suffered = example.annealed(dp.scores.perturbed(prior, attack), d, 20)
    assert (suffered <= 2 * exact).all()
    assert not np.any(met)
    attack, met = watched(example.attack(d))
    example.plain(dp.scores.perturbed(prior, attack), d, [2], 20)
    assert np.any(met, axis=0).all()
    _, suffered = example.annealed(dp.scores.perturbed(prior, at_home(example, d)), d, 20)
    assert (suffered > 2 * exact).any()


def test_a_perturbed_score_is_perturbed_by_every_name():
    prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    shifted = dp.scores.perturbed(prior, lambda x, sigma: np.ones_like(x))
    score = getattr(shifted, "score", shifted)
    np.testing.assert_allclose(score(np.zeros((1, 2)), 0.0), [[1.0, 1.0]])
