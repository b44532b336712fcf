"""The likelihood at flat points, in units of the noise."""

from __future__ import annotations

import math

from .._products import product
from .._xp import Array, flatten_events, map_rows, size
from ..measurement import LinearGaussian
from ..operators._dense import Dense
from ._problem import Problem

_DENSE_LIMIT = 2**14
"""Entries up to which an operator is applied as a matrix: a product then beats its own code."""

_CACHED_BYTES = 2**22


class Likelihood:
    """Log likelihood and its gradient at flat points; small real operators act as matrices.

    Outputs are flat and in units of the noise: `white_y` is N^-1/2 y of shape (1, m). It is None
    for likelihoods that are not linear Gaussian, and `matrix` for all but those small operators.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.matrix: Array = None
        self.white_y: Array = None
        if isinstance(problem.measurement, LinearGaussian):
            measurement, xp = problem.measurement, problem.xp
            self.white_y = flatten_events(measurement.whiten(problem.y[None, ...]), xp)
            self.normaliser = measurement.log_normaliser()
            self.matrix = _whitened_matrix(problem, measurement)

    def __call__(self, x: Array, white_y: Array | None = None) -> tuple[Array, Array]:
        """Log likelihood (n,) and gradient (n, d), of other whitened measurements if given."""
        p = self.problem
        if isinstance(p.measurement, LinearGaussian):
            r = self._residual(x, self.white_y if white_y is None else white_y)
            return self._value(r), self._back(r)
        gradient = p.measurement.log_likelihood_grad(p.shown(x), p.y)
        value = self.value(x)
        zero = value == -p.xp.inf  # log 0 has no gradient, and users' functions return NaN
        return value, p.returned("measurement.log_likelihood_grad", gradient, x, ignore=zero)

    def value(self, x: Array) -> Array:
        """Log likelihood (n,)."""
        if isinstance(self.problem.measurement, LinearGaussian):
            return self._value_in_blocks(x)
        p = self.problem
        value = p.measurement.log_likelihood(p.shown(x), p.y)
        return p.values("measurement.log_likelihood", value, x)

    def _value_in_blocks(self, x: Array) -> Array:
        """The same, where what is written in between stays in cache."""

        def block(x: Array) -> Array:
            return self._value(self._residual(x, self.white_y))

        row_bytes = (x.shape[1] + 3 * self.white_y.shape[1]) * 8
        return map_rows(block, row_bytes, self.problem.xp, x, n_bytes=_CACHED_BYTES)

    def misfit(self, log_likelihood: Array) -> float:
        """Mean squared residual in units of the noise; NaN for likelihoods of other kinds."""
        if self.white_y is None:
            return math.nan
        square = -2 * (float(self.problem.xp.mean(log_likelihood)) + self.normaliser)
        return square / self.problem.n_measured

    def gradient(self, x: Array, white_y: Array | None = None) -> Array:
        """Gradient (n, d), towards other whitened measurements (1 or n, m) if given."""
        if not isinstance(self.problem.measurement, LinearGaussian):
            return self(x)[1]
        return self._back(self._residual(x, self.white_y if white_y is None else white_y))

    def _value(self, r: Array) -> Array:
        xp = self.problem.xp
        square = xp.real(xp.conj(r) * r) if xp.isdtype(r.dtype, "complex floating") else r * r
        return -0.5 * xp.sum(square, axis=1) - self.normaliser

    def image(self, x: Array) -> Array:
        """What would be measured without noise, N^-1/2 A x."""
        if self.matrix is not None:
            return product(self.problem.xp, x, self.matrix.T)
        p, measurement = self.problem, self.problem.linear()
        return flatten_events(measurement.whiten(measurement.operator(p.events(x))), p.xp)

    def _residual(self, x: Array, white_y: Array) -> Array:
        return white_y - self.image(x)

    def _back(self, r: Array) -> Array:
        if self.matrix is not None:
            return product(self.problem.xp, r, self.matrix)
        p, measurement = self.problem, self.problem.linear()
        shaped = p.xp.reshape(r, (r.shape[0], *measurement.output_shape))
        back = measurement.operator.adjoint(measurement.unwhiten(shaped))
        return flatten_events(back, p.xp)


def _whitened_matrix(p: Problem, measurement: LinearGaussian) -> Array | None:
    entries = p.d * size(measurement.output_shape)
    is_matrix = isinstance(measurement.operator, Dense)
    if measurement.operator.is_complex or not (is_matrix or entries <= _DENSE_LIMIT):
        return None
    matrix = measurement.operator.matrix(p.xp.zeros(1, dtype=p.dtype))
    shaped = p.xp.reshape(matrix.T, (-1, *measurement.output_shape))
    return flatten_events(measurement.whiten(shaped), p.xp).T
