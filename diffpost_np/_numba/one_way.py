"""Kernel of `hardness/_score.py`: scores of signs and of Gaussians on lattices, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from ..priors._lattice_math import CROSSOVER, N_NEIGHBOURS, N_WAVES
from .blocks import choose, load, n_blocks, new_work, store
from .device import device, magnitude, round_to_integer, sine_and_cosine, zero_like
from .lanes import fma, get, put, select
from .parallel import for_ranges, kernel
from .powers import exp_or_zero

_ENTRY_NS = 12.0


@device
def _tanh(u):
    small = exp_or_zero(magnitude(u) * -2.0)
    size = (1.0 - small) / (1.0 + small)
    return select(u > 0.0, size, -size)


@device
def _wave_slope(rest, heights):
    """Slope of the logarithm of 1 + sum_j heights[j] cos(2 pi j rest), over 2 pi."""
    sin, cos = sine_and_cosine(rest * 4.0)
    s, c, s_before, c_before = sin, cos, zero_like(rest), zero_like(rest) + 1.0
    excess, slope = zero_like(rest) + 1.0, zero_like(rest)
    for j in range(heights.shape[0]):
        excess = fma(c, heights[j], excess)
        slope = fma(s, -(j + 1) * heights[j], slope)
        s, s_before = fma(cos * 2.0, s, -s_before), s
        c, c_before = fma(cos * 2.0, c, -c_before), c
    return slope / excess


@device
def _neighbour_mean(rest, factor):
    """Mean of k - nearest, by sums of exp((j^2 - 2 j rest) factor) over both sides."""
    ahead = magnitude(rest)
    mass, first = zero_like(rest) + 1.0, zero_like(rest)
    for j in range(1, N_NEIGHBOURS + 1):
        near = exp_or_zero(fma(ahead, -2 * j, j * j) * factor)
        far = exp_or_zero(fma(ahead, 2 * j, j * j) * factor)
        mass = mass + (near + far)
        first = fma(near - far, j, first)
    mean = first / mass
    return select(rest > 0.0, mean, -mean)


@device
def _lattice_row(x, phase, own, spacing, precise, is_wide, heights):
    """The score of a row of lattice entries; `own` is 1 / (1 + sigma^2), `precise` 1 / sigma^2."""
    mean = fma(x, own / spacing, -phase)
    nearest = round_to_integer(mean)
    rest = mean - nearest
    if is_wide:
        slope = _wave_slope(rest, heights)
        return (slope * (2 * math.pi / spacing) - x) * own
    shift = _neighbour_mean(rest, heights[0]) * spacing
    return (fma(nearest + phase, spacing, -x) + shift) * precise


@kernel
def _evaluate(out, x, phase, order, first, last, numbers, is_wide, heights, work):
    """`numbers`: radius, spacing, 1 / (1 + sigma^2) and 1 / sigma^2."""
    radius, spacing, own, precise = numbers[0], numbers[1], numbers[2], numbers[3]
    n_bits = x.shape[1] - phase.shape[1]
    for block in range(first, last):
        n = choose(work, order, block)
        load(work.x, x, work)
        load(work.y, phase, work)
        for row in range(n_bits):
            at = get(work.x, row)
            put(work.drift, row, fma(_tanh(at * (radius * own)), radius, -at) * own)
        for row in range(phase.shape[1]):
            at = get(work.x, n_bits + row)
            value = _lattice_row(at, get(work.y, row), own, spacing, precise, is_wide, heights)
            put(work.drift, n_bits + row, value)
        store(out, work.drift, work, n)


def one_way_score(xp, x, sigma, phase, radius, spacing):
    if sigma.shape[0] != 1 or float(sigma[0]) ** 2 < np.finfo(x.dtype).tiny:
        return NotImplemented
    s2 = float(sigma[0]) ** 2
    variance = s2 / (1 + s2) / spacing**2
    is_wide, heights = variance > CROSSOVER, _heights(variance).astype(x.dtype)
    numbers = np.array([radius, spacing, 1 / (1 + s2), 1 / s2], x.dtype)
    out, order = np.empty(x.shape, x.dtype), np.arange(len(x))
    x, phase = (np.require(a, x.dtype, ["C", "W"]) for a in (x, phase))

    def task(first, last):
        work = new_work(x.dtype, x.shape[1], 0, 0, phase.shape[1])
        _evaluate(out, x, phase, order, first, last, numbers, is_wide, heights, work)

    blocks = n_blocks(len(x), x.dtype)
    for_ranges(task, blocks, _ENTRY_NS * x.size / blocks)
    return out


def _heights(variance):
    """Heights of the waves, or the factor of squares in sums over neighbours."""
    if variance > CROSSOVER:
        j = np.arange(1, N_WAVES + 1)
        return 2 * np.exp(-2 * variance * (np.pi * j) ** 2)
    return np.array([-0.5 / variance])
