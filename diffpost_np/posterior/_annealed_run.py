"""The run that `annealed_langevin` and the samplers built on it share."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._arguments import check_no_start
from .._progress import reporter
from .._result import Result
from .._xp import Array
from ..random import Purpose, normal
from ._annealing import AnnealingSchedule
from ._auto_schedule import settled
from ._chains import Chains, as_chains, langevin_row
from ._problem import Problem
from ._settings import Settings


@dataclass(frozen=True)
class State:
    """Flat chains at a level, and how far their measurements are from y, in noise units."""

    x: Array
    offset: Array
    level: int
    step: int
    n_score_evals: int
    n_rounds: int
    schedule: AnnealingSchedule
    reasons: tuple[str, ...]
    first_chain: int
    fixed: dict[str, Any]


def run(problem: Problem, settings: Settings, initial: Any = None) -> Result:
    """Algorithm 1: Langevin towards measurements whose extra noise shrinks to nothing."""
    started = time.perf_counter()
    chains = as_chains(problem, settings.preconditioner, settings.kernel)
    resume = problem.resume
    state = _resumed(settings, initial, resume) if resume else _start(chains, settings, initial)
    state = _advance(chains, state, settings.bandwidth)
    return Result(
        samples=problem.events(state.x),
        method=problem.name,
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=problem.key,
        finished=state.level == state.schedule.n_steps.size,
        warnings=(*problem.reasons, *state.reasons),
        state=state,
        trace=_trace(state),
    )


def _start(chains: Chains, settings: Settings, initial: Any) -> State:
    """Prior draws, and as much extra noise as the first level has."""
    p = chains.problem
    settings = settled(p, settings, initial)
    x = p.initial(initial, p.n_samples, first_chain=p.first_chain)
    for reason in settings.reasons:
        warnings.warn(f"{p.name}: {reason}", RuntimeWarning, stacklevel=4)
    largest = float(settings.schedule.noise_ratio[0]) - 1
    offset = math.sqrt(largest) * _auxiliary(chains, 0)
    place = (p.first_chain, p.fixed)
    return State(x, offset, 0, 0, 0, 0, settings.schedule, settings.reasons, *place)


def _resumed(settings: Settings, initial: Any, resume: Result) -> State:
    """Where a stopped run stands, whose schedule and start nothing contradicts."""
    asked, state = settings.schedule, resume.state
    check_no_start(initial)
    if isinstance(asked, AnnealingSchedule) and _differ(asked, state.schedule):
        raise ValueError("schedule must be 'auto', or that of the run to resume")
    return state


def _differ(a: AnnealingSchedule, b: AnnealingSchedule) -> bool:
    names = ("noise_ratio", "step_size", "n_steps")
    return not all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def _advance(chains: Chains, state: State, bandwidth: float) -> State:
    """All levels to come, or those until the user asks to stop."""
    p, schedule = chains.problem, state.schedule
    with reporter(p.progress, p.name) as report:
        while state.level < schedule.n_steps.size:
            state = _next_level(chains, state, bandwidth)
            numbers = chains.numbers(state.x) if report.watched else {}
            ratio = float(schedule.noise_ratio[state.level])
            if report(state.step, schedule.total_steps, noise_ratio=ratio, **numbers):
                break
    evals, rounds = state.n_score_evals + p.n_score_evals, state.n_rounds + p.n_rounds
    return replace(state, n_score_evals=evals, n_rounds=rounds)


def _next_level(chains: Chains, state: State, bandwidth: float) -> State:
    """Less noise on the measurements, then Langevin towards them."""
    i, schedule = state.level, state.schedule
    ratio, count = float(schedule.noise_ratio[i + 1]), int(schedule.n_steps[i])
    row = langevin_row(float(schedule.step_size[i]), bandwidth, ratio)
    offset = _bridge(chains, state.offset, float(schedule.noise_ratio[i]) - 1, ratio - 1, i + 1)
    x = chains.advance(state.x, row, count, state.step, chains.likelihood.white_y + offset)
    return replace(state, x=x, offset=offset, level=i + 1, step=state.step + count)


def _bridge(chains: Chains, offset: Array, before: float, after: float, level: int) -> Array:
    """The Brownian path of extra noise at variance `after`, given its value at `before`.

    So all levels share one path: the covariance of two levels is the smaller variance.
    """
    spread = math.sqrt(after * (before - after) / before)
    return offset * (after / before) + spread * _auxiliary(chains, level)


def _auxiliary(chains: Chains, level: int) -> Array:
    """Standard normals in the shape of all chains' measurements."""
    p, y = chains.problem, chains.likelihood.white_y
    shape = (p.n_samples, y.shape[1])
    where = {"step": level, "purpose": Purpose.AUXILIARY, "first_chain": p.first_chain}

    def part(stage: int) -> Array:
        return normal(p.key, shape, stage=stage, like=p.xp.zeros(1, dtype=p.dtype), **where)

    if not p.linear().operator.is_complex:
        return part(0)
    return p.xp.astype(part(0), y.dtype) + 1j * p.xp.astype(part(1), y.dtype)


def _trace(state: State) -> dict[str, Any]:
    schedule, done = state.schedule, state.level
    return {
        "noise_ratio": schedule.noise_ratio[1 : done + 1],
        "step_size": schedule.step_size[:done],
        "n_steps": schedule.n_steps[:done],
    }
