"""Tables of integrators on a CUDA device: all rows of a chain in one kernel."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .._philox import Stream
from .._xp import Array, device_of
from ..priors._mixture_math import Tables
from ..sampling._steps.table import Cloud
from ..sampling._steps.trace import Table
from .loader import Teams, on
from .mixture import plan, rows_per_launch, smooth
from .random import stream_arguments


def mixture_steps(
    xp: ModuleType, cloud: Cloud, table: Table, prior: Tables, stream: Stream
) -> Cloud:
    """Run a table on a mixture; row r draws at step stream.step + table.step[r]."""
    (n, d), n_past = cloud.y.shape, len(cloud.past)
    teams = plan(prior, n, extra=(2 + n_past) * d)
    if teams is None:
        return NotImplemented
    per_launch = rows_per_launch(prior)
    with on(device_of(cloud.y)):
        y, past = xp.ascontiguousarray(cloud.y), xp.stack(cloud.past)
        for first in range(0, len(table.step), per_launch):
            part = table.of_rows(first, first + per_launch)
            y, past = _launch(xp, teams, y, past, part, prior, stream)
    return Cloud(y, tuple(past[h, ...] for h in range(n_past)))


def _launch(
    xp: ModuleType,
    teams: Teams,
    y: Array,
    past: Array,
    table: Table,
    prior: Tables,
    stream: Stream,
) -> tuple[Array, Array]:
    out, past_out = xp.empty_like(y), xp.empty_like(past)
    s2 = np.where(np.isnan(table.sigma), 1.0, table.sigma) ** 2
    smoothed = smooth(xp, xp.asarray(s2, dtype=y.dtype), prior)
    tail = (past_out, past, *_table_arguments(xp, table, s2, y.dtype), *stream_arguments(stream))
    teams.launch("mixture_steps", y.shape[0], (out, y, *smoothed.arguments, *tail))
    return out, past_out


def _table_arguments(xp: ModuleType, table: Table, s2: np.ndarray, dtype: Any) -> tuple[Any, ...]:
    """A table as the kernel takes it: row r is at level r of the mixture."""
    n_rows, width = table.point.shape
    level = np.where(np.isnan(table.sigma), -1, np.arange(n_rows))
    sizes = n_rows, table.n_past, width - 1 - table.n_past
    columns = level, table.step, s2, table.point, table.state
    kinds = np.int32, np.uint32, dtype, dtype, dtype
    arrays = (a.astype(t, order="C") for a, t in zip(columns, kinds, strict=True))
    return (*map(np.int32, sizes), *map(xp.asarray, arrays))
