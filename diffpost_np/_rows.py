"""The recurrence that most samplers are: a row of numbers a step.

    x <- keep * x + score * s(x, sigma) + likelihood * A' W (y - A x) + noise * xi

with s the score of a mixture, W a diagonal of weights, and xi standard normals. A sampler is a
table of rows; running several rows in one call lets a kernel keep a chain in cache.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ._dispatch import operation
from ._philox import Stream, random_normal
from ._xp import Array, device_of
from .priors._mixture_math import Tables, mixture_score


class Row(NamedTuple):
    """Coefficients of one step, in the order in which a table `(n_steps, 5)` holds them."""

    sigma: float
    keep: float
    score: float
    likelihood: float
    noise: float


class Linear(NamedTuple):
    """The likelihood's gradient A' W (y - A x): A (m, d), weights (m,), y (1 or n, m)."""

    matrix: Array
    weights: Array
    y: Array


@operation
def advance_rows(
    xp: ModuleType,
    x: Array,
    tables: Tables,
    rows: np.ndarray,
    linear: Linear | None,
    stream: Stream,
) -> Array:
    """Run the rows of a table `(n_steps, 5)` on flat chains `(n, d)`; step s draws at step + s."""
    for s, values in enumerate(rows):
        row = Row(*(float(v) for v in values))
        s2 = xp.asarray([row.sigma**2], dtype=x.dtype)
        drift = row.score * mixture_score(xp, x, s2, tables)
        if linear is not None:
            drift = drift + row.likelihood * likelihood_grad(x, linear)
        x = add_noise(xp, row.keep * x + drift, row.noise, stream._replace(step=stream.step + s))
    return x


def likelihood_grad(x: Array, linear: Linear) -> Array:
    """A' W (y - A x)."""
    return ((linear.y - x @ linear.matrix.T) * linear.weights) @ linear.matrix


def add_noise(xp: ModuleType, x: Array, scale: Any, stream: Stream) -> Array:
    """x + scale * xi."""
    n, d = x.shape
    return x + scale * random_normal(xp, stream, n, d, x.dtype, device_of(x))
