"""Trees of components, by the noise that merges them (2502.00921, definition 8)."""

import math

import numpy as np
import pytest
from scipy.special import ndtri

import diffpost_np as dp
from diffpost_np.sampling import mixture_tree
from diffpost_np.sampling._overlap.components import components_of
from diffpost_np.sampling._overlap.line import line_of


def two_pairs(order=(0, 1, 2, 3, 4), eps=0.1):
    means = np.array([[0.0], [4.0], [900.0], [905.0], [4e5]])[list(order)]
    weights = np.array([0.1, 0.15, 0.2, 0.25, 0.3])[list(order)]
    return dp.priors.GaussianMixture(weights, means, 1.0), eps


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


def test_scales_are_found():
    prior, eps = two_pairs()
    path = [node.subset for node in mixture_tree(prior, eps).path(3)]
    assert path == [(3,), (2, 3), (0, 1, 2, 3), (0, 1, 2, 3, 4)]
    subsets = {node.subset for node in nodes(mixture_tree(prior, eps))}
    assert subsets == {*path, (0, 1), (0,), (1,), (2,), (4,)}


def test_noise_amounts_are_those_of_the_farthest_pair():
    for node in nodes(mixture_tree(*two_pairs())):
        means = two_pairs()[0].means[list(node.subset), 0]
        diameter = means.max() - means.min()
        expected = math.log(diameter / 2 / ndtri(0.55)) if diameter else 0.0
        assert abs(node.noise_amount - expected) < 1e-9
        if diameter:
            assert node.noise_amount < math.log(diameter / 0.2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_definition(seed, eps):
    """Pairs within eps, groups apart from the rest, more noise towards the root."""
    rng = np.random.default_rng(seed)
    means = np.exp(rng.uniform(0, 25, size=(8, 1)))
    prior = dp.priors.GaussianMixture(
        rng.dirichlet(np.full(8, 5.0)), means, rng.uniform(0.2, 3, size=8)
    )
    root, line = mixture_tree(prior, eps), line_of(components_of(prior))
    assert len([*nodes(root)]) > 9  # leaves, the root, and groups
    for node in nodes(root):
        for child in node.children:
            assert set(child.subset) < set(node.subset)
            assert child.noise_amount <= node.noise_amount
        rest = [k for k in range(8) if k not in node.subset]
        if node.children and rest:
            assert line.overlap([*node.subset], rest, node.noise_amount) <= eps**2 + 1e-12
        for i in node.subset:
            for j in node.subset:
                assert i == j or line.distance([i], [j], node.noise_amount) <= eps + 1e-9


def test_names_of_components_do_not_matter():
    order = [3, 0, 4, 1, 2]
    subsets = {node.subset for node in nodes(mixture_tree(*two_pairs()))}
    moved = nodes(mixture_tree(*two_pairs(order)))
    assert {tuple(sorted(order[k] for k in node.subset)) for node in moved} == subsets


def test_one_component():
    root = mixture_tree(dp.priors.Gaussian([1.0, 2.0], 1.0))
    assert (root.subset, root.noise_amount, root.children) == ((0,), 0.0, ())


def test_covariances_alone_may_differ():
    """The third has other variances and no other mean: it merges first, and by itself."""
    means = [[0.0, 0.0], [1e4, 0.0], [0.0, 0.0]]
    covs = [[1.0, 1.0], [1.0, 1.0], [9.0, 0.1]]
    root = mixture_tree(dp.priors.GaussianMixture([0.3, 0.3, 0.4], means, covs))
    assert [child.subset for child in root.children] == [(0, 2), (1,)]


def test_path_refuses_strangers():
    root = mixture_tree(*two_pairs())
    with pytest.raises(ValueError, match="component must be one of"):
        root.path(7)


def test_every_namespace(xp):
    means, weights = [[[1.0, 2.0]], [[30.0, -9.0]], [[90.0, 7.0]]], [0.2, 0.3, 0.5]
    made = dp.priors.GaussianMixture(xp.array(weights), xp.array(means), xp.array(0.5))
    plain = dp.priors.GaussianMixture(weights, np.array(means), 0.5)
    assert mixture_tree(made) == mixture_tree(plain)


def test_weights_must_be_positive():
    with pytest.raises(ValueError, match="prior must have positive weights"):
        mixture_tree(dp.priors.GaussianMixture([1.0, 0.0], [[0.0], [1.0]], 1.0))
