"""What is made of the tables of a mixture once, however often they are asked for."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def once_for_each(make: Callable[[Any], T]) -> Callable[[Any], T]:
    """A function of the tables of a mixture that is called once for each, as long as they live.

    Tables are told apart by their means, which what is made must not hold, nor a view of them.
    """
    made: dict[int, T] = {}

    @functools.wraps(make)
    def found(tables: Any) -> T:
        name = id(tables.means)
        if name not in made:
            made[name] = make(tables)
            weakref.finalize(tables.means, made.pop, name, None)
        return made[name]

    return found
