"""Images as disjoint patches: a grid that wraps around, at any shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import integer
from .._xp import Array, size
from ..operators._base import as_shape
from .mixture import GaussianMixture


@dataclass(frozen=True)
class Tiling:
    """Images (h, w) or (c, h, w), cut into patches channel by channel."""

    image_shape: tuple[int, ...]
    patch_shape: tuple[int, int]

    @property
    def n_patches(self) -> int:
        """Patches of an image, over all channels."""
        return size(self.image_shape) // self.patch_size

    @property
    def patch_size(self) -> int:
        """Entries of a patch."""
        return size(self.patch_shape)

    def split(self, xp: ModuleType, x: Array, shift: Sequence[int] = (0, 0)) -> Array:
        """Patches (n * n_patches, patch_size) of flat images (n, d), those of an image together.

        Patch 0 has its first corner at `shift`.
        """
        images = xp.reshape(x, (-1, *self.image_shape))
        if any(shift):
            images = xp.roll(images, tuple(-s for s in shift), axis=(-2, -1))
        (h, w), (p, q) = self.image_shape[-2:], self.patch_shape
        tiles = xp.reshape(images, (-1, h // p, p, w // q, q))
        return xp.reshape(xp.permute_dims(tiles, (0, 1, 3, 2, 4)), (-1, self.patch_size))

    def join(self, xp: ModuleType, patches: Array, shift: Sequence[int] = (0, 0)) -> Array:
        """The way back from `split`, to flat images."""
        (h, w), (p, q) = self.image_shape[-2:], self.patch_shape
        tiles = xp.reshape(patches, (-1, h // p, w // q, p, q))
        images = xp.permute_dims(tiles, (0, 1, 3, 2, 4))
        if any(shift):
            images = xp.reshape(images, (-1, *self.image_shape))
            images = xp.roll(images, tuple(shift), axis=(-2, -1))
        return xp.reshape(images, (-1, size(self.image_shape)))


def as_tiling(image_shape: Any, patch_shape: Any, patch_size: int) -> Tiling:
    """The tiling of images by patches of this many entries, or an error that says what to do."""
    image = as_shape("image_shape", image_shape)
    patch = as_shape("patch_shape", patch_shape)
    if len(image) not in (2, 3):
        raise ValueError(f"image_shape must be (h, w) or (c, h, w), got {image}")
    if len(patch) != 2:
        raise ValueError(f"patch_shape must be (h, w), got {patch}")
    if size(patch) != patch_size:
        raise ValueError(
            f"patch_shape must have the {patch_size} entries of an event of the mixture, "
            f"got {patch}"
        )
    sides = list(zip(image[-2:], patch, strict=True))
    if len(image) == 3 and image[2] < patch[1] <= image[0]:
        raise ValueError(
            f"image_shape must have its channels first, {(image[2], *image[:2])}, got {image}: "
            "move that axis by np.moveaxis"
        )
    if any(side < step for side, step in sides):
        raise ValueError(f"image_shape must be at least a patch, {patch}, got {image}: pad it")
    if any(side % step for side, step in sides):
        raise ValueError(
            f"image_shape must have sides that are multiples of the patch's {patch}, got {image}: "
            "the grid wraps around, so crop the image or pad it"
        )
    return Tiling(image, (patch[0], patch[1]))


def as_shift(shift: Any, tiling: Tiling) -> tuple[int, int]:
    """Where a grid starts: two whole numbers, each less than the side of a patch."""
    entries = shift.tolist() if isinstance(shift, np.ndarray) else shift
    if isinstance(entries, str | bytes) or not isinstance(entries, Sequence) or len(entries) != 2:
        raise TypeError(f"shift must be two integers, got {shift!r}")
    pairs = zip(entries, tiling.patch_shape, strict=True)
    a, b = (integer("shift", s, minimum=0, maximum=side - 1) for s, side in pairs)
    return a, b


def as_mixture(mixture: Any) -> GaussianMixture:
    """A mixture, or an error that says so."""
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(f"mixture must be a GaussianMixture, got {type(mixture).__name__}")
    return mixture
