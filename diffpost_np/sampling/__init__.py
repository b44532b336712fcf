"""Samplers of p(x): every way to run a diffusion from noise to data, and what it decides when."""

from ._steps.method import Method
from .critical_window import CriticalWindow, critical_window
from .log_concave import log_concave
from .methods import methods
from .mixture_tree import MixtureTree, mixture_tree
from .noise_then_denoise import noise_then_denoise
from .ode_log_density import LogDensity, ode_log_density
from .probability_flow import probability_flow
from .sample import sample

__all__ = [
    "CriticalWindow",
    "LogDensity",
    "Method",
    "MixtureTree",
    "critical_window",
    "log_concave",
    "methods",
    "mixture_tree",
    "noise_then_denoise",
    "ode_log_density",
    "probability_flow",
    "sample",
]
