"""Samplers of p(x | y)."""

from ._result import Result
from .annealed_smc import annealed_smc

__all__ = ["Result", "annealed_smc"]
