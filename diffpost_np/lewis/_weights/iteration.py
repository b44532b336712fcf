"""Lewis weights of rows: a survey, the solution on some of them, then passes over all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._progress import Reporter
from ..._xp import Array
from .._rows.rows import ArrayRows, Rows, kind_of
from .basis import Basis, basis_of_all, basis_of_some, in_double, refined
from .design import Design
from .minimise import Outcome, Problem, minimise
from .survey import Survey, in_memory, survey

DEFAULT_TOL = {"float64": 1e-8, "float32": 1e-4}

_ROUNDING = {"float64": 1e-11, "float32": 1e-7}
"""Of sums of weights, relative to them."""

_MOST_IN_SINGLE = 2.0
"""Norm above which powers of forms in float32 lose too many digits."""

_START_TOL = 0.02
"""Accuracy of the start from some of the rows."""

_STAGE_TOL = 0.5
"""Accuracy for norms on the way to that wanted."""


class Solution(NamedTuple):
    """What `LewisWeights` says, but for p."""

    weights: Array
    rank: int
    n_iterations: int
    n_reads: int
    residual: float
    converged: bool


def solve(rows: Rows, p: float, tol: float, limit: int, report: Reporter) -> Solution:
    """The weights of all rows, scaled to sum to the rank."""
    kind, seen = kind_of(rows.dtype), survey(rows)
    rows = in_memory(rows, seen)
    basis, n_reads = basis_of_some(rows, seen, kind), 1
    while True:
        if basis is None:
            basis = basis_of_all(rows, seen, kind)
            n_reads += basis.n_reads
        if kind == "float32" and p > _MOST_IN_SINGLE:
            basis = in_double(basis)
        design = Design(rows, basis, n_reads)
        if design.rank == 0:
            return Solution(design.zeros(), 0, 0, n_reads, 0.0, True)
        frame = basis.frame if basis.from_all else _start(seen, basis, p, max(tol, _START_TOL))
        outcome = _minimised(design, frame, p, tol, limit, report)
        better = None
        if outcome is not None:
            better = None if outcome.stopped else refined(basis, outcome.point.frame, kind)
            if better is None:
                return _scaled(design, outcome)
        elif basis.from_all:
            raise ValueError("X must not have rows that differ in size beyond all powers of floats")
        basis, n_reads = better, design.n_reads  # some rows said too little about the others


def _start(seen: Survey, basis: Basis, p: float, tol: float) -> np.ndarray:
    """The frame of the solution on the rows that the survey kept."""
    some = Design(ArrayRows(seen.some, numpy_namespace), basis)
    outcome = _minimised(some, basis.frame, p, tol, 50, Reporter())
    return basis.frame if outcome is None else outcome.point.scaled_frame(p)


def _minimised(
    design: Design, frame: np.ndarray, p: float, tol: float, limit: int, report: Reporter
) -> Outcome | None:
    """The minimum for p, on a way over lower norms where p is large; None if numbers overflow."""
    outcome, spent = None, 0

    def told(n: int, residual: float) -> bool:
        return report(spent + n, limit, residual=residual, reads=design.n_reads)

    for stage in _stages(p):
        accuracy = tol if stage == p else max(tol, _STAGE_TOL)
        problem = Problem(_passes(design, stage), stage, _ROUNDING[design.kind])
        outcome = minimise(problem, frame, accuracy, limit - spent, told)
        if outcome is None:
            return None
        spent += outcome.n_iterations
        outcome = replace(outcome, n_iterations=spent, converged=outcome.converged and stage == p)
        if outcome.stopped or spent >= limit:
            break
        frame = outcome.point.scaled_frame(stage)
    return outcome


def _passes(design: Design, p: float) -> Callable[[np.ndarray], tuple[Array, np.ndarray]]:
    return lambda frame: design.lewis_pass(frame, p)


def _stages(p: float) -> list[float]:
    """Norms on the way to p, so that few rows never outweigh all others."""
    stages, norm = [p], 8.0
    while norm < p:
        stages.insert(-1, norm)
        norm *= 4.0
    return stages


def _scaled(design: Design, outcome: Outcome) -> Solution:
    point = outcome.point
    weights = point.weights * (design.rank / point.total)
    counts = design.rank, outcome.n_iterations, design.n_reads
    return Solution(weights, *counts, point.residual + design.rounding, outcome.converged)
