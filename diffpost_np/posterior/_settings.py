"""Arguments that the annealed samplers share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .._checks import choice, number
from ._annealing import AnnealingSchedule
from ._moves_by_name import MOVES
from ._preconditioner import as_preconditioner
from ._problem import Problem


@dataclass(frozen=True)
class Settings:
    """What a user asks of the annealing, and the reasons to distrust it."""

    schedule: Any
    alpha: Any
    smoothness: Any
    tolerance: Any
    bandwidth: Any
    preconditioner: Any
    kernel: Any = "ula"
    reasons: tuple[str, ...] = ()

    def checked(self, problem: Problem) -> Settings:
        """The same in canonical form; refuses what is wrong before any work is done."""
        problem.linear()
        checked = replace(
            self,
            schedule=_checked_schedule(self.schedule),
            alpha=_positive("alpha", self.alpha),
            smoothness=_positive("smoothness", self.smoothness),
            tolerance=number("tolerance", self.tolerance, above=0.0, at_most=0.999),
            bandwidth=_checked_bandwidth(problem, self.bandwidth),
            preconditioner=as_preconditioner(self.preconditioner, problem),
            kernel=choice("kernel", self.kernel, tuple(MOVES)),
        )
        metric = checked.preconditioner
        if metric and metric.is_per_chain and checked.schedule == "auto":
            raise ValueError("preconditioner of each chain needs an explicit schedule")
        matrix = metric and metric.matrix
        problem.fix(bandwidth=checked.bandwidth, preconditioner=matrix, kernel=checked.kernel)
        return checked

    @property
    def needs_estimates(self) -> bool:
        """Whether a constant of the prior must be estimated."""
        return self.schedule == "auto" and None in (self.alpha, self.smoothness)


def _checked_schedule(schedule: Any) -> Any:
    is_auto = isinstance(schedule, str) and schedule == "auto"
    if not (is_auto or isinstance(schedule, AnnealingSchedule)):
        raise TypeError(f"schedule must be 'auto' or an AnnealingSchedule, got {schedule!r}")
    return schedule


def _positive(name: str, value: Any) -> float | None:
    return None if value is None else number(name, value, above=0.0)


def _checked_bandwidth(problem: Problem, bandwidth: Any) -> float:
    """The noise level that stands for sigma = 0, positive where p has no density."""
    level = number("bandwidth", bandwidth, at_least=0.0)
    if level == 0 and not getattr(problem.prior, "has_density", True):
        raise ValueError(
            f"bandwidth must be positive: {type(problem.prior).__name__} has no density, "
            "hence no score at sigma = 0"
        )
    return level
