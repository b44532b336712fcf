"""Arguments of a posterior sampler in canonical form."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._checks import chain, integer
from .._products import product
from .._progress import check_progress
from .._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    check_shape,
    device_of,
    flatten_events,
    is_array,
    size,
)
from ..measurement import LinearGaussian
from ..operators import Operator
from ..operators._base import as_shape
from ..operators._dense import Dense
from ..priors import GaussianMixture
from ..random import Key, key
from ._result import Result

_DENSE_LIMIT = 2**14
"""Entries up to which an operator is applied as a matrix: a product then beats its own code."""


class Problem:
    """A prior, a measurement and one y, ready for a sampler.

    Batches inside a sampler are flat, `(n, d)`. Everything a user wrote is called through this
    class, which counts the calls and refuses what comes back wrong.
    """

    def __init__(
        self,
        name: str,
        prior: Any,
        measurement: Any,
        y: Any,
        rng: Any,
        n_samples: Any = 1,
        resume: Result | None = None,
        progress: Any = False,
        first_chain: Any = 0,
    ) -> None:
        self.name, self.prior, self.measurement = name, prior, measurement
        check_progress(progress)
        self.key: Key = key(rng).fold(name) if resume is None else _checked_resume(name, resume).key
        self.n_samples = integer("n_samples", n_samples)
        self.first_chain = chain("first_chain", first_chain)
        self.xp: ModuleType = array_namespace(y=y, **_held(prior), **_held(measurement))
        self.y, self.dtype = _checked_y(measurement, y, self.xp)
        self.device = device_of(self.y)
        self.event_shape = _event_shape(prior, measurement)
        if resume is not None:
            check_shape("resume.samples", resume.samples, (None, *self.event_shape))
        self.d = size(self.event_shape)
        self.n_measured = (2 if self.xp.isdtype(self.y.dtype, "complex floating") else 1) * size(
            self.y.shape
        )
        self._score = _score_function(prior)
        self.n_score_evals = 0
        self.n_rounds = 0

    def score(self, x: Array, sigma: Any = 0.0, step: int | None = None) -> Array:
        """The prior's score at flat points, checked."""
        self.n_score_evals += x.shape[0]
        self.n_rounds += 1
        s = self._score(self.events(x), sigma)
        return self._returned("prior.score", s, x, step)

    def checked_score(self) -> Callable[[Array, Any], Array]:
        """The prior's score on batches of events, checked but not counted."""
        score, xp = self._score, self.xp

        def checked(x: Array, sigma: Any) -> Array:
            flat = self._returned("prior.score", score(x, sigma), flatten_events(x, xp), None)
            return self.events(flat)

        return checked

    def ability(self, name: str, wanted_for: str) -> Callable[..., Any]:
        """A method of the prior, or a TypeError that says which one is missing."""
        method = getattr(self.prior, name, None)
        if method is None:
            raise TypeError(f"prior has no .{name}, which {wanted_for}")
        return method

    def initial(self, initial: Any, n: int, *, first_chain: int = 0) -> Array:
        """The starting points `(n, d)`: what the user gave, else draws from the prior."""
        name = "initial"
        if initial is None:
            name = "what prior.sample returns"
            draw = self.ability("sample", f"{self.name} starts from: give initial= instead")
            start = draw(n, rng=self.key, **place("prior.sample", draw, first_chain))
        else:
            start = initial(n) if callable(initial) else initial
        start = as_batch(
            name, start, self.event_shape, xp=self.xp, dtype=self.dtype, device=self.device
        )
        if start.shape[0] != n:
            raise ValueError(f"{name} must have {n} points, got {start.shape[0]}")
        return flatten_events(start, self.xp)

    def localize(self, prior: Any) -> None:
        """Put another prior in place of the one given."""
        self.prior, self._score = prior, prior.score

    def linear(self) -> LinearGaussian:
        """The measurement, which must be linear Gaussian."""
        if not isinstance(self.measurement, LinearGaussian):
            raise TypeError(
                f"measurement must be a LinearGaussian for {self.name}, "
                f"got {type(self.measurement).__name__}"
            )
        return self.measurement

    def events(self, x: Array) -> Array:
        """A flat batch in the shape of events."""
        return self.xp.reshape(x, (x.shape[0], *self.event_shape))

    def check_chains(self, x: Array, step: int) -> Array:
        """`x` itself, or an error that names the first chain that diverged."""
        xp = self.xp
        finite = xp.all(xp.isfinite(x), axis=1)
        if not bool(xp.all(finite)):
            chain = self.first_chain + int(xp.argmin(xp.astype(finite, xp.int8)))
            raise ValueError(
                f"{self.name} diverged at step {step}, chain {chain}: the step size is too "
                "large for this prior and noise"
            )
        return x

    def values(self, what: str, value: Any, x: Array) -> Array:
        """What a user's function gave for each of the points, (n,); -inf where that is zero."""
        xp, value = self.xp, self._array(what, value, x, (x.shape[0],))
        fine = value < xp.inf
        if not bool(xp.all(fine)):
            chain = self.first_chain + int(xp.argmin(xp.astype(fine, xp.int8)))
            raise ValueError(f"{what} returned NaN or +infinity at chain {chain}")
        return value

    def _array(self, what: str, value: Any, x: Array, shape: tuple[int, ...]) -> Array:
        if not is_array(value) or array_namespace(value=value) is not self.xp:
            raise TypeError(f"{what} must return an array of the same type as its input")
        if tuple(value.shape) != shape:
            raise ValueError(f"{what} must return shape {shape}, got {tuple(value.shape)}")
        if not self.xp.isdtype(value.dtype, ("real floating", "integral")):
            raise TypeError(f"{what} must return real numbers, got {value.dtype}")
        return value if value.dtype == x.dtype else self.xp.astype(value, x.dtype)

    def _returned(self, what: str, value: Any, x: Array, step: int | None) -> Array:
        xp = self.xp
        flat = flatten_events(self._array(what, value, x, (x.shape[0], *self.event_shape)), xp)
        finite = xp.all(xp.isfinite(flat), axis=1)
        if not bool(xp.all(finite)):
            chain = self.first_chain + int(xp.argmin(xp.astype(finite, xp.int8)))
            where = f"chain {chain}" if step is None else f"step {step}, chain {chain}"
            raise ValueError(f"{what} returned NaN or infinity at {where}")
        return flat


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

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Log likelihood (n,) and gradient (n, d)."""
        p = self.problem
        if isinstance(p.measurement, LinearGaussian):
            r = self._residual(x, self.white_y)
            return self._value(r), self._back(r)
        gradient = p.measurement.log_likelihood_grad(p.events(x), p.y)
        return self.value(x), p._returned("measurement.log_likelihood_grad", gradient, x, None)

    def value(self, x: Array) -> Array:
        """Log likelihood (n,)."""
        if isinstance(self.problem.measurement, LinearGaussian):
            return self._value(self._residual(x, self.white_y))
        p = self.problem
        value = p.measurement.log_likelihood(p.events(x), p.y)
        return p.values("measurement.log_likelihood", value, x)

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

    def _residual(self, x: Array, white_y: Array) -> Array:
        if self.matrix is not None:
            return white_y - product(self.problem.xp, x, self.matrix.T)
        p, measurement = self.problem, self.problem.linear()
        image = measurement.whiten(measurement.operator(p.events(x)))
        return white_y - flatten_events(image, p.xp)

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


def _checked_resume(name: str, resume: Any) -> Result:
    if not isinstance(resume, Result) or resume.method != name or resume.state is None:
        raise TypeError(f"resume must be a result of {name}, got {resume!r}")
    return resume


def _held(thing: Any) -> dict[str, Any]:
    if isinstance(thing, Operator | LinearGaussian) or hasattr(thing, "_arrays"):
        return thing._arrays()
    return {}


def _checked_y(measurement: Any, y: Any, xp: ModuleType) -> tuple[Array, Any]:
    if isinstance(measurement, LinearGaussian):
        y = measurement.check_y(y, xp)
    else:
        for name in ("log_likelihood", "log_likelihood_grad"):
            if not hasattr(measurement, name):
                raise TypeError(f"measurement has no .{name}: {type(measurement).__name__}")
        y = as_float_array("y", y, xp=xp, allow_complex=True)
    return y, xp.float32 if y.dtype in (xp.float32, xp.complex64) else xp.float64


def _event_shape(prior: Any, measurement: Any) -> tuple[int, ...]:
    shapes = {
        name: as_shape(f"{name}.event_shape", thing.event_shape)
        for name, thing in (("prior", prior), ("measurement", measurement))
        if getattr(thing, "event_shape", None) is not None
    }
    if not shapes:
        raise TypeError("neither prior nor measurement has an event_shape")
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"measurement takes events of shape {shapes['measurement']}, "
            f"the prior has {shapes['prior']}"
        )
    return next(iter(shapes.values()))


def _score_function(prior: Any) -> Callable[..., Any]:
    score = getattr(prior, "score", prior)
    if not callable(score):
        raise TypeError(f"prior must have .score(x, sigma) or be that callable, got {prior!r}")
    return score


def place(what: str, draw: Callable[..., Any], first_chain: int) -> dict[str, int]:
    """`first_chain` as an argument of a prior's draws, which need not know it where it is 0."""
    if not first_chain:
        return {}
    try:
        inspect.signature(draw).bind_partial(first_chain=first_chain)
    except TypeError:
        raise TypeError(
            f"{what} must take first_chain= for a block of chains that starts at {first_chain}; "
            "or give initial="
        ) from None
    return {"first_chain": first_chain}


def is_mixture(prior: Any) -> bool:
    """Whether the prior's score has fused kernels."""
    return isinstance(prior, GaussianMixture)
