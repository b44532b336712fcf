"""Kernels of `posterior/_ghmc.py` and `_moves.py`: the elementwise parts of a move, one pass each.

Rows are chains here, not lanes: these read and write memory once and compute little. A row is
summed in one order, so chains depend neither on threads nor on each other.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .parallel import for_ranges

_rows_kernel = njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
_ENTRY_NS = 1.0


@_rows_kernel
def _open(first, last, u, velocity, gradient, noise, c, start, kicked, new):
    for i in range(first, last):
        for j in range(u.shape[1]):
            v = c[0] * velocity[i, j] + c[1] * noise[i, j]
            kick = v + c[2] * (gradient[i, j] + u[i, j])
            start[i, j], kicked[i, j] = v, kick
            new[i, j] = c[3] * u[i, j] + c[4] * kick


@_rows_kernel
def _close(first, last, u, start, kicked, new, gradient, c, end, kinetic):
    for i in range(first, last):
        total = u.dtype.type(0)
        for j in range(u.shape[1]):
            v = c[3] * kicked[i, j] - c[4] * u[i, j] + c[2] * (gradient[i, j] + new[i, j])
            end[i, j] = v
            total += (start[i, j] - v) * (start[i, j] + v)
        kinetic[i] = u.dtype.type(0.5) * total


@_rows_kernel
def _trapezoid(first, last, x, s, new, new_s, out):
    for i in range(first, last):
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += (new[i, j] - x[i, j]) * (s[i, j] + new_s[i, j])
        out[i] = x.dtype.type(0.5) * total


def ghmc_open(xp, u, velocity, gradient, noise, h):
    arrays = _readable(u, velocity, gradient, noise)
    out = [np.empty(u.shape, u.dtype) for _ in range(3)]
    _run(lambda a, b: _open(a, b, *arrays, _coefficients(h, u), *out), u)
    return tuple(out)


def ghmc_close(xp, u, start, kicked, new, gradient, h):
    arrays = _readable(u, start, kicked, new, gradient)
    end, kinetic = np.empty(u.shape, u.dtype), np.empty(len(u), u.dtype)
    _run(lambda a, b: _close(a, b, *arrays, _coefficients(h, u), end, kinetic), u)
    return end, kinetic


def trapezoid(xp, x, s, new, new_s):
    arrays = _readable(x, s, new, new_s)
    out = np.empty(len(x), x.dtype)
    _run(lambda a, b: _trapezoid(a, b, *arrays, out), x)
    return out


def _readable(*arrays):
    return [np.require(a, requirements=["C", "W"]) for a in arrays]


def _coefficients(h, u):
    decay = math.exp(-h)
    values = decay, math.sqrt(1 - decay**2), 0.5 * h, math.cos(h), math.sin(h)
    return np.array(values, u.dtype)


def _run(task, u):
    for_ranges(task, len(u), _ENTRY_NS * u.shape[1])
