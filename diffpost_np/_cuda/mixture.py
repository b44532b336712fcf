"""Scores and log densities of mixtures on a CUDA device."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .._xp import Array, device_of, map_rows
from ..operators._base import Eigenform
from ..priors._covariance import LowRank
from ..priors._mixture_math import Tables
from .loader import FEW, MANY, TOGETHER, Teams, on, plan_teams

DIAGONAL, SPECTRAL, LOW_RANK = range(3)
"""How `mixture.cuh` holds a precision."""

_LARGE_RANK = 8
"""Columns from which on a basis is read for several chains at a time."""

TABLE_BYTES = 2**28
"""Memory for the mixture at the noise levels of the rows of one launch."""


class Smoothed(NamedTuple):
    """A mixture smoothed at L noise levels, as the kernels take it."""

    form: int
    means: Array
    offsets: Array
    precision: Array
    basis: Array | None
    transposed: Array | None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The mixture parameters of a kernel: a shared axis has stride 0."""
        (n_components, dim), n_levels = self.means.shape, self.offsets.shape[1]
        basis = self.precision if self.basis is None else self.basis
        turned = self.precision if self.transposed is None else self.transposed
        sizes = (self.form, n_components, n_levels, dim, rank_of(self.form, basis))
        strides, basis_strides = _strides(self.precision), _strides(basis)
        arrays = (self.means, self.offsets, self.precision)
        return (*map(np.int32, sizes), *arrays, *strides, basis, turned, *basis_strides[:2])


def rank_of(form: int, basis: Array) -> int:
    """Columns of the basis, 0 where there is none."""
    return 0 if form == DIAGONAL else basis.shape[-1]


def _strides(array: Array) -> list[int]:
    """Strides in entries of a C-contiguous array, 0 along axes of length 1."""
    steps = np.cumprod((1, *array.shape[:0:-1]))[::-1]
    return [0 if n == 1 else int(s) for n, s in zip(array.shape, steps, strict=True)]


def smooth(xp: ModuleType, s2: Array, tables: Tables) -> Smoothed:
    """The mixture at the noise variances `s2` of shape (L,)."""
    covs, dim = tables.covs, tables.means.shape[1]
    offsets = tables.log_weights[:, None] - 0.5 * covs.log_det(xp, s2, dim)
    offsets = xp.broadcast_to(offsets, (tables.means.shape[0], s2.shape[0]))
    if isinstance(covs, LowRank):
        form, (precision, basis) = LOW_RANK, _low_rank_precision(xp, s2, covs)
    else:
        form = DIAGONAL if covs.basis is None else SPECTRAL
        precision = 1 / (covs.values[:, None, :] + s2[None, :, None])
        basis = None if covs.basis is None else covs.basis[:, None, :, :]
    return laid_out(xp, form, tables.means, offsets, precision, basis)


def laid_out(
    xp: ModuleType, form: int, means: Array, offsets: Array, precision: Array, basis: Array | None
) -> Smoothed:
    """The arrays as kernels read them, and the transposed basis."""
    transposed = None if basis is None else xp.matrix_transpose(basis)
    arrays = (means, offsets, precision, basis, transposed)
    return Smoothed(form, *(a if a is None else xp.ascontiguousarray(a) for a in arrays))


def _low_rank_precision(xp: ModuleType, s2: Array, covs: LowRank) -> tuple[Array, Array]:
    """p and B of (C_k + s2 I)^-1 = diag(p) - B B^T."""
    root, top, _, _ = covs.columns(xp, s2)
    return tuple(xp.astype(a, s2.dtype) for a in (1 / (root * root), top / root[..., None]))


def level_bytes(tables: Tables) -> int:
    """Memory that one noise level of a smoothed mixture takes."""
    covs, (n, dim) = tables.covs, tables.means.shape
    rank = covs.factor_matrix.shape[2] if isinstance(covs, LowRank) else 0
    return n * (dim + 1) * (2 * rank + 1) * tables.means.dtype.itemsize


def rows_per_launch(tables: Tables) -> int:
    """Rows, each with a noise level of its own, that one launch takes."""
    return max(1, TABLE_BYTES // level_bytes(tables))


def plan(tables: Tables, n: int, extra: int = 0) -> Teams | None:
    """Teams for n chains alike and `extra` shared numbers each; None where it is not covered."""
    covs, dim = tables.covs, tables.means.shape[1]
    if isinstance(covs, LowRank):
        rank = covs.factor_matrix.shape[2]
    elif isinstance(covs.basis, Eigenform):
        return None
    else:
        rank = 0 if covs.basis is None else dim
    memory, itemsize = 2 * dim + rank + extra, tables.means.dtype.itemsize
    if rank < _LARGE_RANK:
        return plan_teams(dim, memory, itemsize, FEW)
    return plan_teams(dim, memory, itemsize, MANY, together(n))


def together(n: int) -> int:
    """How many of n chains alike a team takes, where numbers of a matrix serve them all."""
    return TOGETHER if n >= TOGETHER else 1


def mixture_score(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Score of the smoothed mixture."""
    return _per_chain("mixture_score", xp, x, s2, tables, (x.shape[1],))


def mixture_log_density(xp: ModuleType, x: Array, s2: Array, tables: Tables) -> Array:
    """Log density of the smoothed mixture, shape (n,)."""
    return _per_chain("mixture_log_density", xp, x, s2, tables, ())


def _per_chain(
    name: str, xp: ModuleType, x: Array, s2: Array, tables: Tables, shape: tuple[int, ...]
) -> Array:
    teams = plan(tables, x.shape[0] if s2.shape[0] == 1 else 1, extra=x.shape[1])
    if teams is None:
        return NotImplemented

    def block(x: Array, s2: Array) -> Array:
        smoothed = smooth(xp, s2, tables)
        out = xp.empty((x.shape[0], *shape), dtype=x.dtype)
        arrays = (out, xp.ascontiguousarray(x))
        teams.launch(name, x.shape[0], (*arrays, *smoothed.arguments))
        return out

    with on(device_of(x)):
        return map_rows(block, level_bytes(tables) if s2.shape[0] > 1 else 0, xp, x, s2)
