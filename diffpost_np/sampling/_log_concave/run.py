"""The runs of `log_concave`: its plan, its chains at the mode, and its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from ..._checks import integer, number
from ..._progress import reporter
from ..._run import Run
from ..._xp import Array, as_float_array
from ...random import Purpose, normal
from .._langevin.correctors import randomized_midpoint_step, underdamped
from .._steps.arrays import Draws
from .bounds import Watched, warn_of
from .mode import find_mode

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


def planned(
    eps: float, d: int, smoothness: float, strong_convexity: float, step_size: Any, n_steps: Any
) -> Plan:
    """Steps by the notes of `log_concave`, or by the user."""
    root, kappa = math.sqrt(smoothness), smoothness / strong_convexity
    h = min(2 * (eps**2 / (kappa * d)) ** (1 / 3), 0.5) / root
    duration = 2 * kappa / root * math.log(7 * math.sqrt(kappa * d) / eps)
    h = h if step_size is None else number("step_size", step_size, above=0.0)
    n = math.ceil(duration / h) if n_steps is None else integer("n_steps", n_steps)
    return Plan(h, n, math.ceil(0.29 * math.sqrt(d) / eps))


def first_state(run: Run, initial: Any, smoothness: float, strong_convexity: float) -> State:
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


def advance(run: Run, state: State, plan: Plan, bounds: tuple[float, float]) -> State:
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
