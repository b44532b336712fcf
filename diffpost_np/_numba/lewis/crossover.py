"""Kernel of `lewis/_exact/crossover.py`: how far an edge is followed."""

from __future__ import annotations

import numpy as np

from ...lewis._exact.crossover import PARALLEL
from ..blocks import block_code
from ..parallel import kernel
from .square import is_small

_PASSED = 32
"""Rows that are passed one by one; to sort all is faster where they are more."""


@kernel
def _slopes(x, edge, basis, slope):
    """Of residuals along an edge; the largest, and whether all are finite."""
    largest = wrong = 0.0
    for i in range(x.shape[0]):
        slope[i] = 0.0
        for j in range(x.shape[1]):
            slope[i] += x[i, j] * edge[j]
    for i in basis:
        slope[i] = 0.0
    for i in range(x.shape[0]):
        largest, wrong = max(largest, abs(slope[i])), wrong + 0.0 * slope[i]
    return largest, wrong == 0.0


@block_code
def _nearest(distance):
    best = 0
    for i in range(1, distance.shape[0]):
        if distance[i] < distance[best]:
            best = i
    return best


@kernel
def _reached(r, slope, least, excess, distance):
    """Where speeds of rows that are passed add up, the last one, -1 if none, -2 if too many."""
    for i in range(r.shape[0]):
        ahead = abs(slope[i]) > least and r[i] * slope[i] > 0.0
        distance[i] = r[i] / slope[i] if ahead else np.inf
    last, total = -1, 0.0
    for _ in range(_PASSED):
        row = _nearest(distance)
        if distance[row] == np.inf:
            return last
        last, total = row, total + abs(slope[row])
        if total >= excess:
            return row
        distance[row] = np.inf
    return -2


def next_row(xp, x, r, edge, basis, excess):
    if not is_small(x):
        return NotImplemented
    slope = np.empty(x.shape[0])
    largest, finite = _slopes(x, edge, basis, slope)
    if not finite:
        return None
    row = _reached(r, slope, PARALLEL * largest, excess, np.empty_like(slope))
    if row == -2:
        return NotImplemented
    return None if row < 0 else row
