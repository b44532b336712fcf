"""`schedule="auto"`: constants that depend on the prior alone, in preconditioned coordinates."""

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.posterior import (
    AnnealingSchedule,
    annealed_langevin,
    compressed_sensing,
    localized_langevin,
)

COV = np.array([[4.0, 0.6, 0.0], [0.6, 1.0, -0.2], [0.0, -0.2, 0.25]])
MATRIX, STD, Y = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 1.5]]), np.array([0.8, 1.2]), [1.0, -0.5]
GAUSSIAN, MEASUREMENT = dp.priors.Gaussian(np.zeros(3), COV), dp.LinearGaussian(MATRIX, STD)
WHITE = MATRIX / STD[:, None]
FULL = np.array([[9.0, 2.0, 0.0], [2.0, 3.0, 0.5], [0.0, 0.5, 0.7]])
PRECONDITIONERS = {"scaled": np.full(3, 30.0), "diagonal": np.array([5.0, 1.0, 0.2]), "full": FULL}

TWO_MODES = dp.priors.GaussianMixture([0.3, 0.7], [[-1.2, 0.0], [1.2, 0.3]], 0.3)
LINE = dp.LinearGaussian(np.array([[1.0, 2.0]]), 1.0)


def root(preconditioner):
    m = np.diag(preconditioner) if preconditioner.ndim == 1 else preconditioner
    return np.linalg.cholesky(m)


def moments(schedule, preconditioner):
    """Mean and covariance of the last x by the recursion of (x, extra noise), given y."""
    r, ratio = root(preconditioner), schedule.noise_ratio
    mean, cov = np.zeros(5), np.zeros((5, 5))
    cov[:3, :3], cov[3:, 3:] = COV, (ratio[0] - 1) * np.eye(2)
    for i, (h, n) in enumerate(zip(schedule.step_size, schedule.n_steps, strict=True)):
        before, after = ratio[i] - 1, ratio[i + 1] - 1
        shrink = np.diag([1.0] * 3 + [after / before] * 2)
        cov, mean = shrink @ cov @ shrink, shrink @ mean
        cov[3:, 3:] += after * (before - after) / before * np.eye(2)
        m, v = h * r @ r.T, ratio[i + 1]
        step = np.eye(5)
        step[:3, :3] -= m @ (np.linalg.inv(COV) + WHITE.T @ WHITE / v)
        step[:3, 3:] = m @ WHITE.T / v
        for _ in range(n):
            mean, cov = step @ mean, step @ cov @ step.T
            mean[:3] += m @ WHITE.T @ (Y / STD) / v
            cov[:3, :3] += 2 * m
    return mean[:3], cov[:3, :3]


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_preconditioned_chain_follows_its_recursion(name):
    """A rectangular A, unequal noise: mean and covariance to 4.5 standard errors."""
    n, m = 4000, PRECONDITIONERS[name]
    result = annealed_langevin(GAUSSIAN, MEASUREMENT, Y, n_samples=n, preconditioner=m, rng=0)
    mean, cov = moments(result.state.schedule, m)
    variances = np.diag(cov)
    assert (np.abs(result.mean() - mean) < 4.5 * np.sqrt(variances / n)).all()
    error = np.sqrt((np.outer(variances, variances) + cov**2) / n)
    assert (np.abs(np.cov(result.samples.T) - cov) < 4.5 * error).all()
    exact = dp.posterior.exact(GAUSSIAN, MEASUREMENT, Y)
    np.testing.assert_allclose(np.sqrt(variances), exact.std(), rtol=0.1)  # what "auto" aims at


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_constants_are_those_of_preconditioned_coordinates(name):
    r = root(PRECONDITIONERS[name])
    eigenvalues = np.linalg.eigvalsh(r.T @ np.linalg.inv(COV) @ r)
    known = AnnealingSchedule.admissible(
        alpha=eigenvalues[0],
        smoothness=eigenvalues[-1],
        gain=np.linalg.norm(WHITE @ r, 2) ** 2,
        m=2,
        d=3,
        tolerance=0.1,
    )
    found = annealed_langevin(
        GAUSSIAN, MEASUREMENT, Y, n_samples=1, preconditioner=PRECONDITIONERS[name], rng=0
    ).state.schedule
    assert abs(found.total_steps / known.total_steps - 1) < 0.01
    assert abs(found.step_size[-1] / known.step_size[-1] - 1) < 0.01


def score(x, sigma):
    return TWO_MODES.score(x, sigma)


def draws(n):
    return TWO_MODES.sample(n, rng=5)


@pytest.mark.filterwarnings("ignore:.*not log-concave:RuntimeWarning")
@pytest.mark.parametrize(
    "sampler, prior, options",
    [
        (annealed_langevin, TWO_MODES, {}),
        (annealed_langevin, score, {"initial": draws}),
        (localized_langevin, TWO_MODES, {"x0": [1.5, 0.3], "x0_std": 0.8}),
        (compressed_sensing, TWO_MODES, {"radius": 0.4}),
    ],
)
def test_constants_do_not_depend_on_the_chains(sampler, prior, options):
    """Nor on their place: one chain, twelve, or the last six of these."""
    many, one = (
        sampler(prior, LINE, [1.0], n_samples=n, tolerance=0.5, rng=0, **options) for n in (12, 1)
    )
    np.testing.assert_array_equal(one.samples, many.samples[:1])
    assert np.ptp(many.samples[:, 0]) > 0.5
    if prior is TWO_MODES:
        last = sampler(
            prior, LINE, [1.0], n_samples=6, first_chain=6, tolerance=0.5, rng=0, **options
        )
        np.testing.assert_allclose(last.samples, many.samples[6:], rtol=1e-12)


@pytest.mark.parametrize(
    "sampler, options, text",
    [
        (annealed_langevin, {"initial": draws(4)}, "prior has no .sample"),
        (annealed_langevin, {"initial": lambda n: np.zeros((n, 2))}, "are all the same"),
        (localized_langevin, {"x0": draws(4), "x0_std": 0.5}, "x0 differs between chains"),
    ],
)
def test_constants_that_cannot_be_estimated_are_asked_for(sampler, options, text):
    with pytest.raises(ValueError, match=rf"{text}.*give alpha= and smoothness="):
        sampler(score, LINE, [1.0], n_samples=4, rng=0, **options)
    given = {**options, "alpha": 3.0, "smoothness": 10.0, "tolerance": 0.5}
    assert sampler(score, LINE, [1.0], n_samples=4, rng=0, **given).finished


@pytest.mark.parametrize(
    "sampler, options",
    [
        (annealed_langevin, {}),
        (localized_langevin, {"x0": [0.0, 0.0], "x0_std": 2.0}),
        (compressed_sensing, {"radius": 0.5, "warm_start": [0.0, 0.0]}),
    ],
)
def test_the_warning_points_at_the_caller(sampler, options):
    with pytest.warns(RuntimeWarning, match="not log-concave") as caught:
        result = sampler(TWO_MODES, LINE, [1.0], n_samples=2, tolerance=0.9, rng=0, **options)
    assert [w.filename for w in caught] == [__file__]
    assert len(result.warnings) == 1


def test_rounds_count_the_looks_at_the_curvature():
    """One chain: rounds of 64 points to look, then one point a step."""
    result = annealed_langevin(GAUSSIAN, MEASUREMENT, Y, n_samples=1, rng=0)
    steps = result.state.schedule.total_steps
    assert result.n_score_evals - steps == 64 * (result.n_rounds - steps) > 0
