"""Samplers of p(x): every way to run a diffusion from noise to data."""

from ._method import Method
from .methods import methods
from .sample import sample

__all__ = ["Method", "methods", "sample"]
