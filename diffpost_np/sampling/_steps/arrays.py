"""A step on the flat chains of a run, with random numbers that are each asked for once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._philox import Stream
from ..._run import Run
from ..._xp import Array
from ...random import Purpose, uniform
from .step import Evaluation, Step
from .table import slot_normal


class Draws:
    """Variates of one step for the chains of a run, in the shape and dtype of `like` (n, d)."""

    def __init__(self, run: Run, like: Array, step: int) -> None:
        self.run, self.xp, self.like, self.step = run, run.xp, like, step
        self._n_times = self._n_normals = 0

    def uniform(self, k: int = 1) -> Array:
        """Uniform variates (n, k), k for each chain, that no other call returns."""
        run, shape, slot = self.run, (self.like.shape[0], k), self._n_times
        self._n_times += 1
        where = {"step": self.step, "stage": slot % 256, "cloud": slot // 256}
        where["first_chain"] = run.first_chain
        return uniform(run.key, shape, purpose=Purpose.TIME, **where, like=self.like)

    def noise(self) -> Array:
        """Standard normals (n, d) that no other call returns."""
        self._n_normals += 1
        return self.normal(self._n_normals - 1)

    def normal(self, slot: int) -> Array:
        """The standard normals (n, d) of a slot."""
        stream = stream_of(self.run)._replace(step=self.step)
        return slot_normal(self.xp, stream, slot, self.like)


def stream_of(run: Run) -> Stream:
    """The noise of a run, from its first step on."""
    return Stream(run.key.words, run.first_chain, 0, int(Purpose.NOISE))


class ArrayStep(Step):
    """A step on chains (n, d), for methods that are not a table."""

    def __init__(
        self,
        run: Run,
        y: Array,
        levels: np.ndarray,
        index: int,
        denoise: Callable[[Array, Any], Array],
        past: list[Evaluation],
    ) -> None:
        self._own = Draws(run, y, index)
        super().__init__(y, levels, index, past, denoise, self._own.normal)

    @property
    def xp(self) -> Any:
        """The namespace of the arrays."""
        return self._own.xp

    def uniform(self, k: int = 1) -> Array:
        """Uniform variates (n, k), k for each chain, that no other call returns."""
        return self._own.uniform(k)


def denoised(run: Run, y: Array, sigma: Any) -> Array:
    """The denoiser at flat points; sigma a number, or an array (n,)."""
    s = sigma if isinstance(sigma, float) else sigma[:, None]
    return y + s * s * run.score(y, sigma)
