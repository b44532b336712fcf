"""What the priors on images by their patches share."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._xp import Array
from ._base import Scored
from ._tiling import as_mixture, as_tiling
from .mixture import GaussianMixture


class OnPatches(Scored):
    """A prior on images from a mixture on their patches."""

    def __init__(self, mixture: GaussianMixture, image_shape: Any, patch_shape: Any) -> None:
        self.mixture = as_mixture(mixture)
        self.tiling = as_tiling(image_shape, patch_shape, mixture.means[0, ...].size)
        self.event_shape, self.patch_shape = self.tiling.image_shape, self.tiling.patch_shape
        self._narrowest = mixture._narrowest

    def _arrays(self) -> dict[str, Array]:
        return self.mixture._arrays()

    def _levels(self, xp: ModuleType, sigma: Array) -> Array:
        """The noise level of every patch."""
        return sigma if sigma.shape[0] == 1 else xp.repeat(sigma, self.tiling.n_patches)
