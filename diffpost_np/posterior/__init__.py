"""Samplers of p(x | y)."""

from .._result import Result
from ._annealing import AnnealingSchedule
from .annealed_langevin import annealed_langevin
from .annealed_smc import annealed_smc
from .compressed_sensing import compressed_sensing
from .exact import exact
from .langevin import langevin
from .localized_langevin import localized_langevin
from .rejection import rejection
from .rejection_cost import RejectionCost, rejection_cost
from .sample import sample
from .split_gibbs import split_gibbs

__all__ = [
    "AnnealingSchedule",
    "RejectionCost",
    "Result",
    "annealed_langevin",
    "annealed_smc",
    "compressed_sensing",
    "exact",
    "langevin",
    "localized_langevin",
    "rejection",
    "rejection_cost",
    "sample",
    "split_gibbs",
]
