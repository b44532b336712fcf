"""`rejection`: exact samples, at a cost that is known in advance."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._arguments import check_same
from .._checks import integer, number
from .._progress import reporter
from .._result import Result
from .._threads import single_threaded_blas
from .._xp import Array
from ._envelope import Envelope
from ._problem import Problem
from ._proposals import Proposals, accepted_proposals

__all__ = ["rejection"]

_NUMBERS = 2**32
"""Proposals that random numbers tell apart."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class State:
    """The accepted so far, flat, and the proposals made."""

    x: Array
    numbers: np.ndarray
    n_proposals: int
    n_samples: int
    first_proposal: int
    fixed: dict[str, Any]


def rejection(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    max_proposals: int = 100_000_000,
    log_bound: float | None = None,
    draw: Any = None,
    batch_size: int | None = None,
    first_proposal: int = 0,
    resume: Result | None = None,
) -> Result:
    """Exact samples of p(x | y): draws from the prior, kept with probability p(y | x) / bound.

    Parameters
    ----------
    prior : prior
        Anything with `.sample(n, rng=)`; or with a score alone, where `draw` is given.
    measurement : LinearGaussian or likelihood
        A measurement, or any object with `log_likelihood(x, y)` where `log_bound` is given.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    n_samples : int, optional
        Number of samples, at least 1.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per batch and may return True to stop.
    max_proposals : int, optional
        Proposals after which the run ends with what it has, those of the run to resume
        included; at most 2^32.
    log_bound : float, optional
        Upper bound of log p(y | x) over all x that the prior draws. By default the largest that
        a linear measurement allows, from a least-squares fit.
    draw : callable, optional
        Draws of the prior, `draw(n, rng=)`, for priors that have no `.sample`.
    batch_size : int, optional
        Proposals made at a time; by default they double from 1024 until 2^22 numbers are drawn.
    first_proposal : int, optional
        Number of the first proposal in a larger run: with the same `rng`, `first_proposal`
        of `result.n_proposals` goes on to further samples.
    resume : Result, optional
        A stopped or exhausted run, to go on from there, to the same bits; give the other
        arguments again.

    Returns
    -------
    Result
        Independent samples, in the order of their proposals, and fewer than `n_samples` (none,
        perhaps) where `exhausted` or stopped; `log_evidence` estimates log p(y), from
        `n_proposals`, the last of them accepted if there are enough. In `trace`: the number of
        each sample's "proposal", from 0; the "trials" since the sample before; and a 95 %
        "log_evidence_interval", with an upper end even where nothing was accepted.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, or a proposal is
        likelier than `log_bound`.
    TypeError
        If array types are mixed, the prior has no `.sample` and `draw` is not given, or
        `log_bound` is not given for a likelihood that is not linear Gaussian.

    Notes
    -----
    A sample takes exp(log_bound - log p(y)) trials on average, whatever the dimension of x:
    `rejection_cost` has them in closed form. For y = A x + beta N(0, I) with m independent rows
    that is 1 / ((2 pi beta^2)^(m/2) p(y)), and with E|y|^2 <= c m at most
    (2 / delta) (2 e c / (delta beta^2))^(m/2) with probability 1 - delta over y: exponential in
    m, as any algorithm must be on some priors, if one-way functions exist. The bound is that of
    the least-squares fit, so outputs that repeat others cost nothing.

    From S accepted of T proposals, log p(y) is estimated as log_bound + digamma(S) - digamma(T).
    That is unbiased where a run ends with its last sample, and low by up to about 1 / S where it
    does not; its standard error is sqrt((1 - S / T) / S). It is -infinity for S = 0.

    Sample i is the same for every `n_samples`, number of threads and, if the prior is one of the
    library or its `sample` takes `first_chain=`, `batch_size`; other functions draw each batch
    with a key of its own. Kernels and reference accept the same proposals but for ties to
    rounding. No scores are evaluated.

    References
    ----------
    Gupta, Jalal, Parulekar, Price, Xun, arXiv 2402.12727, the upper bound.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Ring(1.0, 0.1)
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 0.0]]), 0.1)
    >>> result = dp.posterior.rejection(prior, measurement, [0.9], n_samples=500, rng=0)
    >>> result.samples.shape, bool(result.samples[:, 0].min() > 0)
    ((500, 2), True)
    """
    started = time.perf_counter()
    problem = Problem(
        "rejection", prior, measurement, y, rng, n_samples, resume, progress, scored=False
    )
    first = _checked_first(first_proposal, resume)
    budget = min(integer("max_proposals", max_proposals, maximum=_NUMBERS), _NUMBERS - first)
    size = None if batch_size is None else integer("batch_size", batch_size)
    bound = None if log_bound is None else number("log_bound", log_bound)
    with single_threaded_blas(problem.xp):
        envelope, proposals = Envelope(problem, bound), Proposals(problem, draw, size)
        problem.fix(log_bound=bound, batch_size=None if proposals.placed else size)
        state = resume.state if resume else _start(problem, first)
        _check_budget(state, budget)
        state = _advance(proposals, envelope, state, budget)
    return _as_result(problem, envelope, state, budget, started)


def _checked_first(first_proposal: Any, resume: Result | None) -> int:
    """The number of the first proposal, of the run to resume if there is one."""
    first = integer("first_proposal", first_proposal, minimum=0, maximum=_NUMBERS - 1)
    if resume is None:
        return first
    check_same("first_proposal", first, resume.state.first_proposal, 0)
    return resume.state.first_proposal


def _start(problem: Problem, first: int) -> State:
    empty = problem.xp.zeros((0, problem.d), dtype=problem.dtype, device=problem.device)
    numbers = np.empty(0, np.int64)
    return State(empty, numbers, 0, problem.n_samples, first, problem.fixed)


def _check_budget(state: State, budget: int) -> None:
    """Refuse to go on with a budget that is spent."""
    if len(state.numbers) < state.n_samples and budget <= state.n_proposals:
        raise ValueError(
            f"max_proposals must be more than the {state.n_proposals} of the run to resume, "
            f"got {budget}"
        )


def _advance(proposals: Proposals, envelope: Envelope, state: State, budget: int) -> State:
    """Batch by batch until there are enough, the budget is spent, or the user asks to stop."""
    p = proposals.problem
    points, batches = [state.x], [state.numbers]
    have, made = len(state.numbers), state.n_proposals
    with reporter(p.progress, p.name) as report:
        while have < state.n_samples and made < budget:
            start = state.first_proposal + made
            stop = min(proposals.blocks.around(start)[1], state.first_proposal + budget)
            numbers, x = accepted_proposals(p.xp, proposals, envelope, start, stop - start)
            n = min(len(numbers), state.n_samples - have)
            points.append(x[:n, :])
            batches.append(numbers[:n])
            have += n
            last = int(batches[-1][-1]) + 1 if have == state.n_samples else stop
            made = last - state.first_proposal
            done = max(have / state.n_samples, made / budget)
            rates = {"proposals": made, "accepted": have, "acceptance_rate": have / made}
            if report(done, 1.0, **rates):
                break
    return replace(state, x=p.xp.concat(points), numbers=np.concatenate(batches), n_proposals=made)


def _as_result(
    problem: Problem, envelope: Envelope, state: State, budget: int, started: float
) -> Result:
    n, made = len(state.numbers), state.n_proposals
    before = np.concatenate([[state.first_proposal - 1], state.numbers])
    interval = envelope.log_bound + _log_rate_interval(n, made)
    return Result(
        samples=problem.events(state.x),
        method="rejection",
        n_score_evals=0,
        n_rounds=0,
        seconds=time.perf_counter() - started,
        key=problem.key,
        state=state,
        log_evidence=envelope.log_bound + _log_rate(n, made),
        acceptance_rate=n / made,
        finished=n == state.n_samples or made == budget,
        n_proposals=made,
        warnings=problem.reasons,
        exhausted=n < state.n_samples and made == budget,
        trace={
            "proposal": state.numbers,
            "trials": np.diff(before),
            "log_evidence_interval": interval,
        },
    )


def _log_rate(n: int, made: int) -> float:
    """The log of the acceptance, without bias if the n-th accepted ends the run.

    The derivative of its mean, a sum of P(fewer than n among j) / j over j from n on, is 1 / rate.
    """
    from scipy.special import digamma

    return float(digamma(n) - digamma(made)) if n else -math.inf


def _log_rate_interval(n: int, made: int) -> np.ndarray:
    """Clopper and Pearson's interval for the log of the acceptance."""
    from scipy.special import betaincinv

    tail = 0.5 * (1 - _CONFIDENCE)
    low = betaincinv(n, made - n + 1, tail) if n else 0.0
    high = betaincinv(n + 1, made - n, 1 - tail) if n < made else 1.0
    return np.asarray([math.log(low) if n else -math.inf, math.log(high)])
