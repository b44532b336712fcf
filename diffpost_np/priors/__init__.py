"""Priors with exact scores at every noise level."""

from ._covariance import LowRank
from .mixture import Gaussian, GaussianMixture
from .ring import Ring

__all__ = ["Gaussian", "GaussianMixture", "LowRank", "Ring"]
