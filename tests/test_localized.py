"""`localized_langevin` and `compressed_sensing` against quadrature and closed forms."""

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.posterior import AnnealingSchedule, compressed_sensing, localized_langevin
from diffpost_np.posterior._lasso import lasso
from diffpost_np.posterior._localized_prior import LocalizedPrior
from diffpost_np.posterior._problem import Problem


def localized_prior(prior, x0, std):
    measurement = dp.LinearGaussian(np.ones((1, len(x0))), 1.0)
    problem = Problem("test", prior, measurement, np.zeros(1), 0)
    return LocalizedPrior(problem, np.asarray(x0, dtype=float)[None], std)


def test_score_of_the_localized_prior():
    """Against the conjugate posterior of a mixture, and the value in the paper's reference."""
    gaussian = localized_prior(dp.priors.Gaussian([0.0], 1.0), [0.7], np.sqrt(0.3))
    value = gaussian.score(np.array([[1.3]]), np.sqrt(0.2))
    assert value[0, 0] == pytest.approx(-1.767857, abs=1e-6)
    mixture = dp.priors.GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.0, 2.0]], [0.3, 0.8])
    x0, std = np.array([0.2, 1.0]), 0.6
    exact = mixture.posterior(dp.LinearGaussian(np.eye(2), std), x0)
    x = np.random.default_rng(0).normal(size=(5, 2))
    for sigma in (0.0, 0.3, 2.0):
        np.testing.assert_allclose(
            localized_prior(mixture, x0, std).score(x, sigma), exact.score(x, sigma), rtol=1e-10
        )


def test_ring_near_a_warm_start_is_the_quadrature():
    """Width .05, x0 known to .15, A = [1, 2], noise .05: within the floor of exact samples.

    The floor is what 20 sets of exact draws show of the same number.
    """
    ring, measurement = dp.priors.Ring(1.0, 0.05), dp.LinearGaussian(np.array([[1.0, 2.0]]), 0.05)
    rng = np.random.default_rng(3)
    truth = 1.02 * np.array([np.cos(0.7), np.sin(0.7)])
    y = measurement.operator(truth[None])[0] + 0.05 * rng.normal(size=1)
    x0 = truth + 0.15 * rng.normal(size=2)
    result = localized_langevin(ring, measurement, y, x0=x0, x0_std=0.15, n_samples=1000, rng=0)
    exact, *sets = np.split(
        quadrature_draws(ring, measurement, y, x0, 0.15, 26_000), range(6000, 26_000, 1000)
    )
    floor = np.array([distance(draws, exact) for draws in sets])
    assert distance(result.samples, exact) < floor.mean() + 4.5 * floor.std()
    centred, error = exact - exact.mean(axis=0), np.sqrt(1 / 1000 + 1 / 6000)
    variances = centred.var(axis=0)
    assert (np.abs(result.mean() - exact.mean(axis=0)) < 4.5 * error * variances**0.5).all()
    spread = (centred**2).std(axis=0)
    assert (np.abs(result.std() ** 2 - variances) < 4.5 * error * spread).all()


def distance(x, exact):
    return dp.diagnostics.sliced_wasserstein(x, exact, rng=0, n_references=2).value


def quadrature_draws(prior, measurement, y, x0, std, n):
    """Draws of p(x | x0, y) from a grid that covers x0 by six standard deviations."""
    side = np.linspace(-6 * std, 6 * std, 1201)
    grid = x0 + np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    log_joint = prior.log_density(grid) - ((grid - x0) ** 2).sum(axis=1) / (2 * std**2)
    log_joint = log_joint + measurement.log_likelihood(grid, y)
    mass = np.exp(log_joint - log_joint.max())
    rng = np.random.default_rng(0)
    cells = rng.choice(len(grid), p=mass / mass.sum(), size=n)
    return grid[cells] + (rng.random((n, 2)) - 0.5) * (side[1] - side[0])


def test_compressed_sensing_shows_its_stages():
    """A Gaussian prior: every chain has the posterior given y and its own noisy warm start."""
    variances = np.array([4.0, 1.0, 1.0, 0.5])
    prior = dp.priors.Gaussian(np.zeros(4), variances)
    a = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.5, 1.0, 1.0]])
    measurement, y = dp.LinearGaussian(a, 0.5), np.array([2.0, -1.0])
    warm, width = np.array([1.5, 0.0, 0.0, 0.0]), 0.5 / 0.25
    schedule = AnnealingSchedule.geometric(
        1e3, 1.2, alpha=0.5, smoothness=2.25, gain=4 * np.linalg.norm(a, 2) ** 2, time=2.0
    )
    result = compressed_sensing(
        prior, measurement, y, radius=0.5, warm_start=warm, n_samples=4000, schedule=schedule, rng=1
    )
    assert list(result.stages) == ["warm_start", "localized", "posterior"]
    np.testing.assert_array_equal(result.stages["warm_start"], warm)
    # averaged over its noise, the warm start acts on means as if it were exact
    precision = np.diag(1 / variances) + np.eye(4) / width**2
    near = np.linalg.solve(precision, warm / width**2)
    error = np.abs(result.stages["localized"].mean(axis=0) - near)
    assert (error < 5 * result.stages["localized"].std(axis=0) / np.sqrt(4000)).all()
    mean = near
    for h, n, v in zip(schedule.step_size, schedule.n_steps, schedule.noise_ratio[1:], strict=True):
        pull, stiffness = warm / width**2 + a.T @ y / (0.25 * v), precision + a.T @ a / (0.25 * v)
        for _ in range(n):
            mean = mean + h * (pull - stiffness @ mean)
    assert (np.abs(result.mean() - mean) < 5 * result.std() / np.sqrt(4000)).all()
    exact = np.linalg.solve(stiffness, pull)  # that levels of finite time come close to
    np.testing.assert_allclose(mean, exact, atol=0.1 * result.std().max())


@pytest.mark.parametrize("scale", ["matrix", "one row", "convolution"])
def test_lasso_meets_its_optimality_conditions(scale):
    """The gradient is the penalty times the sign where x is not zero, and below it elsewhere."""
    rng = np.random.default_rng(4)
    a, noise = {
        "matrix": (rng.normal(size=(20, 40)) / np.sqrt(20), np.linspace(0.1, 0.3, 20)),
        "one row": (np.ones((1, 100)), 1.0),
        "convolution": (dp.operators.convolution(np.array([0.2, 0.5, 0.1]), (300,)), 0.05),
    }[scale]
    measurement = dp.LinearGaussian(a, noise)
    d = measurement.event_shape[0]
    y = measurement.simulate(20 * np.eye(d)[d // 3], rng=1)
    problem = Problem("test", dp.priors.Gaussian(np.zeros(d), 1.0), measurement, y, 0)
    white = measurement.operator.matrix() / np.reshape(noise, (-1, 1))
    penalty = np.sqrt(2 * np.log(d)) * np.linalg.norm(white, axis=0).max()
    x = lasso(problem)[0]
    gradient = white.T @ (y / noise - white @ x)
    assert x.any()
    np.testing.assert_allclose(gradient[x != 0], penalty * np.sign(x[x != 0]), rtol=1e-9)
    assert np.abs(gradient).max() < penalty * (1 + 1e-9)


def test_lasso_warm_start_finds_a_sparse_signal():
    rng = np.random.default_rng(0)
    signal = np.zeros(40)
    signal[[3, 17, 30]] = [4.0, -3.0, 5.0]
    measurement = dp.LinearGaussian(rng.normal(size=(20, 40)) / np.sqrt(20), 0.05)
    y = measurement.simulate(signal, rng=1)
    result = compressed_sensing(
        dp.priors.Gaussian(np.zeros(40), 1.0),
        measurement,
        y,
        radius=1.0,
        n_samples=2,
        schedule=AnnealingSchedule([2.0, 1.0], [1e-4], [1]),
        rng=0,
    )
    warm = result.stages["warm_start"]
    assert set(np.flatnonzero(np.abs(warm) > 1)) == {3, 17, 30}
    a, found = measurement.operator.matrix(), warm != 0
    penalty = 0.05 * np.sqrt(2 * np.log(40)) * np.linalg.norm(a, axis=0).max()
    seen = a[:, found]
    shrunk = np.linalg.solve(seen.T @ seen, seen.T @ y - penalty * np.sign(warm[found]))
    np.testing.assert_allclose(warm[found], shrunk, rtol=1e-9)


def test_stop_and_resume_to_the_same_bits():
    ring, measurement = dp.priors.Ring(1.0, 0.2), dp.LinearGaussian(np.array([[1.0, 2.0]]), 0.2)
    arguments = {"x0": [1.0, 0.3], "x0_std": 0.2, "n_samples": 8}
    whole = localized_langevin(ring, measurement, [1.5], rng=0, **arguments)
    part = localized_langevin(
        ring, measurement, [1.5], rng=0, progress=lambda p: p.step > 50, **arguments
    )
    rest = localized_langevin(ring, measurement, [1.5], resume=part, **arguments)
    assert not part.finished
    np.testing.assert_array_equal(rest.samples, whole.samples)


def test_a_batch_of_one_x0_is_one_x0():
    prior, measurement = dp.priors.Gaussian(np.zeros(2), 1.0), dp.LinearGaussian(np.eye(2), 1.0)
    one, batch = (
        localized_langevin(
            prior, measurement, [1.0, 0.0], x0=x0, x0_std=0.5, n_samples=8, tolerance=0.5, rng=0
        )
        for x0 in ([0.5, 1.0], [[0.5, 1.0]])
    )
    np.testing.assert_array_equal(one.samples, batch.samples)
