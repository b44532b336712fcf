"""The width of a band at a row, |factor x|, and a bound that is quicker."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..blocks import block_code
from ..device import device, zero_like
from ..lanes import any_lane, fma, get, select
from ..parallel import kernel
from ..triangles import squares_lower


class Form(NamedTuple):
    """|factor x|^2, and numbers c with sum (c_j x_j)^2 not below it."""

    factor: np.ndarray
    bound: np.ndarray


def form_of(factor):
    form = Form(factor, np.empty(factor.shape[1]))
    _fill_bound(form, np.empty_like(factor))
    return form


@kernel
def _fill_bound(form, cosines):
    """Lengths of columns, times the root of a bound of the largest eigenvalue of their cosines."""
    d, most = form.bound.shape[0], 0.0
    for j in range(d):
        form.bound[j] = _unit_column(form.factor[:, j], cosines[:, j])
    for j in range(d):
        total = 0.0
        for k in range(d):
            total += abs(_dot(cosines[:, j], cosines[:, k]))
        most = max(most, total)
    for j in range(d):
        form.bound[j] *= np.sqrt((1.0 + 1e-12) * most)


@block_code
def _dot(x, y):
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * y[i]
    return total


@block_code
def _unit_column(column, out):
    """A column as of unit length, and its length; its squares may overflow."""
    most = 0.0
    for value in column:
        most = max(most, abs(value))
    for i in range(column.shape[0]):
        out[i] = column[i] / most if most > 0.0 else 0.0
    length = np.sqrt(_dot(out, out))
    for i in range(column.shape[0]):
        out[i] /= length if length > 0.0 else 1.0
    return most * length


@block_code
def square_of(work, factor, bound, r):
    """|factor x|^2, or an upper bound where that is below the square of every residual."""
    most = zero_like(r)
    for j in range(bound.shape[0]):
        part = get(work, j) * bound[j]
        most = fma(part, part, most)
    if not any_lane(_not_above(r * r, most)):
        return most
    return squares_lower(None, factor, work, 0, bound.shape[0])


@device
def _not_above(x, y):
    """Whether x > y does not hold, lane by lane."""
    return select(x > y, zero_like(x), 1.0) > 0.5
