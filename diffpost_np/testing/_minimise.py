"""Smaller inputs that still fail: fewer rows, more zeros, rounder numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["minimise"]

Inputs = dict[str, Any]
"""Arrays that share their leading axis, and numbers, by name; whatever else is left alone."""

FINEST = 128
"""Parts of an array that are put to zero one by one."""


def minimise(inputs: Inputs, is_broken: Callable[[Inputs], bool]) -> Inputs:
    """Reduce failing inputs greedily, keeping each step that still fails."""
    inputs = _fewer_rows(inputs, is_broken)
    for name in inputs:
        inputs = _more_zeros(inputs, name, is_broken)
    for name in inputs:
        inputs = _rounder(inputs, name, is_broken)
    return inputs


def _fewer_rows(inputs: Inputs, is_broken: Callable[[Inputs], bool]) -> Inputs:
    arrays = {name: a for name, a in inputs.items() if isinstance(a, np.ndarray)}
    n = min((a.shape[0] for a in arrays.values()), default=1)
    for size in range(1, n):
        for first in range(n - size + 1):
            fewer = {**inputs, **{k: a[first : first + size] for k, a in arrays.items()}}
            if is_broken(fewer):
                return fewer
    return inputs


def _more_zeros(inputs: Inputs, name: str, is_broken: Callable[[Inputs], bool]) -> Inputs:
    """Put blocks of entries to zero, from all of them down to single ones."""
    if not isinstance(inputs[name], np.ndarray):
        return inputs
    size = block = inputs[name].size
    while block >= max(1, size // FINEST):
        for first in range(0, size, block):
            part = inputs[name].ravel()[first : first + block]
            if not part.any():
                continue
            array = inputs[name].copy()
            array.ravel()[first : first + block] = 0
            if is_broken({**inputs, name: array}):
                inputs = {**inputs, name: array}
        block //= 2
    return inputs


def _rounder(inputs: Inputs, name: str, is_broken: Callable[[Inputs], bool]) -> Inputs:
    for value in _rounded(inputs[name]):
        if is_broken({**inputs, name: value}):
            return {**inputs, name: value}
    return inputs


def _rounded(value: Any) -> Iterator[Any]:
    """Simpler numbers, the simplest first."""
    if isinstance(value, np.ndarray) and value.any():
        yield np.where(value == 0, 0, np.ones_like(value))
    elif isinstance(value, float) and value:
        yield 1.0
    else:
        return
    exponent = int(np.floor(np.log10(np.max(np.abs(value)))))
    for digits in range(3):
        rounded = np.round(value, digits - exponent)
        yield rounded if isinstance(value, np.ndarray) else float(rounded)
