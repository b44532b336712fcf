"""UniPC: a multistep predictor, and a corrector that reuses the one evaluation of a step.

The denoised point at the prediction corrects the step and serves as the first of the next. Order
p + 1 for a predictor and corrector of p points; the first steps have fewer.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from .._steps.method import Method
from .._steps.step import Evaluation, Step
from .weights import matched


def step(s: Step, *, p: int, variant: str = "bh2") -> Any:
    """Predict, evaluate there, correct."""
    if not s.past:
        s.denoise()
    now, known = s.past[0].value, s.past[1 : min(p, s.index + 1)]
    ahead = s.denoise(multistep(s, now, known, variant), s.next)
    return multistep(s, now, [*known, Evaluation(s.next, ahead)], variant)


def multistep(s: Step, now: Any, known: list[Evaluation], variant: str) -> Any:
    """y' = e^-h y + (1 - e^-h) D - B sum_j rho_j (D_j - D) / r_j, r_j in units of the step."""
    places = [math.log(s.sigma / e.sigma) / s.h for e in known]
    scale = -s.h if variant == "bh1" else math.expm1(-s.h)
    new = s.ratio * s.y + (1 - s.ratio) * now
    for e, r, rho in zip(known, places, matched(places, scale, -s.h), strict=True):
        new = new - scale * rho / r * (e.value - now)
    return new


def _unipc(p: int) -> Method:
    return Method(
        name=f"unipc_{p}",
        step=partial(step, p=p),
        order=p + 1,
        source="Zhao, Bai, Rao, Zhou, Lu, arXiv 2302.04867, algorithm 1",
        limits={"variant": ("bh1", "bh2")},
    )


UNIPC_1, UNIPC_2, UNIPC_3 = _unipc(1), _unipc(2), _unipc(3)
