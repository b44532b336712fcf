"""Independent chains driven by tables of rows: kernels for mixtures, a loop for other scores."""

from __future__ import annotations

import math

import numpy as np

from .._philox import Stream
from .._rows import Linear, Row, add_noise, advance_rows
from .._run import is_mixture
from .._xp import Array
from ..random import Purpose, normal
from ._likelihood import Likelihood
from ._metric import Constant
from ._moves import Point, Target
from ._moves_by_name import MOVES, UNADJUSTED
from ._preconditioner import Preconditioner
from ._problem import Problem


class Chains:
    """Advances flat chains (n, d) along tables of rows towards measurements."""

    def __init__(self, problem: Problem, metric: Preconditioner | None = None) -> None:
        self.problem, self.metric = problem, metric
        self.likelihood = Likelihood(problem)
        self.fused = self.metric is None and self.likelihood.matrix is not None
        self.fused = self.fused and is_mixture(problem.prior)

    def advance(self, x: Array, row: Row, n_steps: int, step: int, white_y: Array) -> Array:
        """n_steps equal rows, the first of them step number `step`."""
        if self.fused:
            return self._fused(x, row, n_steps, step, white_y)
        for s in range(step, step + n_steps):
            x = self.problem.check_chains(self._row(x, row, s, white_y), s + 1)
        return x

    def numbers(self, x: Array) -> dict[str, float]:
        """What progress tells of chains: their data misfit, where the noise has a unit."""
        if self.likelihood.white_y is None:
            return {}
        return {"misfit": self.likelihood.misfit(self.likelihood.value(x))}

    def _fused(self, x: Array, row: Row, n_steps: int, step: int, white_y: Array) -> Array:
        p, matrix = self.problem, self.likelihood.matrix
        linear = Linear(matrix, p.xp.ones(matrix.shape[0], dtype=x.dtype), white_y)
        rows = np.tile(np.asarray(row, dtype=float), (n_steps, 1))
        x = advance_rows(p.xp, x, p.prior.tables(x.dtype), rows, linear, self._stream(step))
        p.n_score_evals += n_steps * x.shape[0]
        p.n_rounds += n_steps
        return p.check_chains(x, step + n_steps)

    def _row(self, x: Array, row: Row, step: int, white_y: Array) -> Array:
        p = self.problem
        drift = row.score * p.score(x, row.sigma, step)
        if row.likelihood:
            drift = drift + row.likelihood * self.likelihood.gradient(x, white_y)
        if self.metric is None:
            return add_noise(p.xp, row.keep * x + drift, row.noise, self._stream(step))
        z = normal(p.key, tuple(x.shape), step=step, first_chain=p.first_chain, like=x)
        return row.keep * x + self.metric.drift(drift) + row.noise * self.metric.colour(z)

    def _stream(self, step: int) -> Stream:
        p = self.problem
        return Stream(p.key.words, p.first_chain, step, int(Purpose.NOISE))


class Walkers(Chains):
    """Chains that take another move than the unadjusted Langevin step, of fixed size.

    Velocities are drawn anew whenever a stretch of equal rows begins.
    """

    def __init__(self, problem: Problem, metric: Preconditioner | None, kernel: str) -> None:
        super().__init__(problem, metric)
        self.move = MOVES[kernel]
        self.log_density = getattr(problem.prior, "log_density", None)
        self.metropolis = kernel not in UNADJUSTED

    def advance(self, x: Array, row: Row, n_steps: int, step: int, white_y: Array) -> Array:
        """n_steps moves towards the law of which the row is a Langevin step."""
        p = self.problem
        target = Target(
            p.xp,
            lambda points: self._evaluated(points, row.sigma, white_y),
            Constant(self.metric),
            row.likelihood / row.score,
            self.metropolis,
            p.key,
            first_chain=p.first_chain,
        )
        walk = target.start(target.evaluate(x), math.sqrt(2 * row.score), step)
        for s in range(step, step + n_steps):
            walk, _ = self.move(target, walk, s)
            p.check_chains(walk.point.x, s + 1)
        return walk.point.x

    def _evaluated(self, x: Array, sigma: float, white_y: Array) -> Point:
        p = self.problem
        value, gradient = self.likelihood(x, white_y)
        density = None
        if self.metropolis and self.log_density is not None:
            density = self.log_density(p.shown(x), sigma)
            density = p.values("prior.log_density", density, x)
        return Point(x, p.score(x, sigma), value, gradient, density)


def as_chains(problem: Problem, metric: Preconditioner | None, kernel: str) -> Chains:
    """Chains that move as the name says."""
    return Chains(problem, metric) if kernel == "ula" else Walkers(problem, metric, kernel)


def langevin_row(step_size: float, bandwidth: float, noise_ratio: float = 1.0) -> Row:
    """One step x + h (s(x) + A'(y - A x) / eta_i^2) + sqrt(2 h) xi, in whitened outputs."""
    return Row(bandwidth, 1.0, step_size, step_size / noise_ratio, (2 * step_size) ** 0.5)
