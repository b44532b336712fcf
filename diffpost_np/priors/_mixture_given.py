"""Draws of x given x + sigma z, for mixtures: a component for every point, then a draw of it."""

from __future__ import annotations

from types import ModuleType

from .._dispatch import operation
from .._xp import Array
from ..operators._base import Eigenform
from ..random import Key, Purpose, normal, uniform
from ._covariance import Spectral
from ._mixture_draws import by_component, draw_chosen, invert, shrink_chosen
from ._mixture_math import Tables, mixture_responsibilities


def draw_given(
    xp: ModuleType, x: Array, s2: Array, tables: Tables, key: Key, first_chain: int = 0
) -> Array:
    """A draw for each of the points (n, d), at noise variances s2 of shape (1,) or (n,)."""
    place = {"first_chain": first_chain, "like": x}
    u = uniform(key, (x.shape[0], 1), purpose=Purpose.COMPONENT, **place)
    z = normal(key, x.shape, purpose=Purpose.AUXILIARY, **place)
    chosen = mixture_choose(xp, x, s2, u, tables)
    if isinstance(tables.covs, Spectral) and not isinstance(tables.covs.basis, Eigenform):
        return mixture_draw_chosen(xp, x, s2, chosen, z, tables)
    prior_draw = draw_chosen(xp, tables, chosen, key, first_chain)
    residual = x - prior_draw - xp.sqrt(s2)[:, None] * z
    return prior_draw + shrink_chosen(xp, tables, chosen, residual, s2)


@operation
def mixture_choose(xp: ModuleType, x: Array, s2: Array, u: Array, tables: Tables) -> Array:
    """A component (n,) for every noisy point, by inversion of uniforms u (n, 1)."""
    return invert(xp, mixture_responsibilities(xp, x, s2, tables), u)


@operation
def mixture_draw_chosen(
    xp: ModuleType, x: Array, s2: Array, chosen: Array, z: Array, tables: Tables
) -> Array:
    """Draws (n, d) of the chosen components given noisy points, from standard normals (n, d).

    Along an axis of variance v that is m + g (x - m) + sqrt(s2 g) z with g = v / (v + s2), and z
    is turned to the axes as x is: the draw does not depend on which axes a LAPACK finds.
    """

    covs = tables.covs
    assert isinstance(covs, Spectral)

    def draw(k: int, x: Array, s2: Array, z: Array) -> Array:
        cov, mean = covs.component(k), tables.means[k, ...]
        gain = cov.values / (cov.values + s2[:, None])
        shrunk = gain * cov.coordinates(xp, x - mean)
        return mean + cov.events(xp, shrunk + xp.sqrt(s2[:, None] * gain) * cov.coordinates(xp, z))

    levels = xp.broadcast_to(s2, (x.shape[0],))
    return by_component(xp, chosen, (x, levels, z), draw)
