"""Priors, operators, measurements, results and schedules survive pickle and deepcopy."""

import copy
import pickle

import array_api_strict
import numpy as np
import pytest
from operator_cases import one_of_each

import diffpost_np as dp

X = np.random.default_rng(0).normal(size=(3, 4))
WEIGHTS, MEANS = [0.4, 0.6], np.array([[-1.0, 0.0, 1.0, 0.5], [1.0, 2.0, 0.0, -0.5]])
VARIANCES = np.array([[1.0, 0.5, 2.0, 0.7], [0.25, 2.0, 1.0, 0.6]])
MATRICES = VARIANCES[:, :, None] * np.eye(4) + 0.1
BLUR = dp.operators.convolution([0.25, 0.5, 0.25], (4,))
SEEN = {
    "dense": dp.LinearGaussian(X[:2], 0.3),
    "square": dp.LinearGaussian(MATRICES[0], 0.3),
    "per output": dp.LinearGaussian(X[:2], [0.3, 0.2]),
    "correlated": dp.LinearGaussian(X[:2], noise_cov=[[1.0, 0.5], [0.5, 1.0]]),
    "blur": dp.LinearGaussian(BLUR, 0.3),
    "mask": dp.LinearGaussian(dp.operators.mask([True, False, True, True]), 0.3),
    "coarse": dp.LinearGaussian(dp.operators.downsample((4,), 2), 0.3),
    "Fourier": dp.LinearGaussian(dp.operators.subsampled_fourier([True, True, False, False]), 0.3),
}
MIXTURES = {
    "shared": dp.priors.GaussianMixture(WEIGHTS, MEANS, 0.5),
    "diagonal": dp.priors.GaussianMixture(WEIGHTS, MEANS, VARIANCES),
    "full": dp.priors.GaussianMixture(WEIGHTS, MEANS, MATRICES),
    "low rank": dp.priors.GaussianMixture(
        WEIGHTS, MEANS, dp.priors.LowRank(VARIANCES[:, :, None], 0.3)
    ),
    "float32": dp.priors.GaussianMixture(WEIGHTS, MEANS.astype(np.float32), 0.5),
    "Gaussian": dp.priors.Gaussian(MEANS[0], VARIANCES[0]),
}
PRIORS = MIXTURES | {
    "points": dp.priors.Empirical(X),
    "blurred points": dp.priors.Empirical(X, 0.1),
    "ring": dp.priors.Ring(1.0, 0.1),
    "lattice": dp.priors.DiscretizedGaussian(0.5, 0.25, (4,)),
    "shifted lattice": dp.priors.DiscretizedGaussian(0.5, MEANS[0], (4,)),
    "strict": dp.priors.GaussianMixture(
        array_api_strict.asarray(WEIGHTS), array_api_strict.asarray(MEANS), 0.5
    ),
}
POSTERIORS = {
    f"{prior} given {seen}": PRIORS[prior].posterior(measurement, np.ones(measurement.output_shape))
    for prior in (*MIXTURES, "points", "blurred points")
    for seen, measurement in SEEN.items()
}
COPIES = pytest.mark.parametrize(
    "copied", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy], ids=["pickle", "deepcopy"]
)


def by_name(table):
    return pytest.mark.parametrize("thing", table.values(), ids=table)


def same(got, want):
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


@COPIES
@by_name(PRIORS | POSTERIORS)
def test_priors(thing, copied):
    draws = thing.sample(3, rng=0)
    before = thing.score(draws, 0.5)  # also makes the tables that a prior keeps
    again = copied(thing)
    same(again.sample(3, rng=0), draws)
    same(again.score(draws, 0.5), before)
    same(again.denoise(draws, 0.5), thing.denoise(draws, 0.5))


@COPIES
@pytest.mark.parametrize("case", one_of_each(), ids=repr)
def test_operators(case, copied):
    operator = case.operator()
    x = np.random.default_rng(1).normal(size=(2, *operator.event_shape))
    form, again = operator.gram(), copied(operator)
    same(again(x), operator(x))
    same(again.adjoint(operator(x)), operator.adjoint(operator(x)))
    flat = x.reshape(2, -1)
    same(copied(form).solve(flat, shift=0.5), form.solve(flat, shift=0.5))
    same(again.gram().solve(flat, shift=0.5), form.solve(flat, shift=0.5))


@COPIES
@by_name(SEEN)
def test_measurements(thing, copied):
    again, y = copied(thing), thing.simulate(X, rng=0)
    same(again.simulate(X, rng=0), y)
    same(again.log_likelihood_grad(X, y), thing.log_likelihood_grad(X, y))


@COPIES
def test_results_and_schedules(copied):
    schedule = dp.posterior.AnnealingSchedule([2.0, 1.0], [0.01], [2])
    arguments = MIXTURES["Gaussian"], SEEN["dense"], np.ones(2)
    result = dp.posterior.annealed_langevin(*arguments, schedule=schedule, n_samples=4, rng=0)
    again = copied(result)
    same(again.samples, result.samples)
    assert again.key == result.key
    for name in ("noise_ratio", "step_size", "n_steps"):
        same(getattr(copied(schedule), name), getattr(schedule, name))
    clock = dp.schedules.VPTable([0.9, 0.5, 0.1])
    assert copied(clock).noise_level(1.0) == clock.noise_level(1.0)


@COPIES
def test_runs_of_methods_go_on(copied):
    prior = MIXTURES["shared"]
    whole = dp.sampling.sample(prior, 5, n_steps=9, rng=0)
    part = dp.sampling.sample(prior, 5, n_steps=9, rng=0, callback=lambda step, s, x: step == 4)
    rest = dp.sampling.sample(prior, n_steps=9, resume=copied(part))
    same(rest.samples, whole.samples)
    same(copied(whole).samples, whole.samples)


def half(s):
    return s.next / s.sigma * s.y


@COPIES
def test_methods_of_users(copied):
    method = dp.sampling.Method("half", half, order=1, limits={})
    again = copied(method)
    assert (repr(again), again.step, again.limits) == (repr(method), half, {})
    with pytest.raises(TypeError):
        again.limits["some"] = (0, 1)
