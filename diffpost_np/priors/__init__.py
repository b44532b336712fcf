"""Priors with exact scores at every noise level."""

from ._covariance import LowRank
from .lattice import DiscretizedGaussian
from .mixture import Gaussian, GaussianMixture
from .ring import Ring

__all__ = ["DiscretizedGaussian", "Gaussian", "GaussianMixture", "LowRank", "Ring"]
