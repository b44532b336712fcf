"""Draws from mixtures: a component for every chain, then a draw of that component."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from .._dispatch import operation
from .._xp import Array
from ..random import Key, Purpose, normal, uniform
from ._covariance import LowRank, Spectral, shrink
from ._mixture_math import Tables


def choose(
    xp: ModuleType, weights: Array, key: Key, first_chain: int = 0, n: int | None = None
) -> Array:
    """A component for every chain, by inversion; `weights` has one row or one per chain."""
    n = weights.shape[0] if n is None else n
    u = uniform(key, (n, 1), purpose=Purpose.COMPONENT, first_chain=first_chain, like=weights)
    return invert(xp, weights, u)


def invert(xp: ModuleType, weights: Array, u: Array) -> Array:
    """The component (n,) in which uniforms u (n, 1) fall, given weights (n or 1, K)."""
    cumulative = xp.cumulative_sum(weights, axis=1)
    below = u * cumulative[:, -1:] > cumulative[:, :-1]
    return xp.sum(xp.astype(below, xp.int64), axis=1)


def draw_chosen(
    xp: ModuleType, tables: Tables, chosen: Array, key: Key, first_chain: int = 0
) -> Array:
    """A draw of the chosen component for every chain, (n, d)."""
    d = tables.means.shape[1]
    extra = tables.covs.factor_matrix.shape[2] if isinstance(tables.covs, LowRank) else 0
    place = {"purpose": Purpose.INITIAL, "first_chain": first_chain, "like": tables.means}
    z = normal(key, (chosen.shape[0], d + extra), **place)
    return shape_chosen(xp, tables, chosen, z)


@operation
def shape_chosen(xp: ModuleType, tables: Tables, chosen: Array, z: Array) -> Array:
    """The draws (n, d) of chosen components that standard normals (n, d or d + r) stand for."""
    return xp.take(tables.means, chosen, axis=0) + _colour(xp, tables, chosen, z)


def _colour(xp: ModuleType, tables: Tables, chosen: Array, z: Array) -> Array:
    """The same without the means."""
    if isinstance(tables.covs, Spectral) and tables.covs.basis is None:
        roots = xp.sqrt(tables.covs.values)
        return z * (roots if roots.shape[0] == 1 else xp.take(roots, chosen, axis=0))

    def colour(k: int, z: Array) -> Array:
        return tables.covs.component(k).colour(xp, z[None, ...])[0, ...]

    return by_component(xp, chosen, (z,), colour)


def shrink_chosen(
    xp: ModuleType, tables: Tables, chosen: Array, residual: Array, s2: Array
) -> Array:
    """C_k (C_k + s2 I)^-1 residual with the chosen component of every chain."""

    def shrink_one(k: int, residual: Array, s2: Array) -> Array:
        cov = tables.covs.component(k)
        solution, _ = cov.solve(xp, residual[None, ...], s2)
        return shrink(xp, cov, residual, 0.0, solution, s2)[0, ...]

    levels = xp.broadcast_to(s2, (chosen.shape[0],))
    return by_component(xp, chosen, (residual, levels), shrink_one)


def by_component(
    xp: ModuleType,
    chosen: Array,
    arrays: tuple[Array, ...],
    function: Callable[..., Array],
) -> Array:
    """function(k, rows of the chains that chose k) for every k, back in the chains' order."""
    present = [int(k) for k in xp.unique_values(chosen)]
    if len(present) == 1:
        return function(present[0], *arrays)
    groups = [xp.nonzero(chosen == k)[0] for k in present]
    parts = [
        function(k, *(xp.take(a, rows, axis=0) for a in arrays))
        for k, rows in zip(present, groups, strict=True)
    ]
    back = xp.argsort(xp.concat(groups))
    return xp.take(xp.concat(parts), back, axis=0)
