"""Images whose disjoint patches are independent: exact at every noise level."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._xp import Array
from ..random import Key
from ._given import SampledGiven
from ._on_patches import OnPatches
from ._tiling import as_shift
from .mixture import GaussianMixture

if TYPE_CHECKING:
    from ..measurement import LinearGaussian
    from ._patches import Patches

__all__ = ["PatchGrid"]


class PatchGrid(OnPatches, SampledGiven):
    """Images cut into disjoint patches, each an independent draw of one mixture.

    Parameters
    ----------
    mixture : GaussianMixture
        Law of a patch: its events have the shape of a patch, or are the flattened patches.
    image_shape : tuple of int
        Shape of an image, (h, w) or (c, h, w); each channel is cut by itself. The sides h and w
        are multiples of those of a patch.
    patch_shape : tuple of int
        Sides of a patch, (p, q).
    shift : tuple of int, optional
        Where the first patch has its first corner, less than the sides of a patch. Patches that
        leave the image come back at the opposite border.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an image.
    mixture, patch_shape, shift
        The parameters.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If `mixture` is no `GaussianMixture`, or shapes are not made of integers.

    Notes
    -----
    The density is a product over patches, and noise keeps them independent, so scores,
    denoisers, densities and draws at every noise level are those of the mixture, patch by patch,
    at its cost. Pictures show seams between patches: `PatchProduct` averages over all grids.
    Samplers warn of a y that is unlike measurements of such images, as in other units.

    References
    ----------
    Zoran, Weiss, "From learning models of natural image patches to whole image restoration",
    ICCV 2011, for mixtures on patches.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> pairs = dp.priors.GaussianMixture([0.5, 0.5], [[-1.0, -1.0], [1.0, 1.0]], 0.1)
    >>> prior = dp.priors.PatchGrid(pairs, (2, 4), (1, 2))
    >>> prior.sample(1, rng=0).round(1)
    array([[[-0.4, -0.6, -1.5, -1.3],
            [ 1.3,  1.7, -1. , -1.1]]])
    """

    def __init__(
        self, mixture: GaussianMixture, image_shape: Any, patch_shape: Any, shift: Any = (0, 0)
    ) -> None:
        super().__init__(mixture, image_shape, patch_shape)
        self.shift = as_shift(shift, self.tiling)

    def posterior(self, measurement: LinearGaussian, y: Any) -> Patches:
        """Law of x given y = A x + noise, where no measurement mixes patches.

        Parameters
        ----------
        measurement : LinearGaussian
            The measurement: a mask, or anything whose single outputs see one patch each.
        y : array, shape measurement.output_shape
            What was measured.

        Returns
        -------
        prior
            Independent patches, each with a mixture of its own. Its attribute `log_evidence` is
            log p(y).

        Raises
        ------
        ValueError
            If shapes do not fit, an output sees several patches, or the mixtures of all patches
            are too large to keep: `posterior.split_gibbs` samples then.
        TypeError
            If `measurement` is not linear Gaussian.

        Warns
        -----
        RuntimeWarning
            If y has values unlike those of the prior's images, as in other units.
        """
        from ._conjugate import check_measured
        from ._patches import Patches
        from ._units import strange_values

        _, y = check_measured(self, measurement, y, like=self.mixture.means)
        for reason in strange_values(self, measurement, y):
            warnings.warn(reason, RuntimeWarning, stacklevel=2)
        whole = Patches(self.tiling, self.shift, [self.mixture] * self.tiling.n_patches)
        return whole.posterior(measurement, y)

    def mean(self) -> Array:
        """Mean of the images.

        Returns
        -------
        array, shape event_shape
            The mean.
        """
        return self._tiled(self.mixture.mean())

    def std(self) -> Array:
        """Standard deviation of every pixel.

        Returns
        -------
        array, shape event_shape
            The standard deviations.
        """
        return self._tiled(self.mixture.std())

    def __repr__(self) -> str:
        shapes = f"{self.event_shape}, {self.patch_shape}, shift={self.shift}"
        return f"PatchGrid({self.mixture!r}, {shapes})"

    def _conjugate_to(self, measurement: LinearGaussian) -> bool:
        """Whether no measurement mixes patches; the mixtures of all must be small enough."""
        from ._patches import can_condition

        return can_condition(self, measurement)

    def _tiled(self, patch: Array) -> Array:
        xp = self.mixture._xp
        rows = xp.broadcast_to(xp.reshape(patch, (1, -1)), (self.tiling.n_patches, patch.size))
        return xp.reshape(self._join(xp, rows), self.event_shape)

    def _split(self, xp: ModuleType, x: Array) -> Array:
        return self.tiling.split(xp, x, self.shift)

    def _join(self, xp: ModuleType, patches: Array) -> Array:
        return self.tiling.join(xp, patches, self.shift)

    def _sum(self, xp: ModuleType, values: Array) -> Array:
        """Sums (n,) over the patches of each image."""
        return xp.sum(xp.reshape(values, (-1, self.tiling.n_patches)), axis=1)

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        return self._join(xp, self.mixture._score(xp, patches, level))

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        return self._join(xp, self.mixture._denoise(xp, patches, level))

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        product = self.mixture._denoise_vjp(xp, patches, level, self._split(xp, v))
        return self._join(xp, product)

    def _denoise_trace(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        return self._sum(xp, self.mixture._denoise_trace(xp, patches, level))

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        return self._sum(xp, self.mixture._log_density(xp, patches, level))

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        m = self.tiling.n_patches
        return self._join(xp, self.mixture._sample(xp, like, key, n * m, first_chain * m))

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        patches, level = self._split(xp, x), self._levels(xp, sigma)
        first = first_chain * self.tiling.n_patches
        return self._join(xp, self.mixture._sample_given(xp, patches, level, key, first))
