"""The loop over the steps of an integrator, in pieces between which it may report and stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._progress import reporter
from ..._run import Run, is_mixture
from ..._xp import Array, array_namespace, is_array
from .._methods.lookup import table_of
from .._steps.arrays import ArrayStep, denoised, stream_of
from .._steps.step import Evaluation, closing_step
from .._steps.table import Cloud, mixture_steps, run_table
from .descent import Descent
from .start import reasons_to_distrust
from .subspace import Subspace, subspace

_PIECE = 50
"""Steps between two looks at divergence, where nobody watches every one."""
_KEPT = 8
"""Evaluations that a method which is no table may look back at."""


@dataclass(frozen=True)
class State:
    """Flat chains, what they evaluated last, and the number of steps behind them."""

    cloud: Cloud
    step: int
    n_score_evals: int
    n_rounds: int
    first_chain: int
    fixed: dict[str, Any]
    reasons: tuple[str, ...] = ()
    kept: tuple[tuple[float, Array], ...] = ()


class Integrator:
    """The way down for the chains of a run, in pieces of some steps."""

    def __init__(self, run: Run, descent: Descent) -> None:
        self.run, self.descent = run, descent
        method, options = descent.method, descent.options
        self.step = method.with_options(**options)
        self.table = table_of(method, options, descent.levels) if method.traced else None
        self.fused = method.traced and is_mixture(run.prior)
        self.within = self._subspace()
        self.centre: Array | None = None

    def _subspace(self) -> Subspace | None:
        """Where the chains run instead, if that pays."""
        if self.table is None or not self.fused:
            return None
        return subspace(self.run.prior.tables(self.run.dtype), self.table)

    def start(self, y: Array) -> Cloud:
        """Chains before the first step."""
        n_past = 0 if self.table is None else self.table.n_past
        if self.within is not None:
            return self.within.enter(self.run.xp, y, n_past)
        return Cloud(y, (self.run.xp.zeros_like(y),) * n_past)

    def go_on(self, cloud: Cloud) -> None:
        """Take the coordinates of chains that another run left."""
        if cloud.beside is not None:
            self.within = cloud.beside.within

    def points(self, cloud: Cloud) -> Array:
        """Where the chains are."""
        return cloud.y if self.within is None else self.within.leave(self.run.xp, cloud)

    def advance(self, cloud: Cloud, first: int, last: int) -> Cloud:
        """Steps first to last - 1."""
        if self.table is None:
            for index in range(first, last):
                cloud = self._on_arrays(cloud, index)
            return cloud
        run, table, stream = self.run, self.table.of_steps(first, last), stream_of(self.run)
        if not self.fused:
            return run_table(run.xp, cloud, table, self.denoise, stream)
        n_rounds = int(np.sum(~np.isnan(table.sigma)))
        run.n_rounds += n_rounds
        run.n_score_evals += n_rounds * cloud.y.shape[0]
        if self.within is not None:
            return self.within.advance(run.xp, cloud, table, stream)
        return mixture_steps(run.xp, cloud, table, run.prior.tables(run.dtype), stream)

    def _on_arrays(self, cloud: Cloud, index: int) -> Cloud:
        """A step that is no table, whose result is checked."""
        past: list[Evaluation] = list(cloud.past)
        y = self.run.unwritable(cloud.y)
        s = ArrayStep(self.run, y, self.descent.levels, index, self.denoise, past)
        new = closing_step(s) if s.next == 0 else self.step(s)
        return Cloud(self._as_state(new, y), tuple(past[:_KEPT]))

    def _as_state(self, new: Any, y: Array) -> Array:
        """What the step of a method returned, if it is like the state it was given."""
        like = is_array(new) and array_namespace(new=new, y=y) is self.run.xp
        if not (like and tuple(new.shape) == tuple(y.shape) and new.dtype == y.dtype):
            came = f"{new.dtype} {tuple(new.shape)}" if is_array(new) else repr(new)
            raise TypeError(
                f"step of method {self.run.name!r} must return {y.dtype} {tuple(y.shape)}, "
                f"like the state, got {came}"
            )
        return new

    def denoise(self, y: Array, sigma: Any) -> Array:
        """The denoiser at flat points; the mean of what it gave first is the `centre`."""
        value = denoised(self.run, y, sigma)
        if self.centre is None:
            self.centre = self.run.xp.mean(value, axis=0)
        return value

    def run_to_end(self, state: State, warn: bool) -> State:
        """All steps that are left, or those until the user asks to stop."""
        run, descent = self.run, self.descent
        with reporter(run.progress, run.name) as report:
            each = report.watched or descent.callback is not None or not self.fused
            while state.step < descent.n_steps:
                begins = state.step == 0
                state = self._piece(state, 1 if each else _PIECE)
                if begins and warn:
                    reasons = reasons_to_distrust(run, self.centre, float(descent.levels[0]))
                    state = replace(state, reasons=reasons)
                level = float(descent.levels[state.step])
                stop = report(state.step, descent.n_steps, noise_level=level)
                if self._asked_to_stop(state, level) or stop:
                    break
        return state

    def _asked_to_stop(self, state: State, level: float) -> bool:
        callback = self.descent.callback
        if callback is None:
            return False
        return callback(state.step, level, self.run.shown(self.points(state.cloud))) is True

    def _piece(self, state: State, most: int) -> State:
        """Some steps, checked, counted, and kept where it is their turn."""
        run, keep_every, kept = self.run, self.descent.keep_every, state.kept
        last = min(self.descent.n_steps, state.step + most)
        if keep_every is not None:
            last = min(last, (state.step // keep_every + 1) * keep_every)
        cloud = self.advance(state.cloud, state.step, last)
        run.check_chains(cloud.y, last)
        if keep_every is not None and (last % keep_every == 0 or last == self.descent.n_steps):
            kept = (*kept, (float(self.descent.levels[last]), self.points(cloud)))
        evals, rounds = run.n_score_evals, run.n_rounds
        return replace(
            state, cloud=cloud, step=last, kept=kept, n_score_evals=evals, n_rounds=rounds
        )
