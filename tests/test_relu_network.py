"""Scores of instances as networks: circuits to the bit, and errors against the exact score."""

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.hardness._circuit import Circuit, Wire
from diffpost_np.hardness._score_network import _arx_bits

LEVELS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0, 8.0]
N, M = 6, 6


def square_error(prior, network, sigma, n=1000):
    """E |network - score|^2 over p_sigma."""
    x = prior.sample(n, rng=1) + sigma * np.random.default_rng(0).normal(size=(n, N + M))
    return np.mean(np.sum((network(x) - prior.score(x, sigma)) ** 2, axis=1))


def majority(signs):
    return np.stack([np.roll(signs, k, axis=1)[:, :5].sum(axis=1) > 0 for k in range(M)], axis=1)


@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("one_way", ["arx", majority])
def test_the_error_is_within_the_bar(sigma, one_way):
    prior = dp.hardness.one_way_instance(N, M, one_way=one_way).prior
    assert square_error(prior, prior.relu_network(sigma), sigma) <= 1e-4 / sigma**2


@pytest.mark.parametrize("radius", [8.0, 12.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize(("spacing", "sigma"), [(0.4, 0.02), (0.4, 0.2), (0.2, 0.01), (0.4, 8.0)])
def test_the_error_at_other_sizes(radius, spacing, sigma):
    prior = dp.hardness.OneWayPrior(N, M, majority, spacing, radius)
    network = prior.relu_network(sigma)
    assert square_error(prior, network, sigma, 300) <= 1e-4 / sigma**2
    assert np.all(np.isfinite(network(np.zeros((1, N + M)))))


def test_the_error_falls_with_the_fourth_power_of_the_knots():
    prior, knots = dp.hardness.one_way_instance(N).prior, [128, 256, 512]
    errors = [square_error(prior, prior.relu_network(0.2, k), 0.2) for k in knots]
    slope = np.polyfit(np.log(knots), np.log(errors), 1)[0]
    assert abs(slope + 4) < 0.3


@pytest.mark.parametrize(("n_bits", "m_bits"), [(1, 1), (5, 9), (6, 6), (40, 50)])
def test_the_circuit_has_the_bits_of_the_function(n_bits, m_bits):
    signs = np.random.default_rng(n_bits).choice([-1.0, 1.0], (40, n_bits))
    circuit = Circuit(n_bits)
    bits = [circuit.relu(circuit.input(i)) for i in range(n_bits)]
    network = circuit.finish(_arx_bits(circuit, bits, m_bits))
    found = network((signs + 1) / 2)
    np.testing.assert_array_equal(2 * found - 1, dp.hardness.arx(signs, m_bits))
    assert network.largest_weight <= 4  # bits stay bits: nothing grows with depth


def test_gates():
    circuit = Circuit(2)
    a, b = circuit.input(0), circuit.input(1)
    outputs = [circuit.xor(a, b), *circuit.add([a, b], [b, b]), circuit.gate(a, 3.0 - 5.0 * b, 5.0)]
    found = circuit.finish(outputs)(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]))
    expected = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 3], [0, 0, 1, -2]]
    np.testing.assert_array_equal(found, expected)


def test_piecewise_functions_are_constant_outside():
    circuit = Circuit(1)
    knots, values = np.array([-1.0, 0.0, 2.0]), np.array([0.5, 2.0, -1.0])
    network = circuit.finish([circuit.piecewise(circuit.input(0), knots, values)])
    x = np.array([-9.0, -1.0, -0.5, 0.0, 1.0, 2.0, 50.0])
    np.testing.assert_allclose(network(x[:, None])[:, 0], np.interp(x, knots, values), rtol=1e-14)


def test_wires_add_up():
    total = 2.0 * (Wire({0: 1.0}) - Wire({1: 3.0}, 1.0)) + 5.0
    assert total.terms == {0: 2.0, 1: -6.0} and total.constant == 3.0


def test_the_network_says_what_it_is():
    prior = dp.hardness.one_way_instance(N).prior
    network = prior.relu_network(0.1, n_knots=64)
    assert network.n_units == len(network.biases) == network.ends[-1]
    assert f"{network.n_units} units" in repr(network)
    wide = prior.relu_network(3.0, n_knots=64)
    assert wide.depth < network.depth  # noise hides the lattices: no circuit
    x = prior.sample(3, rng=0)
    assert network(x.astype(np.float32)).dtype == np.float32


def test_what_has_no_network():
    def long(signs):
        return signs > 0

    prior = dp.hardness.one_way_instance(13, one_way=long).prior
    with pytest.raises(ValueError, match="n_bits must be at most 12"):
        prior.relu_network(0.1)
    assert prior.relu_network(3.0).depth == 1
    network = dp.hardness.one_way_instance(2).prior.relu_network(1.0)
    with pytest.raises(ValueError, match=r"x must have shape"):
        network(np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"sigma must lie in \[0.01,"):
        dp.hardness.one_way_instance(2).prior.relu_network(1e-3)
    array_api_strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="NumPy"):
        network(array_api_strict.zeros((3, 4)))
