"""Samplers of p(x): every way to run a diffusion from noise to data."""

from ._method import Method
from .log_concave import log_concave
from .methods import methods
from .ode_log_density import LogDensity, ode_log_density
from .probability_flow import probability_flow
from .sample import sample

__all__ = [
    "LogDensity",
    "Method",
    "log_concave",
    "methods",
    "ode_log_density",
    "probability_flow",
    "sample",
]
