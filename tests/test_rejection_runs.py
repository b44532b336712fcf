"""Runs of rejection sampling: the same bits in other batches and paths, their ends, and errors."""

import functools
import math

import numba
import numpy as np
import pytest
from rejection_cases import (
    COVS,
    MATRIX,
    MEANS,
    MEASUREMENT,
    SHARED,
    WEIGHTS,
    Below,
    Drawn,
    Placed,
    Y,
    run,
)

import diffpost_np as dp
from diffpost_np._numba import rejection as kernel


def same(a, b):
    np.testing.assert_array_equal(a.samples, b.samples)
    np.testing.assert_array_equal(a.trace["proposal"], b.trace["proposal"])
    assert (a.n_proposals, a.log_evidence) == (b.n_proposals, b.log_evidence)


@pytest.mark.parametrize("form", COVS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernel_and_reference_accept_the_same_proposals(form, dtype):
    prior = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS[form])
    sample = functools.partial(
        dp.posterior.rejection, prior, MEASUREMENT, Y.astype(dtype), n_samples=500, rng=3
    )
    fast = sample()
    with dp.reference():
        slow = sample()
    np.testing.assert_array_equal(fast.trace["proposal"], slow.trace["proposal"])
    atol = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(fast.samples, slow.samples, rtol=0, atol=atol)


def test_the_kernel_runs_where_it_should(monkeypatch):
    calls = []
    count = kernel._accept
    monkeypatch.setattr(kernel, "_accept", lambda *a: calls.append(1) or count(*a))
    run()
    assert calls
    calls.clear()
    with dp.reference():
        run()
    run(log_bound=0.0)
    assert not calls


@pytest.mark.parametrize("prior", [SHARED, dp.priors.Ring(1.0, 0.2), dp.priors.Gaussian(Y, 0.4)])
def test_samples_are_the_priors_own_draws(prior):
    measurement = dp.LinearGaussian(np.ones((1, prior.event_shape[0])), 0.5)
    result = dp.posterior.rejection(prior, measurement, [0.7], n_samples=100, rng=0)
    draws = prior.sample(result.n_proposals, rng=result.key)
    np.testing.assert_array_equal(result.samples, draws[result.trace["proposal"]])
    assert result.trace["proposal"][-1] == result.n_proposals - 1
    np.testing.assert_array_equal(np.cumsum(result.trace["trials"]), result.trace["proposal"] + 1)


@pytest.mark.parametrize("prior", [SHARED, dp.priors.Empirical(np.array(MEANS), 0.3), Placed()])
@pytest.mark.parametrize("size", [7, 1000])
def test_batches_do_not_matter(prior, size):
    sample = functools.partial(dp.posterior.rejection, prior, MEASUREMENT, Y, n_samples=60, rng=0)
    same(sample(), sample(batch_size=size))
    few = sample(n_samples=20)
    np.testing.assert_array_equal(sample().samples[:20], few.samples)


def test_threads_do_not_matter():
    before = numba.get_num_threads()
    results = []
    for n in (1, before):
        numba.set_num_threads(n)
        results.append(run(n_samples=10_000, batch_size=200_000))
    numba.set_num_threads(before)
    same(*results)


@pytest.mark.parametrize("prior", [SHARED, Placed(), Drawn()])
def test_a_run_goes_on(prior):
    """Stopped, or out of proposals in the middle of a batch."""
    sample = functools.partial(dp.posterior.rejection, prior, MEASUREMENT, Y, n_samples=500)
    whole = sample(rng=0)
    stopped = sample(rng=0, progress=lambda p: True)
    assert not stopped.finished and len(stopped.samples) < 500
    same(sample(resume=stopped), whole)
    spent = sample(rng=0, max_proposals=3333)
    assert spent.exhausted and spent.finished and spent.n_proposals == 3333
    same(sample(resume=spent), whole)
    same(sample(resume=whole), whole)
    with pytest.raises(ValueError, match="max_proposals must be more than the 3333 of the run"):
        sample(resume=spent, max_proposals=3333)


def test_runs_make_up_a_larger_one():
    whole, part = run(), run(n_samples=120)
    rest = run(n_samples=180, first_proposal=part.n_proposals)
    np.testing.assert_array_equal(whole.samples, np.vstack([part.samples, rest.samples]))
    assert whole.n_proposals == part.n_proposals + rest.n_proposals
    np.testing.assert_array_equal(whole.trace["proposal"][120:], rest.trace["proposal"])
    np.testing.assert_array_equal(whole.trace["trials"][120:], rest.trace["trials"])


@pytest.mark.parametrize("change", [{"log_bound": 1.0}, {"first_proposal": 3}, {"n_samples": 77}])
def test_contradictions_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name} must .* the run to resume"):
        run(rng=None, resume=run(max_proposals=50), **change)


def test_batches_of_a_user_are_kept():
    sample = functools.partial(dp.posterior.rejection, Drawn(), MEASUREMENT, Y, n_samples=500)
    with pytest.raises(ValueError, match=r"^batch_size must be"):
        sample(resume=sample(rng=0, max_proposals=50), batch_size=9)


def test_exhausted_runs():
    result = run(max_proposals=100)
    assert result.exhausted and result.finished
    n = len(result.samples)
    assert 0 < n < 300 and result.n_proposals == 100 and result.acceptance_rate == n / 100
    low, high = result.trace["log_evidence_interval"]
    assert low < result.log_evidence < high
    assert "proposals exhausted" in repr(result)
    np.testing.assert_array_equal(result.samples, run().samples[:n])


def test_nothing_accepted():
    result = dp.posterior.rejection(SHARED, MEASUREMENT, [50.0, 50.0], max_proposals=5000, rng=0)
    assert result.samples.shape == (0, 3) and result.exhausted
    assert result.log_evidence == -math.inf
    low, high = result.trace["log_evidence_interval"]
    assert low == -math.inf
    missed = 5000 * math.log1p(-math.exp(high + MEASUREMENT.log_normaliser()))
    assert missed == pytest.approx(math.log(0.025))
    assert "0 samples" in repr(result)
    for statistic in (result.mean, result.std, lambda: result.quantile(0.5)):
        with pytest.raises(ValueError, match="samples is empty"):
            statistic()


def test_all_accepted():
    result = dp.posterior.rejection(SHARED, dp.LinearGaussian(np.zeros((1, 3)), 1.0), [0.0], rng=0)
    assert result.n_proposals == 1000 and result.acceptance_rate == 1
    assert result.log_evidence == pytest.approx(-0.5 * math.log(2 * math.pi))
    assert result.trace["log_evidence_interval"][1] == result.log_evidence


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_namespace(xp, dtype):
    prior = dp.priors.GaussianMixture(WEIGHTS, xp.array(MEANS), xp.array(COVS["full"]))
    measurement = dp.LinearGaussian(xp.array(MATRIX), 0.5)
    y = xp.array(Y, dtype)
    result = dp.posterior.rejection(prior, measurement, y, n_samples=100, rng=0)
    assert xp.owns(result.samples) and result.samples.dtype == y.dtype
    wanted = run(n_samples=100) if dtype == np.float64 else None
    if wanted is not None:
        np.testing.assert_array_equal(result.trace["proposal"], wanted.trace["proposal"])
        np.testing.assert_allclose(xp.numpy(result.samples), wanted.samples, atol=1e-12)
    cost = dp.posterior.rejection_cost(prior, measurement, y)
    assert cost.log_trials[0] == pytest.approx(
        float(dp.posterior.rejection_cost(SHARED, MEASUREMENT, Y).log_trials[0]), rel=1e-6
    )


class NoSample:
    event_shape = (3,)

    def score(self, x, sigma):
        return -x


def refused(error, text, prior=SHARED, measurement=MEASUREMENT, y=Y, **options):
    with pytest.raises(error, match=text):
        dp.posterior.rejection(prior, measurement, y, rng=0, **options)


def test_what_is_missing_is_named():
    refused(
        TypeError, r"prior has no \.sample, which rejection proposes from: give draw=", NoSample()
    )
    refused(
        TypeError, r"log_bound must be given for a Below", dp.priors.Gaussian([0.0], 1.0), Below()
    )
    refused(TypeError, r"draw must be callable as draw\(n, rng=\)", draw=lambda n: np.zeros((n, 3)))
    refused(TypeError, r"measurement has no \.log_likelihood:", measurement=Drawn())


def test_numbers_out_of_range():
    refused(ValueError, "max_proposals must be at least 1", max_proposals=0)
    refused(ValueError, "max_proposals must be at most 4294967296", max_proposals=2**32 + 1)
    refused(ValueError, "batch_size must be at least 1", batch_size=0)
    refused(ValueError, "log_bound must be finite", log_bound=math.inf)
    refused(ValueError, "y must be finite", y=[np.nan, 0.0])
    refused(ValueError, "y must have shape", y=[0.0])


def test_a_bound_that_is_none():
    """The proposal that shows it is named, with its likelihood."""
    bound = -MEASUREMENT.log_normaliser() - 0.5
    values = MEASUREMENT.log_likelihood(SHARED.sample(1024, rng=run().key), Y)
    worst = int(np.argmax(values))
    text = rf"log_bound .*it is {bound:.8g}, but the log likelihood of proposal {worst} is "
    refused(ValueError, text + f"{values[worst]:.8g}", log_bound=bound)


class Undefined(Below):
    def log_likelihood(self, x, y):
        return np.where(np.arange(len(x)) == 3, np.nan, 0.0)


@pytest.mark.parametrize("first", [0, 5000])
def test_a_likelihood_without_value(first):
    prior = dp.priors.Gaussian([0.0], 1.0)
    options = {"log_bound": 0.0, "first_proposal": first}
    refused(ValueError, f"NaN or .infinity at proposal {first + 3}$", prior, Undefined(), **options)


def test_progress_tells_and_stops():
    seen = []
    result = run(n_samples=2000, progress=lambda p: seen.append(p))
    assert seen[-1].step == 1 and seen[-1].total == 1
    assert seen[-1].numbers["proposals"] == result.n_proposals
    assert seen[-1].numbers["accepted"] == 2000
    assert seen[-1].numbers["acceptance_rate"] == result.acceptance_rate
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    stopped = run(n_samples=2000, progress=lambda p: p.numbers["accepted"] > 100)
    assert not stopped.finished and not stopped.exhausted and len(stopped.samples) > 100
