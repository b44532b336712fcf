"""Diffusion posterior sampling, and the theory around it, as pure functions over arrays.

The type of the arrays selects the path: NumPy arrays run Numba kernels, CuPy arrays CUDA
kernels, arrays of any other namespace of the array API standard the reference code. Nothing
heavy is imported before a function needs it.

Examples
--------
>>> import numpy as np
>>> import diffpost_np as dp
>>> prior = dp.priors.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], 0.5)
>>> measurement = dp.LinearGaussian(np.array([[1.0, 1.0]]), noise_std=0.2)
>>> result = dp.posterior.sample(prior, measurement, [2.5], n_samples=100, rng=0)
>>> result.samples.shape
(100, 2)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        diagnostics,
        hardness,
        lewis,
        operators,
        posterior,
        priors,
        random,
        sampling,
        schedules,
        scores,
        testing,
    )
    from ._config import show_config
    from ._dispatch import reference
    from .measurement import LinearGaussian

__version__ = "0.1.0"

_SUBMODULES = (
    "diagnostics",
    "hardness",
    "lewis",
    "operators",
    "posterior",
    "priors",
    "random",
    "sampling",
    "schedules",
    "scores",
    "testing",
)
_ATTRIBUTES = {
    "LinearGaussian": ".measurement",
    "reference": "._dispatch",
    "show_config": "._config",
}

__all__ = [
    "LinearGaussian",
    "__version__",
    "diagnostics",
    "hardness",
    "lewis",
    "operators",
    "posterior",
    "priors",
    "random",
    "reference",
    "sampling",
    "schedules",
    "scores",
    "show_config",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _ATTRIBUTES:
        return getattr(importlib.import_module(_ATTRIBUTES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
