"""`langevin` and `annealed_langevin` against the exact law of the discretised chain.

Prior N(0, 1), y = x + N(0, eta^2), and chains that start from p: everything is linear and
Gaussian, so the covariance of (x, extra noise, y) after every step is a 3 x 3 matrix. Coordinates
of a long event are independent copies, each with its own y, so one run averages over y.
"""

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.posterior import AnnealingSchedule, annealed_langevin, langevin

COPIES, CHAINS = 200, 500
X, EXTRA, Y = range(3)


def start(eta2, first_extra=0.0):
    return np.diag([1.0, first_extra, 1 + eta2])


def langevin_step(cov, h, v):
    """x <- x + h (-x + (y + extra - x) / v) + sqrt(2 h) xi."""
    step = np.eye(3)
    step[X] = [1 - h * (1 + 1 / v), h / v, h / v]
    return step @ cov @ step.T + np.diag([2 * h, 0, 0])


def bridge(cov, before, after):
    step = np.diag([1, after / before, 1])
    return step @ cov @ step.T + np.diag([0, after * (before - after) / before, 0])


def annealed_variances(eta2, schedule):
    """Var x after every level, and after every step."""
    extra = eta2 * (schedule.noise_ratio - 1)
    cov, at_levels, at_steps = start(eta2, extra[0]), [], []
    for i, (h, n) in enumerate(zip(schedule.step_size, schedule.n_steps, strict=True)):
        cov = bridge(cov, extra[i], extra[i + 1])
        for _ in range(n):
            cov = langevin_step(cov, h, eta2 + extra[i + 1])
            at_steps.append(cov[X, X])
        at_levels.append(cov[X, X])
    return np.array(at_levels), np.array(at_steps)


def problem(eta2, seed=0):
    rng = np.random.default_rng(seed)
    prior = dp.priors.Gaussian(np.zeros(COPIES), 1.0)
    identity = dp.operators.mask(np.ones(COPIES, dtype=bool))
    y = np.sqrt(1 + eta2) * rng.standard_normal(COPIES)
    return prior, dp.LinearGaussian(identity, np.sqrt(eta2)), y * np.sqrt((1 + eta2) / y.var())


def variance_and_error(x, y, cov):
    """Variance over copies and chains around the mean, and its standard error.

    The y of the test are scaled to their exact second moment, so only chains are random.
    """
    given_y = cov[X, X] - cov[X, Y] ** 2 / cov[Y, Y]
    return np.mean(x**2), np.sqrt(2 / x.size) * given_y + 2 * np.sqrt(given_y / x.size)


@pytest.mark.parametrize("eta2, n_steps", [(0.1, 63), (0.1, 400), (0.01, 70)])
def test_plain_chain_follows_its_recursion(eta2, n_steps):
    h = eta2 / 100
    cov = start(eta2)
    for _ in range(n_steps):
        cov = langevin_step(cov, h, eta2)
    prior, measurement, y = problem(eta2)
    x = langevin(
        prior, measurement, y, n_samples=CHAINS, step_size=h, n_steps=n_steps, rng=1
    ).samples
    variance, error = variance_and_error(x, y, cov)
    assert abs(variance - cov[X, X]) < 4.5 * error
    slope = np.mean(x * y) / np.mean(y**2)
    assert abs(slope - cov[X, Y] / cov[Y, Y]) < 4.5 / np.sqrt(x.size)


def test_plain_recursion_has_the_published_dip():
    """Var falls to 1 - 1 / (2 (1 + eta^2)) at t = eta^2 log 2 / (1 + eta^2), up to O(h)."""
    eta2 = 0.01
    exact, errors = 1 - 1 / (2 * (1 + eta2)), []
    for h in (2e-4, 1e-4, 5e-5):
        cov, variances = start(eta2), []
        for _ in range(round(0.02 / h)):
            cov = langevin_step(cov, h, eta2)
            variances.append(cov[X, X])
        errors.append(min(variances) - exact)
        assert abs((np.argmin(variances) + 1) * h - eta2 * np.log(2) / (1 + eta2)) < 2 * h
        if h == 1e-4:
            assert min(variances) == pytest.approx(0.504992, abs=1e-6)
    assert exact == pytest.approx(0.504950, abs=1e-6)
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)
    assert abs(errors[1] / errors[2]) == pytest.approx(2, abs=0.6)


TABLE = [  # ratio, time, least variance, final variance: exact steps, eta^2 = 0.01 (2510.26324)
    (1.05, 1, 0.9868, 0.9996),
    (1.1, 1, 0.9743, 0.9991),
    (1.1, 3, 0.9869, 0.9999),
    (2, 1, 0.8352, 0.9828),
    (4, 1, 0.7298, 0.9248),
]


@pytest.mark.parametrize("ratio, time, least, final", TABLE)
def test_annealed_recursion_approaches_the_exact_table(ratio, time, least, final):
    eta2 = 0.01
    errors = []
    for accuracy in (0.01, 0.005):
        schedule = geometric(eta2, ratio, time, accuracy)
        variances = annealed_variances(eta2, schedule)[1]
        errors.append(np.array([variances.min() - least, variances[-1] - final]))
    extrapolated = 2 * errors[1] - errors[0]
    np.testing.assert_allclose(extrapolated, 0, atol=4e-4)


def geometric(eta2, ratio, time, accuracy=0.05):
    """Levels with exactly this ratio, up to a variance of 100."""
    n = int(np.ceil(np.log(100 / eta2) / np.log(ratio)))
    return AnnealingSchedule.geometric(
        ratio**n, ratio, alpha=1.0, smoothness=1.0, gain=1 / eta2, time=time, accuracy=accuracy
    )


@pytest.mark.parametrize("ratio", [1.3, 4.0])
def test_annealed_chain_follows_its_recursion(ratio):
    eta2 = 0.1
    schedule = geometric(eta2, ratio, 1.0, accuracy=0.2)
    prior, measurement, y = problem(eta2)
    expected = annealed_variances(eta2, schedule)[0]
    stop_at = int(np.argmin(expected))
    for levels in (stop_at, len(expected) - 1):
        result = annealed_langevin(
            prior,
            measurement,
            y,
            n_samples=CHAINS,
            schedule=schedule,
            rng=2,
            progress=lambda p, n=levels: p.step >= schedule.n_steps[: n + 1].sum(),
        )
        variance = np.mean(result.samples**2)
        assert abs(variance - expected[levels]) < 4.5 * 3 / np.sqrt(result.samples.size)


def test_extra_noise_is_one_path():
    """Cov of the extra noise at two levels is the smaller of its two variances."""
    prior, measurement, y = problem(0.1)
    schedule = AnnealingSchedule([9.0, 5.0, 2.0, 1.0], [1e-3] * 3, [1, 1, 1])
    offsets = []
    for level in range(3):
        state = annealed_langevin(
            prior,
            measurement,
            y,
            n_samples=CHAINS,
            schedule=schedule,
            rng=3,
            progress=lambda p, n=level: p.step > n,
        ).state
        offsets.append(state.offset.ravel())
    expected = np.minimum.outer([4.0, 1.0, 0.0], [4.0, 1.0, 0.0])
    np.testing.assert_allclose(
        np.cov(offsets), expected, atol=4.5 * np.sqrt(2 * 16 / offsets[0].size)
    )
    assert not offsets[2].any()


@pytest.mark.parametrize("eta2", [0.01, 1.0])
def test_automatic_schedule_keeps_the_marginal(eta2):
    schedule = AnnealingSchedule.admissible(
        alpha=1.0, smoothness=1.0, gain=1 / eta2, m=1, d=1, tolerance=0.1
    )
    variances = annealed_variances(eta2, schedule)[1]
    assert abs(variances - 1).max() < 0.15
    assert abs(variances[-1] - 1) < 0.02
