"""How likely points make y, relative to the largest likelihood that there is."""

from __future__ import annotations

import functools
from types import ModuleType

from .._least_squares import Fit, fit
from .._products import row_product
from .._xp import Array, device_of
from ..measurement import LinearGaussian
from ..operators import Eigenform
from ..operators._base import float_dtype
from ._likelihood import Likelihood
from ._problem import Problem

_MATRIX_LIMIT = 2**22
"""Entries up to which data in the coordinates of their fit are a matrix."""

_ROUNDING = 64
"""Units of rounding by which a likelihood may exceed its bound."""


class Envelope:
    """The bound of log p(y | x), and what points lack to it.

    For a linear measurement that is |z - R x|^2 / 2: with the data in the coordinates of their
    least-squares fit, what no x explains is in the bound and out of the way. `factor` is R (r, d)
    and `y` is z (1, r); both are None for other likelihoods, large operators, and a user's bound.
    """

    def __init__(self, problem: Problem, log_bound: float | None) -> None:
        self.problem = problem
        self.factor: Array = None
        self.y: Array = None
        self.is_given = log_bound is not None
        if log_bound is not None:
            self.log_bound = log_bound
        elif not isinstance(problem.measurement, LinearGaussian):
            raise TypeError(
                f"log_bound must be given for a {type(problem.measurement).__name__}: an upper "
                "bound of its log_likelihood(x, y) over all x"
            )
        else:
            self._fit(problem.measurement)

    @functools.cached_property
    def likelihood(self) -> Likelihood:
        """The likelihood itself, where data are no matrix in the coordinates of their fit."""
        return Likelihood(self.problem)

    def log_ratio(self, x: Array, first: int) -> Array:
        """Log likelihoods less their bound (n,), of proposals from number `first` on."""
        p = self.problem
        if self.factor is None:
            return self._checked(self._value(x, first) - self.log_bound, first)
        residual = self.y - row_product(p.xp, x, self.factor.T)
        return -0.5 * p.xp.sum(residual * residual, axis=1)

    def _fit(self, measurement: LinearGaussian) -> None:
        p, xp = self.problem, self.problem.xp
        suprema, found, gram = best_fits(xp, measurement, p.y[None, ...])
        self.log_bound = float(suprema[0])
        if found is None or gram is None:
            return
        seen = xp.nonzero(found.gains > 0)[0]
        if seen.shape[0] * p.d <= _MATRIX_LIMIT:
            factor = _rows(xp, gram, seen) * xp.take(found.gains, seen)[:, None]
            self.factor = xp.astype(factor, p.dtype)
            self.y = xp.astype(xp.take(found.y, seen, axis=1), p.dtype)

    def _value(self, x: Array, first: int) -> Array:
        p = self.problem
        if isinstance(p.measurement, LinearGaussian):
            return self.likelihood.value(x)
        value = p.measurement.log_likelihood(p.shown(x), p.y)
        return p.values("measurement.log_likelihood", value, x, first)

    def _checked(self, log_ratio: Array, first: int) -> Array:
        """The ratios, of which none may be positive but for rounding, if the bound is a user's."""
        xp = self.problem.xp
        if not self.is_given:
            return log_ratio
        slack = _ROUNDING * float(xp.finfo(log_ratio.dtype).eps) * (1 + abs(self.log_bound))
        worst = int(xp.argmax(log_ratio))
        if float(log_ratio[worst]) > slack:
            value = float(log_ratio[worst]) + self.log_bound
            raise ValueError(
                f"log_bound must be at least log p(y | x) at every x: it is {self.log_bound:.8g}, "
                f"but the log likelihood of proposal {first + worst} is {value:.8g}"
            )
        return log_ratio


def best_fits(
    xp: ModuleType, measurement: LinearGaussian, y: Array
) -> tuple[Array, Fit | None, Eigenform | None]:
    """The largest log likelihoods over x of measurements (n, *output), and the fits behind them.

    Where an operator has no cheap eigenform, the bound is that of data which some x explains.
    """
    y = xp.astype(y, float_dtype(xp, xp.float64, measurement.operator.is_complex))
    ceiling = xp.full(y.shape[0], -measurement.log_normaliser(), dtype=xp.float64)
    gram = measurement.gram(xp.real(y) if measurement.operator.is_complex else y)
    if gram is None:
        return ceiling, None, None
    found = fit(xp, measurement, gram, measurement.whiten(y))
    return ceiling - 0.5 * xp.sum(xp.abs(found.misfit) ** 2, axis=1), found, gram


def _rows(xp: ModuleType, gram: Eigenform, seen: Array) -> Array:
    """Some rows of V', (r, d)."""
    places = xp.arange(gram.values.shape[0], device=device_of(seen))
    one_hot = xp.astype(seen[:, None] == places[None, :], gram.values.dtype)
    return gram.inverse(one_hot) if seen.shape[0] else one_hot
