"""Running a table: rows of evaluations and combinations, on flat chains."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..._dispatch import operation
from ..._philox import Stream, random_normal
from ..._xp import Array, device_of
from ...priors._dual import DualMixture
from ...priors._mixture_math import Tables, mixture_score
from .trace import Table

Denoiser = Callable[[Array, float], Array]


class Cloud(NamedTuple):
    """Flat chains (n, d) between two steps, and the latest denoised points, latest first."""

    y: Array
    past: tuple[Array, ...]
    beside: Any = None


@operation
def mixture_steps(
    xp: ModuleType, cloud: Cloud, table: Table, prior: Tables | DualMixture, stream: Stream
) -> Cloud:
    """Run a table on a mixture; row r draws at step stream.step + table.step[r]."""

    def denoise(x: Array, sigma: float) -> Array:
        if isinstance(prior, DualMixture):
            return prior.denoise(xp, x, sigma**2)
        s2 = xp.asarray([sigma**2], dtype=x.dtype)
        return x + sigma**2 * mixture_score(xp, x, s2, prior)

    return run_table(xp, cloud, table, denoise, stream)


def run_table(
    xp: ModuleType, cloud: Cloud, table: Table, denoise: Denoiser, stream: Stream
) -> Cloud:
    """Run a table with any denoiser; `past` holds as many points as the table asks for."""
    y, past, _ = cloud
    rows = zip(table.step, table.sigma, table.point, table.state, strict=True)
    for step, sigma, point, state in rows:
        own = stream._replace(step=stream.step + int(step))
        if not np.isnan(sigma):
            value = denoise(combine(xp, y, past, point, own), float(sigma))
            past = (value, *past[: table.n_past - 1])
        y = combine(xp, y, past, state, own)
    return Cloud(y, past)


def combine(
    xp: ModuleType, y: Array, past: tuple[Array, ...], coefficients: np.ndarray, stream: Stream
) -> Array:
    """The state, denoised points and noises of slots 0, 1, ..., each times its coefficient."""
    n_past = len(past)
    total = y if coefficients[0] == 1.0 else float(coefficients[0]) * y
    for value, weight in zip(past, coefficients[1:], strict=False):
        if weight:
            total = total + float(weight) * value
    for slot, weight in enumerate(coefficients[1 + n_past :]):
        if weight:
            total = total + float(weight) * slot_normal(xp, stream, slot, y)
    return total


def slot_normal(xp: ModuleType, stream: Stream, slot: int, like: Array) -> Array:
    """The normals of a slot of a step, in the shape of `like`."""
    own = stream._replace(tag=stream.tag | slot << 8)
    n, d = like.shape
    return random_normal(xp, own, n, d, like.dtype, device_of(like))
