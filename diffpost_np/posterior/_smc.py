"""The algorithm of `annealed_smc`: levels of reweighting, resampling and moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .._xp import Array
from ..priors._base import Prior
from ._displacement import Displacement
from ._likelihood import Likelihood
from ._local_moves import check_conjugate, redraw, tempered_posterior
from ._metric import cloud_metric
from ._moves import Point, Target
from ._moves_by_name import MOVES
from ._problem import Problem
from ._smc_options import Options
from ._tempering import (
    effective_sample_size,
    log_mean_exp,
    next_temperature,
    shuffle,
    systematic_resample,
)

_FIRST_STEP, _LONGEST_STEP, _SMALLEST_STEP = 0.2, math.pi / 2, 1e-3
_N_LOCAL = 5
_N_PROBES = 1000
"""Draws of the prior whose scores tell what is usual."""


class Moved(NamedTuple):
    """A cloud after the moves of a level: step size, number of moves, mean acceptance."""

    point: Point
    step_size: float
    n_moves: int
    rate: float


@dataclass(frozen=True)
class State:
    """A cloud between two levels; `steepest` is the largest |score|^2 at draws from the prior."""

    options: Options
    point: Point
    roots: Array
    beta: float
    level: int
    n_moves: int
    step_size: float
    log_evidence: float
    n_score_evals: int
    n_rounds: int
    steepest: float
    fixed: dict[str, Any]
    trace: dict[str, list[float]] = field(default_factory=dict)


class Sampler:
    """The steps of the algorithm on a problem."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem, self.options = problem, options
        self.likelihood = Likelihood(problem)
        self.log_density = getattr(problem.prior, "log_density", None)
        if options.kernel == "prior_local":
            check_conjugate(problem)
            self._mover = self._move_locally
        else:
            waste_free = options.n_chains < options.n_particles
            self._mover = self._move_waste_free if waste_free else self._move

    def start(self, initial: Any) -> State:
        """Prior draws with their likelihoods; all else waits for the first resampling."""
        p = self.problem
        x = p.initial(initial, self.options.n_initial)
        value = self.likelihood.value(x)
        if not bool(p.xp.any(value > -p.xp.inf)):
            raise ValueError("the likelihood is zero at every draw from the prior")
        if initial is not None or not isinstance(p.prior, Prior):
            # They may be sorted, and the folds of a cloud must be alike.
            order = shuffle(p.xp, value, p.key)
            x, value = (p.xp.take(a, order, axis=0) for a in (x, value))
        point = Point(x, None, value, None, None)
        roots = p.xp.arange(x.shape[0])
        steepest = float(p.xp.max(squared_norms(p.xp, p.score(x[:_N_PROBES, :]))))
        rest = p.n_score_evals, p.n_rounds, steepest, p.fixed
        return State(self.options, point, roots, 0.0, 0, 0, _FIRST_STEP, 0.0, *rest)

    def resume(self, state: State) -> State:
        """Check the options of a stopped run, and count on where it was."""
        self.options.check_resumed(state.options)
        self.problem.n_score_evals, self.problem.n_rounds = state.n_score_evals, state.n_rounds
        return state

    def advance(self, state: State) -> State:
        """One level: reweight, resample, move."""
        p, opts, log_likelihood = self.problem, self.options, state.point.log_likelihood
        target = opts.ess_threshold * min(opts.n_particles, log_likelihood.shape[0])
        beta = next_temperature(p.xp, log_likelihood, state.beta, target)
        log_weights = (beta - state.beta) * log_likelihood
        chosen = systematic_resample(p.xp, log_weights, opts.n_chains, p.key, state.level)
        point = _take(p.xp, state.point, chosen)
        moved = self._mover(point if state.level else self.evaluate(point.x), beta, state)
        roots = p.xp.repeat(p.xp.take(state.roots, chosen), opts.n_particles // opts.n_chains)
        return State(
            opts,
            moved.point,
            roots,
            beta,
            state.level + 1,
            state.n_moves + moved.n_moves,
            moved.step_size,
            state.log_evidence + log_mean_exp(p.xp, log_weights),
            p.n_score_evals,
            p.n_rounds,
            state.steepest,
            state.fixed,
            self._traced(state, beta, log_weights, moved, roots),
        )

    def _traced(
        self, state: State, beta: float, log_weights: Array, moved: Moved, roots: Array
    ) -> dict[str, list[float]]:
        """The trace with one more level."""
        xp = self.problem.xp
        level = {
            "beta": beta,
            "ess": effective_sample_size(xp, log_weights),
            "n_moves": moved.n_moves,
            "acceptance_rate": moved.rate,
            "step_size": moved.step_size,
            "n_roots": xp.unique_values(roots).shape[0],
            "misfit": self.likelihood.misfit(moved.point.log_likelihood),
        }
        return {name: [*state.trace.get(name, []), value] for name, value in level.items()}

    def evaluate(self, x: Array) -> Point:
        """All that a move needs to know at new positions."""
        value, gradient = self.likelihood(x)
        score = self.problem.score(x)
        density = None
        if self.options.metropolis and self.log_density is not None:
            density = self.log_density(self.problem.shown(x))
            density = self.problem.values("prior.log_density", density, x)
        return Point(x, score, value, gradient, density)

    def _target(self, point: Point, beta: float) -> Target:
        p, opts = self.problem, self.options
        metric = cloud_metric(p.xp, point.x)
        return Target(p.xp, self.evaluate, metric, beta, opts.metropolis, p.key, p.score)

    def _move(self, point: Point, beta: float, state: State) -> Moved:
        """Move until the displacement settles."""
        p, opts = self.problem, self.options
        target = self._target(point, beta)
        walk = target.start(point, state.step_size, state.level)
        displacement = Displacement(p.xp, walk.u, p.key, state.level)
        threshold = opts.stop if beta < 1 else opts.final_stop
        rates: list[float] = []
        while len(rates) < opts.max_moves and not displacement.settled(threshold):
            walk, rate = MOVES[opts.kernel](target, walk, state.n_moves + len(rates))
            rates.append(rate)
            displacement.record(walk.u)
            walk = replace(walk, step_size=_adapt(walk.step_size, rate, opts.acceptance))
        p.check_chains(walk.point.x, state.level)
        return Moved(walk.point, walk.step_size, len(rates), sum(rates) / len(rates))

    def _move_waste_free(self, point: Point, beta: float, state: State) -> Moved:
        """A fixed number of moves of fewer chains; all points on the way are kept."""
        p, opts = self.problem, self.options
        target = self._target(point, beta)
        walk = target.start(point, state.step_size, state.level)
        rates, visited = [], []
        for k in range(opts.n_particles // opts.n_chains):
            walk, rate = MOVES[opts.kernel](target, walk, state.n_moves + k)
            rates.append(rate)
            visited.append(walk.point)
            walk = replace(walk, step_size=_adapt(walk.step_size, rate, opts.acceptance))
        p.check_chains(walk.point.x, state.level)
        return Moved(
            _side_by_side(p.xp, visited), walk.step_size, len(rates), sum(rates) / len(rates)
        )

    def _move_locally(self, point: Point, beta: float, state: State) -> Moved:
        """Alternate component given point and point given component, both exact."""
        p = self.problem
        tempered = tempered_posterior(p, beta)
        x = point.x
        for k in range(_N_LOCAL):
            x = redraw(p, tempered, x, state.n_moves + k)
        return Moved(self.evaluate(x), state.step_size, _N_LOCAL, 1.0)


def squared_norms(xp: Any, rows: Array) -> Array:
    return xp.sum(rows * rows, axis=1)


def _adapt(step_size: float, rate: float, wanted: float) -> float:
    step = step_size * math.exp(0.5 * (rate - wanted))
    return min(_LONGEST_STEP, max(_SMALLEST_STEP, step))


def _side_by_side(xp: Any, points: list[Point]) -> Point:
    """The points of several clouds as one, those of a chain together."""

    def merged(column: tuple[Any, ...]) -> Array | None:
        if column[0] is None:
            return None
        return xp.reshape(xp.stack(column, axis=1), (-1, *column[0].shape[1:]))

    return Point(*(merged(column) for column in zip(*points, strict=True)))


def _take(xp: Any, point: Point, chosen: Array) -> Point:
    return Point(*(None if a is None else xp.take(a, chosen, axis=0) for a in point))
