"""The run that `annealed_langevin` and the samplers built on it share."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

from .._checks import number
from .._progress import reporter
from .._xp import Array
from ..random import Purpose, normal
from ._annealing import AnnealingSchedule
from ._chains import Chains, Preconditioner, as_preconditioner, langevin_row
from ._curvature import Curvature, curvature
from ._problem import Problem
from ._result import Result

_PROBES = 64
"""Prior draws at which curvature is looked at."""
_CONCAVE_SHARE = 0.98
"""Share of segments between draws along which log p must be concave for no warning."""


@dataclass(frozen=True)
class State:
    """Flat chains at a level, and how far their measurements are from y, in noise units."""

    x: Array
    offset: Array
    level: int
    step: int
    n_score_evals: int
    schedule: AnnealingSchedule


@dataclass(frozen=True)
class Settings:
    """Arguments that the annealed samplers share, checked; a schedule of None is "auto"."""

    schedule: AnnealingSchedule | None
    alpha: float | None
    smoothness: float | None
    tolerance: float
    bandwidth: float
    metric: Preconditioner | None
    progress: Any
    resume: Result | None
    initial: Any = None


def checked_settings(
    problem: Problem,
    schedule: Any,
    alpha: Any,
    smoothness: Any,
    tolerance: Any,
    bandwidth: Any,
    preconditioner: Any,
    progress: Any,
    resume: Result | None,
) -> Settings:
    """Refuse what is wrong before any work is done."""
    problem.linear()
    return Settings(
        _checked_schedule(schedule),
        None if alpha is None else number("alpha", alpha, above=0.0),
        None if smoothness is None else number("smoothness", smoothness, above=0.0),
        number("tolerance", tolerance, above=0.0, at_most=0.999),
        _checked_bandwidth(problem, bandwidth),
        as_preconditioner(preconditioner, problem),
        progress,
        resume,
    )


def run(problem: Problem, settings: Settings) -> Result:
    """Algorithm 1: Langevin towards measurements whose extra noise shrinks to nothing."""
    started = time.perf_counter()
    bandwidth = settings.bandwidth
    chains = Chains(problem, settings.metric)
    reasons: tuple[str, ...] = ()
    if settings.resume is None:
        state, reasons = _start(problem, chains, settings, bandwidth)
    else:
        state = settings.resume.state
    levels = state.schedule.n_steps.size
    with reporter(settings.progress, problem.name) as report:
        while state.level < levels:
            state = _advance(chains, state, bandwidth)
            ratio = float(state.schedule.noise_ratio[state.level])
            if report(state.step, state.schedule.total_steps, noise_ratio=ratio):
                break
    return Result(
        samples=problem.events(state.x),
        method=problem.name,
        n_score_evals=state.n_score_evals + problem.n_score_evals,
        n_rounds=state.step,
        seconds=time.perf_counter() - started,
        key=problem.key,
        finished=state.level == levels,
        warnings=reasons,
        state=_counted(state, problem),
        trace={
            "noise_ratio": state.schedule.noise_ratio[1 : state.level + 1],
            "step_size": state.schedule.step_size[: state.level],
            "n_steps": state.schedule.n_steps[: state.level],
        },
    )


def _checked_schedule(schedule: Any) -> AnnealingSchedule | None:
    if isinstance(schedule, AnnealingSchedule):
        return schedule
    if not isinstance(schedule, str) or schedule != "auto":
        raise TypeError(f"schedule must be 'auto' or an AnnealingSchedule, got {schedule!r}")
    return None


def _checked_bandwidth(problem: Problem, bandwidth: Any) -> float:
    """The noise level that stands for sigma = 0, positive where p has no density."""
    level = number("bandwidth", bandwidth, at_least=0.0)
    if level == 0 and not getattr(problem.prior, "has_density", True):
        raise ValueError(
            f"bandwidth must be positive: {type(problem.prior).__name__} has no density, "
            "hence no score at sigma = 0"
        )
    return level


def _advance(chains: Chains, state: State, bandwidth: float) -> State:
    """One level: less noise on the measurements, then Langevin towards them."""
    i, schedule = state.level, state.schedule
    ratio, count = float(schedule.noise_ratio[i + 1]), int(schedule.n_steps[i])
    row = langevin_row(float(schedule.step_size[i]), bandwidth, ratio)
    offset = _bridge(chains, state.offset, float(schedule.noise_ratio[i]) - 1, ratio - 1, i + 1)
    x = chains.advance(state.x, row, count, state.step, chains.likelihood.white_y + offset)
    return State(x, offset, i + 1, state.step + count, state.n_score_evals, schedule)


def _bridge(chains: Chains, offset: Array, before: float, after: float, level: int) -> Array:
    """The Brownian path of extra noise at variance `after`, given its value at `before`.

    So all levels share one path: the covariance of two levels is the smaller variance.
    """
    spread = math.sqrt(after * (before - after) / before)
    return offset * (after / before) + spread * _auxiliary(chains, offset.shape[0], level)


def _auxiliary(chains: Chains, n: int, level: int) -> Array:
    p, y = chains.problem, chains.likelihood.white_y
    shape = (n, y.shape[1])
    like = p.xp.zeros(1, dtype=p.dtype)

    def part(stage: int) -> Array:
        return normal(
            p.key,
            shape,
            step=level,
            purpose=Purpose.AUXILIARY,
            stage=stage,
            first_chain=p.first_chain,
            like=like,
        )

    if not p.linear().operator.is_complex:
        return part(0)
    return p.xp.astype(part(0), y.dtype) + 1j * p.xp.astype(part(1), y.dtype)


def _start(
    problem: Problem, chains: Chains, settings: Settings, bandwidth: float
) -> tuple[State, tuple[str, ...]]:
    x = problem.initial(settings.initial, problem.n_samples, first_chain=problem.first_chain)
    schedule, reasons = _schedule(problem, settings, x, bandwidth)
    largest = float(schedule.noise_ratio[0]) - 1
    offset = math.sqrt(largest) * _auxiliary(chains, x.shape[0], 0)
    return State(x, offset, 0, 0, 0, schedule), reasons


def _schedule(
    problem: Problem, settings: Settings, x: Array, bandwidth: float
) -> tuple[AnnealingSchedule, tuple[str, ...]]:
    """The schedule given, or the theorem's from given or estimated constants."""
    if settings.schedule is not None:
        return settings.schedule, ()
    alpha, smoothness = settings.alpha, settings.smoothness
    reasons: tuple[str, ...] = ()
    if alpha is None or smoothness is None:
        seen = _estimate(problem, x, bandwidth)
        alpha, reasons = _usable(problem, x, seen) if alpha is None else (alpha, ())
        smoothness = seen.smoothness if smoothness is None else smoothness
    schedule = AnnealingSchedule.admissible(
        alpha=alpha,
        smoothness=max(smoothness, alpha),
        gain=gain(problem),
        m=math.prod(problem.linear().output_shape),
        d=problem.d,
        tolerance=settings.tolerance,
    )
    for reason in reasons:
        warnings.warn(f"{problem.name}: {reason}", RuntimeWarning, stacklevel=6)
    return schedule, reasons


def _estimate(problem: Problem, x: Array, bandwidth: float) -> Curvature:
    """Extreme curvatures at prior draws that do not depend on how many chains there are."""
    probes = problem.initial(None, _PROBES) if hasattr(problem.prior, "sample") else x[:_PROBES, :]
    return curvature(problem.xp, lambda u: problem.score(u, bandwidth), probes, problem.key)


def _usable(problem: Problem, x: Array, seen: Curvature) -> tuple[float, tuple[str, ...]]:
    """A positive alpha; where the prior is not log-concave, that of its overall spread."""
    reasons: tuple[str, ...] = ()
    if seen.alpha <= 0 or seen.concave_share < _CONCAVE_SHARE:
        reasons = (
            "the prior is not log-concave: chains do not cross between its modes, and the "
            "result may keep the prior's weights of them; annealed_smc weighs them",
        )
    if seen.alpha > 0:
        return seen.alpha, reasons
    spread = float(problem.xp.max(problem.xp.var(x, axis=0)))
    return 1 / max(spread, 1e-30), reasons


def gain(problem: Problem) -> float:
    """||N^-1/2 A||^2."""
    measurement = problem.linear()
    if isinstance(measurement.noise_std, float):
        return (measurement.operator.norm() / measurement.noise_std) ** 2
    gram = measurement.gram(problem.xp.zeros(1, dtype=problem.dtype))
    if gram is not None:
        return float(problem.xp.max(gram.values))
    white = Chains(problem).likelihood.matrix
    if white is None:
        raise ValueError("schedule='auto' needs an operator with a norm; give a schedule")
    return float(problem.xp.linalg.matrix_norm(white, ord=2)) ** 2


def _counted(state: State, problem: Problem) -> State:
    evals = state.n_score_evals + problem.n_score_evals
    return State(state.x, state.offset, state.level, state.step, evals, state.schedule)
