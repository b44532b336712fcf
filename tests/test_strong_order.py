"""Integrators of the reverse diffusion along one Brownian path, by nested refinement of it.

The path stands on a fine grid; a coarse step takes its increment, and for SRA1 its integral, from
the cells it covers. The prior is the mixture of the other order tests.
"""

import math

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.sampling._methods.reverse_diffusion import time
from diffpost_np.sampling._steps.step import Step

METHODS = dp.sampling.methods()
PRIOR = dp.priors.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], 0.3)
START, END, N_FINE, N = 1.2, 0.2, 1024, 2000
STATED = [name for name, m in METHODS.items() if m.strong_order and m.traced]
CELL = (START - END) / N_FINE


class Path:
    """Increments of a Brownian path over cells of OU time, and its integrals within them."""

    def __init__(self):
        z = np.random.default_rng(0).normal(size=(2, N_FINE, N, 1))
        self.times = START - CELL * np.arange(N_FINE)
        self.increment = math.sqrt(CELL) * z[0]
        self.area = CELL / 2 * (self.increment + math.sqrt(CELL / 3) * z[1])

    def normals(self, first, last):
        """z1 and z2 of SRA1: the increment, and the integral given the increment."""
        k, cells = (last - first) * CELL, slice(first, last)
        before = np.cumsum(self.increment[cells], axis=0) - self.increment[cells]
        area = np.sum(CELL * before + self.area[cells], axis=0)
        z1 = np.sum(self.increment[cells], axis=0) / math.sqrt(k)
        return z1, (2 * area / k - np.sum(self.increment[cells], axis=0)) / math.sqrt(k / 3)

    def weighted(self, first, last, power):
        """The integral of (sigma'^2 / sigma^2)^(power / 2) dW, to unit variance.

        W runs in the clock of the noise variance, in which a cell lasts what it drops by.
        """
        times = START - CELL * np.arange(first, last + 1)
        variance = np.expm1(2 * times)
        drops = variance[:-1] - variance[1:]
        middle = 0.5 * (variance[:-1] + variance[1:])
        weights = np.sqrt(drops) * (variance[-1] / middle) ** (power / 2) / math.sqrt(CELL)
        total = np.tensordot(weights, self.increment[first:last], axes=1)
        return total / math.sqrt(np.sum(weights**2) * CELL)


PATH = Path()


def noises(name, first, last):
    if name in ("ddpm", "sde_dpm_solver_2m"):
        return [PATH.weighted(first, last, 2)]
    if name == "exponential_euler_maruyama":
        return [PATH.weighted(first, last, 0)]
    return PATH.normals(first, last)


def end(name, n):
    levels = np.sqrt(np.expm1(2 * np.linspace(START, END, n + 1)))
    y = math.sqrt(1 + levels[0] ** 2) * np.random.default_rng(1).normal(size=(N, 1))
    past, each = [], N_FINE // n
    for index in range(n):
        z = noises(name, index * each, (index + 1) * each)
        s = Step(y, levels, index, past, PRIOR.denoise, z.__getitem__)
        assert abs(time(s.sigma) - time(s.next) - each * CELL) < 1e-12
        y = METHODS[name].step(s)
    return y


@pytest.mark.parametrize("name", STATED)
def test_error_along_the_path_has_the_stated_order(name):
    reference = end("sra1", N_FINE)
    coarse = (8, 16, 32, 64)
    errors = [np.sqrt(np.mean((end(name, n) - reference) ** 2)) for n in coarse]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(slopes[-1] - METHODS[name].strong_order) < 0.15, slopes


def test_methods_that_state_one():
    assert {"euler_maruyama", "stochastic_heun", "sra1"} <= set(STATED)
