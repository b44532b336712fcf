"""Randomized midpoints in parallel: the score at R times of a step, all in one batch.

Their points are found by sweeps with one batch each, which converge where steps are no longer
than 1 / L. Windows and correctors are those of `windowed`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .windowed import LIMITS, MIDPOINTS, score, smoothness_at, step, windowed


def midpoints(s: Any, x: Any, t: float, h: float, n_midpoints: int, n_sweeps: int) -> Any:
    """The mean over midpoints, one in each share of the step, with the path between them."""
    xp, n, r = s.xp, x.shape[0], n_midpoints
    shares = (s.uniform(r) + xp.arange(r, dtype=x.dtype)) / r
    times = [h * shares[:, i : i + 1] for i in range(r)]
    start = score(s, x, t)
    points = [xp.exp(u) * x + xp.expm1(u) * start for u in times]

    def scores() -> list[Any]:
        found = score(s, xp.concat(points), t - xp.concat(times))
        return [found[i * n : (i + 1) * n, :] for i in range(r)]

    for _ in range(n_sweeps):
        forces = scores()
        points = [
            xp.exp(u) * x + sum(path_weight(xp, u, j, h / r) * forces[j] for j in range(i + 1))
            for i, u in enumerate(times)
        ]
    total = sum(xp.exp(h - u) * g for u, g in zip(times, scores(), strict=True))
    return math.exp(h) * x + h / r * total


def path_weight(xp: Any, u: Any, j: int, share: float) -> Any:
    """Integral of e^(u - v) over the j-th share of the step, up to u."""
    first = xp.exp(u - j * share)
    last = xp.exp(u - (j + 1) * share)
    return first - xp.where(last < 1, xp.ones_like(last), last)


def parallel(
    s: Any,
    *,
    n_midpoints: int = 16,
    n_sweeps: int = 4,
    corrector: str = "picard",
    smoothness: float | None = None,
    n_corrections: int = 10,
    correction_time: float | None = None,
) -> Any:
    """Midpoints in parallel, for steps short enough for the sweeps to converge."""
    predictor = partial(midpoints, n_midpoints=n_midpoints, n_sweeps=n_sweeps)
    return step(
        s,
        predictor=predictor,
        corrector=corrector,
        smoothness=smoothness,
        n_corrections=n_corrections,
        correction_time=correction_time,
    )


def sweeps_diverge(levels: np.ndarray, *, smoothness: float | None, **others: Any) -> str | None:
    """The first step that is longer than 1 / L, if any: the denoiser's at the end is none."""
    levels = levels[levels > 0]
    lengths = -np.diff(0.5 * np.log1p(levels**2))
    longest = np.broadcast_to(1 / np.asarray(smoothness_at(smoothness, levels[1:])), lengths.shape)
    too_long = np.flatnonzero(lengths > longest * (1 + 1e-9))
    if too_long.size == 0:
        return None
    i = int(too_long[0])
    return (
        f"step {i}, from noise level {levels[i]:.3g} to {levels[i + 1]:.3g}, lasts "
        f"{lengths[i]:.3g} in time, beyond 1 / smoothness, {longest[i]:.3g} there, where sweeps "
        "diverge (see schedules.exponential_windows)"
    )


PARALLEL_RANDOMIZED_MIDPOINT = windowed(
    name="parallel_randomized_midpoint",
    step=parallel,
    order=2,
    strong_order=1.5,
    source=f"{MIDPOINTS}, algorithms 4 to 6",
    limits={**LIMITS, "n_midpoints": (1, 10_000)},
    refuses=sweeps_diverge,
)
