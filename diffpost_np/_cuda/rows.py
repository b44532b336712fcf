"""Rows of a sampler's table on a CUDA device: score, likelihood, noise and update in one kernel."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .._philox import Stream
from .._rows import Linear
from .._xp import Array, device_of
from ..priors._mixture_math import Tables
from .loader import Teams, on
from .mixture import plan, rows_per_launch, smooth
from .random import stream_arguments


def advance_rows(
    xp: ModuleType,
    x: Array,
    tables: Tables,
    rows: np.ndarray,
    linear: Linear | None,
    stream: Stream,
) -> Array:
    """Run the rows of a table `(n_steps, 5)` on flat chains `(n, d)`."""
    n_outputs = 0 if linear is None else linear.matrix.shape[0]
    teams = plan(tables, x.shape[0], extra=x.shape[1] + n_outputs)
    if teams is None:
        return NotImplemented
    per_launch = rows_per_launch(tables)
    with on(device_of(x)):
        x = xp.ascontiguousarray(x)
        for first in range(0, len(rows), per_launch):
            here = stream._replace(step=stream.step + first)
            x = _launch(xp, teams, x, tables, rows[first : first + per_launch], linear, here)
    return x


def _launch(
    xp: ModuleType,
    teams: Teams,
    x: Array,
    tables: Tables,
    rows: np.ndarray,
    linear: Linear | None,
    stream: Stream,
) -> Array:
    out = xp.empty_like(x)
    sigma = rows[:, 0] if np.ptp(rows[:, 0]) else rows[:1, 0]  # one level for all, or for each
    smoothed = smooth(xp, xp.asarray(sigma**2, dtype=x.dtype), tables)
    table = (np.int32(len(rows)), xp.asarray(rows, dtype=x.dtype))
    tail = (*table, *_linear_arguments(xp, x, linear), *stream_arguments(stream))
    teams.launch("advance_rows", x.shape[0], (out, x, *smoothed.arguments, *tail))
    return out


def _linear_arguments(xp: ModuleType, x: Array, linear: Linear | None) -> tuple[Any, ...]:
    """Number of outputs, A, A^T, weights, y and the stride of y from chain to chain."""
    if linear is None:
        return (np.int32(0), x, x, x, x, 0)
    matrix, weights, y = linear
    arrays = tuple(xp.ascontiguousarray(a) for a in (matrix, matrix.T, weights, y))
    n_outputs = linear.matrix.shape[0]
    return (np.int32(n_outputs), *arrays, 0 if linear.y.shape[0] == 1 else n_outputs)
