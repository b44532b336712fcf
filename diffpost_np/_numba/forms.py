"""Logits and scores of a block of points, for every form of a mixture's covariances.

A form is a named tuple of tables, made in `tables.py`, and its type selects the code when a
kernel is compiled. Tables that depend on the noise have a leading axis of noise levels: `bias`
(S, K) holds the constant part of the logits, `precision` 1 / (C + s2) on the form's axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from .blocks import block_code, exponentials, largest, responsibilities
from .device import LOWEST_LOGIT, device, maximum, zero_like
from .gemm import multiply, multiply_add
from .lanes import any_lane, fma, get, put

_FIRST_AXES = 24
"""Axes of a full covariance, the telling ones first, that decide whether a component is near."""


class Shared(NamedTuple):
    """One variance for all: logits are linear in x but for what components have in common."""

    means_t: np.ndarray  # (d, K), less their centre
    centre: np.ndarray  # (d,)
    slope: np.ndarray  # (S, K, d), of the logits
    precision: np.ndarray  # (S,)
    bias: np.ndarray


class Diagonal(NamedTuple):
    """Variances along the axes of x."""

    means: np.ndarray  # (K, padded d)
    precision: np.ndarray  # (S, K, padded d), zero in the padding
    bias: np.ndarray


class Rotated(NamedTuple):
    """Variances along axes that all components share."""

    basis: np.ndarray  # (d, d), axes in columns
    basis_t: np.ndarray
    means: np.ndarray  # as in Diagonal, along these axes
    precision: np.ndarray
    bias: np.ndarray


class Full(NamedTuple):
    """Variances along axes of each component's own."""

    means: np.ndarray  # (K, d)
    basis: np.ndarray  # (K, d, d), axes in columns
    basis_t: np.ndarray
    precision: np.ndarray  # (S, K, d)
    bias: np.ndarray


class LowRank(NamedTuple):
    """F F' + D: a difference less its best part in the span of F has precision 1 / D."""

    means: np.ndarray  # (K, d)
    minus_factor: np.ndarray  # (K, d, r)
    inner: np.ndarray  # (S, K, r, d), (I + F'F/D)^-1 F'/D
    precision: np.ndarray  # (S, K, d), of D
    bias: np.ndarray


def scratch_rows(form):
    """Rows of `Work.scratch` that a form needs."""
    if isinstance(form, Shared | Diagonal):
        return 0
    d = form.means.shape[1]
    if isinstance(form, Rotated):
        return 2 * d
    if isinstance(form, Full):
        return (form.means.shape[0] + 1) * d
    return form.means.shape[0] * d + form.minus_factor.shape[2]


@block_code
def _shared_logits(form, level, work):
    d = form.centre.shape[0]
    multiply_add(work.logits, form.bias[level], form.slope[level], work.x[:d])


@block_code
def _shared_score(form, level, work, scale):
    _shared_logits(form, level, work)
    total = exponentials(work.logits, largest(work.logits))
    pull, d = scale * form.precision[level], form.centre.shape[0]
    multiply(work.drift[:d], form.means_t, work.logits)
    factor = pull / total
    for row in range(d):
        offset = (form.centre[row] - get(work.x, row)) * pull
        put(work.drift, row, fma(get(work.drift, row), factor, offset))


@device
def _shared_common(form, level, work):
    square = zero_like(get(work.x, 0))
    for row in range(form.centre.shape[0]):
        difference = get(work.x, row) - form.centre[row]
        square = fma(difference, difference, square)
    return square * form.precision[level] * -0.5


@device
def _no_common(form, level, work):
    return zero_like(get(work.x, 0))


@block_code
def _axes_logits(form, level, x, target):
    """Logits of variances along the axes of x."""
    for k in range(target.shape[0]):
        square = zero_like(get(x, 0))
        for row in range(x.shape[0]):
            difference = get(x, row) - form.means[k, row]
            square = fma(difference * form.precision[level, k, row], difference, square)
        put(target, k, fma(square, -0.5, form.bias[level, k]))


@block_code
def _axes_score(form, level, x, drift, weights, active):
    """Sum of weights * precision * (mean - x) over the active components."""
    for row in range(x.shape[0]):
        point, pull = get(x, row), zero_like(get(x, row))
        for k in active:
            weight = get(weights, k) * form.precision[level, k, row]
            pull = fma(weight, form.means[k, row] - point, pull)
        put(drift, row, pull)


@block_code
def _diagonal_logits(form, level, work):
    _axes_logits(form, level, work.x, work.logits)


@block_code
def _diagonal_score(form, level, work, scale):
    _axes_logits(form, level, work.x, work.logits)
    n = responsibilities(work, scale)
    _axes_score(form, level, work.x, work.drift, work.logits, work.active[:n])


@block_code
def _rotated_logits(form, level, work):
    d = form.basis.shape[0]
    rotated = work.scratch[: work.x.shape[0]]
    multiply(rotated[:d], form.basis_t, work.x[:d])
    _axes_logits(form, level, rotated, work.logits)


@block_code
def _rotated_score(form, level, work, scale):
    _rotated_logits(form, level, work)
    n = responsibilities(work, scale)
    d, n_rows = form.basis.shape[0], work.x.shape[0]
    rotated, pull = work.scratch[:n_rows], work.scratch[n_rows:]
    _axes_score(form, level, rotated, pull, work.logits, work.active[:n])
    multiply(work.drift[:d], form.basis, pull[:d])


@device
def _difference(out, x, mean):
    for row in range(mean.shape[0]):
        put(out, row, get(x, row) - mean[row])


@device
def _squares(rows, precision):
    """Sum over rows of precision * row^2."""
    total = zero_like(get(rows, 0))
    for row in range(rows.shape[0]):
        total = fma(get(rows, row) * precision[row], get(rows, row), total)
    return total


@device
def _weigh(rows, precision, weight):
    """rows *= -precision * weight."""
    for row in range(rows.shape[0]):
        put(rows, row, get(rows, row) * -precision[row] * weight)


@block_code
def _full_logits(form, level, work):
    """Logits; of components below 2^-100 in every lane only an upper bound that is below, too.

    Axes that tell components apart come first, so those that are far are given up early.
    """
    n, d = form.means.shape
    some = min(d, _FIRST_AXES)
    best = _full_part(form, level, work, 0, 0, some)
    for k in range(1, n):
        best = maximum(_full_part(form, level, work, k, 0, some), best)
    if some == d:
        return
    peak, limit = best - np.inf, best - 1.0
    for sweep in range(2):
        for k in range(n):
            if sweep == 0:
                work.active[k] = any_lane(get(work.logits, k) > limit)
            elif work.active[k] or not any_lane(get(work.logits, k) > peak + LOWEST_LOGIT):
                continue
            if sweep or work.active[k]:
                peak = maximum(_full_part(form, level, work, k, some, d), peak)


@block_code
def _full_part(form, level, work, k, first, last):
    """Add what some axes contribute to the logit of a component, and return it."""
    n, d = form.means.shape
    difference, along = work.scratch[n * d :], work.scratch[k * d + first : k * d + last]
    _difference(difference, work.x, form.means[k])
    multiply(along, form.basis_t[k, first:last], difference)
    if first == 0:
        put(work.logits, k, form.bias[level, k])
    square = _squares(along, form.precision[level, k, first:last])
    logit = fma(square, -0.5, get(work.logits, k))
    put(work.logits, k, logit)
    return logit


@block_code
def _full_score(form, level, work, scale):
    _full_logits(form, level, work)
    d = form.means.shape[1]
    work.drift[:] = 0
    for k in work.active[: responsibilities(work, scale)]:
        along = work.scratch[k * d : (k + 1) * d]
        _weigh(along, form.precision[level, k], get(work.logits, k))
        multiply_add(work.drift[:d], work.drift[:d], form.basis[k], along)


@block_code
def _low_rank_logits(form, level, work):
    n, d = form.means.shape
    inside = work.scratch[n * d :]
    for k in range(n):
        outside = work.scratch[k * d : (k + 1) * d]
        _difference(outside, work.x, form.means[k])
        multiply(inside, form.inner[level, k], outside)
        multiply_add(outside, outside, form.minus_factor[k], inside)
        square = _squares(outside, form.precision[level, k])
        for row in range(inside.shape[0]):
            square = fma(get(inside, row), get(inside, row), square)
        put(work.logits, k, fma(square, -0.5, form.bias[level, k]))


@block_code
def _low_rank_score(form, level, work, scale):
    _low_rank_logits(form, level, work)
    d = form.means.shape[1]
    work.drift[:] = 0
    for k in work.active[: responsibilities(work, scale)]:
        outside = work.scratch[k * d : (k + 1) * d]
        _weigh(outside, form.precision[level, k], get(work.logits, k))
        for row in range(d):
            put(work.drift, row, get(work.drift, row) + get(outside, row))


_CODE = {
    Shared: (_shared_logits, _shared_common, _shared_score),
    Diagonal: (_diagonal_logits, _no_common, _diagonal_score),
    Rotated: (_rotated_logits, _no_common, _rotated_score),
    Full: (_full_logits, _no_common, _full_score),
    LowRank: (_low_rank_logits, _no_common, _low_rank_score),
}


def logits(form, level, work):
    """Logits of the points `work.x`, up to the `common` part."""
    raise NotImplementedError


def common(form, level, work):
    """What all logits of a lane lack."""
    raise NotImplementedError


def score(form, level, work, scale):
    """Set `work.drift` to `scale` times the score."""
    raise NotImplementedError


@overload(logits)
def _logits(form, level, work):
    code = _CODE[form.instance_class][0]
    return lambda form, level, work: code(form, level, work)


@overload(common)
def _common(form, level, work):
    code = _CODE[form.instance_class][1]
    return lambda form, level, work: code(form, level, work)


@overload(score)
def _score(form, level, work, scale):
    code = _CODE[form.instance_class][2]
    return lambda form, level, work, scale: code(form, level, work, scale)
