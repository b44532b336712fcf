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


def annealed_covs(eta2, schedule, advance=langevin_step, n_substeps=1):
    """Covariances after every level, and Var x after every (sub)step."""
    extra = eta2 * (schedule.noise_ratio - 1)
    cov, at_levels, at_steps = start(eta2, extra[0]), [], []
    for i, (h, n) in enumerate(zip(schedule.step_size, schedule.n_steps, strict=True)):
        cov = bridge(cov, extra[i], extra[i + 1])
        for _ in range(n * n_substeps):
            cov = advance(cov, h / n_substeps, eta2 + extra[i + 1])
            at_steps.append(cov[X, X])
        at_levels.append(cov)
    return np.array(at_levels), np.array(at_steps)


def exact_step(cov, t, v):
    """The Ornstein-Uhlenbeck process that Langevin steps approach, for a time t."""
    rate = 1 + 1 / v
    u = np.exp(-rate * t)
    step = np.eye(3)
    step[X] = [u, (1 - u) / (1 + v), (1 - u) / (1 + v)]
    return step @ cov @ step.T + np.diag([(1 - u**2) / rate, 0, 0])


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


def test_plain_chain_approaches_the_published_dip_to_first_order():
    """Var falls to 1 - 1 / (2 (1 + eta^2)) at t = eta^2 log 2 / (1 + eta^2), up to O(h).

    Chains follow their recursion there, whose distance to the exact curve halves with h, up to
    the next order, h / eta^2.
    """
    eta2, dip, distances = 0.01, 0.0068, []
    prior, measurement, y = problem(eta2)
    for h in (2e-4, 1e-4):
        covs = [start(eta2)]
        for _ in range(round(0.02 / h)):
            covs.append(langevin_step(covs[-1], h, eta2))
        variances = np.array(covs)[:, X, X]
        u = np.exp(-(1 + 1 / eta2) * h * np.arange(len(covs)))
        distances.append(np.abs(variances - 1 + 2 * u * (1 - u) / (1 + eta2)).max())
        assert abs(np.argmin(variances) * h - eta2 * np.log(2) / (1 + eta2)) < 2 * h
        n_steps = round(dip / h)
        x = langevin(
            prior, measurement, y, n_samples=CHAINS, step_size=h, n_steps=n_steps, rng=1
        ).samples
        variance, error = variance_and_error(x, y, covs[n_steps])
        assert abs(variance - variances[n_steps]) < 4.5 * error
    assert distances[0] / distances[1] == pytest.approx(2, rel=2 * 2e-4 / eta2)
    assert min(variances) == pytest.approx(0.504992, abs=1e-6)  # at h = 1e-4


TABLE = [  # ratio, time, least variance, final variance: exact steps, eta^2 = 0.01 (2510.26324)
    (1.05, 1, 0.9868, 0.9996),
    (1.1, 1, 0.9743, 0.9991),
    (1.1, 3, 0.9869, 0.9999),
    (2, 1, 0.8352, 0.9828),
    (4, 1, 0.7298, 0.9248),
]
ACCURACIES = (0.04, 0.02)
"""Steps in units of the inverse stiffness."""


@pytest.mark.parametrize("ratio, time, least, final", TABLE)
def test_annealed_recursion_approaches_the_exact_table_to_first_order(ratio, time, least, final):
    """The table is that of exact steps (its first level leaves it 3e-4), and errors halve."""
    eta2, distances = 0.01, []
    for accuracy in ACCURACIES:
        schedule = geometric(eta2, ratio, time, accuracy)
        exact, path = annealed_covs(eta2, schedule, exact_step, n_substeps=4)
        assert path.min() == pytest.approx(least, abs=3e-4)
        assert path[-1] == pytest.approx(final, abs=1e-4)
        found = annealed_covs(eta2, schedule)[0]
        distances.append(np.abs(found[:, X, X] - exact[:, X, X]).max())
    assert distances[0] / distances[1] == pytest.approx(2, rel=ACCURACIES[0])


def geometric(eta2, ratio, time, accuracy=0.05):
    """Levels with exactly this ratio, up to a variance of 100."""
    n = int(np.ceil(np.log(100 / eta2) / np.log(ratio)))
    return AnnealingSchedule.geometric(
        ratio**n, ratio, alpha=1.0, smoothness=1.0, gain=1 / eta2, time=time, accuracy=accuracy
    )


@pytest.mark.parametrize(
    "eta2, ratio, accuracy", [(0.1, 1.3, 0.2), *((0.01, 4.0, a) for a in ACCURACIES)]
)
def test_annealed_chain_follows_its_recursion(eta2, ratio, accuracy):
    schedule = geometric(eta2, ratio, 1.0, accuracy)
    prior, measurement, y = problem(eta2)
    expected = annealed_covs(eta2, schedule)[0]
    stop_at = int(np.argmin(expected[:, X, X]))
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
        variance, error = variance_and_error(result.samples, y, expected[levels])
        assert abs(variance - expected[levels][X, X]) < 4.5 * error


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
def test_automatic_schedule_keeps_the_tolerance(eta2):
    """In total variation by Pinsker's bound: x on its way against p, and (x, y) at its end."""
    tolerance = 0.1
    schedule = AnnealingSchedule.admissible(
        alpha=1.0, smoothness=1.0, gain=1 / eta2, m=1, d=1, tolerance=tolerance
    )
    covs, variances = annealed_covs(eta2, schedule)
    worst = max(variances, key=lambda v: abs(v - 1))
    assert pinsker(np.array([[worst]]), np.eye(1)) < tolerance
    pair = np.array([[1.0, 1.0], [1.0, 1 + eta2]])
    assert pinsker(covs[-1][np.ix_([X, Y], [X, Y])], pair) < tolerance


def pinsker(cov, exact):
    """sqrt(KL / 2) of centred Gaussians, which bounds their total variation."""
    relative = np.linalg.solve(exact, cov)
    kl = 0.5 * (np.trace(relative) - len(cov) - np.linalg.slogdet(relative)[1])
    return np.sqrt(kl / 2)


@pytest.mark.parametrize("prior", [dp.priors.Gaussian(np.zeros(2), 1.0), lambda x, sigma: -x])
def test_divergence_is_the_step_size_s_fault(prior):
    """Not the score's, which never sees a point that overflows; by kernels and by rows."""
    measurement = dp.LinearGaussian(np.array([[1.0, 2.0]]), 1e-3)
    arguments = {"step_size": 0.01, "n_steps": 300, "initial": np.ones((20, 2)), "n_samples": 20}
    with pytest.raises(ValueError, match=r"diverged by step \d+, chain 100: the step size"):
        langevin(prior, measurement, [1.0], first_chain=100, rng=0, **arguments)


def test_progress_tells_the_data_misfit():
    """The mean square of (y - A x) / eta over chains and outputs, of the samples at the end."""
    prior, measurement, y = problem(0.1)
    for sampler, options in (
        (langevin, {"step_size": 1e-3, "n_steps": 120}),
        (annealed_langevin, {"schedule": AnnealingSchedule([3.0, 2.0, 1.0], [1e-3] * 2, [5, 5])}),
    ):
        seen = []
        x = sampler(
            prior, measurement, y, n_samples=7, rng=0, progress=seen.append, **options
        ).samples
        assert len(seen) in (2, 3)
        assert seen[-1].numbers["misfit"] == pytest.approx(np.mean((y - x) ** 2) / 0.1, rel=1e-12)
