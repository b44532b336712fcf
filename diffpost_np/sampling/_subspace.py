"""A flow of a mixture of one variance leaves the span of the means alone: the rest is linear.

With K components in d > K dimensions only the K - 1 coordinates in which the means differ have to
be run as a mixture. Along all others the denoiser shrinks towards a point that all means share, so
each row of a table does the same to every chain there. Noise would have to be turned into these
coordinates step by step, which costs what this saves.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from .._philox import Stream
from .._xp import Array
from ..priors._covariance import Spectral
from ..priors._mixture_math import Tables
from ._table import Cloud, mixture_steps, run_table
from ._trace import Table

_FEWEST_ROWS, _SAVES = 8, 0.75
"""Rows, and what is left of the dimensions, from which on to turn coordinates pays."""


class Subspace(NamedTuple):
    """Orthonormal columns (d, r) in which means differ, one of the means, and the mixture there."""

    centre: Array
    columns: Array
    mixture: Tables
    variance: float


def subspace(xp: ModuleType, prior: Tables, table: Table) -> Subspace | None:
    """The span of the means where a table can be run in it, and that pays."""
    n_components, d = prior.means.shape
    covs = prior.covs
    if not (isinstance(covs, Spectral) and covs.basis is None and covs.values.shape == (1, 1)):
        return None
    fits = n_components > 1 and n_components - 1 <= _SAVES * d
    if not (fits and len(table.step) >= _FEWEST_ROWS and _is_affine(table)):
        return None
    centre = prior.means[0, :]
    columns = xp.linalg.qr((prior.means[1:, :] - centre).T)[0]
    means = (prior.means - centre) @ columns
    reduced = Tables(prior.log_weights, means, covs)
    return Subspace(centre, columns, reduced, float(covs.values[0, 0]))


def flow_in_subspace(
    xp: ModuleType, cloud: Cloud, table: Table, within: Subspace, stream: Stream
) -> Cloud:
    """What the table does, in the span and beside it."""
    inside = [(a - within.centre) @ within.columns for a in (cloud.y, *cloud.past)]
    pairs = zip((cloud.y, *cloud.past), inside, strict=True)
    beside = [a - within.centre - u @ within.columns.T for a, u in pairs]
    moved = mixture_steps(xp, Cloud(inside[0], tuple(inside[1:])), table, within.mixture, stream)
    factors = _linear(table, within.variance, stream)
    result = []
    for u, row in zip((moved.y, *moved.past), factors, strict=True):
        rest = sum(float(f) * b for f, b in zip(row, beside, strict=True))
        result.append(within.centre + u @ within.columns.T + rest)
    return Cloud(result[0], tuple(result[1:]))


def _is_affine(table: Table) -> bool:
    """Whether no noise is drawn, and points are weighted means of points."""
    first_noise = 1 + table.n_past
    both = np.concatenate([table.point, table.state])
    weights = np.sum(both[:, :first_noise], axis=1)
    return not np.any(both[:, first_noise:]) and bool(np.all(np.abs(weights - 1) < 1e-12))


def _linear(table: Table, variance: float, stream: Stream) -> np.ndarray:
    """Coefficients (1 + H, 1 + H) of what a table makes of a state and its past, for N(0, v)."""

    def denoise(x: np.ndarray, sigma: float) -> np.ndarray:
        return variance / (variance + sigma**2) * x

    units = np.eye(1 + table.n_past)[:, None, :]
    end = run_table(numpy_namespace, Cloud(units[0], tuple(units[1:])), table, denoise, stream)
    return np.concatenate([end.y, *end.past])
