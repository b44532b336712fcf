"""Draws given noisy points on a CUDA device: a component for every point, then a draw of it."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from .._xp import Array, device_of, map_rows
from ..priors._covariance import LowRank, Spectral
from ..priors._mixture_math import Tables
from .loader import BLOCK, MANY, Teams, on, plan_teams
from .mixture import DIAGONAL, SPECTRAL, Smoothed, laid_out, level_bytes, plan, smooth, together

_MOST_COMPONENTS = 2**16 - 1
"""What a grid has room for along its second axis."""


def mixture_choose(xp: ModuleType, x: Array, s2: Array, u: Array, tables: Tables) -> Array:
    """A component (n,) for every noisy point, by inversion of uniforms u (n, 1)."""
    n_components, itemsize = tables.means.shape[0], x.dtype.itemsize
    teams = _teams(tables, x.shape[0] if s2.shape[0] == 1 else 1)
    if teams is None:
        return NotImplemented

    def block(x: Array, s2: Array, u: Array) -> Array:
        logits = _logits(xp, teams, xp.ascontiguousarray(x), s2, tables)
        chosen = xp.empty(x.shape[0], dtype=xp.int64)
        arguments = (chosen, logits, np.int32(n_components), xp.ascontiguousarray(u))
        Teams(1, 0, BLOCK, itemsize).launch("mixture_choose", x.shape[0], arguments)
        return chosen

    row_bytes = n_components * itemsize + (level_bytes(tables) if s2.shape[0] > 1 else 0)
    with on(device_of(x)):
        return map_rows(block, row_bytes, xp, x, s2, u)


def _teams(tables: Tables, n: int) -> Teams | None:
    """Teams for n points alike, None where a mixture is not covered.

    With low rank squares are small differences of large ones, for which the reference goes from
    float32 to float64.
    """
    (n_components, dim), itemsize = tables.means.shape, tables.means.dtype.itemsize
    if plan(tables, n) is None or n_components > _MOST_COMPONENTS:
        return None
    if isinstance(tables.covs, LowRank) and itemsize == 4:
        return None
    return plan_teams(dim, dim, itemsize, MANY, together(n))


def _logits(xp: ModuleType, teams: Teams, x: Array, s2: Array, tables: Tables) -> Array:
    """Logits (K, n) of the noisy points, less what components share."""
    n, n_components = x.shape[0], tables.means.shape[0]
    out = xp.empty((n_components, n), dtype=x.dtype)
    arguments = (out, x, *smooth(xp, s2, tables).arguments)
    teams.launch("mixture_logits", n, arguments, n_times=n_components)
    return out


def mixture_draw_chosen(
    xp: ModuleType, x: Array, s2: Array, chosen: Array, z: Array, tables: Tables
) -> Array:
    """Draws (n, d) of the chosen components given noisy points, from standard normals (n, d)."""
    covs, teams = tables.covs, plan(tables, 1)
    if teams is None or not isinstance(covs, Spectral):
        return NotImplemented
    with on(device_of(x)):
        out = xp.empty(x.shape, dtype=x.dtype)
        chosen = xp.astype(chosen, xp.int64, copy=False)
        x, s2, chosen, z = (xp.ascontiguousarray(a) for a in (x, s2, chosen, z))
        noise = (s2, int(s2.shape[0] > 1))
        arguments = (out, x, *_axes(xp, covs, tables).arguments, *noise, chosen, z)
        teams.launch("mixture_draw_chosen", x.shape[0], arguments)
    return out


def _axes(xp: ModuleType, covs: Spectral, tables: Tables) -> Smoothed:
    """The mixture with variances in the place of the precision."""
    form = DIAGONAL if covs.basis is None else SPECTRAL
    basis = None if covs.basis is None else covs.basis[:, None, :, :]
    offsets, values = tables.log_weights[:, None], covs.values[:, None, :]
    return laid_out(xp, form, tables.means, offsets, values, basis)
