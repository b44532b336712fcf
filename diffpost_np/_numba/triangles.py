"""Products of triangles and blocks, without the zeros on the other side of the diagonal.

Their tiles and sums are those of `gemm.py`.
"""

from __future__ import annotations

from numba import njit, types
from numba.extending import overload

from .device import device, inner, zero_like
from .gemm import (
    FOUR_FIT,
    column,
    four_starts,
    four_sums,
    one_row,
    one_sum,
    put_four,
    two_rows,
    two_sums,
)
from .lanes import fma, put


@device
def _four_lower(a, x, row, s0, s1, s2, s3):
    """Four rows of a lower triangle."""
    if row + 4 > a.shape[1]:
        return four_sums(a, x, row, 0, a.shape[1], s0, s1, s2, s3)
    s0, s1, s2, s3 = four_sums(a, x, row, 0, row + 1, s0, s1, s2, s3)
    r1, r2, r3 = row + 1, row + 2, row + 3
    x1, x2 = column(x, r1), column(x, r2)
    s1 = fma(a[r1, r1], x1, s1)
    s2 = fma(a[r2, r2], x2, fma(a[r2, r1], x1, s2))
    return s0, s1, s2, fma(a[r3, r3], column(x, r3), fma(a[r3, r2], x2, fma(a[r3, r1], x1, s3)))


@device
def _four_upper(a, x, row, s0, s1, s2, s3):
    """Four rows of an upper triangle."""
    depth = a.shape[1]
    if row + 4 > depth:
        return four_sums(a, x, row, row, depth, s0, s1, s2, s3)
    r1, r2 = row + 1, row + 2
    x1, x2 = column(x, r1), column(x, r2)
    s0 = fma(a[row, r2], x2, fma(a[row, r1], x1, fma(a[row, row], column(x, row), s0)))
    s1 = fma(a[r1, r2], x2, fma(a[r1, r1], x1, s1))
    return four_sums(a, x, row, row + 3, depth, s0, s1, fma(a[r2, r2], x2, s2), s3)


@njit(**inner)
def multiply_add_lower(out, start, a, x, first, last):
    """Rows first to last, less one, of start + a x for an a that is zero above its diagonal."""
    row, depth = first, a.shape[1]
    while FOUR_FIT and row + 4 <= last:
        s0, s1, s2, s3 = four_starts(out, start, row)
        put_four(out, row, *_four_lower(a, x, row, s0, s1, s2, s3), None)
        row += 4
    while row + 2 <= last:
        two_rows(out, start, a, x, None, row, 0, min(row + 2, depth))
        row += 2
    if row < last:
        one_row(out, start, a, x, None, row, 0, min(row + 1, depth))


@njit(**inner)
def multiply_add_upper(out, start, a, x, factor=None):
    """The same as `multiply_add` for an a that is zero below its diagonal."""
    row, (n, depth) = 0, a.shape
    while FOUR_FIT and row + 4 <= n:
        s0, s1, s2, s3 = four_starts(out, start, row)
        put_four(out, row, *_four_upper(a, x, row, s0, s1, s2, s3), factor)
        row += 4
    while row + 2 <= n:
        two_rows(out, start, a, x, factor, row, row, depth)
        row += 2
    if row < n:
        one_row(out, start, a, x, factor, row, row, depth)


def _keep(out, row, total):
    """Put a sum into a row, if sums are to be kept."""
    raise NotImplementedError


@overload(_keep, jit_options=inner)
def _keep_typed(out, row, total):
    if isinstance(out, types.NoneType):
        return lambda out, row, total: None
    return lambda out, row, total: put(out, row, total)


@device
def _squares_of_four(out, total, a, x, row):
    z = zero_like(total)
    s0, s1, s2, s3 = _four_lower(a, x, row, z, z, z, z)
    _keep(out, row, s0), _keep(out, row + 1, s1)
    _keep(out, row + 2, s2), _keep(out, row + 3, s3)
    return fma(s3, s3, fma(s2, s2, fma(s1, s1, fma(s0, s0, total))))


@device
def _squares_of_two(out, total, a, x, row, last):
    s0, s1 = two_sums(a, x, row, 0, last, zero_like(total), zero_like(total))
    _keep(out, row, s0), _keep(out, row + 1, s1)
    return fma(s1, s1, fma(s0, s0, total))


@device
def _square_of_one(out, total, a, x, row, last):
    s = one_sum(a, x, row, 0, last, zero_like(total))
    _keep(out, row, s)
    return fma(s, s, total)


@njit(**inner)
def squares_lower(out, a, x, first, last):
    """Sum of the squares of rows first to last, less one, of a x, in their order.

    a is zero above its diagonal. The products go to `out`, or nowhere: those of many components
    fill a cache.
    """
    row, total, depth = first, zero_like(column(x, 0)), a.shape[1]
    while FOUR_FIT and row + 4 <= last:
        total = _squares_of_four(out, total, a, x, row)
        row += 4
    while row + 2 <= last:
        total = _squares_of_two(out, total, a, x, row, min(row + 2, depth))
        row += 2
    if row < last:
        total = _square_of_one(out, total, a, x, row, min(row + 1, depth))
    return total
