"""What a run of `annealed_smc` tells: numbers for its bar, warnings, the result."""

from __future__ import annotations

import time
import warnings

import numpy as np

from .._result import Result
from .._xp import Array
from ._genealogy import weight_error
from ._problem import Problem
from ._smc import State, squared_norms
from ._smc_options import Options

_FEW_ROOTS = 10
_UNSURE, _TIMES_INDEPENDENT = 0.04, 3.0
"""A standard error of the weights of modes that is worth telling, and how many times that of as
many independent draws it has to be."""
_MISSED = "a mode was missed (raise n_initial), or prior or noise_std are wrong"


def numbers(state: State) -> dict[str, float]:
    names = ("ess", "n_moves", "acceptance_rate", "n_roots", "misfit")
    return {
        "level": state.level,
        **{name: state.trace[name][-1] for name in names},
        "log_evidence": state.log_evidence,
    }


def _distrust(problem: Problem, options: Options, state: State) -> tuple[str, ...]:
    """Reasons to doubt the run: what told failures in examples/benchmarks/failure_signs.py."""
    reasons = []
    n_roots, n = state.trace["n_roots"][-1], state.point.x.shape[0]
    if n_roots < _FEW_ROOTS:
        reasons.append(
            f"only {n_roots} draws from the prior stand behind the samples: modes may be missing "
            "or misweighted; raise n_initial and n_particles"
        )
    error = weight_error(problem, state.point.x, state.roots)
    if error > max(_UNSURE, _TIMES_INDEPENDENT * 0.5 / n**0.5):
        reasons.append(
            f"the weights of modes have standard errors up to {error:.2f}, by the draws from the "
            "prior that stand behind them; raise n_initial and n_particles"
        )
    if state.trace["n_moves"][-1] >= options.max_moves:
        reasons.append(
            f"the last level used all of max_moves={options.max_moves}: modes may be misweighted"
        )
    misfit, limit = state.trace["misfit"][-1], _misfit_limit(problem)
    if misfit > limit:
        reasons.append(
            f"the samples do not explain y: mean squared residual {misfit:.3g} in units of the "
            f"noise, where {limit:.3g} is rarely exceeded; {_MISSED}"
        )
    steepness = _median(problem, squared_norms(problem.xp, state.point.score))
    if steepness > state.steepest > 0:
        reasons.append(
            f"the samples are unlike the prior: half of their squared scores exceed "
            f"{steepness / state.steepest:.3g} times the largest at draws from it; {_MISSED}"
        )
    return tuple(reasons)


def _misfit_limit(problem: Problem) -> float:
    """What |N^-1/2 (y - A x)|^2 / m exceeds once in a million: it is chi-squared by Bayes."""
    from scipy.special import chdtri

    return float(chdtri(problem.n_measured, 1e-6)) / problem.n_measured


def _median(problem: Problem, values: Array) -> float:
    return float(problem.xp.sort(values)[values.shape[0] // 2])


def _spread(problem: Problem, x: Array) -> Array:
    """n_samples particles, spread evenly over the cloud."""
    xp, n = problem.xp, problem.n_samples
    return x if x.shape[0] == n else xp.take(x, xp.arange(n) * x.shape[0] // n, axis=0)


def as_result(problem: Problem, options: Options, state: State, started: float) -> Result:
    reasons = _distrust(problem, options, state) if state.beta == 1 else ()
    for reason in reasons:
        warnings.warn(f"annealed_smc: {reason}", RuntimeWarning, stacklevel=3)
    moves = np.asarray(state.trace["n_moves"])
    rates = np.asarray(state.trace["acceptance_rate"])
    return Result(
        samples=problem.events(_spread(problem, state.point.x)),
        method="annealed_smc",
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=problem.key,
        state=state,
        log_evidence=state.log_evidence,
        acceptance_rate=float((rates * moves).sum() / moves.sum()),
        ess=state.trace["ess"][-1],
        finished=state.beta == 1,
        warnings=(*problem.reasons, *reasons),
        trace={name: np.asarray(values) for name, values in state.trace.items()},
    )
