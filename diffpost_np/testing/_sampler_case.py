"""A sampler under test: how it is called, on what, and how its draws are ranked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._xp import Array, array_namespace, flatten_events
from ..random import Key
from ._case import Arrays, host
from ._law import Law
from ._problem import InverseProblem

__all__ = ["SamplerCase", "on_grid", "probes"]

REFERENCE = 40_000
"""Exact draws against which samples are ranked."""


@dataclass(frozen=True)
class SamplerCase:
    """The subject of the laws of samplers."""

    sampler: Callable[..., Any]
    problems: list[InverseProblem]
    interacting: bool
    n_samples: int
    n_runs: int
    n_truths: int
    bias: float
    false_alarm: float
    key: Key
    _references: dict[int, np.ndarray] = field(default_factory=dict)

    def draw(self, problem: InverseProblem, n: int, seed: Any = 0, **options: Any) -> Array:
        """The samples of one call."""
        rng = self.key.fold(f"run {seed}")
        result = self.sampler(
            problem.prior, problem.measurement, problem.y, n_samples=n, rng=rng, **options
        )
        return getattr(result, "samples", result)

    @functools.cached_property
    def places_chains(self) -> bool:
        """Whether the sampler takes `first_chain=`."""
        return "first_chain" in inspect.signature(self.sampler).parameters

    def lacks(self, law: Law) -> str | None:
        """Why a law says nothing about this sampler."""
        if "chains" in law.needs and self.interacting:
            return "its samples interact"
        if "posterior" in law.needs and not any(_is_known(p) for p in self.problems):
            return "no problem has a posterior in closed form"
        return None

    def arrays(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Problems hold arrays already."""
        return inputs

    def examples(self, law: Law) -> Iterator[dict[str, Any]]:
        """Problems in the order of their size, so that the first to fail is the smallest."""
        if "truths" in law.needs:
            yield {"problem": self.problems[0]}
            return
        for problem in self.problems:
            if _is_known(problem) or "posterior" not in law.needs:
                yield {"problem": problem}

    def exact_probes(self, problem: InverseProblem) -> np.ndarray:
        """Probes (REFERENCE, k) of exact draws, each sorted."""
        if id(problem) not in self._references:
            draws = problem.posterior().sample(REFERENCE, rng=self.key.fold("reference"))
            self._references[id(problem)] = np.sort(probes(problem, draws)[1], axis=0)
        return self._references[id(problem)]


def _is_known(problem: InverseProblem) -> bool:
    return hasattr(problem.prior, "posterior")


def probes(problem: InverseProblem, x: Array) -> tuple[list[str], np.ndarray]:
    """Functions of samples whose laws are compared: entries, outputs, log likelihood (n, k)."""
    xp = array_namespace(x=x)
    entries = host(flatten_events(x, xp))
    outputs = host(flatten_events(problem.measurement.operator(x), xp))
    likelihood = host(problem.measurement.log_likelihood(x, problem.y))
    parts = {"entry": entries, "real part of output": outputs.real}
    if np.iscomplexobj(outputs):
        parts["imaginary part of output"] = outputs.imag
    names = [f"{name} {i}" for name, part in parts.items() for i in range(part.shape[1])]
    values = np.concatenate([*parts.values(), likelihood[:, None]], axis=1)
    return [*names, "log likelihood"], values


def on_grid(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Values in steps of 1.5e-8 of the largest, so that rounding does not part what is equal."""
    unit = np.finfo(float).eps ** 0.5 * np.max(np.abs(reference))
    return np.round(values / unit)


def make_like(problem: InverseProblem) -> Arrays:
    """Arrays like the y of a problem."""
    xp = array_namespace(y=problem.y)
    return Arrays(xp.real(problem.y) if np.iscomplexobj(host(problem.y)) else problem.y)
