"""Draws of the prior, numbered from 0 on, and which of them rejection accepts.

Proposal i is the same whichever others are drawn with it, and so is whether it is accepted. A
user's `sample` that takes no `first_chain=` draws whole blocks of a fixed partition, each with a
key of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .._arguments import check_takes_rng, key_of_draws, place, score_function
from .._dispatch import operation
from .._xp import Array, host
from ..priors import GaussianMixture
from ..priors._base import Prior
from ..priors._mixture_math import Tables
from ..random import Key, Purpose, uniform
from ._envelope import Envelope
from ._problem import Problem

_SMALLEST, _MOST_DRAWN = 2**10, 2**22
"""Proposals of the first block, and how many numbers those of a later one may be."""


class Blocks(NamedTuple):
    """A partition of the proposals: blocks double up to a largest size."""

    smallest: int
    largest: int

    def around(self, number: int) -> tuple[int, int]:
        """Where the block of a proposal starts and stops."""
        start, n = 0, self.smallest
        while number >= start + n and n < self.largest:
            start, n = start + n, min(2 * n, self.largest)
        start += (number - start) // n * n
        return start, start + n


class MixtureDraws(NamedTuple):
    """What `GaussianMixture.sample` draws from: tables, weights (K,), and its key."""

    tables: Tables
    weights: Array
    key: Key


class Proposals:
    """Where proposals come from; `mixture` is None where they need not be a mixture's draws."""

    def __init__(self, problem: Problem, draw: Any, batch_size: int | None) -> None:
        self.problem = problem
        self.name = "draw" if draw is not None else "prior.sample"
        self.draw = _checked_draw(problem, draw)
        self.placed = draw is None and isinstance(problem.prior, Prior)
        self.placed = self.placed or _names_first_chain(self.draw)
        largest = max(1, _MOST_DRAWN // problem.d)
        sizes = (min(_SMALLEST, largest), largest) if batch_size is None else (batch_size,) * 2
        self.blocks = Blocks(*sizes)
        self.mixture = None if draw is not None else _mixture_draws(problem)
        self.prepared: Any = None  # what a kernel makes of all this, once

    def points(self, first: int, n: int) -> Array:
        """Proposals (n, d) from number `first` on, which lie in one block."""
        if self.placed:
            return self._drawn(first, n, place(self.name, self.draw, first))
        start, stop = self.blocks.around(first)
        return self._drawn(start, stop - start, {})[first - start : first - start + n, :]

    def _drawn(self, first: int, n: int, options: dict[str, Any]) -> Array:
        p = self.problem
        key = key_of_draws(p.key, None if self.name == "draw" else p.prior)
        key = key if self.placed else key.fold(f"block at {first}")
        if self.name == "prior.sample" and isinstance(p.prior, Prior):
            options = {**options, "like": p.like}
        return p.drawn(f"what {self.name} returns", self.draw(n, rng=key, **options), n)


@operation
def accepted_proposals(
    xp: ModuleType, proposals: Proposals, envelope: Envelope, first: int, n: int
) -> tuple[np.ndarray, Array]:
    """Numbers and points of the accepted among n proposals, which lie in one block."""
    x = proposals.points(first, n)
    log_ratio = xp.astype(envelope.log_ratio(x, first), xp.float64)
    p = proposals.problem
    fine = xp.zeros(0, dtype=xp.float64, device=p.device)  # float32 has no small probabilities
    u = uniform(p.key, (n, 1), purpose=Purpose.ACCEPT, first_chain=first, like=fine)[:, 0]
    kept = xp.nonzero(xp.log(u) < log_ratio)[0]
    return first + host(kept).astype(np.int64), xp.take(x, kept, axis=0)


def _checked_draw(problem: Problem, draw: Any) -> Callable[..., Any]:
    """The function that proposes, which must take a seed."""
    if draw is None:
        function = problem.ability("sample", f"{problem.name} proposes from: give draw= instead")
        check_takes_rng("prior.sample", function, "n")
        return function
    score_function(problem.prior)
    if not callable(draw):
        raise TypeError(f"draw must be a function draw(n, rng=), got {draw!r}")
    check_takes_rng("draw", draw, "n")
    return draw


def _names_first_chain(draw: Callable[..., Any]) -> bool:
    """Whether a user's draws can be placed; one that takes any option may overlook this one."""
    try:
        return "first_chain" in inspect.signature(draw).parameters
    except ValueError:
        return False


def _mixture_draws(problem: Problem) -> MixtureDraws | None:
    """A mixture whose draws kernels know: those of a subclass may be others."""
    prior, kind = problem.prior, type(problem.prior)
    if not isinstance(prior, GaussianMixture):
        return None
    if kind.sample is not Prior.sample or kind._sample is not GaussianMixture._sample:
        return None
    weights = problem.xp.astype(prior.weights, problem.dtype)
    return MixtureDraws(prior.tables(problem.dtype), weights, problem.key.fold("prior.sample"))
