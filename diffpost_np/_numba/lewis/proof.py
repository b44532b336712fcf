"""Kernel of `lewis/_exact/proof.py`: one pass over the rows, and a system of equations."""

from __future__ import annotations

import numpy as np

from ...lewis._exact.proof import EPS, ROUNDING
from ..blocks import block_code
from ..parallel import kernel
from .square import decomposed, is_small, new_square, solve_transposed
from .vertex import residual_of


@block_code
def _loss(r, quantile):
    return quantile * r if r > 0.0 else (quantile - 1.0) * r


@block_code
def _sums(x, y, quantile, b, off, residual, dual, moment, most):
    """Add to the moment and its size; the loss, its excess, the sizes of y, and of terms."""
    loss = excess = targets = terms = free = 0.0
    for i in range(x.shape[0]):
        size, here = abs(y[i]), _loss(residual[i], quantile)
        targets += size
        for j in range(x.shape[1]):
            moment[j] += dual[i] * x[i, j]
            most[j] += abs(dual[i] * x[i, j])
            size += abs(x[i, j] * b[j])
        terms += size
        free += size if off[i] else 0.0
        loss += here
        excess += here - dual[i] * residual[i]
    return loss, excess, (targets, terms, free)


@block_code
def _unmatched(x, basis, own, b, moment, most):
    """What duals of the basis leave of the moment, beyond rounding, times b."""
    total = 0.0
    for j in range(b.shape[0]):
        left = moment[j]
        for i in range(basis.shape[0]):
            left += own[i] * x[basis[i], j]
        over = abs(left) - ROUNDING * most[j]
        total += (0.0 if over <= 0.0 else over) * abs(b[j])
    return total


@kernel
def _proof(x, y, quantile, b, basis, off, residual, dual, moment, most, square, right, own):
    """Whether the basis has duals, which go to their places, and what there is to sum up."""
    for i in basis:
        off[i], dual[i] = False, 0.0
    loss, excess, sizes = _sums(x, y, quantile, b, off, residual, dual, moment, most)
    missed, found = 0.0, decomposed(square, x, basis)
    if found:
        solve_transposed(square, moment, right, own)
    for k, i in enumerate(basis):
        own[k] = _in_box(-own[k], quantile)
        dual[i] = own[k]
        missed += _loss(residual_of(x, y, b, i), quantile)
    excess += _unmatched(x, basis, own, b, moment, most)
    return found, loss, excess, sizes, missed


@block_code
def _in_box(value, quantile):
    """What is no number stays none, and there is no minus zero."""
    if value > quantile:
        return quantile
    return quantile - 1.0 if value < quantile - 1.0 else value + 0.0


def proof_of(xp, x, y, quantile, b, basis, residual, dual, moment):
    n, d = x.shape
    if not is_small(x):
        return NotImplemented
    dual, off, own = dual.copy(), np.ones(n, np.bool_), np.zeros(d)
    given = (x, y, quantile, b, basis, off, residual, dual, moment.copy(), np.abs(moment))
    found, *sums = _proof(*given, new_square(d), np.empty(d), own)
    if not found:
        raise np.linalg.LinAlgError("Singular matrix")
    loss, excess, (targets, terms, free), missed = sums
    size = min(targets, free) if d < n else targets  # few may outweigh all
    return dual, loss, excess, size, max(missed, EPS * terms)
