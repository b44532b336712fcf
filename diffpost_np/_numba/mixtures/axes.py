"""Logits and scores of a block where variances lie along axes that all components share."""

from __future__ import annotations

from ..blocks import block_code, exponentials, responsibilities
from ..device import device, maximum, zero_like
from ..gemm import Blend, Difference, Onto, Towards, multiply, multiply_add, multiply_add_largest
from ..lanes import fma, get, put
from ..powers import LOG2_E


@block_code
def shared_logits(form, level, work):
    """From differences: products with x itself would leave their rounding in log densities."""
    away = Difference(work.x, None, form.centre)
    multiply_add(work.logits, form.bias[level], form.means, away, form.precision[level])


@block_code
def shared_score(form, level, work, scale):
    start, factor = _shared_pull(form, level, work, scale)
    multiply_add(work.drift[: form.centre.shape[0]], start, form.means_t, work.logits, factor)


@block_code
def shared_denoised(form, level, work, variance):
    start, factor = _shared_pull(form, level, work, variance)
    onto = Onto(work.x, factor)
    multiply_add(work.drift[: form.centre.shape[0]], start, form.means_t, work.logits, onto)


@device
def _shared_pull(form, level, work, scale):
    """Turn `work.logits` into weights of the means; where their sum starts, and its factor."""
    d, precision = form.centre.shape[0], form.precision[level]
    peak = multiply_add_largest(work.logits, form.bias_of_x[level], form.means, work.x[:d])
    total = exponentials(work.logits, peak, precision * LOG2_E)
    return Towards(work.x, form.centre, total), scale * precision / total


@device
def shared_common(form, level, work):
    square = zero_like(get(work.x, 0))
    for row in range(form.centre.shape[0]):
        difference = get(work.x, row) - form.centre[row]
        square = fma(difference, difference, square)
    return fma(square, form.precision[level] * -0.5, form.constant[level])


@block_code
def dual_denoised(form, level, work, variance):
    (d, last), bias, precision = form.means_t.shape, form.bias[level], form.precision[level]
    others, central = work.logits[d:last], zero_like(get(work.x, 0)) + bias[last]
    peak = multiply_add_largest(others, bias[d:last], form.others, work.x[:d])
    peak = maximum(central, peak)
    put(work.logits, last, central)
    for k in range(d):
        logit = get(work.x, k) + bias[k]
        put(work.logits, k, logit)
        peak = maximum(logit, peak)
    total = exponentials(work.logits, peak, form.rate[level] * LOG2_E)
    onto = Blend(work.x, form.kept[level], variance * precision / total)
    multiply_add(work.drift[:d], None, form.means_t, work.logits[:last], onto)


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
def diagonal_logits(form, level, work):
    _axes_logits(form, level, work.x, work.logits)


@block_code
def diagonal_score(form, level, work, scale):
    _axes_logits(form, level, work.x, work.logits)
    n = responsibilities(work, scale)
    _axes_score(form, level, work.x, work.drift, work.logits, work.active[:n])


@block_code
def rotated_logits(form, level, work):
    d = form.basis.shape[0]
    rotated = work.scratch[: work.x.shape[0]]
    multiply(rotated[:d], form.basis_t, work.x[:d])
    rotated[d:] = 0
    _axes_logits(form, level, rotated, work.logits)


@block_code
def rotated_score(form, level, work, scale):
    rotated_logits(form, level, work)
    n = responsibilities(work, scale)
    d, n_rows = form.basis.shape[0], work.x.shape[0]
    rotated, pull = work.scratch[:n_rows], work.scratch[n_rows:]
    _axes_score(form, level, rotated, pull, work.logits, work.active[:n])
    multiply(work.drift[:d], form.basis, pull[:d])
