"""Posterior samples of one or several problems, with the truth of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._xp import Array, array_namespace, as_batch, as_float_array, device_of, is_array

BLOCK = 2**22
"""Entries that are sorted or compared at once."""


def as_problems(samples: Any, truth: Any) -> list[tuple[Array, Array]]:
    """Checked pairs of samples (n, *event) and truth (*event), from an array or from lists."""
    single = is_array(samples)
    batches = [samples] if single else samples
    if not isinstance(batches, list | tuple):
        raise TypeError(f"samples must be an array or a list of arrays, got {samples!r}")
    if not batches:
        raise ValueError("samples is an empty list: it needs at least one problem")
    names = ["samples"] if single else [f"samples[{i}]" for i in range(len(batches))]
    xp = array_namespace(truth=truth, **dict(zip(names, batches, strict=True)))
    like = as_batch(names[0], batches[0], None, xp=xp)
    event, kind = tuple(like.shape[1:]), {"dtype": like.dtype, "device": device_of(like)}
    batches = [
        as_batch(name, batch, event, xp=xp, **kind)
        for name, batch in zip(names, batches, strict=True)
    ]
    shape = event if single else (len(batches), *event)
    truths = as_float_array("truth", truth, xp=xp, shape=shape, **kind)
    if single:
        return [(batches[0], truths)]
    return [(batch, truths[i, ...]) for i, batch in enumerate(batches)]


def columns(n: int, d: int) -> Iterator[slice]:
    """Blocks of coordinates of n samples."""
    width = max(1, BLOCK // n)
    return (slice(first, min(first + width, d)) for first in range(0, d, width))
