"""`langevin`: the plain baseline."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from .._arguments import check_no_start
from .._checks import integer, number
from .._progress import reporter
from .._result import Result
from .._rows import Row
from .._xp import Array
from ._chains import Chains, langevin_row
from ._preconditioner import as_preconditioner
from ._problem import Problem

__all__ = ["langevin"]

_CHUNK = 50
"""Steps between two looks at the progress and at divergence."""


@dataclass(frozen=True)
class State:
    """Flat chains and the number of steps behind them."""

    x: Array
    step: int
    n_score_evals: int
    first_chain: int
    fixed: dict[str, Any]


def langevin(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    step_size: float,
    n_steps: int,
    initial: Any = None,
    bandwidth: float = 0.0,
    preconditioner: Any = None,
    first_chain: int = 0,
    resume: Result | None = None,
) -> Result:
    """Unadjusted Langevin on p(x | y): the plain baseline.

    Each chain repeats x + h (score(x) + grad log p(y | x)) + sqrt(2 h) N(0, I).

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable; `.sample` unless `initial` is given.
    measurement : LinearGaussian or likelihood
        A measurement, or any object with `log_likelihood(x, y)` and `log_likelihood_grad(x, y)`.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    n_samples : int, optional
        Number of chains, of which each gives its last point.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record now and then and may return True to stop.
    step_size : float
        Step h, positive, in squared units of x; stable below 2 / stiffness.
    n_steps : int
        Number of steps, at least 1.
    initial : array or callable, optional
        Starting points `(n_samples, *event)`, or a function of their number, which takes
        `first_chain=` where that is not 0; prior draws by default.
    bandwidth : float, optional
        Noise level of the score used in place of that of p itself, at least 0.
    preconditioner : array, shape (d,), (d, d) or (n_samples, d, d), optional
        Constant positive definite matrix that multiplies the drift and colours the noise, one
        for all chains or one for each.
    first_chain : int, optional
        Index of the first chain in a larger run.
    resume : Result, optional
        An earlier run: go on from its last points for `n_steps` more, with its key, its
        bandwidth and its number of chains.

    Returns
    -------
    Result
        The last point of every chain.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, the score has no
        value, or a chain diverges (with its step and chain).
    TypeError
        If array types are mixed or an ability is missing.

    Notes
    -----
    One score a step; the stationary law is off by O(h). Its error under an imperfect score can
    grow with the dimension (see `annealed_langevin`).

    References
    ----------
    Xun, Gupta, Price, arXiv 2510.26324, section 1 (where it fails).

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 0.0]]), 0.5)
    >>> result = dp.posterior.langevin(
    ...     prior, measurement, [1.0], step_size=0.05, n_steps=100, rng=0
    ... )
    >>> result.samples.shape
    (1000, 2)
    """
    started = time.perf_counter()
    problem = Problem(
        "langevin", prior, measurement, y, rng, n_samples, resume, progress, first_chain
    )
    n_steps = integer("n_steps", n_steps)
    bandwidth = number("bandwidth", bandwidth, at_least=0.0)
    problem.fix(bandwidth=bandwidth)
    row = langevin_row(number("step_size", step_size, above=0.0), bandwidth)
    chains = Chains(problem, as_preconditioner(preconditioner, problem))
    state = _start(problem, initial)
    last = state.step + n_steps
    state = _advance(chains, state, row, last)
    return Result(
        samples=problem.events(state.x),
        method="langevin",
        n_score_evals=state.n_score_evals,
        n_rounds=state.step,
        seconds=time.perf_counter() - started,
        key=problem.key,
        finished=state.step == last,
        warnings=problem.reasons,
        state=state,
    )


def _start(problem: Problem, initial: Any) -> State:
    if problem.resume is not None:
        check_no_start(initial)
        return problem.resume.state
    x = problem.initial(initial, problem.n_samples, first_chain=problem.first_chain)
    return State(x, 0, 0, problem.first_chain, problem.fixed)


def _advance(chains: Chains, state: State, row: Row, last: int) -> State:
    """Step by step to the last one, or until the user asks to stop."""
    p, x, step = chains.problem, state.x, state.step
    with reporter(p.progress, p.name) as report:
        while step < last:
            n = min(_CHUNK, last - step)
            x = chains.advance(x, row, n, step, chains.likelihood.white_y)
            step += n
            if report(step, last, **(chains.numbers(x) if report.watched else {})):
                break
    return replace(state, x=x, step=step, n_score_evals=state.n_score_evals + p.n_score_evals)
