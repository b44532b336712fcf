"""Accuracy against 50-digit arithmetic, measured in units of what rounding the inputs costs.

A result that differs from the exact one by no more than the change that a relative rounding of
every input causes cannot be improved on: the error allowed is 100 eps times that condition
number, normwise. Inputs and oracles are those of one point: floats or arrays of floats in,
numbers of mpmath out.
"""

from __future__ import annotations

import mpmath
import numpy as np

DIGITS = 50
FACTOR = 100
N_DRAWS = 6

_mpf = np.vectorize(mpmath.mpf, otypes=[object])


def assert_accurate(computed, oracle, *, what="", factor=FACTOR, seed=0, **inputs):
    """Fail unless `computed` is within `factor` eps cond of `oracle(**inputs)`.

    The dtype of `computed` gives eps. `inputs` are rounded to it first, so pass what the
    library was given. `oracle` gets arrays of mpf, of the inputs' shapes, and returns a
    number, a list or an array. Returns the error as a multiple of what is allowed.
    """
    computed = np.asarray(computed)
    assert np.all(np.isfinite(computed)), f"{what}: {computed} for {inputs}"
    eps = float(np.finfo(computed.dtype).eps)
    rounded = {name: np.asarray(v, dtype=computed.dtype) for name, v in inputs.items()}
    with mpmath.workdps(DIGITS):
        exact, rounding = exact_and_rounding(oracle, rounded, eps, seed)
        error = norm(_mpf(computed.ravel()) - exact)
        floor = float(np.finfo(computed.dtype).tiny)
        allowed = factor * (eps * norm(exact) + rounding) + floor
    assert error <= allowed, (
        f"{what}: {computed} is off by {float(error):.3g}, allowed {float(allowed):.3g}, "
        f"for {inputs}"
    )
    return float(error / allowed)


def exact_and_rounding(oracle, inputs, eps, seed=0):
    """The exact result, and the largest change of it when every input moves by eps / 2."""
    rng = np.random.default_rng(seed)
    inputs = {name: _mpf(v) for name, v in inputs.items()}
    exact = evaluate(oracle, inputs)
    moved = (
        evaluate(oracle, {name: _moved(v, eps / 2, rng) for name, v in inputs.items()})
        for _ in range(N_DRAWS)
    )
    return exact, max(norm(other - exact) for other in moved)


def evaluate(oracle, inputs):
    """The oracle's result as a flat array of mpf."""
    unwrapped = {name: np.asarray(v, dtype=object)[()] for name, v in inputs.items()}
    return np.atleast_1d(np.asarray(oracle(**unwrapped), dtype=object)).ravel()


def norm(vector):
    """Euclidean norm of an array of mpf."""
    return mpmath.sqrt(mpmath.fsum(v * v for v in vector))


def dot(a, b):
    """Sum of products of two arrays of mpf."""
    return mpmath.fsum(u * v for u, v in zip(a, b, strict=True))


def _moved(values, step, rng):
    factors = np.array([mpmath.mpf(1) - step, mpmath.mpf(1) + step], dtype=object)
    return values * factors[rng.integers(0, 2, size=np.shape(values))]
