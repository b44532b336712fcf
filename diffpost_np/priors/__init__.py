"""Priors with exact scores at every noise level."""

from ._covariance import LowRank
from .mixture import Gaussian, GaussianMixture

__all__ = ["Gaussian", "GaussianMixture", "LowRank"]
