"""Logits and scores of a block where components have axes of their own.

A component whose responsibility is below 2^-99.7 in every lane counts as zero. What is summed
first are the axes that tell components apart: a logit only falls as further axes are added, so
that far components are given up early, with the same bits as if they had not been.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from ..blocks import block_code, responsibilities
from ..device import device, maximum, zero_like
from ..gemm import Difference, Onto, multiply, multiply_add
from ..lanes import any_lane, fma, get, put
from ..powers import LOWEST_LOGIT
from ..triangles import multiply_add_upper, squares_lower
from .forms import Full

_MORE_AXES = 20


def _square(form, level, work, k, first, last, kept):
    """Squared length of the differences along some axes, in standard deviations.

    The coordinates stay in `scratch` if they are to be kept.
    """
    raise NotImplementedError


@overload(_square)
def _square_typed(form, level, work, k, first, last, kept):
    def along_axes(form, level, work, k, first, last, kept):
        d, away = form.means.shape[1], Difference(work.x, None, form.means[k])
        rows = work.scratch[k * d + first : k * d + last]
        multiply(rows, form.basis_t[k, first:last], away)
        return _squares(rows, form.precision[level, k, first:last])

    def triangular(form, level, work, k, first, last, kept):
        away = Difference(work.x, form.order, form.means[k])
        return squares_lower(None, form.factor[level, k], away, first, last)

    def triangular_kept(form, level, work, k, first, last, kept):
        d, away = form.means.shape[1], Difference(work.x, form.order, form.means[k])
        rows = work.scratch[k * d : (k + 1) * d]
        return squares_lower(rows, form.factor[level, k], away, first, last)

    if form.instance_class is Full:
        return along_axes
    return triangular if isinstance(kept, types.NoneType) else triangular_kept


@device
def _squares(rows, precision):
    """Sum over rows of precision * row^2."""
    total = zero_like(get(rows, 0))
    for row in range(rows.shape[0]):
        total = fma(get(rows, row) * precision[row], get(rows, row), total)
    return total


@block_code
def full_logits(form, level, work):
    """Logits; of components that count as zero only a bound that makes them zero, too."""
    _logits(form, level, work, None)


@block_code
def _logits(form, level, work, kept):
    n, some = form.means.shape[0], form.n_first[level]
    best = zero_like(get(work.x, 0)) - np.inf
    for k in range(n):
        square = _square(form, level, work, k, 0, some, kept)
        logit = fma(square, -0.5, form.bias[level, k])
        put(work.logits, k, logit)
        best = maximum(logit, best)
    for k in range(n):
        work.active[k] = any_lane(get(work.logits, k) > best - 1.0)
    peak = zero_like(best) - np.inf
    for near in (1, 0):
        for k in range(n):
            if work.active[k] == near:
                logit = _completed(form, level, work, k, some, near == 1, peak, kept)
                peak = maximum(logit, peak)


@block_code
def _completed(form, level, work, k, first, near, peak, kept):
    """Add the axes from `first` on, as long as the component may matter.

    Returns the logit if it is complete, else the peak. Their difference decides, as it does for
    responsibilities: a sum would be rounded otherwise where logits are large.
    """
    d, logit = form.means.shape[1], get(work.logits, k)
    while first < d and (near or any_lane(logit - peak > LOWEST_LOGIT)):
        last = min(first + _MORE_AXES, d)
        logit = fma(_square(form, level, work, k, first, last, kept), -0.5, logit)
        first = last
    put(work.logits, k, logit)
    return logit if first == d else peak


@device
def _weigh(rows, precision, weight):
    """rows *= -precision * weight."""
    for row in range(rows.shape[0]):
        put(rows, row, get(rows, row) * -precision[row] * weight)


@block_code
def full_score(form, level, work, scale):
    _logits(form, level, work, True)
    d = form.means.shape[1]
    work.drift[:] = 0
    for k in work.active[: responsibilities(work, scale)]:
        along = work.scratch[k * d : (k + 1) * d]
        _weigh(along, form.precision[level, k], get(work.logits, k))
        multiply_add(work.drift[:d], work.drift[:d], form.basis[k], along)


@block_code
def factored_score(form, level, work, scale):
    _logits(form, level, work, True)
    n, d = form.means.shape
    total = work.scratch[n * d :]
    total[:] = 0
    for k in work.active[: responsibilities(work, scale)]:
        along, weighted = work.scratch[k * d : (k + 1) * d], Onto(total, -get(work.logits, k))
        multiply_add_upper(total, None, form.factor_t[level, k], along, weighted)
    for row in range(d):
        put(work.drift, form.order[row], get(total, row))


@device
def _difference(out, x, mean):
    for row in range(mean.shape[0]):
        put(out, row, get(x, row) - mean[row])


@block_code
def low_rank_logits(form, level, work):
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
def low_rank_score(form, level, work, scale):
    low_rank_logits(form, level, work)
    d = form.means.shape[1]
    work.drift[:] = 0
    for k in work.active[: responsibilities(work, scale)]:
        outside = work.scratch[k * d : (k + 1) * d]
        _weigh(outside, form.precision[level, k], get(work.logits, k))
        for row in range(d):
            put(work.drift, row, get(work.drift, row) + get(outside, row))
