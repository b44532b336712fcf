"""The schedule "auto": the theorem's, from given or estimated constants of the prior."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._xp import Array
from ..operators._lanczos import largest_eigenvalue
from ..random import Purpose, normal
from ._annealing import AnnealingSchedule
from ._curvature import Curvature, curvature
from ._likelihood import Likelihood
from ._preconditioner import Preconditioner, pulled_back
from ._problem import Problem
from ._settings import Settings

N_PROBES = 64
"""Prior draws at which curvature is looked at: the first of a run, whichever its own are."""
_CONCAVE_SHARE = 0.98
"""Share of segments between draws along which log p must be concave for no warning."""
_GAIN_ACCURACY = 1e-3
_ASK = "give alpha= and smoothness= to schedule='auto'"


def settled(problem: Problem, settings: Settings, initial: Any = None) -> Settings:
    """The settings with a schedule for "auto", and the reasons to distrust it."""
    if isinstance(settings.schedule, AnnealingSchedule):
        return settings
    if settings.needs_estimates:
        settings = _estimated(problem, settings, initial)
    schedule = AnnealingSchedule.admissible(
        alpha=settings.alpha,
        smoothness=max(settings.smoothness, settings.alpha),
        gain=gain(problem, settings.preconditioner),
        m=problem.n_measured,
        d=problem.d,
        tolerance=settings.tolerance,
    )
    return replace(settings, schedule=schedule)


def _estimated(problem: Problem, settings: Settings, initial: Any) -> Settings:
    """The settings with constants; where p is not log-concave, alpha is that of its spread."""
    seen = _look(problem, settings, _probes(problem, initial))
    alpha, smoothness = settings.alpha, settings.smoothness
    reasons: tuple[str, ...] = ()
    if alpha is None and (seen.alpha <= 0 or seen.concave_share < _CONCAVE_SHARE):
        reasons = (
            "the prior is not log-concave: chains do not cross between its modes, and the "
            "result may keep the prior's weights of them; annealed_smc weighs them",
        )
    if alpha is None:
        alpha = seen.alpha if seen.alpha > 0 else 1 / seen.variance
    smoothness = seen.smoothness if smoothness is None else smoothness
    return replace(settings, alpha=alpha, smoothness=smoothness, reasons=reasons)


def _probes(problem: Problem, initial: Any) -> Array:
    """Draws from the prior that do not depend on how many chains there are, and which."""
    if hasattr(problem.prior, "sample"):
        probes = problem.initial(None, N_PROBES)
    elif callable(initial):
        probes = problem.initial(initial, N_PROBES)
    else:
        raise ValueError(f"prior has no .sample to estimate its curvature from: {_ASK}")
    if not float(problem.xp.max(problem.xp.var(probes, axis=0))) > 0:
        raise ValueError(f"draws from the prior are all the same, so {_ASK}")
    return probes


def _look(problem: Problem, settings: Settings, probes: Array) -> Curvature:
    """Curvature in the coordinates in which the preconditioner is the identity."""
    metric = settings.preconditioner
    score = pulled_back(metric, lambda x: problem.score(x, settings.bandwidth))
    points = probes if metric is None else metric.whiten(probes)
    return curvature(problem.xp, score, points, problem.key)


def gain(problem: Problem, metric: Preconditioner | None = None) -> float:
    """||N^-1/2 A M^1/2||^2."""
    measurement = problem.linear()
    if metric is None and isinstance(measurement.noise_std, float):
        return (measurement.operator.norm() / measurement.noise_std) ** 2
    likelihood = Likelihood(problem)
    nothing = problem.xp.zeros_like(likelihood.white_y)
    gram = pulled_back(metric, lambda x: -likelihood.gradient(x, nothing))
    like = problem.xp.zeros(1, dtype=problem.dtype)
    start = normal(problem.key, (1, problem.d), purpose=Purpose.DIRECTION, like=like)
    return largest_eigenvalue(gram, start, problem.xp, _GAIN_ACCURACY)
