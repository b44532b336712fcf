"""A run from where chains start down to noise level 0, and its result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._result import Result
from ..._run import Run
from ..._xp import Array
from .descent import Descent
from .integrate import Integrator, State

DEFAULT = "unipc_2"
"""The method on the lower envelope of error against evaluations."""


def run_down(
    run: Run,
    descent: Descent,
    start: Callable[[], Array],
    *,
    started: float,
    warn: bool = False,
    **fixed: Any,
) -> Result:
    """Chains from where they start, or where the run to resume left them.

    What is fixed must be as it was where a run goes on.
    """
    run.fix(function=run.stream)
    run.fix(schedule=run.xp.asarray(descent.levels), method=descent.method)
    run.fix(**descent.options, **fixed)
    integrator = Integrator(run, descent)
    if run.resume is None:
        y, level = start(), float(descent.levels[0])
        kept = () if descent.keep_every is None else ((level, run.xp.asarray(y, copy=True)),)
        state = State(integrator.start(y), 0, 0, 0, run.first_chain, run.fixed, kept=kept)
    else:
        state = run.resume.state
        integrator.go_on(state.cloud)
        run.n_score_evals, run.n_rounds = state.n_score_evals, state.n_rounds
    return _result(run, integrator, integrator.run_to_end(state, warn), started)


def _result(run: Run, integrator: Integrator, state: State, started: float) -> Result:
    kept = [run.events(y) for _, y in state.kept]
    return Result(
        samples=run.events(integrator.points(state.cloud)),
        method=run.name,
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=run.key,
        finished=state.step == integrator.descent.n_steps,
        warnings=state.reasons,
        state=state,
        trace={"noise_level": np.array([level for level, _ in state.kept])} if kept else {},
        trajectory=run.xp.stack(kept) if kept else None,
    )
