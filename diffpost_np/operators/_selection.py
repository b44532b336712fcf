"""Chosen entries of flattened events: the common part of masks and Fourier samples."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .._xp import Array, array_namespace, device_of, is_array
from ._base import as_shape


class Selection:
    """The map of rows `(n, d)` to their chosen entries `(n, m)`, and its adjoint."""

    def __init__(self, keep: Array, xp: ModuleType) -> None:
        flat = xp.reshape(keep, (-1,))
        self.chosen = xp.nonzero(flat)[0]
        self.n_chosen = int(self.chosen.shape[0])
        rank = xp.cumulative_sum(xp.astype(flat, xp.int64)) - 1
        # Entries that were not chosen read the zero that `scatter` appends.
        self.source = xp.where(flat, rank, xp.asarray(self.n_chosen, device=device_of(keep)))

    def gather(self, rows: Array, xp: ModuleType) -> Array:
        """The chosen entries, in C order."""
        return xp.take(rows, self.chosen, axis=1)

    def scatter(self, values: Array, xp: ModuleType) -> Array:
        """The chosen entries in their places, zeros elsewhere."""
        zero = xp.zeros((values.shape[0], 1), dtype=values.dtype, device=device_of(values))
        return xp.take(xp.concat([values, zero], axis=1), self.source, axis=1)


def as_selection(name: str, keep: Any) -> Array:
    """An array of booleans, at least one of them True."""
    if not is_array(keep):
        keep = as_numpy(name, keep)
    xp = array_namespace(**{name: keep})
    if not xp.isdtype(keep.dtype, "bool"):
        raise TypeError(f"{name} must hold booleans (True: observed), got dtype {keep.dtype}")
    if keep.ndim == 0 or not bool(xp.any(keep)):
        raise ValueError(f"{name} must have at least one True entry, shape {tuple(keep.shape)}")
    return keep


def as_numpy(name: str, value: object) -> Array:
    """What a list of lists says."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of booleans: {error}") from None


def broadcast(name: str, keep: Array, event_shape: Sequence[int] | None) -> Array:
    """`keep` repeated over the leading axes (channels) of an event."""
    if event_shape is None:
        return keep
    event = as_shape("event_shape", event_shape)
    if tuple(keep.shape) != event[-keep.ndim :]:
        raise ValueError(
            f"{name} must have the last axes of event_shape {event}, got shape {tuple(keep.shape)}"
        )
    return array_namespace(**{name: keep}).broadcast_to(keep, event)
