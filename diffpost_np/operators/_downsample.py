"""Super-resolution: means of blocks are observed."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from types import ModuleType

from .._checks import integer
from .._xp import Array, array_namespace, device_of
from ._base import Operator, as_cast, as_shape
from ._eigenform import Eigenform

_SHORT = 16
"""Entries up to which an axis is summed slice by slice."""


class Downsample(Operator):
    """Means over blocks of the last axes."""

    def __init__(self, event_shape: tuple[int, ...], factors: tuple[int, ...]) -> None:
        coarse = tuple(n // f for n, f in zip(event_shape, factors, strict=True))
        super().__init__(event_shape, coarse)
        pairs = zip(coarse, factors, strict=True)
        self.split_shape = tuple(entry for pair in pairs for entry in pair)
        self.block_size = math.prod(factors)

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        return xp.reshape(xp.mean(self._blocks(x, xp), axis=2), (-1, *self.output_shape))

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        share = xp.reshape(r, (r.shape[0], -1, 1)) / self.block_size
        return self._events(xp.broadcast_to(share, (*share.shape[:2], self.block_size)), xp)

    def _blocks(self, x: Array, xp: ModuleType) -> Array:
        """Events as (n, number of blocks, block size)."""
        k = len(self.event_shape)
        split = xp.reshape(x, (-1, *self.split_shape))
        axes = (0, *range(1, 2 * k, 2), *range(2, 2 * k + 1, 2))
        return xp.reshape(xp.permute_dims(split, axes), (x.shape[0], -1, self.block_size))

    def _events(self, blocks: Array, xp: ModuleType) -> Array:
        """The way back from `_blocks`."""
        k = len(self.event_shape)
        split = xp.reshape(blocks, (-1, *self.split_shape[::2], *self.split_shape[1::2]))
        axes = (0, *(axis for i in range(1, k + 1) for axis in (i, i + k)))
        return xp.reshape(xp.permute_dims(split, axes), (-1, *self.event_shape))

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform:
        """In each block the mean has eigenvalue weight / size, what is orthogonal to it 0."""
        device = device_of(like)
        if weights is None:
            weights = xp.ones(self.output_shape, dtype=like.dtype, device=device)
        first = xp.reshape(as_cast(weights, like, xp), (-1, 1)) / self.block_size
        rest = xp.zeros((first.shape[0], self.block_size - 1), dtype=like.dtype, device=device)
        values = xp.reshape(xp.concat([first, rest], axis=1), (-1,))
        return Eigenform(values, self._coordinates, self._from_coordinates)

    def _coordinates(self, x: Array) -> Array:
        xp = array_namespace(x=x)
        blocks = self._blocks(xp.reshape(x, (-1, *self.event_shape)), xp)
        return xp.reshape(reflect(blocks, xp), (x.shape[0], -1))

    def _from_coordinates(self, z: Array) -> Array:
        xp = array_namespace(z=z)
        blocks = xp.reshape(z, (z.shape[0], -1, self.block_size))
        return xp.reshape(self._events(reflect(blocks, xp), xp), (z.shape[0], -1))


def reflect(blocks: Array, xp: ModuleType) -> Array:
    """Householder's reflection of the last axis that maps e_1 to -(1, ..., 1) / sqrt(size)."""
    n = blocks.shape[-1]
    root = 1 / math.sqrt(n)
    first, rest = blocks[..., :1], blocks[..., 1:]
    share = first + root / (1 + root) * _sum(rest, xp)
    normal = xp.full(n, root, dtype=blocks.dtype, device=device_of(blocks))
    normal = xp.where(xp.arange(n, device=device_of(blocks)) == 0, 1 + root, normal)
    return blocks - share * xp.astype(normal, blocks.dtype, copy=False)


def _sum(blocks: Array, xp: ModuleType) -> Array:
    """Sums (..., 1) of the last axis; NumPy's are slow where that is short."""
    n = blocks.shape[-1]
    if n == 0 or n > _SHORT:
        return xp.sum(blocks, axis=-1, keepdims=True)
    return functools.reduce(operator.add, (blocks[..., i : i + 1] for i in range(n)))


def downsample(event_shape: Sequence[int], factor: int | Sequence[int]) -> Operator:
    """Make an operator that averages over blocks.

    Parameters
    ----------
    event_shape : tuple of int
        Shape of an event: `(d,)`, `(h, w)` or `(c, h, w)`.
    factor : int or tuple of int
        Side of a block, at least 1. An integer acts on both axes of an image, on the one axis
        of a vector; a tuple of k entries on the last k axes.

    Returns
    -------
    Operator
        The map from an event to the means of its blocks, of shape `(h // factor, w // factor)`
        and its like.

    Raises
    ------
    ValueError
        If a side of the event is not a multiple of the factor.
    TypeError
        If an argument is not made of integers.

    Notes
    -----
    A' A is diagonal in a basis that a reflection of each block gives, with one eigenvalue
    1 / block size per block and zeros; everything costs O(d) per event.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> half = dp.operators.downsample((2, 4), 2)
    >>> half(np.array([[[1.0, 2.0, 5.0, 5.0], [3.0, 4.0, 5.0, 5.0]]]))
    array([[[2.5, 5. ]]])
    """
    event = as_shape("event_shape", event_shape)
    sides = as_factors(factor, len(event))
    if any(n % f for n, f in zip(event, sides, strict=True)):
        raise ValueError(f"factor {factor} must divide event_shape {event} axis by axis")
    return Downsample(event, sides)


def as_factors(factor: int | Sequence[int], n_axes: int) -> tuple[int, ...]:
    """One factor per axis of an event, 1 for its leading axes."""
    if isinstance(factor, Sequence):
        sides = as_shape("factor", factor)
    else:
        sides = (integer("factor", factor),) * min(n_axes, 2)
    if len(sides) > n_axes:
        raise ValueError(f"factor {sides} has more entries than an event has axes ({n_axes})")
    return (1,) * (n_axes - len(sides)) + sides
