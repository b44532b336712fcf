"""Kernel of `lewis/_rows/arrays.py`: NumPy's loops are slow where columns are few."""

from __future__ import annotations

import numpy as np

from ..parallel import kernel


@kernel
def _sizes(x, out):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] = max(out[j], abs(x[i, j]))


def column_sizes(xp, x):
    out = np.zeros(x.shape[1])
    _sizes(x, out)
    return out
