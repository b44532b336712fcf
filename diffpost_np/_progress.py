"""Progress of long runs: nothing, one bar, or a call of the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


@dataclass(frozen=True)
class Progress:
    """How far a run is, as a `progress=` function is told.

    Parameters
    ----------
    step, total : float
        The run is at `step` of `total`.
    numbers : dict of str to float
        The numbers that matter to this run.
    """

    step: float
    total: float
    numbers: dict[str, float]


class Reporter:
    """A context whose call `report(step, total, **numbers)` says whether to stop; silent."""

    watched = False
    """Whether anybody sees the numbers."""

    def __call__(self, step: float, total: float, **numbers: float) -> bool:
        return False

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""


class Callback(Reporter):
    """Calls a function of the user, which asks to stop by returning True."""

    watched = True

    def __init__(self, function: Callable[[Progress], Any]) -> None:
        self.function = function

    def __call__(self, step: float, total: float, **numbers: float) -> bool:
        return is_true(self.function(Progress(step, total, numbers)))


def is_true(answer: Any) -> bool:
    """Whether a user's function asks to stop: anything but True does not."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


class Bar(Reporter):
    """One tqdm bar, without tqdm's monitor thread."""

    watched = True

    def __init__(self, name: str) -> None:
        from tqdm.auto import tqdm

        quiet = type("tqdm", (tqdm,), {"monitor_interval": 0})
        self.bar = quiet(total=1.0, desc=name, bar_format=_FORMAT, miniters=0, dynamic_ncols=True)

    def __call__(self, step: float, total: float, **numbers: float) -> bool:
        self.bar.set_postfix(numbers, refresh=False)
        self.bar.update(step / total - self.bar.n)
        return False

    def __exit__(self, *exception: object) -> None:
        self.bar.close()


def reporter(progress: Any, name: str) -> Reporter:
    """What `progress` asks for, to be used in a `with` block.

    Parameters
    ----------
    progress : bool or callable
        False for silence, True for a bar, or a function of a `Progress` that may return True
        to stop the run.
    name : str
        What is running.

    Returns
    -------
    Reporter
        Called as `report(step, total, **numbers)`; True asks to stop.

    Raises
    ------
    TypeError
        If `progress` is neither a bool nor callable.

    Examples
    --------
    >>> seen = []
    >>> with reporter(seen.append, "run") as report:
    ...     report(1, 2, ess=0.5)
    False
    >>> seen
    [Progress(step=1, total=2, numbers={'ess': 0.5})]
    """
    check_progress(progress)
    if callable(progress):
        return Callback(progress)
    return Bar(name) if progress else Reporter()


def check_progress(progress: Any) -> None:
    """Raise unless `progress` is a bool or callable."""
    if not (isinstance(progress, bool | np.bool_) or callable(progress)):
        raise TypeError(f"progress must be False, True or a function, got {progress!r}")
