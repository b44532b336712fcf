"""From a method to a table: its steps are run on symbols, and the coefficients written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .step import Evaluation, Step, closing_step

_STATE, _DENOISED, _NOISE = "state", "denoised", "noise"
_SYMBOL_STATE = (_STATE, 0)


class Linear:
    """A linear combination of the state, of denoised points and of noises, by coefficient."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[tuple[str, int], float]) -> None:
        self.terms = terms

    def __add__(self, other: Linear) -> Linear:
        if not isinstance(other, Linear):
            return NotImplemented
        a, b = self.terms, other.terms
        return Linear({s: a.get(s, 0.0) + b.get(s, 0.0) for s in a | b})

    def __radd__(self, other: Any) -> Linear:
        """A sum of a list begins with 0."""
        return self if isinstance(other, int | float) and other == 0 else NotImplemented

    def __sub__(self, other: Linear) -> Linear:
        return self + -1.0 * other

    def __mul__(self, factor: float) -> Linear:
        return Linear({s: float(factor) * c for s, c in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Linear:
        return self * (1.0 / divisor)

    def __neg__(self) -> Linear:
        return -1.0 * self


class Table(NamedTuple):
    """The rows of a run: R of them, of H denoised points that matter and J noises of a step.

    A row evaluates the denoiser at `point`, a combination of the state, of the H denoised points
    before, latest first, and of the noises; then the state becomes `state`, a combination of the
    same things, where the point just evaluated is the latest.
    """

    step: np.ndarray  # (R,), which step of the run a row belongs to
    sigma: np.ndarray  # (R,), the noise level of the evaluation, nan where there is none
    point: np.ndarray  # (R, 1 + H + J)
    state: np.ndarray  # (R, 1 + H + J)
    n_past: int  # H

    def of_steps(self, first: int, last: int) -> Table:
        """The rows of steps first to last - 1."""
        return self.of_rows(*np.searchsorted(self.step, [first, last]))

    def of_rows(self, first: int, last: int) -> Table:
        """Rows first to last - 1."""
        rows = slice(first, last)
        columns = self.step[rows], self.sigma[rows], self.point[rows], self.state[rows]
        return Table(*columns, self.n_past)


class _Row(NamedTuple):
    step: int
    sigma: float
    point: Linear
    state: Linear
    n_before: int  # evaluations in the run before this row
    n_after: int


def trace(step: Callable[[Step], Any], levels: np.ndarray) -> Table:
    """The table of a method over decreasing noise levels."""
    rows: list[_Row] = []
    past: list[Evaluation] = []
    for index in range(len(levels) - 1):
        rows += _trace_step(step if levels[index + 1] > 0 else closing_step, levels, index, past)
    n_past = max(1, *(_reach(row.point, row.n_before) for row in rows))
    n_past = max(n_past, *(_reach(row.state, row.n_after) for row in rows))
    n_noises = max(_n_noises(x) for row in rows for x in (row.point, row.state))
    shape = n_past, n_noises
    return Table(
        np.array([row.step for row in rows]),
        np.array([row.sigma for row in rows]),
        np.stack([_coefficients(row.point, row.n_before, *shape) for row in rows]),
        np.stack([_coefficients(row.state, row.n_after, *shape) for row in rows]),
        n_past,
    )


def _trace_step(
    step: Callable[[Step], Any], levels: np.ndarray, index: int, past: list[Evaluation]
) -> list[_Row]:
    """The rows of one step; only the last of them changes the state."""
    before, state = len(past), Linear({_SYMBOL_STATE: 1.0})
    asked: list[tuple[float, Linear]] = []

    def evaluate(point: Linear, sigma: float) -> Linear:
        asked.append((sigma, point))
        return Linear({(_DENOISED, before + len(asked) - 1): 1.0})

    def draw(slot: int) -> Linear:
        return Linear({(_NOISE, slot): 1.0})

    new = _on_symbols(step, Step(state, levels, index, past, evaluate, draw))
    if not asked:
        return [_Row(index, np.nan, state, new, before, before)]
    n = len(asked)
    return [
        _Row(index, sigma, point, new if k == n - 1 else state, before + k, before + k + 1)
        for k, (sigma, point) in enumerate(asked)
    ]


def _on_symbols(step: Callable[[Step], Any], s: Step) -> Linear:
    """What a step makes of symbols; steps that do more than combine them are no tables."""
    try:
        new = step(s)
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"step {s.index} of the method is no combination of states by numbers, so no table: "
            f"pass traced=False ({error})"
        ) from error
    if not isinstance(new, Linear):
        raise TypeError(f"a step must return a combination of states, got {new!r}")
    return new


def _reach(combination: Linear, n_known: int) -> int:
    """How many of the latest denoised points a combination needs."""
    ids = [i for (kind, i), c in combination.terms.items() if kind == _DENOISED and c != 0.0]
    return n_known - min(ids, default=n_known)


def _n_noises(combination: Linear) -> int:
    return max((i + 1 for kind, i in combination.terms if kind == _NOISE), default=0)


def _coefficients(combination: Linear, n_known: int, n_past: int, n_noises: int) -> np.ndarray:
    row = np.zeros(1 + n_past + n_noises)
    for (kind, i), value in combination.terms.items():
        if kind == _STATE:
            row[0] = value
        elif kind == _NOISE:
            row[1 + n_past + i] = value
        elif value != 0.0:
            row[n_known - i] = value
    return row
