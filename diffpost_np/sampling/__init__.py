"""Samplers of p(x): every way to run a diffusion from noise to data, and what it decides when."""

from ._method import Method
from .critical_window import CriticalWindow, critical_window
from .methods import methods
from .mixture_tree import MixtureTree, mixture_tree
from .noise_then_denoise import noise_then_denoise
from .sample import sample

__all__ = [
    "CriticalWindow",
    "Method",
    "MixtureTree",
    "critical_window",
    "methods",
    "mixture_tree",
    "noise_then_denoise",
    "sample",
]
