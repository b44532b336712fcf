"""Fits to rows that were drawn, each with a factor, and how sure they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._checks import fraction, integer
from ..._key import Key
from ..._xp import Array, array_namespace
from .._exact.fit import Frame, power_of_two
from .._exact.intervals import Intervals, bootstrap_ends
from .._exact.pilot import frame_of
from .._exact.reduced import take_columns
from .._exact.regression import Regression
from .._rows.rows import ArrayRows
from ..lad import lad
from .robust_fit import Loss, Minimum, fit, huber_loss, power_loss

_GAP = 1e-9
_ROUNDING = 64 * float(np.finfo(float).eps)
_FARTHEST = 2.0**400
"""Ratio of Huber's threshold to labels beyond which it makes no difference."""


class Kind(NamedTuple):
    """A power of the residual, or Huber's loss."""

    p: float
    threshold: float | None

    @property
    def is_absolute(self) -> bool:
        """Whether it is the absolute value."""
        return self.p == 1 and self.threshold is None


class Sample(NamedTuple):
    """Rows with their labels, factors of their losses, and the loss."""

    x: Array
    y: Array
    scales: Array
    kind: Kind

    @property
    def dtype(self) -> Any:
        """Of the coefficients."""
        return array_namespace(X=self.x).result_type(self.x.dtype, self.y.dtype)


class Found(NamedTuple):
    """Coefficients, the rank of the rows they come from, and their relative gap."""

    coef: Array
    rank: int
    gap: float


def fitted(sample: Sample) -> Found:
    """The minimiser of the sample's loss; columns that others span get zero."""
    if sample.kind.is_absolute:
        result = lad(sample.x, sample.y, sample_weight=sample.scales)
        return Found(result.coef, result.rank, float(result.gap))
    scaled = _scaled(sample)
    found = scaled.fit(scaled.weights)
    excess = max(found.gap - scaled.rounding(found.coef), 0.0)
    gap = excess / found.objective if excess else 0.0
    coef = scaled.frame.coefficients(found.coef)
    return Found(coef.astype(sample.dtype), len(found.coef), gap)


class _Scaled(NamedTuple):
    """A sample in units in which no power of its numbers overflows or vanishes."""

    frame: Frame
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    loss: Loss

    def fit(self, weights: np.ndarray) -> Minimum:
        return fit(self.x, self.y, weights, self.loss, _GAP)

    def rounding(self, coef: np.ndarray) -> float:
        """The loss of residuals that are rounding."""
        terms = np.abs(self.y) + np.abs(self.x) @ np.abs(coef)
        return float(self.weights @ self.loss.value(_ROUNDING * terms))


def _scaled(sample: Sample) -> _Scaled:
    problem = Regression(ArrayRows(sample.x, numpy_namespace), sample.y, None, intercept=False)
    x, y = problem.rows(None)
    frame, loss = _units(frame_of(problem, None, x, y)[0], sample.kind)
    x = take_columns(numpy_namespace, x / frame.column, frame.kept)
    weights = np.asarray(sample.scales, np.float64) ** sample.kind.p
    return _Scaled(frame, x, y / frame.target, weights, loss)


def _units(frame: Frame, kind: Kind) -> tuple[Frame, Loss]:
    """The loss in the unit of the labels, or in that of Huber's threshold: squares end there."""
    if kind.threshold is None:
        return frame, power_loss(kind.p)
    unit = max(min(power_of_two(kind.threshold), frame.target), frame.target / _FARTHEST)
    threshold = min(max(kind.threshold / unit, 1 / _FARTHEST), _FARTHEST)
    return replace(frame, target=unit), huber_loss(threshold)


def intervals_of_sample(sample: Sample, level: Any, n_resamples: Any, seed: Key) -> Intervals:
    """Intervals for all columns, by fits with exponential weights."""
    if sample.kind.is_absolute:
        result = lad(sample.x, sample.y, sample_weight=sample.scales)
        options = {"n_resamples": n_resamples, "rng": seed}
        return result.confidence_intervals(level, "bootstrap", **options)
    level, n_resamples = fraction("level", level), integer("n_resamples", n_resamples, minimum=2)
    scaled = _scaled(sample)
    ends = bootstrap_ends(
        lambda weight: scaled.fit(scaled.weights * weight).coef, scaled.x, level, n_resamples, seed
    )
    frame = scaled.frame
    full = np.full((2, len(frame.column)), np.nan)
    full[:, frame.kept] = ends * frame.target / frame.column[frame.kept]
    low, high = full.astype(sample.dtype)
    return Intervals(low, high, np.zeros(2, sample.dtype), level, "bootstrap")
