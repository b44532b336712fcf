"""Coverage of the intervals of posterior samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import fraction
from .._xp import Array, array_namespace, flatten_events
from ._problems import as_problems, columns


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often intervals held the truth.

    Parameters
    ----------
    per_coordinate : array, shape event
        Share of the problems in which the interval of a coordinate held its truth.
    mean : float
        Their average over coordinates.
    standard_error : float
        Standard error of `mean` over problems, each of which counts once, since its
        coordinates depend on each other; NaN for a single problem.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.diagnostics.coverage(np.arange(99.0)[:, None], np.array([50.0]))
    Coverage(per_coordinate=array([1.]), mean=1.0, standard_error=nan)
    """

    per_coordinate: Array
    mean: float
    standard_error: float


def coverage(samples: Any, truth: Any, level: float = 0.9) -> Coverage:
    """Coverage of the equal-tailed intervals of posterior samples.

    Parameters
    ----------
    samples : array, shape (n, *event), or list of k such arrays
        Posterior samples of one problem, or of k problems.
    truth : array, shape event, or (k, *event) for a list
        What the samples are about.
    level : float, optional
        Probability of the intervals, in (0, 1).

    Returns
    -------
    Coverage
        `.per_coordinate`, `.mean` and `.standard_error`.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or there are too few samples for
        intervals of this level (19 are needed for 0.9).
    TypeError
        If array types are mixed.

    Notes
    -----
    The ends are the sample quantiles at places p (n + 1), between which it is interpolated:
    an exact posterior then covers with probability `level`, up to that interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> samples = np.linspace(0.0, 1.0, 101)[:, None] * np.array([1.0, 2.0])
    >>> dp.diagnostics.coverage(samples, np.array([0.5, 1.99])).per_coordinate
    array([1., 0.])
    """
    level = fraction("level", level)
    problems = as_problems(samples, truth)
    xp = array_namespace(truth=problems[0][1])
    inside = xp.stack([_inside(xp, s, t, level) for s, t in problems])
    per_problem = xp.mean(xp.reshape(inside, (len(problems), -1)), axis=1)
    means = [float(per_problem[i]) for i in range(len(problems))]
    error = np.std(means, ddof=1) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return Coverage(xp.mean(inside, axis=0), math.fsum(means) / len(means), float(error))


def _inside(xp: ModuleType, samples: Array, truth: Array, level: float) -> Array:
    """1 where the truth lies inside the interval, 0 elsewhere, in the dtype of the samples."""
    n, tail = samples.shape[0], 0.5 * (1.0 - level)
    least = max(2, math.ceil(1.0 / tail - 1.0 - 1e-9))
    if n < least:
        raise ValueError(f"samples must be at least {least} for level {level:g}, got {n}")
    flat, target = flatten_events(samples, xp), xp.reshape(truth, (-1,))
    rows = []
    for block in columns(n, flat.shape[1]):
        ordered, t = xp.sort(flat[:, block], axis=0), target[block]
        low, high = (_quantile(ordered, p) for p in (tail, 1.0 - tail))
        rows.append(xp.astype((low <= t) & (t <= high), samples.dtype))
    return xp.reshape(xp.concat(rows), truth.shape)


def _quantile(ordered: Array, p: float) -> Array:
    """The p-quantile of sorted rows, at place p (n + 1) counted from one."""
    n = ordered.shape[0]
    place = min(max(p * (n + 1) - 1.0, 0.0), n - 1.0)
    below = min(int(place), n - 2)
    share = place - below
    return (1.0 - share) * ordered[below, ...] + share * ordered[below + 1, ...]
