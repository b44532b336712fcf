"""`check_sampler`: which law a posterior sampler breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._checks import flag, integer, listed, number
from .._xp import Array, array_namespace
from ..diagnostics import sbc_ranks
from ..random import key
from ._case import Arrays, compare, host, same_kind, shape_of
from ._check_prior import named
from ._law import KEPT, Gap, Law, Report, broken, enact, verify, worst
from ._problem import InverseProblem, asymmetric_problems
from ._sampler_case import REFERENCE, SamplerCase, make_like, on_grid, probes
from ._statistics import MOMENTS, bernstein, moments_of_ranks, student_quantile

__all__ = ["SAMPLER_LAWS", "check_sampler"]

SAMPLER_LAWS: dict[str, Law] = {}
"""Laws of samplers by name, in the order in which `check_sampler` tests them."""

FEW = 6
"""Samples in laws that are not statistical."""
DRAWS = 99
"""Samples among which a truth is ranked, and that show whether seeds matter."""


@enact(SAMPLER_LAWS)
def shapes(case: SamplerCase, problem: InverseProblem) -> Gap:
    """Samples have shape (n_samples, *event_shape), n_samples = 1 included, and are finite."""
    shape = problem.measurement.event_shape
    return worst(shape_of("sampler", case.draw(problem, n), (n, *shape)) for n in (1, FEW))


@enact(SAMPLER_LAWS)
def dtype_and_namespace(case: SamplerCase, problem: InverseProblem) -> Gap:
    """Samples are arrays of the namespace, device and precision of y."""
    xp, gaps = array_namespace(y=problem.y), []
    make = make_like(problem)
    for dtype in (xp.float32, xp.float64):
        y = make.in_precision(dtype)(host(problem.y))
        samples = case.draw(replace(problem, y=y), FEW)
        gaps.append(same_kind("sampler", samples, y))
    return worst(gaps)


@enact(SAMPLER_LAWS)
def inputs_untouched(case: SamplerCase, problem: InverseProblem) -> Gap:
    """y is not written to."""
    before = host(problem.y).copy()
    case.draw(problem, FEW)
    return KEPT if np.array_equal(before, host(problem.y)) else broken("y was changed")


@enact(SAMPLER_LAWS)
def same_seed_same_samples(case: SamplerCase, problem: InverseProblem) -> Gap:
    """The same rng gives the same bits, another rng other samples."""
    first, again, other = (host(case.draw(problem, DRAWS, seed)) for seed in (0, 0, 1))
    if not np.array_equal(first, again):
        return broken(f"two calls with one seed differ by {np.max(np.abs(first - again)):.3g}")
    if np.array_equal(first, other) and np.any(first != first[:1, ...]):
        return broken("two seeds give the same samples")
    return KEPT


@enact(SAMPLER_LAWS, "chains")
def chains_are_independent(case: SamplerCase, problem: InverseProblem) -> Gap:
    """Sample i is the same however many there are, and wherever its block of chains stands."""
    xp = array_namespace(y=problem.y)
    many = case.draw(problem, 2 * FEW)
    allowed = 1e3 * float(xp.finfo(many.dtype).eps) ** 0.75 * float(xp.max(xp.abs(many)))
    few = case.draw(problem, FEW)
    gaps = [compare(few, many[:FEW, ...], allowed, f"of {FEW}: it", f"of {2 * FEW}: it")]
    if case.places_chains:
        block = case.draw(problem, FEW, first_chain=FEW)
        what = f"with first_chain={FEW}: it"
        gaps.append(compare(block, many[FEW:, ...], allowed, what, "in the whole run: it"))
    return worst(gaps)


@enact(SAMPLER_LAWS, "posterior")
def calibration(case: SamplerCase, problem: InverseProblem) -> Gap:
    """Samples have the law of the closed-form posterior: location, spread and skewness."""
    reference, runs = case.exact_probes(problem), []
    names: list[str] = []
    for run in range(case.n_runs if case.interacting else 1):
        names, values = probes(problem, case.draw(problem, case.n_samples, run))
        runs.append(moments_of_ranks(_ranks(values, reference)).mean(axis=0))
    if case.interacting:
        allowed = _between_runs(case, np.stack(runs))
    else:
        allowed = _independent(case, runs[0].shape, 1 / (1 / case.n_samples + 1 / REFERENCE))
    return _largest(case, names, np.mean(runs, axis=0), allowed)


@enact(SAMPLER_LAWS, "truths")
def ranks_of_truths(case: SamplerCase, problem: InverseProblem) -> Gap:
    """A truth drawn from the prior has a uniform rank among samples given its measurement."""
    truths = problem.prior.sample(case.n_truths, rng=case.key.fold("truths"))
    n = case.n_samples if case.interacting else DRAWS
    values, targets = [], []
    names: list[str] = []
    for i in range(case.n_truths):
        truth = truths[i : i + 1, ...]
        y = problem.measurement.simulate(truth, rng=case.key.fold(f"y {i}"))[0, ...]
        given = replace(problem, y=y)
        names, seen = probes(given, case.draw(given, n, f"truth {i}"))
        values.append(on_grid(seen[:: n // DRAWS][:DRAWS], seen))
        targets.append(on_grid(probes(given, truth)[1][0], seen))
    found = sbc_ranks(values, np.stack(targets), rng=case.key)
    moments = moments_of_ranks((found.ranks + 0.5) / (found.n_draws + 1))
    allowed = _independent(case, moments.shape[1:], case.n_truths)
    return _largest(case, names, moments.mean(axis=0), allowed)


def _ranks(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Ranks in [0, 1] of values (n, k) in the sorted columns of a reference, ties at random."""
    rng, ranks = np.random.default_rng(0), []
    steps = zip(on_grid(values, reference).T, on_grid(reference, reference).T, strict=True)
    for column, exact in steps:
        low, high = (np.searchsorted(exact, column, side=s) for s in ("left", "right"))
        ranks.append(low + (high - low) * rng.random(low.size))
    return np.stack(ranks, axis=1) / len(reference)


def _independent(case: SamplerCase, shape: tuple[int, ...], n: float) -> np.ndarray:
    """What means of n independent moments may be off by, for all probes (k, 3)."""
    each = _share(case, shape)
    return np.array([bernstein(n, bound, each) for bound in MOMENTS.values()])


def _between_runs(case: SamplerCase, runs: np.ndarray) -> np.ndarray:
    """What means over runs (n_runs, k, 3) may be off by, from their spread."""
    quantile = student_quantile(_share(case, runs.shape[1:]), case.n_runs)
    reference = bernstein(REFERENCE, max(MOMENTS.values()), _share(case, runs.shape[1:]))
    return quantile * runs.std(axis=0, ddof=1) / np.sqrt(case.n_runs) + reference


def _share(case: SamplerCase, shape: tuple[int, ...]) -> float:
    """The false alarm of one of all tests, over problems and both laws."""
    return case.false_alarm / (np.prod(shape) * (len(case.problems) + 1))


def _largest(case: SamplerCase, names: list[str], means: np.ndarray, allowed: np.ndarray) -> Gap:
    allowed = np.broadcast_to(allowed + case.bias, means.shape)
    probe, moment = np.unravel_index(np.argmax(np.abs(means) / allowed), means.shape)
    note = f"{list(MOMENTS)[moment]} of {names[probe]}: {means[probe, moment]:+.3g}, exactly 0"
    return Gap(abs(float(means[probe, moment])), float(allowed[probe, moment]), note)


def check_sampler(
    sampler: Callable[..., Any],
    *,
    problems: Sequence[InverseProblem] | None = None,
    log_concave: bool = False,
    interacting: bool = False,
    n_samples: int | None = None,
    n_runs: int = 20,
    n_truths: int = 200,
    bias: float = 0.0,
    false_alarm: float = 1e-6,
    rng: Any = 0,
    like: Array | None = None,
    skip: Sequence[str] = (),
) -> Report:
    """Find out which law a posterior sampler breaks.

    Parameters
    ----------
    sampler : callable
        Called as `sampler(prior, measurement, y, n_samples=, rng=)`; returns samples
        `(n_samples, *event_shape)` or an object with `.samples`. Settle its other arguments
        with `functools.partial`.
    problems : sequence of InverseProblem, optional
        What to test on, in growing size; four asymmetric mixtures in 1 to 6 dimensions by
        default.
    log_concave : bool, optional
        Whether the default problems have Gaussian priors instead.
    interacting : bool, optional
        Whether samples of one call depend on each other, as in sequential Monte Carlo. Errors
        are then judged by the spread of independent runs.
    n_samples : int, optional
        Samples in a statistical test: 4000 by default, 500 if they interact.
    n_runs : int, optional
        Independent runs for samples that interact, at least 5.
    n_truths : int, optional
        Truths that are ranked, each at the cost of a call; at least 20.
    bias : float, optional
        Systematic error that passes, about in units of the posterior's standard deviation.
    false_alarm : float, optional
        Bound of the probability that a correct sampler fails any of the statistical tests.
    rng : optional
        What `diffpost_np.random.key` takes; fixed by default, so that a check repeats itself.
    like : array, optional
        Gives namespace and device of the default problems.
    skip : sequence of str, optional
        Names of laws to leave out, of `SAMPLER_LAWS`.

    Returns
    -------
    Report
        The laws that were tested, and those skipped.

    Raises
    ------
    BrokenLaw
        An `AssertionError` at the first law of `SAMPLER_LAWS` that is broken: it says by how
        much, what is tolerated, and the smallest problem that failed.
    TypeError
        If `sampler` is not callable.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Every entry and output of the samples, and their log likelihood, is ranked among 40,000
    exact draws; ranks t are uniform if the sampler is right. Their orthonormal Legendre
    moments of degree 1 to 3 have mean 0 and variance 1 whatever the posterior, and are bounded,
    so that Bernstein's inequality bounds the false alarm without an approximation where samples
    are independent; where they interact it is Student's. With 4000 samples errors show from
    0.11 on, which is a ninth of a standard deviation in location or spread. Ranks of truths
    see many y, but of 200 of them only errors beyond 0.5.

    References
    ----------
    Neyman, "Smooth test" for goodness of fit, Skandinavisk Aktuarietidskrift 20, 1937. Talts et
    al., Validating Bayesian inference algorithms with simulation-based calibration,
    arXiv 1804.06788. Modrak et al., Simulation-based calibration checking for Bayesian
    computation: the choice of test quantities shapes sensitivity, Bayesian Analysis, 2023.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.testing.check_sampler(dp.posterior.sample, skip=["ranks_of_truths"])
    check_sampler(sample) keeps shapes, dtype_and_namespace, inputs_untouched, ...
      ranks_of_truths: skipped, as asked
    """
    if not callable(sampler):
        raise TypeError(f"sampler must be callable, got {sampler!r}")
    log_concave, interacting = flag("log_concave", log_concave), flag("interacting", interacting)
    if problems is None:
        make = Arrays(np.zeros(0) if like is None else like)
        problems = asymmetric_problems(make, log_concave=log_concave)
    problems = listed("problems", problems, InverseProblem)
    if not problems:
        raise ValueError("problems must not be empty")
    default = 500 if interacting else 4000
    case = SamplerCase(
        sampler=sampler,
        problems=problems,
        interacting=interacting,
        n_samples=integer("n_samples", default if n_samples is None else n_samples, minimum=DRAWS),
        n_runs=integer("n_runs", n_runs, minimum=5),
        n_truths=integer("n_truths", n_truths, minimum=20),
        bias=number("bias", bias, at_least=0.0),
        false_alarm=number("false_alarm", false_alarm, above=0.0, at_most=0.5),
        key=key(rng).fold("testing.check_sampler"),
    )
    return verify(f"check_sampler({named(sampler)})", SAMPLER_LAWS, case, skip)
