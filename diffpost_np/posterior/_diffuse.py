"""Reverse diffusion from a noise level down to none: draws of x given x + sigma z."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._xp import Array, flatten_events
from ..random import Purpose, normal

if TYPE_CHECKING:
    from ._problem import Problem

_N_LEVELS, _SMALLEST = 200, 1e-3


def diffuse(
    problem: Problem,
    score: Callable[[Array, Any], Array],
    x: Array,
    sigma: float,
    first_chain: int = 0,
) -> Array:
    """Ancestral steps over a geometric grid of noise levels, from points (n, d) at `sigma`.

    The closing step is the denoiser's, so no score at sigma = 0 is asked for. First order in
    the logarithmic step.
    """
    levels = np.geomspace(sigma, sigma * _SMALLEST, _N_LEVELS)
    for step, (high, low) in enumerate(zip(levels, [*levels[1:], 0.0], strict=True)):
        problem.n_score_evals += x.shape[0]
        problem.n_rounds += 1
        drop = float(high**2 - low**2)
        s = flatten_events(score(problem.events(x), float(high)), problem.xp)
        z = normal(
            problem.key,
            tuple(x.shape),
            step=step,
            purpose=Purpose.INITIAL,
            stage=2,
            first_chain=first_chain,
            like=x,
        )
        x = x + drop * s + float(low / high) * drop**0.5 * z
    return x
