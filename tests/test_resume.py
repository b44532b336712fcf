"""A run that was stopped and goes on: the same bits, costs and warnings, and no contradictions."""

import functools

import numpy as np
import pytest

import diffpost_np as dp

TWO_MODES = dp.priors.GaussianMixture([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], 0.3)
MEASUREMENT, Y = dp.LinearGaussian(np.array([[1.0, 2.0]]), 1.0), np.array([1.0])
N, FIRST = 10, 50

ANNEALED = {
    "annealed_langevin": dp.posterior.annealed_langevin,
    "localized_langevin": functools.partial(
        dp.posterior.localized_langevin, x0=np.zeros(2), x0_std=2.0
    ),
    "compressed_sensing": functools.partial(dp.posterior.compressed_sensing, radius=0.5),
}
PLACED = {
    **{name: functools.partial(f, tolerance=0.9) for name, f in ANNEALED.items()},
    "langevin": functools.partial(dp.posterior.langevin, step_size=0.01, n_steps=200),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*(not log-concave|stands? behind):RuntimeWarning")


def stopped(sampler, **options):
    return sampler(
        TWO_MODES, MEASUREMENT, Y, n_samples=N, rng=0, progress=lambda p: True, **options
    )


@pytest.mark.parametrize("name", ANNEALED)
def test_nothing_is_lost(name):
    """Place, warnings, stages and costs are those of a run that was never stopped."""
    sampler = PLACED[name]
    whole = sampler(TWO_MODES, MEASUREMENT, Y, n_samples=N, first_chain=FIRST, rng=0)
    part = stopped(sampler, first_chain=FIRST)
    rest = sampler(TWO_MODES, MEASUREMENT, Y, resume=part)
    assert not part.finished and rest.finished
    np.testing.assert_array_equal(rest.samples, whole.samples)
    assert rest.warnings == whole.warnings != ()
    assert (rest.n_score_evals, rest.n_rounds) == (whole.n_score_evals, whole.n_rounds)
    assert list(rest.stages) == list(whole.stages)


def test_compressed_sensing_does_not_start_again():
    part, evals = stopped(PLACED["compressed_sensing"]), []
    prior = dp.scores.perturbed(TWO_MODES, lambda x, sigma: evals.append(len(x)) or 0 * x)
    rest = PLACED["compressed_sensing"](prior, MEASUREMENT, Y, resume=part)
    steps = rest.state.schedule.n_steps[part.state.level :].sum()
    assert evals == [N] * steps


def refuses(sampler, part, **change):
    """Whether a change of an argument is refused, by its name, where none is not."""
    arguments = {"prior": TWO_MODES, "measurement": MEASUREMENT, "y": Y, "resume": part}
    assert sampler(**arguments).samples.shape == (N, 2)
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name} must .* the run to resume"):
        sampler(**{**arguments, **change})


@pytest.mark.parametrize(
    "change", [{"n_samples": 77}, {"y": Y.astype(np.float32)}, {"first_chain": 20}], ids=list
)
def test_contradictions_are_refused(change):
    for sampler in PLACED.values():
        refuses(sampler, stopped(sampler, first_chain=FIRST), **change)
    if "first_chain" not in change:  # particles have no place
        refuses(dp.posterior.annealed_smc, stopped(dp.posterior.annealed_smc), **change)


RESUMED = {
    **PLACED,
    "annealed_smc": dp.posterior.annealed_smc,
    "rejection": functools.partial(dp.posterior.rejection, batch_size=5),
    "split_gibbs": dp.posterior.split_gibbs,
}


@pytest.mark.parametrize("name", RESUMED)
def test_another_measurement_is_refused(name):
    sampler = RESUMED[name]
    part, again = stopped(sampler), functools.partial(sampler, TWO_MODES)
    assert len(again(MEASUREMENT, Y.tolist(), resume=part).samples) == N
    with pytest.raises(ValueError, match=r"^y must be what it was in the run to resume"):
        again(MEASUREMENT, Y + 1, resume=part)
    for noise in (2.0, np.array([1.0])):
        other = dp.LinearGaussian(MEASUREMENT.operator, noise)
        with pytest.raises(ValueError, match=r"^noise_std must be .* in the run to resume"):
            again(other, Y, resume=part)


OTHER_SCHEDULE = dp.posterior.AnnealingSchedule([2.0, 1.0], [0.01], [5])
SHARED = [
    {"bandwidth": 0.5},
    {"initial": np.zeros((N, 2))},
    {"rng": 1},
]
ANNEALED_ONLY = [{"schedule": OTHER_SCHEDULE}, {"preconditioner": np.ones(2)}]
CHANGES = [
    *((name, change) for name in PLACED for change in SHARED),
    *((name, change) for name in ANNEALED for change in ANNEALED_ONLY),
    ("localized_langevin", {"x0": np.ones(2)}),
    ("localized_langevin", {"x0_std": 1.0}),
    ("compressed_sensing", {"radius": 0.6}),
    ("compressed_sensing", {"delta": 0.5}),
    ("compressed_sensing", {"warm_start": np.ones(2)}),
]
CHANGES.remove(("compressed_sensing", SHARED[1]))  # has no initial=


@pytest.mark.parametrize(
    "name, change", CHANGES, ids=lambda v: v if isinstance(v, str) else next(iter(v))
)
def test_another_problem_is_refused(name, change):
    refuses(PLACED[name], stopped(PLACED[name]), **change)


def test_arguments_may_be_repeated():
    """And are compared with copies: what a user writes into x0 later is another x0."""
    x0 = np.zeros(2)
    given = {"x0": x0, "bandwidth": 0.1, "preconditioner": np.array([1.0, 2.0])}
    sampler = functools.partial(PLACED["localized_langevin"], **given, schedule=OTHER_SCHEDULE)
    part = stopped(sampler)
    rest = sampler(TWO_MODES, MEASUREMENT, Y, rng=0, n_samples=N, resume=part)
    np.testing.assert_array_equal(rest.samples, part.samples)
    x0 += 1.0
    with pytest.raises(ValueError, match=r"^x0 must be what it was"):
        sampler(TWO_MODES, MEASUREMENT, Y, resume=part)


def test_langevin_may_go_on_with_other_steps():
    run = functools.partial(dp.posterior.langevin, TWO_MODES, MEASUREMENT, Y, n_samples=N)
    part = run(step_size=0.01, n_steps=5, rng=0)
    assert run(step_size=0.02, n_steps=7, resume=part).n_rounds == 12
