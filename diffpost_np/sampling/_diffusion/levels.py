"""The noise levels of a run, from what a user says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._checks import integer, number
from ..._xp import as_float_array, is_array
from ...schedules import Schedule, karras, uniform_log_snr, uniform_time
from ...schedules._grids import time_of

GRIDS = {"karras": karras, "log_snr": uniform_log_snr}
SIGMA_MAX, SIGMA_MIN, N_STEPS = 80.0, 0.002, 50
LARGEST = 1e12
"""Above it noise hides the data even in the digits of a float64."""


def noise_levels(
    schedule: Any,
    n_steps: Any = None,
    sigma_max: Any = SIGMA_MAX,
    sigma_min: Any = SIGMA_MIN,
) -> np.ndarray:
    """Decreasing levels (n_steps + 1,) that end at 0: the last step is the denoiser's."""
    if _is_list(schedule):
        return _given(schedule, n_steps)
    n = integer("n_steps", N_STEPS if n_steps is None else n_steps)
    low = number("sigma_min", sigma_min, above=0.0)
    high = number("sigma_max", sigma_max, above=low, at_most=LARGEST)
    if n == 1:
        levels = np.array([high])
    elif isinstance(schedule, Schedule):
        levels = uniform_time(schedule, high, low, n)
    else:
        levels = _grid(schedule)(high, low, n)
    return np.append(levels, 0.0)


def _grid(schedule: Any) -> Callable[..., np.ndarray]:
    if not (isinstance(schedule, str) and schedule in GRIDS):
        names = ", ".join(map(repr, GRIDS))
        raise ValueError(
            f"schedule must be one of {names}, one of dp.schedules, or a list of noise levels, "
            f"got {schedule!r}"
        )
    return GRIDS[schedule]


def levels_from(schedule: Any, n_steps: Any, sigma: Any, sigma_min: Any) -> np.ndarray:
    """Levels that begin at `sigma`, as a user calls it; listed ones must begin there, too."""
    low = number("sigma_min", sigma_min, above=0.0)
    high = number("sigma", sigma, above=0.0 if _is_list(schedule) else low)
    if isinstance(schedule, Schedule):
        time_of(schedule, "sigma", high)
    levels = noise_levels(schedule, n_steps, high, low)
    if not np.isclose(levels[0], high, rtol=1e-9, atol=0.0):
        raise ValueError(f"schedule must begin at sigma, {high:g}, got {levels[0]:g}")
    return levels


def _is_list(schedule: Any) -> bool:
    return is_array(schedule) or isinstance(schedule, list | tuple)


def _given(schedule: Any, n_steps: Any) -> np.ndarray:
    """Levels listed one by one."""
    levels = np.asarray(as_float_array("schedule", schedule), dtype=float)
    if levels.ndim != 1 or levels.size < 2:
        raise ValueError(f"schedule must list at least two levels, got shape {levels.shape}")
    if np.any(np.diff(levels) >= 0) or levels[-1] < 0:
        raise ValueError("schedule must list decreasing noise levels, none of them negative")
    if levels[-1] > 0:
        raise ValueError(
            f"schedule does not reach the data: it ends at noise level {levels[-1]:g}, which the "
            "samples would keep; append 0"
        )
    if n_steps is not None and integer("n_steps", n_steps) != levels.size - 1:
        raise ValueError(f"n_steps must be left out, or {levels.size - 1} for this schedule")
    return levels
