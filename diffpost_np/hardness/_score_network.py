"""The score of an instance at one noise level as a network of rectified linear units.

One function of one variable serves each entry: a bend of tanh for a sign, and for a lattice what
it adds to the score of a Gaussian, once for either phase. A circuit computes the image of the
signs, bit by bit, and its bits open the gates for the second phase.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import array_api_compat.numpy as xp
import numpy as np

from .._checks import integer, number
from ..priors._lattice import Lattice
from ._arx import arx, layout
from ._circuit import Circuit, Wire
from ._enumerated import all_signs
from ._vertices import log_cosh
from .relu_network import ReLUNetwork

if TYPE_CHECKING:
    from .one_way_prior import OneWayPrior

MOST_TABLE_BITS = 12
_REACH = 6.5
"""Standard deviations about 0 in which lattices have knots."""
_BEND = 20.0
"""Argument beyond which tanh is 1."""
_GRID, _POINTS_PER_CELL = 2**15, 256
_KNOTS_PER_CELL, _LEAST_CELLS = 32, 32
_EVERYWHERE = 0.05
_FINEST = 40
"""Share of a spacing below which noise leaves lattices too sharp for the grid."""
_SHARP = 0.01
"""Part of the radius in which a sign is neither 0 nor 1."""


class Spline(NamedTuple):
    """A function that is linear between knots."""

    knots: np.ndarray
    values: np.ndarray


def score_network(prior: OneWayPrior, sigma: float, n_knots: int | None) -> ReLUNetwork:
    """The network of `OneWayPrior.relu_network`."""
    if n_knots is None:
        n_knots = math.ceil(_KNOTS_PER_CELL * max(_LEAST_CELLS, 2 * _REACH / prior.spacing))
    n_knots = integer("n_knots", n_knots, minimum=4)
    sigma = number("sigma", sigma, above=0, at_least=prior.spacing / _FINEST, at_most=1e60)
    circuit, total = Circuit(prior.n_bits + prior.m_bits), 1 + sigma**2
    x = [circuit.input(i) for i in range(circuit.n_inputs)]
    front, back = x[: prior.n_bits], x[prior.n_bits :]
    turn = _sign_function(prior.radius, total, n_knots)
    outputs = [(prior.radius * circuit.piecewise(e, *turn) - e) * (1 / total) for e in front]
    if not prior._shows_lattices(sigma):
        return circuit.finish(outputs + [-1 / total * e for e in back])
    bits = _image(circuit, prior, front)
    even, odd = (_lattice_function(prior.spacing, b, sigma, n_knots) for b in (0.0, 0.5))
    bound = float(np.max(np.abs(even.values)) + np.max(np.abs(odd.values)))
    for e, bit in zip(back, bits, strict=True):
        plain, other = circuit.piecewise(e, *even), circuit.piecewise(e, *odd)
        outputs.append(-1 / total * e + plain + circuit.gate(bit, other - plain, bound))
    return circuit.finish(outputs)


def _image(circuit: Circuit, prior: OneWayPrior, front: list[Wire]) -> list[Wire]:
    """The bits of the image of the signs of some wires."""
    scale = 0.5 / (_SHARP * prior.radius)
    bits = [circuit.relu(circuit.clip(scale * x + 0.5)) for x in front]
    if isinstance(prior.one_way, partial) and prior.one_way.func is arx:
        return _arx_bits(circuit, bits, prior.m_bits)
    return _table_bits(circuit, bits, prior)


def _arx_bits(circuit: Circuit, bits: list[Wire], m_bits: int) -> list[Wire]:
    """The bits of `arx`, operation by operation."""
    plan = layout(len(bits))
    padded = bits + [Wire({})] * (plan.n_bits - len(bits))
    words = [padded[i : i + plan.length] for i in range(0, plan.n_bits, plan.length)]
    result: list[Wire] = []
    while len(result) < m_bits:
        state, (right, left) = list(words), plan.rotations
        for i, j, constant in plan.steps(len(result) // plan.n_bits):
            total = circuit.add(_turned(state[i], plan.length - right), state[j])
            state[i] = [1.0 - b if constant >> k & 1 else b for k, b in enumerate(total)]
            pairs = zip(_turned(state[j], left), state[i], strict=True)
            state[j] = [circuit.xor(*pair) for pair in pairs]
        result += [circuit.xor(*pair) for pair in zip(chain(*state), chain(*words), strict=True)]
    return result[:m_bits]


def _turned(word: list[Wire], n: int) -> list[Wire]:
    """A word, lowest bit first, turned to the left."""
    n %= len(word)
    return word[len(word) - n :] + word[: len(word) - n]


def _table_bits(circuit: Circuit, bits: list[Wire], prior: OneWayPrior) -> list[Wire]:
    """The bits of a user's function: one unit for all that it can be asked."""
    if prior.n_bits > MOST_TABLE_BITS:
        raise ValueError(
            f"n_bits must be at most {MOST_TABLE_BITS} for a network of a function that is known "
            f"by its values only, got {prior.n_bits}"
        )
    signs = all_signs(prior.n_bits)
    images = prior._image(signs, xp) > 0
    result = [Wire({}) for _ in range(prior.m_bits)]
    for row, image in zip((signs > 0).tolist(), images.tolist(), strict=True):
        agreeing = Wire({}, 1.0 - len(bits))
        for b, is_one in zip(bits, row, strict=True):
            agreeing = agreeing + (b if is_one else 1.0 - b)
        unit = circuit.relu(agreeing)
        for wire, is_one in zip(result, image, strict=True):
            if is_one:
                wire.terms |= unit.terms
    return result


def _sign_function(radius: float, total: float, n_knots: int) -> Spline:
    """tanh(radius x / total) at knots, where it bends."""
    odds = np.linspace(-_BEND, _BEND, _GRID)
    x = odds * total / radius
    log_density = log_cosh(xp, odds) - 0.5 * x * x / total
    log_bend = np.log(np.abs(np.tanh(odds))) - 2 * log_cosh(xp, odds)
    return _spline(x, np.tanh(odds), log_density + 2 * log_bend, n_knots)


def _lattice_function(spacing: float, phase: float, sigma: float, n_knots: int) -> Spline:
    """What a lattice adds to the score of a Gaussian, at knots; nothing at the ends."""
    total, lattice, level = 1 + sigma**2, Lattice(spacing, phase), np.full((1, 1), sigma)
    reach = _REACH * math.sqrt(total)
    n_points = max(_GRID, math.ceil(_POINTS_PER_CELL * 2 * reach / spacing))
    x = np.linspace(-reach, reach, n_points)
    added = lattice.score(xp, x[:, None], level)[:, 0] + x / total
    added[0] = added[-1] = 0.0
    bend = np.abs(np.gradient(np.gradient(added, x), x)) + np.finfo(float).tiny
    log_density = lattice.log_density(xp, x[:, None], level)[:, 0]
    return _spline(x, added, log_density + 2 * np.log(bend), n_knots)


def _spline(x: np.ndarray, values: np.ndarray, log_weight: np.ndarray, n_knots: int) -> Spline:
    """Knots for the least mean square error of linear interpolation, and values there.

    They are as dense as the weight (density f''^2) to the power of 1/5, with some everywhere. The
    error falls with their fourth power.
    """
    dense = np.exp(0.2 * (log_weight - np.max(log_weight)))
    dense += _EVERYWHERE * np.mean(dense)
    place = np.concatenate([[0.0], np.cumsum(dense[1:] + dense[:-1])])
    knots = np.interp(np.linspace(0.0, place[-1], n_knots), place, x)
    return Spline(knots, np.interp(knots, x, values))
