"""Methods by name, and their tables."""

from __future__ import annotations

import difflib
import functools
from typing import Any

import numpy as np

from .._steps.method import Method
from .._steps.trace import Table, trace
from . import METHODS


def as_method(method: Any) -> Method:
    """A method, from its name or as it is."""
    if isinstance(method, Method):
        return method
    if not isinstance(method, str):
        raise TypeError(f"method must be a name or a Method, got {method!r}")
    if method not in METHODS:
        nearest = difflib.get_close_matches(method.lower(), METHODS, n=3, cutoff=0.0)
        raise ValueError(f"there is no method {method!r}; nearest: {', '.join(nearest)}")
    return METHODS[method]


def table_of(method: Method, options: dict[str, Any], levels: np.ndarray) -> Table:
    """The table of a traced method; those of the library are kept for the next run."""
    if METHODS.get(method.name) is method:
        return _kept_table(method, tuple(options.items()), tuple(levels.tolist()))
    return trace(method.with_options(**options), levels)


@functools.lru_cache(maxsize=32)
def _kept_table(
    method: Method, options: tuple[tuple[str, Any], ...], levels: tuple[float, ...]
) -> Table:
    return trace(method.with_options(**dict(options)), np.array(levels))
