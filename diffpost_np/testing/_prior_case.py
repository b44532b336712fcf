"""A prior under test: typical points, noise levels, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._xp import Array, array_namespace
from ..random import Key
from ._case import Arrays
from ._law import Law

__all__ = ["PriorCase", "typical_points"]

ROWS = 4
"""Points at which a law is tested at once."""


@dataclass(frozen=True)
class PriorCase:
    """The subject of the laws of priors."""

    prior: Any
    event_shape: tuple[int, ...]
    make: Arrays
    points: np.ndarray
    noise_levels: tuple[float, ...]
    rtol: float
    n_draws: int
    false_alarm: float
    key: Key

    @property
    def xp(self) -> ModuleType:
        """The namespace of the arrays under test."""
        return self.make.xp

    @property
    def width(self) -> float:
        """Root mean square deviation of the points from their mean."""
        return spread(self.points)

    def score(self, x: Array, sigma: Any) -> Array:
        """The score, of a prior or of a callable."""
        return getattr(self.prior, "score", self.prior)(x, sigma)

    def size(self, x: Array, sigma: float, values: Array) -> Array:
        """The size (n,) of scores of these points: their largest entry, or what is typical."""
        xp = self.xp
        largest = xp.max(xp.abs(xp.reshape(values, (values.shape[0], -1))), axis=1)
        return xp.maximum(largest, xp.full_like(largest, 1 / np.hypot(sigma, self.width)))

    def results(self, x: Array, sigma: Any, v: Array) -> dict[str, Array]:
        """What every ability returns at some points."""
        found = {"score": self.score(x, sigma)}
        if hasattr(self.prior, "denoise"):
            found["denoise"] = self.prior.denoise(x, sigma)
        if hasattr(self.prior, "denoise_vjp"):
            found["denoise_vjp"] = self.prior.denoise_vjp(x, sigma, v)
        if hasattr(self.prior, "log_density"):
            found["log_density"] = self.prior.log_density(x, sigma)
        return found

    def lacks(self, law: Law) -> str | None:
        """What the prior is missing that a law is about."""
        for need in law.needs:
            if need == "density" and not self.has_density:
                return "no density at sigma = 0"
            if need == "heat" and not getattr(self.prior, "heat_consistent", True):
                return "declared with heat_consistent = False"
            if need not in ("density", "heat") and not hasattr(self.prior, need):
                return f"no .{need}"
        return None

    @property
    def has_density(self) -> bool:
        """Whether sigma = 0 makes sense."""
        return getattr(self.prior, "has_density", hasattr(self.prior, "log_density"))

    def arrays(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Inputs as arrays of the namespace under test."""
        return {name: self.make(value) for name, value in inputs.items()}

    def examples(self, law: Law) -> Iterator[dict[str, Any]]:
        """Typical noisy points (x), directions (v, w) and noise levels, generic ones."""
        rng = np.random.default_rng(self.key.words)
        levels = (*((0.0,) if self.has_density else ()), *self.noise_levels)
        if not law.inputs:
            yield {}
            return
        for sigma in levels:
            chosen = self.points[rng.integers(len(self.points), size=ROWS)]
            z, v, w = rng.standard_normal((3, *chosen.shape))
            pool = {"x": chosen + sigma * z, "sigma": sigma, "v": v, "w": w}
            yield {name: pool[name] for name in law.inputs}


def typical_points(prior: Any, event_shape: tuple[int, ...], points: Any, key: Key) -> Any:
    """The points given, draws from the prior, or standard normals."""
    if points is not None:
        return points
    if hasattr(prior, "sample"):
        return prior.sample(256, rng=key)
    return np.random.default_rng(key.words).standard_normal((256, *event_shape))


def spread(points: np.ndarray) -> float:
    """Root mean square deviation from the mean, 1 for a single point."""
    deviation = float(np.sqrt(np.mean((points - points.mean(axis=0)) ** 2)))
    return deviation or 1.0


def namespace_like(points: Any, like: Any) -> Array:
    """An empty float64 array of the namespace under test, or `like` itself."""
    if like is not None:
        return like
    xp = array_namespace(points=points)
    return xp.empty(0, dtype=xp.float64)
