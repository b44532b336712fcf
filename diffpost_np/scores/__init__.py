"""Scores as plain functions, and somebody's network as a score of this library."""

from ._networks import from_denoiser, from_noise_predictor, from_score_vp, from_velocity
from ._of_priors import (
    discretized_gaussian_score,
    empirical_score,
    gaussian_mixture_score,
    gaussian_score,
    ring_score,
)
from ._perturbed import perturbed

__all__ = [
    "discretized_gaussian_score",
    "empirical_score",
    "from_denoiser",
    "from_noise_predictor",
    "from_score_vp",
    "from_velocity",
    "gaussian_mixture_score",
    "gaussian_score",
    "perturbed",
    "ring_score",
]
