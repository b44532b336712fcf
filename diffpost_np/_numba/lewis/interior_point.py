"""Kernel of `lewis/_exact/interior_point.py`: three sweeps an iteration over blocks of rows.

A block holds 32 rows of the regression, a lane each: its columns, then what each row's place on
the central path needs, one vector a quantity. The Gram matrix is summed in tiles of registers
over a few blocks at a time, which the first level of cache holds.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ...lewis._exact.interior_point import SHORT_OF_BOUNDARY
from ..blocks import block_code, room
from ..device import device, maximum, zero_like
from ..lanes import LANES, REGISTER_BYTES, fma, get, put
from ..parallel import kernel
from ..registers import get_register, put_register

_N = LANES[np.dtype(np.float64)]
_REGISTERS = 4  # of a row
_WIDTH = REGISTER_BYTES // 8
_SWEEP = 4  # blocks between additions to the sums of tiles
_CALL_NS = 5e7
_NO_PIVOT = 1e-15


class Work(NamedTuple):
    """A problem and the state of its solution, in blocks."""

    x: np.ndarray  # (n_blocks * width, lanes), columns of a block together, zeros to `width`
    y: np.ndarray  # (n_blocks, lanes)
    a: np.ndarray  # dual
    u: np.ndarray  # positive part of the residual
    v: np.ndarray  # negative part
    da: np.ndarray  # steps of the three
    du: np.ndarray
    dv: np.ndarray
    scaled: np.ndarray  # (_SWEEP * (width + 4), lanes), of D x, and coefficients
    tiles: np.ndarray  # ((width + 4) * width / registers of a row, lanes), sums by register
    sums: np.ndarray  # (width + 6, lanes), sums by lane
    gram: np.ndarray  # (width, width)
    b: np.ndarray  # (width,)
    db: np.ndarray  # (width,)
    right: np.ndarray  # (3, width), right-hand sides
    numbers: np.ndarray  # (4,), gap, objective, and how far primal and dual step


_GAP, _OBJECTIVE, _PRIMAL, _DUAL = range(4)


@device
def _weight(low, a, u, v):
    """Distances to the ends of the box, 1 / (u s2 + v s1)."""
    s1, s2 = (low + 1.0) - a, a - low
    return s1, s2, 1.0 / fma(u, s2, v * s1)


@block_code
def _advance(w, block, low, primal, dual):
    """Take the step that was found."""
    a = fma(get(w.da, block), dual, get(w.a, block))
    u = fma(get(w.du, block), primal, get(w.u, block))
    v = fma(get(w.dv, block), primal, get(w.v, block))
    put(w.a, block, a), put(w.u, block, u), put(w.v, block, v)


@block_code
def _prepare(w, block, place, low):
    """D x and the coefficients of two right-hand sides; adds to the gap and the objective."""
    width = w.b.shape[0]
    a, u, v = get(w.a, block), get(w.u, block), get(w.v, block)
    s1, s2, inverse = _weight(low, a, u, v)
    d = s1 * s2 * inverse
    for j in range(width):
        put(w.scaled, place + j, get(w.x, block * width + j) * d)
    put(w.scaled, place + width, fma(d, u - v, a))
    put(w.scaled, place + width + 1, (s2 - s1) * inverse)
    put(w.sums, width, fma(u, s1, fma(v, s2, get(w.sums, width))))
    put(w.sums, width + 1, fma(u, low + 1.0, fma(v, -low, get(w.sums, width + 1))))


@device
def _fma4(x, row, total):
    """Four columns times one entry of each."""
    return (
        fma(x, row[0], total[0]),
        fma(x, row[1], total[1]),
        fma(x, row[2], total[2]),
        fma(x, row[3], total[3]),
    )


@device
def _four(block, place):
    """One register of each of four rows that follow each other."""
    return (
        get_register(block, place),
        get_register(block, place + _REGISTERS),
        get_register(block, place + 2 * _REGISTERS),
        get_register(block, place + 3 * _REGISTERS),
    )


@device
def _put4(tiles, place, total):
    put_register(tiles, place, get_register(tiles, place) + total[0])
    put_register(tiles, place + 1, get_register(tiles, place + 1) + total[1])
    put_register(tiles, place + 2, get_register(tiles, place + 2) + total[2])
    put_register(tiles, place + 3, get_register(tiles, place + 3) + total[3])


@block_code
def _tile(w, first, n, j, k):
    """Add rows j to j + 3 of the scaled times columns k to k + 3, over n blocks."""
    width = w.b.shape[0]
    zero = zero_like(get_register(w.x, 0))
    t0 = t1 = t2 = t3 = (zero, zero, zero, zero)
    for block in range(n):
        left = (block * (width + 4) + j) * _REGISTERS
        right = ((first + block) * width + k) * _REGISTERS
        for part in range(_REGISTERS):
            x, s = _four(w.x, right + part), _four(w.scaled, left + part)
            t0, t1 = _fma4(s[0], x, t0), _fma4(s[1], x, t1)
            t2, t3 = _fma4(s[2], x, t2), _fma4(s[3], x, t3)
    place = j * width + k
    _put4(w.tiles, place, t0), _put4(w.tiles, place + width, t1)
    _put4(w.tiles, place + 2 * width, t2), _put4(w.tiles, place + 3 * width, t3)


@block_code
def _sum_tiles(w):
    """The Gram matrix, lower triangle, and two right-hand sides from the registers' sums."""
    width = w.b.shape[0]
    for j in range(width + 2):
        for k in range(min(j + 1, width)):
            place, total = j * width + k, 0.0
            for lane in range(_WIDTH):
                total += w.tiles[place // _REGISTERS, place % _REGISTERS * _WIDTH + lane]
            if j < width:
                w.gram[j, k] = total
            else:
                w.right[j - width, k] = total


@device
def _sum_lanes(block, row):
    total = 0.0
    for lane in range(_N):
        total += block[row, lane]
    return total


@device
def _largest_lane(block, row):
    most = block[row, 0]
    for lane in range(1, _N):
        most = max(most, block[row, lane])
    return most


@block_code
def _first_sweep(w, low, moved):
    """Take the step, then sum the Gram matrix, right-hand sides, gap and objective."""
    width, n_blocks = w.b.shape[0], w.y.shape[0]
    primal, dual = w.numbers[_PRIMAL], w.numbers[_DUAL]
    w.tiles[:] = 0
    w.sums[:] = 0
    most = w.scaled.shape[0] // (width + 4)
    for first in range(0, n_blocks, most):
        n = min(most, n_blocks - first)
        for block in range(n):
            if moved:
                _advance(w, first + block, low, primal, dual)
            _prepare(w, first + block, block * (width + 4), low)
        for j in range(0, width + 4, 4):
            for k in range(0, min(j + 4, width), 4):
                _tile(w, first, n, j, k)
    _sum_tiles(w)
    w.numbers[_GAP] = _sum_lanes(w.sums, width)
    w.numbers[_OBJECTIVE] = _sum_lanes(w.sums, width + 1)


@device
def _product(x, block, b):
    """x b for a block."""
    first = block * b.shape[0]
    t0 = t1 = zero_like(get(x, first))
    for j in range(0, b.shape[0], 2):
        t0, t1 = fma(get(x, first + j), b[j], t0), fma(get(x, first + j + 1), b[j + 1], t1)
    return t0 + t1


@block_code
def _second_sweep(w, low):
    """The step to the end of the path: how far it goes, and the curvature it meets."""
    width = w.b.shape[0]
    w.sums[:] = 0
    for block in range(w.y.shape[0]):
        a, u, v = get(w.a, block), get(w.u, block), get(w.v, block)
        s1, s2, inverse = _weight(low, a, u, v)
        da = s1 * s2 * inverse * (u - v - _product(w.x, block, w.db))
        product = 1.0 / (s1 * s2)
        up, down = da * (s2 * product), da * (s1 * product)
        du, dv = fma(u, up, -u), fma(v, -down, -v)
        put(w.da, block, da)
        c = (s2 * du + s1 * dv) * da * inverse
        for j in range(width):
            put(w.sums, j, fma(get(w.x, block * width + j), c, get(w.sums, j)))
        put(w.sums, width, maximum(maximum(up, -down), get(w.sums, width)))
        put(w.sums, width + 1, maximum(maximum(1.0 - up, 1.0 + down), get(w.sums, width + 1)))
        put(w.sums, width + 2, fma(du, s1, fma(dv, s2, get(w.sums, width + 2))))
        put(w.sums, width + 3, fma(v - u, da, get(w.sums, width + 3)))
        put(w.sums, width + 4, fma(dv - du, da, get(w.sums, width + 4)))


@block_code
def _third_sweep(w, low, mu):
    """The step that heads for the path at mu and bends as it does."""
    width = w.b.shape[0]
    put(w.sums, width, 0.0), put(w.sums, width + 1, 0.0)
    for block in range(w.y.shape[0]):
        a, u, v = get(w.a, block), get(w.u, block), get(w.v, block)
        s1, s2, inverse = _weight(low, a, u, v)
        product = 1.0 / (s1 * s2)
        i1, i2 = s2 * product, s1 * product
        first = get(w.da, block)
        q1 = fma(fma(u, first * i1, -u), first, mu)
        q2 = fma(fma(v, first * i2, v), first, mu)
        t = _product(w.x, block, w.db)
        da = s1 * s2 * inverse * (u - v - t - q1 * i1 + q2 * i2)
        du, dv = fma(fma(u, da, q1), i1, -u), fma(fma(-v, da, q2), i2, -v)
        put(w.da, block, da), put(w.du, block, du), put(w.dv, block, dv)
        put(w.sums, width, maximum(maximum(da * i1, -da * i2), get(w.sums, width)))
        shrinking = 1.0 / (u * v)
        most = maximum(-du * (v * shrinking), -dv * (u * shrinking))
        put(w.sums, width + 1, maximum(most, get(w.sums, width + 1)))


@block_code
def factor(gram):
    """Cholesky in place, U in the rows of the upper triangle; directions without weight stop."""
    n = gram.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            gram[i, j] = gram[j, i]
    for i in range(n):
        start = gram[i, i]
        for k in range(i):
            c = gram[k, i]
            for j in range(i, n):
                gram[i, j] -= c * gram[k, j]
        pivot = gram[i, i]
        scale = 1.0 / np.sqrt(pivot) if pivot > _NO_PIVOT * start else 0.0
        for j in range(i, n):
            gram[i, j] *= scale
        gram[i, i] = scale  # its inverse, which is what solving needs


@block_code
def solve(gram, right, out):
    """(U'U)^-1 of a right-hand side."""
    n = gram.shape[0]
    for i in range(n):
        out[i] = right[i]
    for i in range(n):
        out[i] *= gram[i, i]
        for j in range(i + 1, n):
            out[j] -= gram[i, j] * out[i]
    for i in range(n - 1, -1, -1):
        total = out[i]
        for j in range(i + 1, n):
            total -= gram[i, j] * out[j]
        out[i] = total * gram[i, i]


@device
def _share(most):
    return min(1.0, SHORT_OF_BOUNDARY / max(most, 1e-300))


@block_code
def _find_step(w, low):
    """Predictor and corrector from the sums of the first sweep."""
    width, n = w.b.shape[0], 2.0 * _N * w.y.shape[0]
    factor(w.gram)
    solve(w.gram, w.right[0], w.db)
    _second_sweep(w, low)
    dual = _share(_largest_lane(w.sums, width))
    primal = _share(_largest_lane(w.sums, width + 1))
    gap = w.numbers[_GAP]
    ahead = gap + primal * _sum_lanes(w.sums, width + 2) + dual * _sum_lanes(w.sums, width + 3)
    ahead = max(0.0, ahead + primal * dual * _sum_lanes(w.sums, width + 4))
    mu = gap / n * (ahead / gap) ** 3
    for j in range(width):
        w.right[2, j] = w.right[0, j] - mu * w.right[1, j] - _sum_lanes(w.sums, j)
    solve(w.gram, w.right[2], w.db)
    _third_sweep(w, low, mu)
    w.numbers[_DUAL] = _share(_largest_lane(w.sums, width))
    w.numbers[_PRIMAL] = _share(_largest_lane(w.sums, width + 1))
    for j in range(width):
        w.b[j] += w.numbers[_PRIMAL] * w.db[j]


@kernel
def _iterate(w, low, tolerance, most, floor, n_iterations, moved):
    """Go on until the gap is small, for so many iterations; returns how many were left."""
    for left in range(n_iterations, -1, -1):
        _first_sweep(w, low, moved)
        gap = w.numbers[_GAP]
        if not gap > tolerance * min(w.numbers[_OBJECTIVE], most) + floor or left == 0:
            return left
        _find_step(w, low)
        moved = True
    return 0


@kernel
def _pack(w, x, y, b, low, share):
    """Rows into lanes, zeros beyond them; residuals split in parts that differ by them."""
    width = w.b.shape[0]
    for block in range(w.y.shape[0]):
        n = min(_N, x.shape[0] - block * _N)
        for j in range(x.shape[1] if n == _N else 0, width):
            put(w.x, block * width + j, 0.0)
        put(w.y, block, 0.0), put(w.a, block, 0.0)
        for lane in range(n):
            i = block * _N + lane
            for j in range(x.shape[1]):
                w.x[block * width + j, lane] = x[i, j]
            w.y[block, lane] = y[i]
        r = get(w.y, block) - _product(w.x, block, b)
        put(w.u, block, maximum(r, 0.0) + share)
        put(w.v, block, maximum(-r, 0.0) + share)


def _work(n, d):
    n_blocks, width = -(-n // _N), -(-d // 4) * 4
    sizes = [n_blocks * width] + 7 * [n_blocks]
    sizes += [_SWEEP * (width + 4), (width + 4) * width // _REGISTERS, width + 6]
    ends = list(accumulate(sizes))
    together = room(ends[-1])  # to ask for each takes time where there are few rows
    blocks = (together[end - size : end] for size, end in zip(sizes, ends, strict=True))
    shapes = (width, width), width, width, (3, width), 4
    return Work(*blocks, *map(np.zeros, shapes))


def central_path(xp, x, y, quantile, b, share, tolerance, most, floor, limit):
    n, d = x.shape
    w, low = _work(n, d), quantile - 1.0
    w.b[:d] = b
    _pack(w, x, y, w.b, low, share)
    at_a_time = max(1, int(_CALL_NS // (n * (2 + d + 0.03 * d * d))))
    done, moved = 0, False
    while True:
        n_more = min(at_a_time, limit - done)
        left = _iterate(w, low, tolerance, most, floor, n_more, moved)
        done += n_more - left
        if left or done == limit:
            break
        # The last sweep took its step already.
        w.numbers[_PRIMAL] = w.numbers[_DUAL] = 0.0
        moved = False
    flat = (part.reshape(-1)[:n].copy() for part in (w.a, w.u, w.v))
    return w.b[:d], *flat, done, float(w.numbers[_GAP]), float(w.numbers[_OBJECTIVE])
