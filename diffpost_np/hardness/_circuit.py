"""Networks of rectified linear units, put together unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_array

from .relu_network import ReLUNetwork


class Wire:
    """A weighted sum of inputs and units, and a constant."""

    __slots__ = ("constant", "terms")

    def __init__(self, terms: dict[int, float], constant: float = 0.0) -> None:
        self.terms, self.constant = terms, constant

    def __add__(self, other: Wire | float) -> Wire:
        if not isinstance(other, Wire):
            return Wire(self.terms, self.constant + other)
        terms = dict(self.terms)
        for unit, weight in other.terms.items():
            terms[unit] = terms.get(unit, 0.0) + weight
        return Wire(terms, self.constant + other.constant)

    def __mul__(self, factor: float) -> Wire:
        terms = {unit: factor * weight for unit, weight in self.terms.items()}
        return Wire(terms, factor * self.constant)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Wire | float) -> Wire:
        return self + other * -1.0

    def __rsub__(self, other: float) -> Wire:
        return self * -1.0 + other


class Circuit:
    """Units in the making; a wire of a bit carries 0 or 1."""

    def __init__(self, n_inputs: int) -> None:
        self.n_inputs = n_inputs
        self._wires: list[Wire] = []
        self._levels = [0] * n_inputs

    def input(self, i: int) -> Wire:
        """An input."""
        return Wire({i: 1.0})

    def relu(self, wire: Wire) -> Wire:
        """A new unit: the positive part of a wire."""
        self._wires.append(wire)
        self._levels.append(1 + max((self._levels[u] for u in wire.terms), default=0))
        return Wire({len(self._levels) - 1: 1.0})

    def clip(self, wire: Wire) -> Wire:
        """A wire held between 0 and 1."""
        return self.relu(wire) - self.relu(wire - 1.0)

    def xor(self, a: Wire, b: Wire) -> Wire:
        """Exclusive or of two bits, as one unit: sums of sums would grow."""
        return self.relu(a + b - 2.0 * self.relu(a + b - 1.0))

    def add(self, a: Sequence[Wire], b: Sequence[Wire]) -> list[Wire]:
        """Sum of two numbers, lowest bit first, without the last carry."""
        total, carry = [], Wire({})
        for own, other in zip(a, b, strict=True):
            count = own + other + carry
            carry = self.relu(count - 1.0) - self.relu(count - 2.0)
            total.append(self.relu(count - 2.0 * carry))
        return total

    def gate(self, bit: Wire, value: Wire, bound: float) -> Wire:
        """bit * value, where |value| is at most `bound`."""
        closed = bound * (1.0 - bit)
        return self.relu(value - closed) - self.relu(-1.0 * value - closed)

    def piecewise(self, x: Wire, knots: np.ndarray, values: np.ndarray) -> Wire:
        """The function that is linear between knots and constant outside."""
        slopes = np.diff(values) / np.diff(knots)
        bends = np.diff(slopes, prepend=0.0, append=0.0)
        result = Wire({}, float(values[0]))
        units = [self.relu(x - knot) for knot in knots.tolist()]
        for unit, bend in zip(units, bends.tolist(), strict=True):
            result.terms |= (bend * unit).terms
        return result

    def finish(self, outputs: Iterable[Wire]) -> ReLUNetwork:
        """The network with these outputs, its units level by level."""
        n, levels = self.n_inputs, np.array(self._levels)
        place = np.empty(len(levels), np.intp)
        order = np.argsort(levels, kind="stable")
        place[order] = np.arange(len(levels))
        wires = [self._wires[i - n] for i in order[n:].tolist()]
        ends = np.searchsorted(levels[order], np.arange(2, levels.max() + 2)) - n
        return ReLUNetwork(*_matrix(wires, place), *_matrix(list(outputs), place), ends)


def _matrix(wires: list[Wire], place: np.ndarray) -> tuple[csr_array, np.ndarray]:
    """Weights and constants of wires, the units in their places."""
    lengths = [len(wire.terms) for wire in wires]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.intp)])
    units = np.fromiter((u for w in wires for u in w.terms), np.intp, starts[-1])
    weights = np.fromiter((c for w in wires for c in w.terms.values()), float, starts[-1])
    matrix = csr_array((weights, place[units], starts), shape=(len(wires), len(place)))
    return matrix, np.array([wire.constant for wire in wires])
