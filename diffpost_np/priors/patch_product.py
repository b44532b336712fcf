"""Images whose overlapping patches all follow one mixture."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import Any

from .._checks import chain, integer
from .._xp import Array, device_of
from ..random import Key, Purpose, key, uniform
from ._mixture_draws import by_component
from ._on_patches import OnPatches
from .mixture import GaussianMixture

__all__ = ["PatchProduct"]


class PatchProduct(OnPatches):
    """The geometric mean of the laws of images on all shifted grids of patches.

    Its density is proportional to the product of those of all overlapping patches, each to the
    power of one over the number of grids. It has no seams, as `PatchGrid` has.

    Parameters
    ----------
    mixture : GaussianMixture
        Law of a patch: its events have the shape of a patch, or are the flattened patches.
    image_shape : tuple of int
        Shape of an image, (h, w) or (c, h, w); each channel is cut by itself. The sides h and w
        are multiples of those of a patch, for grids wrap around at the border.
    patch_shape : tuple of int
        Sides of a patch, (p, q).
    stride : int, optional
        Distance between grids, a divisor of both sides of a patch: (p / stride) (q / stride)
        grids.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an image.
    mixture, patch_shape, stride
        The parameters.
    shifts : list of tuple of int
        Where the grids start.
    heat_consistent : bool
        False: see the notes.

    Raises
    ------
    ValueError
        If shapes do not fit, or `stride` does not divide the sides of a patch.
    TypeError
        If `mixture` is no `GaussianMixture`, or shapes are not made of integers.

    Notes
    -----
    The score at noise level 0 is exact: the mean over the grids. At level sigma the mean of the
    grids' scores belongs to a density, too, the geometric mean of the smoothed grids, but not
    to this prior with noise, from which it differs in that it shrinks too little. Samplers that
    follow a reverse diffusion refuse it. `posterior.split_gibbs` is made for it: it draws images
    given noise on a random grid each time, and its law tends to this one as its coupling `rho`
    tends to 0. `langevin`, `annealed_langevin` and `annealed_smc` with `initial=` ask for the
    score at level 0 alone.

    There is no `sample`, and the density lacks its constant. A score costs as many of the
    mixture's as there are pixels, over the square of the stride. Samplers warn of a y that is
    unlike measurements of such images, as in other units.

    References
    ----------
    Zoran, Weiss, "From learning models of natural image patches to whole image restoration",
    ICCV 2011, whose estimate is the mode of this law.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> pairs = dp.priors.GaussianMixture([0.5, 0.5], [[-1.0, -1.0], [1.0, 1.0]], 0.1)
    >>> prior = dp.priors.PatchProduct(pairs, (1, 4), (1, 2))
    >>> prior.shifts
    [(0, 0), (0, 1)]
    >>> prior.score(np.array([[[-1.0, -1.0, -0.9, -0.9]]])).round(2)
    array([[[ 0.,  0., -1., -1.]]])
    """

    heat_consistent = False

    def __init__(
        self, mixture: GaussianMixture, image_shape: Any, patch_shape: Any, stride: int = 1
    ) -> None:
        super().__init__(mixture, image_shape, patch_shape)
        self.stride = integer("stride", stride)
        if any(side % self.stride for side in self.patch_shape):
            raise ValueError(
                f"stride must divide the sides of a patch, {self.patch_shape}, so that every "
                f"pixel lies in as many patches, got {self.stride}"
            )
        p, q = self.patch_shape
        self.shifts = list(product(range(0, p, self.stride), range(0, q, self.stride)))

    def unnormalised_log_density(self, x: Array, sigma: Any = 0.0) -> Array:
        """Logarithm of the density up to a constant: `score` is its gradient.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Images.
        sigma : float or array of shape (n,), optional
            Noise level of the grids whose geometric mean is taken, at least 0.

        Returns
        -------
        array, shape (n,)
            The mean over the grids of their log densities.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        TypeError
            If array types are mixed.
        """
        xp, flat, level = self._enter(x, sigma)
        level = self._levels(xp, level)
        total = xp.zeros(flat.shape[0], dtype=flat.dtype, device=device_of(flat))
        for shift in self.shifts:
            patches = self.tiling.split(xp, flat, shift)
            logs = self.mixture._log_density(xp, patches, level)
            total = total + xp.sum(xp.reshape(logs, (-1, self.tiling.n_patches)), axis=1)
        return total / len(self.shifts)

    def grid_sample_given(
        self, x_noisy: Array, sigma: Any, rng: Any = None, *, first_chain: int = 0
    ) -> Array:
        """Draw each x given x + sigma z = x_noisy as if one random grid were its law.

        Parameters
        ----------
        x_noisy : array, shape (n, *event_shape)
            Noisy images.
        sigma : float or array of shape (n,)
            Noise level, at least 0.
        rng : optional
            What `diffpost_np.random.key` takes.
        first_chain : int, optional
            Index of the first image in a larger run.

        Returns
        -------
        array, shape (n, *event_shape)
            One draw for each image, exact for the law of its grid, not for that of this prior.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        """
        xp, flat, level = self._enter(x_noisy, sigma, allow_degenerate=True, name="x_noisy")
        first = chain("first_chain", first_chain)
        own = key(rng).fold("prior.grid_sample_given")
        grids = self._random_grids(xp, flat, own, first)
        patches = xp.reshape(
            self._on_grids(xp, flat, grids, self.tiling.split), (-1, self.tiling.patch_size)
        )
        first = first * self.tiling.n_patches
        draws = self.mixture._sample_given(xp, patches, self._levels(xp, level), own, first)
        images = self._on_grids(xp, xp.reshape(draws, flat.shape), grids, self.tiling.join)
        return self._as_events(xp, images)

    def __repr__(self) -> str:
        shapes = f"{self.event_shape}, {self.patch_shape}, stride={self.stride}"
        return f"PatchProduct({self.mixture!r}, {shapes})"

    def _random_grids(self, xp: ModuleType, like: Array, key: Key, first_chain: int) -> Array:
        """The number of a grid for every image (n,)."""
        place = {"purpose": Purpose.DIRECTION, "first_chain": first_chain, "like": like}
        u = uniform(key, (like.shape[0], 1), **place)
        return xp.astype(u[:, 0] * len(self.shifts), xp.int64)

    def _on_grids(
        self, xp: ModuleType, rows: Array, grids: Array, cut: Callable[..., Array]
    ) -> Array:
        """`Tiling.split` or `join` of rows that stand for an image each, on a grid of its own."""

        def on_grid(k: int, rows: Array) -> Array:
            return xp.reshape(cut(xp, rows, self.shifts[k]), rows.shape)

        return by_component(xp, grids, (rows,), on_grid)

    def _mean(
        self, xp: ModuleType, x: Array, sigma: Array, function: Callable[..., Array], *more: Array
    ) -> Array:
        """The mean over the grids of function(xp, patches, level, ...)."""
        level, total = self._levels(xp, sigma), xp.zeros_like(x)
        for shift in self.shifts:
            parts = (self.tiling.split(xp, a, shift) for a in (x, *more))
            values = function(xp, next(parts), level, *parts)
            total = total + self.tiling.join(xp, values, shift)
        return total / len(self.shifts)

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self._mean(xp, x, sigma, self.mixture._score)

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self._mean(xp, x, sigma, self.mixture._denoise)

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        return self._mean(xp, x, sigma, self.mixture._denoise_vjp, v)
