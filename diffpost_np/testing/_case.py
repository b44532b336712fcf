"""What laws of priors and operators share: arrays under test, and comparisons of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._xp import (
    Array,
    array_namespace,
    as_float_array,
    device_of,
    flatten_events,
    host,
    is_array,
    short_name,
)
from ..operators._base import float_dtype
from ._law import KEPT, Gap, broken

__all__ = ["Arrays", "compare", "host", "same_kind", "shape_of"]


@dataclass(frozen=True)
class Arrays:
    """Makes arrays of one namespace, device and precision."""

    like: Array

    def __post_init__(self) -> None:
        if not is_array(self.like):
            raise TypeError(f"like must be an array, got {self.like!r}")
        as_float_array("like", self.like, xp=self.xp)

    @property
    def xp(self) -> ModuleType:
        """The namespace."""
        return array_namespace(like=self.like)

    @property
    def eps(self) -> float:
        """Spacing of floats at 1."""
        return float(self.xp.finfo(self.like.dtype).eps)

    def __call__(self, values: Any) -> Array:
        """A NumPy array of floats as an array like the others; anything else as it is."""
        if not isinstance(values, np.ndarray):
            return values
        made = self.xp.asarray(np.array(values), device=device_of(self.like))
        dtype = float_dtype(self.xp, self.like.dtype, is_complex=values.dtype.kind == "c")
        return self.xp.astype(made, dtype)

    def in_precision(self, dtype: Any) -> Arrays:
        """The same in another precision."""
        return Arrays(self.xp.astype(self.like, dtype))


def compare(got: Array, want: Array, tolerance: Any, what: str, against: str) -> Gap:
    """The gap between two batches, at the row where it is largest for its tolerance (n,)."""
    xp = array_namespace(got=got, want=want)
    flat_got, flat_want = flatten_events(got, xp), flatten_events(want, xp)
    errors = host(xp.max(xp.abs(flat_got - flat_want), axis=1)).astype(float)
    allowed = np.broadcast_to(host(xp.asarray(tolerance)), errors.shape).astype(float)
    ratio = errors / np.maximum(allowed, np.finfo(float).tiny)
    row = int(np.argmax(np.where(np.isnan(ratio), np.inf, ratio)))
    entry = int(np.argmax(np.abs(host(flat_got - flat_want)[row])))
    got_value, want_value = host(flat_got)[row, entry], host(flat_want)[row, entry]
    note = f"{what} is {got_value:.6g}, {against} is {want_value:.6g}"
    return Gap(float(errors[row]), float(allowed[row]), note)


def same_kind(name: str, value: Any, like: Array) -> Gap:
    """Whether an array has namespace, device and precision of another one."""
    xp = array_namespace(like=like)
    if not is_array(value) or array_namespace(value=value) is not xp:
        return broken(f"{name} returns {type(value).__name__} for arrays of {short_name(xp)}")
    single = (xp.float32, xp.complex64)
    if (value.dtype in single) != (like.dtype in single):
        return broken(f"{name} returns {value.dtype} for {like.dtype}")
    if device_of(value) != device_of(like):
        return broken(f"{name} returns an array on {device_of(value)} for {device_of(like)}")
    return KEPT


def shape_of(name: str, value: Any, want: tuple[int, ...]) -> Gap:
    """Whether an array has a shape and is finite."""
    if not is_array(value):
        return broken(f"{name} returns {type(value).__name__}, not an array")
    if tuple(value.shape) != want:
        return broken(f"{name} returns shape {tuple(value.shape)} where {want} is wanted")
    if not bool(np.all(np.isfinite(host(value)))):
        return broken(f"{name} returns NaN or infinity")
    return KEPT
