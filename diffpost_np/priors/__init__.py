"""Priors with exact scores at every noise level."""

from ._covariance import LowRank
from .empirical import Empirical
from .gaussian import Gaussian
from .lattice import DiscretizedGaussian
from .mixture import GaussianMixture
from .patch_grid import PatchGrid
from .patch_product import PatchProduct
from .photographs import photograph_patches
from .ring import Ring
from .smoothed import Smoothed

__all__ = [
    "DiscretizedGaussian",
    "Empirical",
    "Gaussian",
    "GaussianMixture",
    "LowRank",
    "PatchGrid",
    "PatchProduct",
    "Ring",
    "Smoothed",
    "photograph_patches",
]
