"""The forms in which kernels take a mixture.

A form is a named tuple of tables, made in `tables.py`; its type selects the code when a kernel
is compiled. Tables that depend on the noise have a leading axis of noise levels: `bias` (S, K)
holds the constant part of the logits, `precision` 1 / (C + s2) on the form's axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Shared(NamedTuple):
    """One variance for all: logits are linear in x but for what components have in common."""

    means: np.ndarray  # (K, d), less the centre
    means_t: np.ndarray
    centre: np.ndarray  # (d,)
    precision: np.ndarray  # (S,)
    bias: np.ndarray  # over the precision, of logits of x - centre, less the constant
    bias_of_x: np.ndarray  # the same for x, which scores need not subtract from
    constant: np.ndarray  # (S,), what all logits have in common


class Dual(NamedTuple):
    """One variance, points by their inner products with the first r of K - 1 means, the last at 0.

    So the products that make logits are there already for r components.
    """

    others: np.ndarray  # (K - 1 - r, r), times a point the products with the other means
    means_t: np.ndarray  # (r, K - 1), in these coordinates
    precision: np.ndarray  # (S,)
    rate: np.ndarray  # (S,), by which products count in logits
    bias: np.ndarray  # (S, K), over the rate
    kept: np.ndarray  # (S,), what is left of a point in the denoised one, variance * precision


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
    n_first: np.ndarray  # (S,), axes that are summed for all components


class Factored(NamedTuple):
    """W'W = (C + s2 I)^-1 with triangular W, which halves the products."""

    means: np.ndarray  # (K, d), entries in `order`
    factor: np.ndarray  # (S, K, d, d), W, lower triangular
    factor_t: np.ndarray
    order: np.ndarray  # (d,), entries of x, those that tell components apart first
    bias: np.ndarray
    n_first: np.ndarray


class LowRank(NamedTuple):
    """F F' + D: a difference less its best part in the span of F has precision 1 / D."""

    means: np.ndarray  # (K, d)
    minus_factor: np.ndarray  # (K, d, r)
    inner: np.ndarray  # (S, K, r, d), (I + F'F/D)^-1 F'/D
    precision: np.ndarray  # (S, K, d), of D
    bias: np.ndarray


def scratch_rows(form):
    """Rows of `Work.scratch` that a form needs."""
    if isinstance(form, Shared | Dual | Diagonal):
        return 0
    n, d = form.means.shape
    if isinstance(form, Rotated):
        return 2 * d
    if isinstance(form, LowRank):
        return n * d + form.minus_factor.shape[2]
    return (n + 1) * d
