"""What runs of a diffusion share: the prior and chains, the steps a user chose, and the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..._arguments import event_shape_of, held
from ..._checks import integer
from ..._result import Result
from ..._run import Run
from ..._xp import Array, array_namespace, like_dtype
from ...operators._base import prototype
from .._steps.method import Method
from .integrate import Integrator, State

DEFAULT = "unipc_2"
"""The method on the lower envelope of error against evaluations."""


class Steps(NamedTuple):
    """The way down: a method with its options, noise levels that end at 0, and who looks on."""

    method: Method
    options: dict[str, Any]
    levels: np.ndarray
    callback: Callable[[int, float, Array], Any] | None
    keep_every: int | None

    @classmethod
    def checked(
        cls,
        method: Method,
        options: dict[str, Any],
        levels: np.ndarray,
        callback: Any,
        keep_every: Any,
    ) -> Steps:
        """Of what a user gave."""
        options = method.settled(options)
        keep_every = None if keep_every is None else integer("keep_every", keep_every)
        if not (callback is None or callable(callback)):
            raise TypeError(f"callback must be a function, got {callback!r}")
        return cls(method, options, levels, callback, keep_every)


def fix(run: Run, steps: Steps, **others: Any) -> None:
    """Keep what must stay as it is when the run goes on."""
    levels = run.xp.asarray(steps.levels)
    run.fix(function=run.stream)
    run.fix(schedule=levels, method=steps.method)
    run.fix(**steps.options, **others)


def as_run(
    name: str, prior: Any, rng: Any, *, event_shape: Any, like: Any, **arguments: Any
) -> Run:
    """A run of chains of a prior, whose arrays or `like` say of which kind."""
    shape = event_shape_of(prior, event_shape)
    like_dtype(like, array_namespace(like=like))
    _, like = prototype(like=like, **held(prior))
    return Run(name, prior, shape, rng, like=like, stream="sampling.sample", **arguments)


def run_down(
    run: Run,
    steps: Steps,
    start: Callable[[], Array],
    *,
    started: float,
    warn: bool = False,
) -> Result:
    """Chains from where they start, or where the run to resume left them, down to noise level 0."""
    integrator = Integrator(run, steps.method, steps.options, steps.levels)
    state = resumed_state(run)
    if state is None:
        y = start()
        kept = () if steps.keep_every is None else ((float(steps.levels[0]), y),)
        state = State(integrator.start(y), 0, 0, 0, run.first_chain, run.fixed, kept=kept)
    state = integrator.run_to_end(state, steps.callback, steps.keep_every, warn=warn)
    return _result(run, integrator, state, started)


def refuse_watching(steps: Steps) -> None:
    """Refuse to be watched on a way that has no steps."""
    for name in ("callback", "keep_every"):
        if getattr(steps, name) is not None:
            raise ValueError(
                f"{name} must be left out: method {steps.method.name!r} takes no steps"
            )


def resumed_state(run: Run) -> State | None:
    """The state of the run to resume, whose costs count on."""
    if run.resume is None:
        return None
    state: State = run.resume.state
    run.n_score_evals, run.n_rounds = state.n_score_evals, state.n_rounds
    return state


def _result(run: Run, integrator: Integrator, state: State, started: float) -> Result:
    kept = [run.events(y) for _, y in state.kept]
    return Result(
        samples=run.events(integrator.points(state.cloud)),
        method=run.name,
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=run.key,
        finished=state.step == len(integrator.levels) - 1,
        warnings=state.reasons,
        state=state,
        trace={"noise_level": np.array([level for level, _ in state.kept])} if kept else {},
        trajectory=run.xp.stack(kept) if kept else None,
    )
