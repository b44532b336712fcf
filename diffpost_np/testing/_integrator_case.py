"""An integrator under test: how it is called, its exact law, and its steps on arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._philox import Stream
from .._result import Result
from .._xp import Array
from ..priors import GaussianMixture
from ..random import Key
from ..sampling import Method, sample
from ..sampling._steps.step import Evaluation, Step
from ..sampling._steps.table import Cloud, run_table, slot_normal
from ..sampling._steps.trace import trace
from ._case import Arrays
from ._gaussian_law import GaussianLaw, gaussian_law, gaussian_law_at_random_times
from ._law import Law

__all__ = ["MEAN", "IntegratorCase"]

MEAN, VARIANCE = 0.7, 0.25
"""Of the Gaussian on which errors are exact."""
HIGHEST, LOWEST = 20.0, 0.08
"""Noise levels between which the order is measured."""
NOISES = (4, 16, 64, 256)
"""Room for the noises of a step, more where that is too little."""


@dataclass(frozen=True)
class IntegratorCase:
    """The subject of the laws of integrators."""

    method: Method
    options: dict[str, Any]
    n_steps: int
    tolerance: float
    make: Arrays
    key: Key
    _laws: dict[int, GaussianLaw] = field(default_factory=dict)

    @cached_property
    def prior(self) -> GaussianMixture:
        """An asymmetric mixture."""
        means = np.array([[-2.0, 0.5], [1.0, 2.0], [3.0, -1.0]])
        covs = np.array([[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]])
        return GaussianMixture(
            self.make(np.array([0.2, 0.5, 0.3])), self.make(means), self.make(covs)
        )

    def levels(self, n: int) -> np.ndarray:
        """Uniform in log-SNR."""
        return np.geomspace(HIGHEST, LOWEST, n + 1)

    def draw(self, n: int, seed: int = 0, **options: Any) -> Result:
        """Samples of the mixture."""
        arguments: dict[str, Any] = {"rng": self.key.fold(f"run {seed}"), "like": self.make.like}
        levels = np.append(self.levels(self.n_steps), 0.0)
        return sample(
            self.prior,
            n,
            method=self.method,
            schedule=levels,
            **{**arguments, **self.options, **options},
        )

    def law(self, n: int) -> GaussianLaw:
        """The exact law of n steps on a Gaussian."""
        if n not in self._laws:
            self._laws[n] = self._found(n)
        return self._laws[n]

    def _found(self, n: int) -> GaussianLaw:
        step = self.method.with_options(**self.options)
        find = gaussian_law if self.method.traced else gaussian_law_at_random_times
        for n_noises in NOISES:
            try:
                return find(step, self.levels(n), MEAN, VARIANCE, n_noises)
            except IndexError:  # the step draws more
                continue
        raise ValueError(f"a step draws more than {NOISES[-1]} noises")

    def on_arrays(self, start: Array) -> Array:
        """The state after all steps, run one by one."""
        levels, step = self.levels(self.n_steps), self.method.with_options(**self.options)
        past: list[Evaluation] = []
        y = start
        for index in range(self.n_steps):
            own = self.stream._replace(step=index)

            def draw(slot: int, own: Stream = own) -> Array:
                return slot_normal(self.make.xp, own, slot, start)

            y = step(Step(y, levels, index, past, self.prior.denoise, draw))
        return y

    def by_table(self, start: Array) -> Array:
        """The same by the table of the method."""
        xp, levels = self.make.xp, self.levels(self.n_steps)
        table = trace(self.method.with_options(**self.options), levels)
        cloud = Cloud(start, (xp.zeros_like(start),) * table.n_past)
        return run_table(xp, cloud, table, self.prior.denoise, self.stream).y

    @property
    def stream(self) -> Stream:
        """Where the noises of a run stand."""
        return Stream(self.key.words, 0, 0, 0)

    @property
    def is_corrected(self) -> bool:
        """Whether moves follow a step, which an option may turn off."""
        return self.method.corrected and self.options.get("corrector") != "none"

    def lacks(self, law: Law) -> str | None:
        """Why a law says nothing about this method."""
        if "table" in law.needs and not self.method.traced:
            return "it is no table"
        if "order" in law.needs and self.is_corrected:
            return "its corrections leave a bias of their own"
        if "cost" in law.needs and self.method.evals_per_step is None:
            return "its options decide the cost"
        if "law" in law.needs:
            try:
                self.law(self.n_steps)
            except NotImplementedError as reason:
                return str(reason)
        return None

    def arrays(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """There are no inputs."""
        return inputs

    def examples(self, law: Law) -> Iterator[dict[str, Any]]:
        """One, without inputs."""
        yield {}
