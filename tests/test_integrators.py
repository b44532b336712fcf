"""Integrators on a Gaussian prior: exact laws, without Monte Carlo, against the papers' orders.

The reference errors are those of a VP process on 40 uniform steps of log-SNR; see the module
`testing._gaussian_law` for how laws are found.
"""

import math

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.sampling._methods.unipc import multistep
from diffpost_np.sampling._methods.weights import adams, phi
from diffpost_np.sampling._steps.step import Evaluation, Step
from diffpost_np.testing._gaussian_law import gaussian_law, gaussian_law_at_random_times

MEAN, VARIANCE = 0.7, 0.25
METHODS = dp.sampling.methods()
TABLES = [name for name, method in METHODS.items() if method.traced]


def levels(n, high=3.0, low=-2.5):
    """Uniform in lambda = -log sigma."""
    return np.exp(np.linspace(high, low, n + 1))


def law(name, n, mean=MEAN, variance=VARIANCE, **options):
    method = METHODS[name]
    options |= {"corrector": "none"} if "corrector" in method.options and not method.traced else {}
    find = gaussian_law if method.traced else gaussian_law_at_random_times
    return find(method.with_options(**options), levels(n), mean, variance)


def error(name, n, **options):
    """Error of the variance, on the scale of the process."""
    found = law(name, n, **options)
    return (found.variance - found.exact_variance) / (1 + levels(n)[-1] ** 2)


def slope(name, coarse=80, **options):
    """Order from the last two doublings."""
    errors = [abs(error(name, n, **options)) for n in (coarse, 2 * coarse, 4 * coarse)]
    return math.log2(errors[0] / errors[2]) / 2


ORDERS = [
    *((name, {}, METHODS[name].order) for name in TABLES if name != "predictor_corrector"),
    ("ddim", {"eta": 0.5}, 1),
    ("ddim", {"eta": 1.0}, 1),
    ("heun", {"s_churn": 5.0}, 2),
    ("heun", {"s_churn": 5.0, "s_min": 0.2, "s_max": 5.0}, 2),
    ("dpm_solver_2s", {"r": 0.3}, 2),
    ("dpm_solver_2s", {"r": 1.0}, 2),
    ("sde_dpm_solver_2m", {"tau": 0.5}, 2),
    ("unipc_1", {"variant": "bh1"}, 2),
    ("unipc_2", {"variant": "bh1"}, 3),
    ("sa_solver", {"p": 1}, 1),
    ("sa_solver", {"p": 1, "tau": 0.0}, 1),
    ("sa_solver", {"p": 2, "tau": 0.0}, 2),
    ("seeds_2", {"eta": 0.5}, 2),
    ("predictor_corrector", {"snr": 1e-4}, 1),
    ("randomized_midpoint", {}, 2),
]


@pytest.mark.parametrize(("name", "options", "order"), ORDERS)
def test_variance_converges_at_the_stated_order(name, options, order):
    coarse = {"unipc_3": 640, "rk4": 20}.get(name, 160)
    assert abs(slope(name, coarse, **options) - order) < 0.15


@pytest.mark.parametrize("name", [*TABLES, "randomized_midpoint"])
def test_mean_is_kept_where_the_method_says_so(name):
    found = law(name, 20)
    offset = abs(found.mean - MEAN)
    assert offset < 1e-12 if METHODS[name].keeps_mean else offset > 1e-4


@pytest.mark.parametrize(
    ("name", "order"), [("euler_maruyama", 1), ("stochastic_heun", 2), ("sra1", 2)]
)
def test_mean_converges_where_it_is_not_kept(name, order):
    offsets = [abs(law(name, n).mean - MEAN) for n in (80, 320)]
    assert abs(math.log2(offsets[0] / offsets[1]) / 2 - order) < 0.15


EXACT_FOR_A_POINT = [
    *("ddim", "ddpm", "dpm_solver_2s", "dpm_solver_2m", "sde_dpm_solver_2m"),
    *("unipc_1", "unipc_2", "unipc_3", "sa_solver", "seeds_2"),
]


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("name", EXACT_FOR_A_POINT)
def test_a_point_is_sampled_exactly(name, n):
    found = law(name, n, variance=0.0)
    assert abs(found.mean - MEAN) < 1e-12
    assert abs(found.variance / found.exact_variance - 1) < 1e-12


REFERENCE_ERRORS = [
    ("ddim", {}, -1.7e-2),
    ("ddpm", {}, -3.1e-2),
    ("exponential_euler_maruyama", {}, 2.8e-2),
    ("euler_maruyama", {}, 2.4e-2),
    ("heun", {}, 1.2e-3),
    ("dpm_solver_2m", {}, 4.9e-4),
    ("dpm_solver_2s", {}, -5.7e-4),
    ("sde_dpm_solver_2m", {}, 1.2e-3),
    ("seeds_2", {}, -2.2e-3),
    ("sa_solver", {"p": 2}, 2.9e-3),
    ("sa_solver", {"p": 3}, 7.4e-4),
    ("unipc_2", {"variant": "bh2"}, 9.1e-5),
    ("unipc_2", {"variant": "bh1"}, 1.8e-4),
    ("stochastic_heun", {}, -2.1e-3),
    ("sra1", {}, -1.1e-3),
]


@pytest.mark.parametrize(("name", "options", "expected"), REFERENCE_ERRORS)
def test_errors_at_40_steps_have_the_known_two_digits(name, options, expected):
    assert float(f"{error(name, 40, **options):.1e}") == expected


def one_step(name, index=1, **options):
    """A step in the middle of a run on a nonlinear denoiser, from fixed numbers."""
    rng = np.random.default_rng(0)
    grid, past = levels(12, 1.0, -1.0), []
    y, noises = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3))
    past = [Evaluation(float(grid[i]), rng.normal(size=(5, 3))) for i in range(index - 1, -1, -1)]

    def denoise(x, sigma):
        return np.tanh(x) / (1 + sigma)

    s = Step(y, grid, index, past, denoise, lambda slot: noises[slot])
    return METHODS[name].with_options(**options)(s)


IDENTITIES = [
    ("ddpm", {}, "ddim", {"eta": 1.0}),
    ("ddpm", {}, "sa_solver", {"p": 1, "tau": 1.0}),
    ("ddim", {}, "sa_solver", {"p": 1, "tau": 0.0}),
    ("dpm_solver_2m", {}, "sde_dpm_solver_2m", {"tau": 0.0}),
    ("dpm_solver_2s", {}, "seeds_2", {"eta": 0.0}),
    ("heun", {}, "heun", {"s_churn": 0.0}),
]


@pytest.mark.parametrize(("one", "options", "other", "others"), IDENTITIES)
def test_identities_between_methods(one, options, other, others):
    a, b = one_step(one, **options), one_step(other, **others)
    assert np.max(np.abs(a - b)) < 1e-13


def test_2m_is_the_predictor_of_unipc_2():
    rng, grid = np.random.default_rng(0), levels(12, 1.0, -1.0)
    y, value, before = rng.normal(size=(3, 5, 3))
    past = [Evaluation(float(grid[1]), value), Evaluation(float(grid[0]), before)]
    s = Step(y, grid, 1, past[1:], lambda x, sigma: value, None)
    predicted = multistep(s, value, past[1:], "bh2")
    assert np.max(np.abs(predicted - METHODS["dpm_solver_2m"].step(s))) < 1e-13


def test_adams_weights_integrate_polynomials():
    h, rate, places = 0.7, 1 + 0.6**2, (0.0, -0.4, -1.1, 0.7)
    weights = adams(places, h, rate)
    assert abs(sum(weights) - -math.expm1(-rate * h)) < 1e-14
    u = np.linspace(0, h, 200_001)
    for power in range(4):
        exact = np.trapezoid(rate * np.exp(-rate * (h - u)) * u**power, u)
        assert abs(np.dot(weights, np.power(places, power)) - exact) < 1e-9


@pytest.mark.parametrize("h", [1e-8, 1e-4, 0.0999, 0.1001, 1.0, 5.0])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_phi_functions_of_unipc(n, h):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        z = mpmath.mpf(-h)
        rest = mpmath.exp(z) - sum(z**k / mpmath.factorial(k) for k in range(n + 1))
        exact = float(rest / z**n)
    assert abs(phi(n, -h) / exact - 1) < 1e-11


def test_churn_that_grows_with_the_number_of_steps_spoils_the_order():
    errors = [abs(error("heun", n, s_churn=0.3 * n)) for n in (80, 320)]
    assert math.log2(errors[0] / errors[1]) / 2 < 1.3
