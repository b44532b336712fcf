"""Samplers of p(x): every way to run a diffusion from noise to data."""

from ._method import Method
from .methods import methods
from .noise_then_denoise import noise_then_denoise
from .sample import sample

__all__ = ["Method", "methods", "noise_then_denoise", "sample"]
