"""Priors with exact scores at every noise level."""

from ._covariance import LowRank
from .empirical import Empirical
from .lattice import DiscretizedGaussian
from .mixture import Gaussian, GaussianMixture
from .ring import Ring

__all__ = ["DiscretizedGaussian", "Empirical", "Gaussian", "GaussianMixture", "LowRank", "Ring"]
