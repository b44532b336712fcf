"""Checks on single numbers: one sentence that names the argument, what is wanted, what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np


def integer(name: str, value: object, *, minimum: int = 1, maximum: int | None = None) -> int:
    """`value` as an int from `minimum` to `maximum`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        result = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if result < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {result}")
    if maximum is not None and result > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {result}")
    return result


def chain(name: str, value: object) -> int:
    """`value` as the index of a chain, which random numbers count in 32 bits."""
    return integer(name, value, minimum=0, maximum=2**32 - 1)


def number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> float:
    """`value` as a finite float inside the stated range."""
    if isinstance(value, complex | str | bytes):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    if result <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {result:g}")
    if result < at_least or result > at_most:
        raise ValueError(f"{name} must lie in [{at_least:g}, {at_most:g}], got {result:g}")
    return result


def fraction(name: str, value: object) -> float:
    """`value` as a float inside (0, 1)."""
    result = number(name, value, above=0.0)
    if result >= 1.0:
        raise ValueError(f"{name} must be below 1, got {result:g}")
    return result


def instance(name: str, value: Any) -> Any:
    """`value` itself, which must not be a class: one that was not called is a common slip."""
    if isinstance(value, type):
        raise TypeError(f"{name} must be an instance, got the class {value.__name__}: call it")
    return value


def listed(name: str, value: object, kind: type = object) -> list:
    """`value` as a list, whose entries are of this kind."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a list, got {value!r}")
    entries = list(value)
    if not all(isinstance(entry, kind) for entry in entries):
        raise TypeError(f"{name} must hold {kind.__name__} objects, got {entries!r}")
    return entries


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """`value` as one of the allowed names."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return str(value)


def flag(name: str, value: object) -> bool:
    """`value` as True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)
