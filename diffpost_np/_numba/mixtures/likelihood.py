"""The gradient of a Gaussian likelihood, A' W (y - A x), in triangular form.

With W^1/2 A = Q R it is R' (z - R x), z = Q' W^1/2 y. Half of R's leading square is zero: that
saves a quarter of the products where there are half as many outputs as entries of x, half where
there are as many, and more beyond. Unlike A' W A, it keeps the residual, and so its accuracy.
"""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np

from ..._threads import single_threaded_blas
from ..blocks import block_code, load
from ..gemm import multiply
from ..triangles import multiply_add_lower, multiply_add_upper


class Likelihood(NamedTuple):
    """Tables of a likelihood, r = min(m, d)."""

    y: np.ndarray  # (1 or n, m)
    rotation: np.ndarray  # (r, m), Q' W^1/2
    minus_factor: np.ndarray  # (r, d), -R
    pulls: np.ndarray  # (C, d, r), R' times each coefficient that rows have


@block_code
def load_y(likelihood, work):
    """Set `work.y` to z."""
    load(work.residual, likelihood.y, work)
    multiply(work.y[: len(likelihood.rotation)], likelihood.rotation, work.residual)


@block_code
def add_pull(likelihood, which, work):
    """Add the gradient, times one of the coefficients, to `work.drift`."""
    factor, pull = likelihood.minus_factor, likelihood.pulls[which]
    r, d = factor.shape
    residual, drift = work.residual[:r], work.drift[:d]
    multiply_add_upper(residual, work.y[:r], factor, work.x)
    multiply_add_lower(drift, drift, pull, residual, 0, d)


def prepare_likelihood(linear, coefficients, x):
    """The tables in the dtype of x; those of no outputs where there is no likelihood."""
    if linear is None:
        rotation, factor, y = np.zeros((0, 0)), np.zeros((0, x.shape[1])), np.zeros((1, 0))
    else:
        (rotation, factor), y = _factors(linear.matrix, linear.weights), linear.y
    tables = y, rotation, -factor, coefficients[:, None, None] * factor.T
    return Likelihood(*(np.array(a, x.dtype, order="C") for a in tables))


_kept: dict[int, tuple] = {}


def _factors(matrix, weights):
    """Q' W^1/2 and R in float64, made once for a matrix and its weights."""
    kept = _kept.get(id(matrix))
    if kept is None:
        weakref.finalize(matrix, _kept.pop, id(matrix), None)
    if kept is None or not np.array_equal(kept[0], weights):
        root = np.sqrt(weights.astype(np.float64))
        with single_threaded_blas(np):
            q, factor = np.linalg.qr(root[:, None] * matrix)
        kept = _kept[id(matrix)] = weights.copy(), (q.T * root, factor)
    return kept[1]
