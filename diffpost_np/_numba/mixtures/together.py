"""Points of one component that read its rows together: products that stay in registers."""

from __future__ import annotations

from ..blocks import block_code
from ..device import zero_like
from ..lanes import fma
from ..registers import WIDTH, get_register, put_register, registers

TOGETHER = 4
"""Points at a time."""


@block_code
def run_of(chosen, order, first, last):
    """How many of the points from `first` on have its component, at most four."""
    n = 1
    while n < min(TOGETHER, last - first) and chosen[order[first + n]] == chosen[order[first]]:
        n += 1
    return n


@block_code
def products(out, weights, rows, k, n_rows, width):
    """out[p] = sum over j of weights[p, j] rows[k, j], for four points."""
    a, b = out.shape[0] // TOGETHER, weights.shape[0] // TOGETHER
    n = a // width
    for e in range(n):
        s = zero_like(get_register(rows, 0))
        s0, s1, s2, s3 = s, s, s, s
        for j in range(n_rows):
            row = get_register(rows, (k * n_rows + j) * n + e)
            s0, s1 = fma(weights[j], row, s0), fma(weights[b + j], row, s1)
            s2 = fma(weights[2 * b + j], row, s2)
            s3 = fma(weights[3 * b + j], row, s3)
        put_register(out, e, s0), put_register(out, n + e, s1)
        put_register(out, 2 * n + e, s2), put_register(out, 3 * n + e, s3)


def padded(d, dtype):
    """Entries of whole registers that hold d."""
    return -(-d // WIDTH[dtype]) * WIDTH[dtype]


def padded_rows(a):
    """Rows (K, n_rows, d), flat and aligned, padded to whole registers."""
    n, n_rows, d = a.shape
    width = padded(d, a.dtype)
    flat = registers(n * n_rows * width // WIDTH[a.dtype], a.dtype)
    flat.reshape(n, n_rows, width)[:, :, :d] = a
    return flat


def buffer(d, dtype):
    """Room for d entries of each of four points."""
    return registers(TOGETHER * padded(d, dtype) // WIDTH[dtype], dtype)
