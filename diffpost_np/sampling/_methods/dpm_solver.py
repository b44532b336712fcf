"""DPM-Solver++: exact in y, with the denoised point linear in log sigma.

2S finds the slope inside a step, 2M from the step before. Both are of second order on the flow;
the stochastic 2M in law, with `tau` from the flow (0) to the reverse diffusion (1).
"""

from __future__ import annotations

import math
from typing import Any

from .._steps.method import Method
from .._steps.step import Step


def single(s: Step, *, r: float = 0.5) -> Any:
    """A second evaluation at the share r of the step."""
    denoised = s.denoise()
    shrink = s.ratio**r
    middle = s.denoise(shrink * s.y + (1 - shrink) * denoised, s.sigma * shrink)
    slope = (middle - denoised) / (2 * r)
    return s.ratio * s.y + (1 - s.ratio) * (denoised + slope)


def multi(s: Step) -> Any:
    """The evaluation of the step before is the second one."""
    return stochastic_multi(s, tau=0.0)


def stochastic_multi(s: Step, *, tau: float = 1.0) -> Any:
    """The same for the reverse diffusion with tau times its noise."""
    denoised = s.denoise()
    if len(s.past) > 1:
        before = s.past[1]
        share = s.h / math.log(before.sigma / s.sigma) / 2
        denoised = (1 + share) * denoised - share * before.value
    rest = s.ratio ** (1 + tau**2)
    new = rest * s.y + (1 - rest) * denoised
    if not tau:
        return new
    return new + s.next * math.sqrt(-math.expm1(-2 * tau**2 * s.h)) * s.noise()


_SOURCE = "Lu, Zhou, Bao, Chen, Li, Zhu, arXiv 2211.01095"

DPM_SOLVER_2S = Method(
    name="dpm_solver_2s",
    step=single,
    order=2,
    evals_per_step=2,
    source=f"{_SOURCE}, algorithm 1",
    limits={"r": (0.01, 1.0)},
)
DPM_SOLVER_2M = Method(name="dpm_solver_2m", step=multi, order=2, source=f"{_SOURCE}, algorithm 2")
SDE_DPM_SOLVER_2M = Method(
    name="sde_dpm_solver_2m",
    step=stochastic_multi,
    order=2,
    strong_order=1,
    stochastic=True,
    source=f"{_SOURCE}, eq. 18",
)
