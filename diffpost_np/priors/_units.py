"""Whether what was measured has the units of a prior on patches."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._xp import Array, flatten_events
from ..random import key
from ._conjugate import in_reals
from ._on_patches import OnPatches
from .patch_grid import PatchGrid

if TYPE_CHECKING:
    from ..measurement import LinearGaussian

_N_APART, _N_ALIKE = 16, 24
"""Draws of images whose patches are independent, and of images that repeat one patch.

Photographs are between the two: a blur or a mean leaves little of the first kind, and of a dark
photograph as much as of the second.
"""

_PEAK, _BULK = 3.0, 4.0
"""How many times as large as in such draws deviations are strange: the largest, mean squares.

In units of [0, 1] a black image has 3.2 times the mean square of the prior of photographs.
"""


def strange_values(prior: Any, measurement: LinearGaussian, y: Array) -> tuple[str, ...]:
    """A reason to distrust y, where no image like those of a prior on patches explains it."""
    if not isinstance(prior, OnPatches):
        return ()
    xp, images = prior.mixture._xp, wide_draws(prior, y)
    clean = measurement.operator(images)
    noise = measurement.noise(key(0).fold("units"), clean, like=images)
    centre = measurement.operator(centre_of(prior, images))
    usual = reals(xp, measurement.whiten(clean + noise - centre))
    found = reals(xp, measurement.whiten(y[None, ...] - centre))
    if not (peaks(xp, found, usual) or is_larger(xp, found, usual)):
        return ()
    return (_text(xp, "y", reals(xp, y[None, ...]), reals(xp, clean)),)


def strange_start(prior: Any, x: Array) -> tuple[str, ...]:
    """A reason to distrust starting points (n, *event), where some value is far from the prior."""
    if not isinstance(prior, OnPatches):
        return ()
    xp, images = prior.mixture._xp, wide_draws(prior, x)
    centre = centre_of(prior, images)
    if not peaks(xp, x - centre, images - centre):
        return ()
    return (_text(xp, "initial", x, images),)


def wide_draws(prior: OnPatches, like: Array) -> Array:
    """Images of patches, all components alike: rare ones are wide ones."""
    mixture, xp, tiling = prior.mixture, prior.mixture._xp, prior.tiling
    there = xp.astype(mixture.weights > 0, mixture.weights.dtype)
    wide = mixture._like_me(there / xp.sum(there), mixture.means, mixture.covs)
    apart = grid_of(prior, wide).sample(_N_APART, rng=0, like=like)
    one = flatten_events(wide.sample(_N_ALIKE, rng=1, like=like), xp)
    alike = tiling.join(
        xp, xp.repeat(one, tiling.n_patches, axis=0), getattr(prior, "shift", (0, 0))
    )
    return xp.concat([apart, xp.reshape(alike, (_N_ALIKE, *prior.event_shape))])


def centre_of(prior: OnPatches, like: Array) -> Array:
    """The mean (1, *event) of the images of a grid."""
    return prior.mixture._xp.astype(grid_of(prior, prior.mixture).mean(), like.dtype)[None, ...]


def grid_of(prior: OnPatches, mixture: Any) -> PatchGrid:
    """One grid of patches of the prior, with another mixture."""
    shift = getattr(prior, "shift", (0, 0))
    return PatchGrid(mixture, prior.event_shape, prior.patch_shape, shift)


def peaks(xp: ModuleType, found: Array, usual: Array) -> bool:
    """Whether the largest deviation is out of all proportion."""
    return float(xp.max(xp.abs(found))) > _PEAK * float(xp.max(xp.abs(usual)))


def is_larger(xp: ModuleType, found: Array, usual: Array) -> bool:
    """Whether the mean square is, which for few outputs varies between draws."""
    each = xp.mean(usual * usual, axis=1)
    apart, alike = each[:_N_APART], each[_N_APART:]
    most = _BULK * max(float(xp.mean(apart)), float(xp.mean(alike)))
    return float(xp.mean(found * found)) > max(most, _PEAK * float(xp.max(apart)))


def reals(xp: ModuleType, values: Array) -> Array:
    """Flat rows of real numbers."""
    return in_reals(xp, flatten_events(values, xp))


def _text(xp: ModuleType, name: str, values: Array, usual: Array) -> str:
    low, high = float(xp.min(values)), float(xp.max(values))
    mean, std = float(xp.mean(usual)), float(xp.std(usual))
    return (
        f"{name} has values from {low:.3g} to {high:.3g}, and the prior expects {mean:.2g} +- "
        f"{std:.2g}: bring the image to the scale that the prior was fitted to"
    )
