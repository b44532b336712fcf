"""Integrators, a family a file. A new one is added to the list below.

`lookup` finds them and their tables; `weights` are those of multistep rules.
"""

from .ddim import DDIM, DDPM
from .dpm_solver import DPM_SOLVER_2M, DPM_SOLVER_2S, SDE_DPM_SOLVER_2M
from .heun import HEUN
from .parallel_midpoints import PARALLEL_RANDOMIZED_MIDPOINT
from .predictor_corrector import PREDICTOR_CORRECTOR
from .reverse_diffusion import (
    EULER_MARUYAMA,
    EXPONENTIAL_EULER_MARUYAMA,
    SRA1,
    STOCHASTIC_HEUN,
)
from .runge_kutta import RK4
from .sa_solver import SA_SOLVER
from .seeds import SEEDS_2
from .unipc import UNIPC_1, UNIPC_2, UNIPC_3
from .windowed import (
    DPOM,
    DPUM,
    EXPONENTIAL_EULER,
    RANDOMIZED_MIDPOINT,
)

METHODS = {
    method.name: method
    for method in (
        DDIM,
        DDPM,
        EULER_MARUYAMA,
        EXPONENTIAL_EULER_MARUYAMA,
        HEUN,
        DPM_SOLVER_2S,
        DPM_SOLVER_2M,
        SDE_DPM_SOLVER_2M,
        UNIPC_1,
        UNIPC_2,
        UNIPC_3,
        SA_SOLVER,
        SEEDS_2,
        STOCHASTIC_HEUN,
        SRA1,
        RK4,
        PREDICTOR_CORRECTOR,
        EXPONENTIAL_EULER,
        DPOM,
        DPUM,
        RANDOMIZED_MIDPOINT,
        PARALLEL_RANDOMIZED_MIDPOINT,
    )
}
