"""`check_sampler`: correct samplers pass, and every law catches an error planted for it."""

import functools
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np import random
from diffpost_np.testing import SAMPLER_LAWS, BrokenLaw, InverseProblem, check_sampler
from diffpost_np.testing._case import Arrays
from diffpost_np.testing._problem import asymmetric_problems
from diffpost_np.testing._statistics import MOMENTS, bernstein, moments_of_ranks


def only(*names):
    return [name for name in SAMPLER_LAWS if name not in names]


def log_concave_problems():
    return asymmetric_problems(Arrays(np.zeros(0)), log_concave=True)


PROBLEMS = log_concave_problems()


def toy(
    prior,
    measurement,
    y,
    *,
    n_samples,
    rng,
    first_chain=0,
    noise=1.0,
    variance=1.0,
    batch_norm=False,
    transposed=False,
    step_size=0.02,
    n_steps=200,
):
    """Langevin as somebody would write it, with its errors by name."""
    key = random.key(rng).fold("toy")
    place = {"first_chain": first_chain, "like": y}
    a = measurement.operator.matrix()
    a = a.T if transposed and a.shape[0] == a.shape[1] else a
    h, eta2 = step_size, variance * measurement.noise_std**2
    x = random.normal(key, (n_samples, a.shape[1]), purpose=random.Purpose.INITIAL, **place)
    for step in range(n_steps):
        events = x.reshape(n_samples, *prior.event_shape)
        pull = (y - x @ a.T.astype(x.dtype)) @ a.astype(x.dtype) / eta2
        if batch_norm:
            pull = pull * min(1.0, 3.0 / np.linalg.norm(pull))
        drift = prior.score(events, 0.0).reshape(x.shape) + pull
        x = x + h * drift + noise * (2 * h) ** 0.5 * random.normal(key, x.shape, step=step, **place)
    return x.reshape(n_samples, *prior.event_shape).astype(y.dtype)


def exact(prior, measurement, y, *, n_samples, rng):
    return prior.posterior(measurement, y).sample(n_samples, rng=rng).astype(y.real.dtype)


def one_too_many(prior, measurement, y, *, n_samples, rng):
    return exact(prior, measurement, y, n_samples=n_samples + 1, rng=rng)


def in_double(prior, measurement, y, *, n_samples, rng):
    return prior.posterior(measurement, y).sample(n_samples, rng=rng)


def in_place(prior, measurement, y, *, n_samples, rng):
    samples = exact(prior, measurement, y, n_samples=n_samples, rng=rng)
    y -= 1.0
    return samples


def unseeded(prior, measurement, y, *, n_samples, rng):
    return exact(prior, measurement, y, n_samples=n_samples, rng=None)


def always_the_same(prior, measurement, y, *, n_samples, rng):
    return exact(prior, measurement, y, n_samples=n_samples, rng=0)


def prior_draws(prior, measurement, y, *, n_samples, rng):
    return prior.sample(n_samples, rng=rng).astype(y.dtype)


def clipped_y(prior, measurement, y, *, n_samples, rng):
    """Right at the y of the fixed problems, wrong at rarer ones."""
    return exact(prior, measurement, np.clip(y, -0.6, 0.6), n_samples=n_samples, rng=rng)


PLANTED = {
    "shapes": one_too_many,
    "dtype_and_namespace": in_double,
    "inputs_untouched": in_place,
    "same_seed_same_samples": unseeded,
    "chains_are_independent": functools.partial(toy, batch_norm=True, n_steps=50),
    "calibration": functools.partial(toy, noise=0.5**0.5),
    "ranks_of_truths": clipped_y,
}


def test_every_law_has_a_planted_error():
    assert set(PLANTED) == set(SAMPLER_LAWS)
    assert all(law.statement.endswith(".") for law in SAMPLER_LAWS.values())


@pytest.mark.parametrize("name", list(PLANTED))
def test_planted_error_is_caught_by_its_law(name):
    with pytest.raises(BrokenLaw, match=f"breaks the law '{name}'") as caught:
        check_sampler(PLANTED[name], problems=log_concave_problems()[:1])
    assert "smallest failing input: problem = InverseProblem(" in str(caught.value)
    assert caught.value.inputs["problem"].prior.event_shape == (1,)


def test_the_toy_without_errors_passes():
    report = check_sampler(toy, problems=PROBLEMS[::2], n_truths=20)
    assert set(report.kept) == set(SAMPLER_LAWS)


WRONG_LAW = {
    "noise divided by sqrt 2": functools.partial(toy, noise=0.5**0.5),
    "twice the noise variance": functools.partial(toy, variance=2.0),
    "half the noise variance": functools.partial(toy, variance=0.5),
    "transposed A": functools.partial(toy, transposed=True),
    "the prior": prior_draws,
}


@pytest.mark.parametrize("name", list(WRONG_LAW))
@pytest.mark.parametrize("interacting", [False, True])
def test_calibration_finds_wrong_laws(name, interacting):
    """With either of the two error bars, and already on one variable where that can be."""
    with pytest.raises(BrokenLaw, match="'calibration'") as caught:
        check_sampler(
            WRONG_LAW[name],
            problems=PROBLEMS[::2],
            interacting=interacting,
            skip=only("calibration"),
        )
    square = name == "transposed A"
    assert caught.value.inputs["problem"] is PROBLEMS[2 if square else 0]


def test_a_transposed_matrix_is_found_on_the_square_problem():
    square = asymmetric_problems(Arrays(np.zeros(0)))[2]
    a = square.measurement.operator.matrix()
    assert a.shape == (2, 2) and not np.allclose(a, a.T)

    def transposed(prior, measurement, y, **options):
        if measurement.operator.matrix().shape == (2, 2):
            matrix = measurement.operator.matrix().T
            measurement = dp.LinearGaussian(matrix, measurement.noise_std)
        return exact(prior, measurement, y, **options)

    with pytest.raises(BrokenLaw, match="'calibration'") as caught:
        check_sampler(transposed)  # mixtures
    assert caught.value.inputs["problem"].prior.event_shape == (2,)


def with_spread(factor):
    """Exact draws, too wide around their mean by a factor."""

    def sampler(prior, measurement, y, **options):
        mean = prior.posterior(measurement, y).mean()
        return (mean + factor * (exact(prior, measurement, y, **options) - mean)).astype(y.dtype)

    return sampler


def test_power_is_as_documented():
    """A standard deviation off by a sixth is found, by a fiftieth passes; `bias` admits more."""
    skip = only("calibration")
    check_sampler(with_spread(1.02), log_concave=True, skip=skip)
    with pytest.raises(BrokenLaw, match="spread of"):
        check_sampler(with_spread(1.16), log_concave=True, skip=skip)
    with pytest.raises(BrokenLaw, match="spread of"):
        check_sampler(with_spread(0.85), log_concave=True, skip=skip)
    check_sampler(with_spread(1.16), log_concave=True, skip=skip, bias=0.4)


def test_ranks_of_truths_alone_find_half_the_variance():
    """The law that needs no closed form, with 500 truths."""
    with pytest.raises(BrokenLaw, match=r"'ranks_of_truths'.*\n.*spread of"):
        check_sampler(with_spread(0.5**0.5), log_concave=True, n_truths=500, skip=["calibration"])


def test_two_seeds_must_differ():
    with pytest.raises(BrokenLaw, match="two seeds give the same samples"):
        check_sampler(always_the_same)


def test_first_chain_is_tested_where_it_is_taken():
    def deaf(prior, measurement, y, *, n_samples, rng, first_chain=0):
        return exact(prior, measurement, y, n_samples=n_samples, rng=rng)

    with pytest.raises(BrokenLaw, match="with first_chain=6"):
        check_sampler(deaf)


def through_the_score(sampler):
    """The sampler on a prior that shows its score and its draws, nothing else."""

    @functools.wraps(sampler)
    def run(prior, measurement, y, **options):
        shown = {name: getattr(prior, name) for name in ("score", "sample", "event_shape")}
        return sampler(SimpleNamespace(**shown), measurement, y, **options)

    return run


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        (dp.posterior.sample, {}),
        (
            functools.partial(dp.posterior.langevin, step_size=0.01, n_steps=300),
            {"log_concave": True, "skip": ["ranks_of_truths"]},
        ),
        (
            dp.posterior.annealed_langevin,
            {"log_concave": True, "n_samples": 1500, "skip": ["ranks_of_truths"]},
        ),
        (
            through_the_score(dp.posterior.annealed_smc),
            {"interacting": True, "n_runs": 10, "skip": ["ranks_of_truths"]},
        ),
    ],
    ids=["exact", "langevin", "annealed_langevin", "annealed_smc"],
)
def test_samplers_of_the_library_pass(sampler, options):
    report = check_sampler(sampler, **options)
    assert "calibration" in report.kept
    if options.get("interacting"):
        assert "chains_are_independent" in report.skipped


def near(prior, measurement, y, *, n_samples, first_chain=0, own_centre=False, **options):
    """`localized_langevin` around one point, or around one of its own for every chain."""
    size = 100 if own_centre else 1
    x0 = np.random.default_rng(0).normal(size=(size, *prior.event_shape))
    return dp.posterior.localized_langevin(
        prior,
        measurement,
        y,
        x0=x0[first_chain : first_chain + n_samples] if own_centre else x0[0],
        x0_std=0.5,
        n_samples=n_samples,
        first_chain=first_chain,
        schedule=SHORT,
        **options,
    )


SHORT = dp.posterior.AnnealingSchedule([4.0, 1.0], [1e-3], [5])
compressed = functools.partial(dp.posterior.compressed_sensing, radius=0.5, schedule=SHORT)


@pytest.mark.parametrize(
    "sampler",
    [near, functools.partial(near, own_centre=True), compressed],
    ids=["localized_langevin", "a centre for each", "compressed_sensing"],
)
@pytest.mark.parametrize("seen", [lambda s: s, through_the_score], ids=["exact", "diffusion"])
def test_local_samplers_have_independent_chains(sampler, seen):
    """With draws of p(x | x0) from `sample_given`, and from the reverse diffusion."""
    assert check_sampler(seen(sampler), skip=only("chains_are_independent")).kept


def test_other_namespaces_pass():
    like = array_api_strict.zeros(0, dtype=array_api_strict.float64)
    check_sampler(dp.posterior.sample, like=like, skip=["ranks_of_truths"])


def test_without_a_closed_form_truths_are_ranked():
    measurement = dp.LinearGaussian([[1.0, 2.0]], 0.5)
    problem = InverseProblem(dp.priors.Ring(1.0, 0.2), measurement, np.array([1.0]))

    def from_the_prior(prior, measurement, y, *, n_samples, rng):
        return prior.sample(n_samples, rng=rng).astype(y.dtype)

    with pytest.raises(BrokenLaw, match=r"'ranks_of_truths'.*\n.*log likelihood"):
        check_sampler(from_the_prior, problems=[problem])


def test_complex_measurements():
    """The imaginary part of the mean is always zero: no reason for an alarm."""
    op = dp.operators.subsampled_fourier(np.array([True, True, False, False]))
    prior = dp.priors.GaussianMixture([0.3, 0.7], [[0.0, 1, 2, 1], [1, -1, 0, 0]], 0.5)
    problem = InverseProblem(prior, dp.LinearGaussian(op, 0.4), np.array([2.0 + 0j, 0.3 - 0.6j]))
    assert "calibration" in check_sampler(exact, problems=[problem], n_truths=20).kept

    def half_the_noise(prior, measurement, y, **options):
        measurement = dp.LinearGaussian(op, 0.4 * 0.5**0.5)
        return exact(prior, measurement, y, **options)

    with pytest.raises(BrokenLaw, match="'calibration'"):
        check_sampler(half_the_noise, problems=[problem])


def test_atoms_are_ranked_at_random():
    prior = dp.priors.Empirical(np.array([[-1.0, 0.3], [0.5, 1.1], [2.0, -0.4]]))
    measurement = dp.LinearGaussian([[0.7, 0.2]], 0.8)
    problem = InverseProblem(prior, measurement, np.array([0.4]))
    check_sampler(exact, problems=[problem])
    with pytest.raises(BrokenLaw, match="'calibration'"):
        check_sampler(prior_draws, problems=[problem], skip=only("calibration"))


def test_moments_of_uniform_ranks_are_standard():
    t = (np.arange(100_000) + 0.5) / 100_000
    moments = moments_of_ranks(t)
    np.testing.assert_allclose(moments.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(moments.T @ moments / t.size, np.eye(3), atol=1e-8)
    np.testing.assert_allclose(np.abs(moments).max(axis=0), list(MOMENTS.values()), rtol=1e-3)


@pytest.mark.parametrize("bound", MOMENTS.values())
def test_bernstein_bounds_the_false_alarm(bound):
    """Means of the rarest shape allowed: two values, variance 1, one of them at the bound."""
    n, n_trials, false_alarm = 50, 200_000, 1e-3
    p = 1 / (1 + bound**2)
    hits = np.random.default_rng(0).binomial(n, p, n_trials) / n
    means = hits * bound - (1 - hits) / bound
    rate = np.mean(np.abs(means) > bernstein(n, bound, false_alarm))
    assert 0 < rate < false_alarm


def test_false_alarms_are_as_rare_as_promised():
    """20 seeds, each with a probability below 0.05: more than 5 alarms, 3 in 10,000."""
    skip = only("calibration")
    alarms = 0
    for seed in range(20):
        try:
            check_sampler(exact, n_samples=200, false_alarm=0.05, rng=seed, skip=skip)
        except BrokenLaw:
            alarms += 1
    assert alarms <= 5


def test_student_error_bars_hold_for_clouds_that_interact():
    """Every draw twice: the independent error bar is too small, the one between runs is right."""

    def doubled(prior, measurement, y, *, n_samples, rng):
        draws = exact(prior, measurement, y, n_samples=n_samples // 10 + 1, rng=rng)
        return np.repeat(draws, 10, axis=0)[:n_samples]

    skip = only("calibration")
    check_sampler(doubled, interacting=True, skip=skip)
    with pytest.raises(BrokenLaw, match="'calibration'"):
        check_sampler(doubled, skip=skip, false_alarm=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampler": 3}, "sampler must be callable"),
        ({"sampler": exact, "n_samples": 0}, "n_samples must be at least 99"),
        ({"sampler": exact, "n_runs": 1}, "n_runs must be at least 5"),
        ({"sampler": exact, "bias": -0.1}, "bias must lie in"),
        ({"sampler": exact, "false_alarm": 0.0}, "false_alarm must be greater"),
        ({"sampler": exact, "skip": ["nonsense"]}, "skip must be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_sampler(**arguments)
