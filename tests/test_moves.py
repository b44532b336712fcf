"""Every move by name, in both samplers that take one, against closed forms."""

import functools

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.posterior._moves_by_name import MOVES, UNADJUSTED

PRIOR = dp.priors.GaussianMixture(
    [0.3, 0.7], [[-1.0, 0.5, 0.0], [1.5, -0.5, 1.0]], [[0.5, 1.0, 0.3], [0.8, 0.3, 0.6]]
)
MEASUREMENT = dp.LinearGaussian(np.array([[1.0, 0.5, -0.3], [0.0, 1.0, 1.0]]), 0.4)
Y = np.array([0.8, 0.6])
EXACT = dp.posterior.exact(PRIOR, MEASUREMENT, Y)
GAUSSIAN = dp.priors.Gaussian([0.5, -1.0, 0.0], [[1.0, 0.4, 0.0], [0.4, 0.5, 0.1], [0.0, 0.1, 0.8]])


class ScoreOnly:
    def __init__(self, prior):
        self.score, self.sample, self.event_shape = prior.score, prior.sample, prior.event_shape


@pytest.mark.parametrize("kernel", MOVES)
@pytest.mark.parametrize("shown", [True, False], ids=["density", "score only"])
def test_annealed_smc(kernel, shown):
    prior = PRIOR if shown else ScoreOnly(PRIOR)
    ratios = []
    for seed in range(3):
        result = dp.posterior.annealed_smc(
            prior, MEASUREMENT, Y, n_samples=2000, kernel=kernel, rng=seed
        )
        distance = dp.diagnostics.sliced_wasserstein(result.samples, EXACT, rng=1)
        ratios.append(distance.value / distance.floor)
    assert np.mean(ratios) < 1.6  # single exact runs scatter by about 0.3 around 1


SCHEDULE = dp.posterior.AnnealingSchedule(
    noise_ratio=[50.0, 8.0, 2.0, 1.0], step_size=[0.04, 0.02, 0.01], n_steps=[40, 80, 400]
)


SHORT = dp.posterior.AnnealingSchedule(
    noise_ratio=[50.0, 5.0, 1.0], step_size=[0.04, 0.02], n_steps=[5, 5]
)


def run(kernel, prior=GAUSSIAN, n=4000, **options):
    return dp.posterior.annealed_langevin(
        prior,
        MEASUREMENT,
        Y,
        n_samples=n,
        kernel=kernel,
        rng=0,
        **{"schedule": SCHEDULE, **options},
    )


@pytest.mark.parametrize("kernel", MOVES)
@pytest.mark.parametrize("shown", [True, False], ids=["density", "score only"])
def test_annealed_langevin(kernel, shown):
    """Mean and covariance of the posterior: what is not tested by Metropolis is biased by O(h)."""
    exact = dp.posterior.exact(GAUSSIAN, MEASUREMENT, Y)
    x = run(kernel, GAUSSIAN if shown else ScoreOnly(GAUSSIAN)).samples
    bias = 0.05 if kernel == "ula" else 0.0
    error = np.abs(x.mean(axis=0) - exact.mean()) / exact.std()
    assert np.max(error) < 5 / np.sqrt(len(x)) + bias
    assert np.max(np.abs(x.std(axis=0) / exact.std() - 1)) < 5 / np.sqrt(2 * len(x)) + bias


def test_midpoints_are_less_biased_than_the_force_at_the_start():
    exact = dp.posterior.exact(GAUSSIAN, MEASUREMENT, Y)
    schedule = dp.posterior.AnnealingSchedule(
        noise_ratio=[50.0, 5.0, 1.0], step_size=[0.04, 0.04], n_steps=[20, 60]
    )
    errors = {}
    for kernel in UNADJUSTED:
        x = run(kernel, n=20_000, schedule=schedule).samples
        errors[kernel] = np.max(np.abs(x.std(axis=0) / exact.std() - 1))
    assert errors["randomized_midpoint"] < 0.5 * errors["ula"]


@pytest.mark.parametrize("kernel", ["mala", "underdamped", "split_ghmc"])
def test_metropolis_keeps_the_target_whatever_the_step(kernel):
    """Exact draws stay exact under steps far too long for an unadjusted move."""
    prior = dp.priors.Gaussian([1.0], 1.0)
    measurement, y = dp.LinearGaussian(np.array([[1.0]]), 0.5), np.array([2.0])
    exact = dp.posterior.exact(prior, measurement, y)
    schedule = dp.posterior.AnnealingSchedule(
        noise_ratio=[1.0 + 1e-9, 1.0], step_size=[0.3], n_steps=[20]
    )
    x = dp.posterior.annealed_langevin(
        prior,
        measurement,
        y,
        n_samples=40_000,
        schedule=schedule,
        initial=exact.sample(40_000, rng=1),
        kernel=kernel,
        rng=0,
    ).samples
    z = (x[:, 0] - exact.mean()[0]) / exact.std()[0]
    assert abs(z.mean()) < 5 / 200
    assert abs(np.mean(z**2) - 1) < 5 * np.sqrt(2) / 200
    assert abs(np.mean(z**3)) < 5 * np.sqrt(15) / 200


@pytest.mark.parametrize("kernel", MOVES)
def test_chains_do_not_meet(kernel):
    draw = functools.partial(run, kernel, PRIOR, schedule=SHORT)
    whole = draw(9).samples
    np.testing.assert_array_equal(whole[:4], draw(4).samples)
    np.testing.assert_array_equal(whole[4:], draw(5, first_chain=4).samples)


@pytest.mark.parametrize("kernel", MOVES)
def test_a_stopped_run_goes_on_to_the_same_bits(kernel):
    whole = run(kernel, PRIOR, 5, schedule=SHORT)
    part = run(kernel, PRIOR, 5, schedule=SHORT, progress=lambda p: True)
    rest = functools.partial(
        dp.posterior.annealed_langevin, PRIOR, MEASUREMENT, Y, resume=part, schedule=SHORT
    )
    np.testing.assert_array_equal(rest(kernel=kernel).samples, whole.samples)
    other = "mala" if kernel == "ula" else "ula"
    with pytest.raises(ValueError, match="kernel"):
        rest(kernel=other)


@pytest.mark.parametrize("kernel", MOVES)
def test_other_namespaces(kernel, xp):
    prior = dp.priors.Gaussian(xp.array([0.5, -1.0, 0.0]), 0.8)
    measurement = dp.LinearGaussian(xp.array([[1.0, 0.5, -0.3], [0.0, 1.0, 1.0]]), 0.4)
    result = dp.posterior.annealed_langevin(
        prior, measurement, xp.array(Y), n_samples=4, schedule=SHORT, kernel=kernel, rng=0
    )
    assert xp.owns(result.samples)
    assert np.all(np.isfinite(xp.numpy(result.samples)))


class TestPreconditioners:
    MATRIX = np.array([[0.8, 0.2, 0.0], [0.2, 0.4, 0.1], [0.0, 0.1, 0.5]])

    @pytest.mark.parametrize("kernel", MOVES)
    def test_one_for_each_chain_is_that_of_the_chain(self, kernel):
        draw = functools.partial(run, kernel, PRIOR, 5, schedule=SHORT)
        one = draw(preconditioner=self.MATRIX).samples
        many = np.broadcast_to(self.MATRIX, (5, 3, 3)).copy()
        each = draw(preconditioner=many).samples
        np.testing.assert_allclose(each, one, rtol=1e-9, atol=1e-9)
        many[3] = 0.3 * np.eye(3)
        mixed = draw(preconditioner=many).samples
        np.testing.assert_allclose(np.delete(mixed, 3, 0), np.delete(one, 3, 0), rtol=1e-9)
        assert not np.allclose(mixed[3], one[3])

    def test_langevin_takes_one_for_each_chain(self):
        draw = functools.partial(
            dp.posterior.langevin, PRIOR, MEASUREMENT, Y, n_samples=4, step_size=0.01, n_steps=30
        )
        many = np.broadcast_to(self.MATRIX, (4, 3, 3))
        one = draw(rng=0, preconditioner=self.MATRIX).samples
        np.testing.assert_allclose(draw(rng=0, preconditioner=many).samples, one, rtol=1e-10)

    def test_the_automatic_schedule_wants_one_for_all(self):
        many = np.broadcast_to(self.MATRIX, (4, 3, 3))
        with pytest.raises(ValueError, match="preconditioner of each chain"):
            dp.posterior.annealed_langevin(
                PRIOR, MEASUREMENT, Y, n_samples=4, preconditioner=many, rng=0
            )
        with pytest.raises(ValueError, match="preconditioner must have shape"):
            run("ula", PRIOR, 5, preconditioner=many)


@pytest.mark.parametrize("kernel", UNADJUSTED)
def test_moves_without_metropolis_refuse_it(kernel):
    with pytest.raises(ValueError, match="metropolis must be False"):
        dp.posterior.annealed_smc(PRIOR, MEASUREMENT, Y, kernel=kernel, metropolis=True)
