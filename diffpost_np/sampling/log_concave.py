"""`log_concave`: samples of a strongly log-concave density, close in total variation."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from .._arguments import check_no_start, event_shape_of, held
from .._checks import instance, integer, number
from .._progress import reporter
from .._result import Result
from .._run import Run
from .._xp import Array, array_namespace, as_float_array, like_dtype
from ..operators._base import prototype
from ..random import Purpose, normal
from ._langevin.correctors import randomized_midpoint_step, underdamped
from ._log_concave.bounds import Watched, warn_of
from ._log_concave.mode import find_mode
from ._steps.arrays import Draws

__all__ = ["log_concave"]

_WATCH_EVERY = 50
"""Steps between two looks at whether the score keeps its bounds."""


class Plan(NamedTuple):
    """Steps of the long run, and of the short one that ends it."""

    step_size: float
    n_steps: int
    n_corrections: int


@dataclass(frozen=True)
class State:
    """Flat chains, their velocities, and the number of steps behind them."""

    x: Array
    v: Array
    step: int
    n_score_evals: int
    n_rounds: int
    first_chain: int
    fixed: dict[str, Any]
    mode: Array
    reasons: tuple[str, ...] = ()


def log_concave(
    score: Any,
    smoothness: float,
    strong_convexity: float,
    *,
    n_samples: int = 1000,
    eps: float = 0.1,
    step_size: float | None = None,
    n_steps: int | None = None,
    initial: Any = None,
    event_shape: Any = None,
    rng: Any = None,
    progress: Any = False,
    first_chain: int = 0,
    like: Any = None,
    resume: Result | None = None,
) -> Result:
    """Sample a strongly log-concave density, to a distance in total variation.

    Underdamped Langevin with randomized midpoints runs from the mode until it is close in
    distance; a short run of plain underdamped steps, from a fresh velocity, then makes it close
    in density.

    Parameters
    ----------
    score : callable or prior
        Gradient of the log density, as a function of a batch x, or of x and sigma, or a prior;
        of these the score at sigma = 0.
    smoothness, strong_convexity : float
        Bounds L and m on the curvature: eigenvalues of minus the Hessian of the log density lie
        in [m, L], 0 < m <= L.
    n_samples : int, optional
        Number of chains, of which each gives its last point.
    eps : float, optional
        Distance in total variation that is aimed at, in (0, 1).
    step_size, n_steps : float, int, optional
        Step and number of steps of the long run, in place of those that follow from `eps`; with
        `step_size` alone their product stays.
    initial : array, shape event_shape, optional
        Where the search for the mode begins; the origin by default.
    event_shape : tuple of int, optional
        Shape of an event, where neither a prior nor `initial` tells it.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each step and may return True to stop.
    first_chain : int, optional
        Index of the first chain in a larger run.
    like : array, optional
        Gives namespace, device and precision; those of `initial` or of the prior by default.
    resume : Result, optional
        A stopped run to go on with, to the same bits; all else as it was.

    Returns
    -------
    Result
        The samples, and what they cost; `stages["mode"]` is the point that chains start from.

    Raises
    ------
    ValueError
        If an argument is out of range, no mode is found with these bounds, the score is not
        finite, or a chain diverges (with its step and chain).
    TypeError
        If array types are mixed, the score is not callable, or no shape is known.

    Warns
    -----
    RuntimeWarning
        If chains meet two points between which the score breaks the bounds.

    Notes
    -----
    With kappa = L / m, friction 2 sqrt(L) and unit mass, the long run has steps of
    h = 2 (eps^2 / (kappa d))^(1/3) / sqrt(L), or 1 / (2 sqrt(L)) if that is less, over a time of
    2 sqrt(L) / m * log(7 sqrt(kappa d) / eps). This is what makes a bound on the distance W_2
    less than 0.47 eps / sqrt(L) twice: once for the start, which is forgotten at the rate
    m / (2 sqrt(L)), once for the random errors of the midpoints. The short run takes a time of
    1 / sqrt(L), after which the total variation is at most 0.53 sqrt(L) W_2, in
    0.29 sqrt(d) / eps steps, of which the bound by Girsanov's theorem is eps / 2.

    The long run costs two scores a step, O(kappa^(4/3) d^(1/3) eps^(-2/3)) up to a logarithm, the
    short one O(sqrt(d) / eps). Constants are those of quadratic potentials at the worst curvature
    in [m, L]; most densities need far fewer steps. (The paper shortens the last run by
    d^(-1/18), which balances the exponents of d; that factor is 0.6 at d = 10^4, and left out.)

    References
    ----------
    Gupta, Cai, Chen, arXiv 2406.00924, section on log-concave sampling; Shen, Lee, arXiv
    1909.05503 (randomized midpoints).

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> def score(x):
    ...     return np.array([1.0, -1.0]) - np.array([1.0, 4.0]) * x
    >>> result = dp.sampling.log_concave(score, 4.0, 1.0, event_shape=(2,), rng=0)
    >>> bool(np.all(np.abs(result.mean() - [1.0, -0.25]) < 0.15))
    True
    >>> bool(np.all(np.abs(result.std() - [1.0, 0.5]) < 0.1))
    True
    """
    started = time.perf_counter()
    m = number("strong_convexity", strong_convexity, above=0.0)
    smoothness = number("smoothness", smoothness, above=0.0)
    if smoothness < m:
        raise ValueError(f"smoothness must be at least strong_convexity, {m:g}, got {smoothness:g}")
    run = _as_run(
        score,
        rng,
        (initial, event_shape, like),
        resume,
        n_samples=n_samples,
        progress=progress,
        first_chain=first_chain,
    )
    eps = number("eps", eps, above=0.0)
    if eps >= 1:
        raise ValueError(f"eps must be less than 1, got {eps:g}")
    plan = _planned(eps, run.d, smoothness, m, step_size, n_steps)
    run.fix(smoothness=smoothness, strong_convexity=m, **plan._asdict())
    state = _first_state(run, initial, smoothness, m)
    state = _advance(run, state, plan, (smoothness, m))
    return Result(
        samples=run.events(state.x),
        method=run.name,
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=run.key,
        finished=state.step > plan.n_steps,
        warnings=state.reasons,
        state=state,
        stages={"mode": run.events(state.mode)},
    )


def _as_score(score: Any) -> Any:
    """A prior as it is; a function of x, or of x and sigma, as one of x and sigma."""
    if hasattr(instance("score", score), "score"):
        return score
    if not callable(score):
        raise TypeError(f"score must be a function of x, or a prior, got {score!r}")
    return score if _takes_sigma(score) else lambda x, sigma: score(x)


def _takes_sigma(function: Callable[..., Any]) -> bool:
    """Whether a function must be given a second argument, or calls it sigma."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return any(p.default is p.empty or p.name == "sigma" for p in positional[1:2])


def _as_run(
    score: Any, rng: Any, given: tuple[Any, Any, Any], resume: Any, **arguments: Any
) -> Run:
    """The chains as a run, whose shape and kind the prior, a point or the user tell."""
    prior, (initial, event_shape, like) = _as_score(score), given
    if isinstance(resume, Result):
        check_no_start(initial)
        initial = resume.samples[0, ...]
    like_dtype(like, array_namespace(like=like))
    own = {} if initial is None else {"initial": initial}
    xp, like = prototype(like=like, **own, **held(prior))
    if event_shape is None and getattr(prior, "event_shape", None) is None and own:
        event_shape = tuple(as_float_array("initial", initial, xp=xp).shape)
    shape = event_shape_of(prior, event_shape)
    return Run("log_concave", prior, shape, rng, like=like, resume=resume, **arguments)


def _planned(
    eps: float, d: int, smoothness: float, strong_convexity: float, step_size: Any, n_steps: Any
) -> Plan:
    """Steps by the notes of `log_concave`, or by the user."""
    root, kappa = math.sqrt(smoothness), smoothness / strong_convexity
    h = min(2 * (eps**2 / (kappa * d)) ** (1 / 3), 0.5) / root
    duration = 2 * kappa / root * math.log(7 * math.sqrt(kappa * d) / eps)
    h = h if step_size is None else number("step_size", step_size, above=0.0)
    n = math.ceil(duration / h) if n_steps is None else integer("n_steps", n_steps)
    return Plan(h, n, math.ceil(0.29 * math.sqrt(d) / eps))


def _first_state(run: Run, initial: Any, smoothness: float, strong_convexity: float) -> State:
    """All chains at the mode, their velocities in equilibrium; or where a stopped run stands."""
    if run.resume is not None:
        return run.resume.state
    shape = (run.n_samples, run.d)
    where = {"dtype": run.dtype, "device": run.device}
    if initial is None:
        start = run.xp.zeros((1, run.d), **where)
    else:
        point = as_float_array("initial", initial, xp=run.xp, shape=run.event_shape, **where)
        start = run.xp.reshape(point, (1, run.d))
    mode = find_mode(run, start, smoothness, strong_convexity)
    x = run.xp.zeros(shape, **where) + mode
    v = normal(run.key, shape, purpose=Purpose.INITIAL, first_chain=run.first_chain, like=x)
    counts = run.n_score_evals, run.n_rounds
    return State(x, v, 0, *counts, run.first_chain, run.fixed, mode)


def _advance(run: Run, state: State, plan: Plan, bounds: tuple[float, float]) -> State:
    """Step by step to the short run, which is the last one, or until the user asks to stop."""
    last = plan.n_steps + 1
    run.n_score_evals, run.n_rounds = state.n_score_evals, state.n_rounds
    with reporter(run.progress, run.name) as report:
        while state.step < last:
            state = _one_step(run, state, plan, bounds)
            run.check_chains(state.x, state.step)
            if report(state.step, last):
                break
    return state


def _one_step(run: Run, state: State, plan: Plan, bounds: tuple[float, float]) -> State:
    """A step of the long run, or the whole of the short one, over a time of 1 / sqrt(L)."""
    x, v, step = state.x, state.v, state.step
    draws, friction = Draws(run, x, step), 2 * math.sqrt(bounds[0])
    force, reasons = partial(run.score, sigma=0.0, step=step + 1), state.reasons
    if step == plan.n_steps:
        x = underdamped(draws, x, force, 2 / friction, plan.n_corrections, friction)
    elif reasons or step % _WATCH_EVERY:
        x, v = randomized_midpoint_step(draws, x, v, force, plan.step_size, friction)
    else:
        watched = Watched(force)
        x, v = randomized_midpoint_step(draws, x, v, watched, plan.step_size, friction)
        reasons = warn_of(run, watched.reasons(run, *bounds))
    evals, rounds = run.n_score_evals, run.n_rounds
    where = {"x": x, "v": v, "step": step + 1, "reasons": reasons}
    return replace(state, **where, n_score_evals=evals, n_rounds=rounds)
