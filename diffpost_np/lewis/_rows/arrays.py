"""What NumPy does faster than the array standard has words for."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, device_of, host


def replaced(xp: ModuleType, values: Array, places: np.ndarray, new: np.ndarray) -> Array:
    """A copy of a vector with new values at some places, each named once."""
    if isinstance(values, np.ndarray):
        values = values.copy()
        values[places] = new
        return values
    device, order = device_of(values), np.argsort(places)
    index = xp.asarray(places[order], device=device)
    fresh = xp.asarray(np.asarray(new)[order], dtype=values.dtype, device=device)
    everywhere = xp.arange(values.shape[0], device=device)
    last = xp.asarray(len(places) - 1, device=device)
    nearest = xp.minimum(xp.searchsorted(index, everywhere), last)
    hit = xp.take(index, nearest) == everywhere
    return xp.where(hit, xp.take(fresh, nearest), values)


def triangle_with(xp: ModuleType, R: np.ndarray, rows: Array) -> np.ndarray:
    """R of the QR decomposition of a triangle with rows below it; these stay on their device."""
    below = rows if isinstance(rows, np.ndarray) else host(xp.linalg.qr(rows, mode="reduced")[1])
    return np.asarray(np.linalg.qr(np.concatenate([R, below]), mode="r"))


def nth_smallest(xp: ModuleType, values: Array, n: int) -> Array:
    """The entry that has n smaller ones before it, in order."""
    if isinstance(values, np.ndarray):
        return np.partition(values, n)[n]
    return xp.sort(values)[n]


def with_ones(xp: ModuleType, x: Array) -> Array:
    """Rows with the one that an intercept multiplies."""
    return xp.concat([x, xp.ones_like(x[:, :1])], axis=1)


def distinct(xp: ModuleType, index: Array, n: int) -> Array:
    """Numbers below n in order, each once."""
    if isinstance(index, np.ndarray):
        drawn = np.zeros(n, np.bool_)
        drawn[index] = True
        return np.flatnonzero(drawn)
    index = xp.sort(index)
    return xp.concat([index[:1], index[1:][index[1:] != index[:-1]]])


@operation
def column_sizes(xp: ModuleType, x: Array) -> Array:
    """The largest entry of each column, without its sign."""
    return xp.max(xp.abs(x), axis=0)
