"""The way down that a user chose: a method, its options, noise levels, and who looks on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..._checks import integer
from ..._xp import Array
from .._methods.lookup import as_method
from .._steps.method import Method

_MOST_STEPS = 2**20
"""Up to which a number of steps that would do is looked for."""

Grid = Callable[[Any], np.ndarray]
"""Noise levels, which decrease to 0, for a number of steps."""


class Descent(NamedTuple):
    """A method with its options, noise levels that end at 0, and who looks on."""

    method: Method
    options: dict[str, Any]
    levels: np.ndarray
    callback: Callable[[int, float, Array], Any] | None
    keep_every: int | None

    @classmethod
    def checked(
        cls,
        method: Any,
        options: dict[str, Any],
        grid: Grid,
        n_steps: Any,
        callback: Any,
        keep_every: Any,
    ) -> Descent:
        """Of what a user gave."""
        method, levels = as_method(method), grid(n_steps)
        options = method.settled(options)
        keep_every = None if keep_every is None else integer("keep_every", keep_every)
        if not (callback is None or callable(callback)):
            raise TypeError(f"callback must be a function, got {callback!r}")
        _check_suited(method, options, levels, grid)
        return cls(method, options, levels, callback, keep_every)

    @property
    def n_steps(self) -> int:
        """Number of steps, the denoiser's at the end included."""
        return len(self.levels) - 1


def _check_suited(method: Method, options: dict[str, Any], levels: np.ndarray, grid: Grid) -> None:
    """Refuse levels between which steps of the method would fail, before the first of them."""

    def refusal(levels: np.ndarray) -> str | None:
        return None if method.refuses is None else method.refuses(levels, **options)

    reason = refusal(levels)
    if reason is not None:
        enough = _steps_enough(lambda n: refusal(grid(n)) is None, len(levels) - 1)
        remedy = "take more steps" if enough is None else f"n_steps={enough} would do"
        raise ValueError(f"schedule does not suit method {method.name!r}: {reason}; {remedy}")


def _steps_enough(suits: Callable[[int], bool], n: int) -> int | None:
    """How many steps more than n do, or None where no number helps."""
    low, high = n, 2 * n
    try:
        while not suits(high):
            low, high = high, 2 * high
            if high > _MOST_STEPS:
                return None
    except ValueError:  # levels that are listed are as many as they are
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suits(middle) else (middle, high)
    return high
