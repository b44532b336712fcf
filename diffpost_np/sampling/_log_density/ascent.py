"""The probability flow dy / dlog sigma = y - D(y, sigma), and log densities along it.

On the way up, log p falls at the rate of the divergence tr(I - J).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..._run import Run
from ..._xp import Array
from .divergence import Divergence


class Point(NamedTuple):
    """Flat points (n, d) on the flow and log densities (n, m), or the rates of both."""

    y: Array
    log_p: Array

    def moved(self, h: float, rate: Point) -> Point:
        """h times the rate further on."""
        return Point(self.y + h * rate.y, self.log_p + h * rate.log_p)


Rate = Callable[[Point, float], Point]


def rate_of(run: Run, divergence: Divergence) -> Rate:
    """The rates in log sigma."""

    def rate(point: Point, sigma: float) -> Point:
        score = run.score(point.y, sigma)
        return Point(-(sigma**2) * score, -divergence(point.y, sigma))

    return rate


def runge_kutta_step(rate: Rate, point: Point, sigma: float, next_sigma: float) -> Point:
    """The classical method of order 4 in log sigma."""
    h, middle = math.log(next_sigma / sigma), math.sqrt(sigma * next_sigma)
    first = rate(point, sigma)
    second = rate(point.moved(h / 2, first), middle)
    third = rate(point.moved(h / 2, second), middle)
    last = rate(point.moved(h, third), next_sigma)
    for weight, slope in zip((1, 2, 2, 1), (first, second, third, last), strict=True):
        point = point.moved(h * weight / 6, slope)
    return point


def first_step(rate: Rate, point: Point, sigma: float) -> Point:
    """From noise level 0 to sigma, from rates at sigma and sqrt(2) sigma: none is asked below.

    In s = sigma^2 rates are smooth down to 0, and 3/2 of that at s less 1/2 of that at 2 s is
    the one in the middle, s / 2, to second order.
    """
    start = rate(point, sigma)  # in log sigma; half of it is the way to s at the rate in s
    near = rate(point.moved(0.5, start), sigma)
    far = rate(point.moved(1.0, start), math.sqrt(2) * sigma)
    return point.moved(0.75, near).moved(-0.125, far)


def log_density_at_large_noise(
    run: Run, divergence: Divergence, point: Point, sigma: float
) -> Array:
    """log p_sigma by an expansion in the size of the data over sigma, (n, m).

    It is that at 0, -d/2 log(2 pi sigma^2) - E|x|^2 / (2 sigma^2), and the integral of the score
    from 0 on, which is nearly linear there: three Gauss points take it to the fifth power.
    """
    xp, y = run.xp, point.y
    origin = xp.zeros_like(y)
    mean_part = xp.sum(run.score(origin, sigma) ** 2, axis=1, keepdims=True) * sigma**2
    spread_part = y.shape[1] - divergence(origin, sigma)
    total = -0.5 * (y.shape[1] * math.log(2 * math.pi * sigma**2) + mean_part + spread_part)
    nodes, weights = np.polynomial.legendre.leggauss(3)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        score = run.score((0.5 + 0.5 * node) * y, sigma)
        total = total + 0.5 * weight * xp.sum(score * y, axis=1, keepdims=True)
    return total
