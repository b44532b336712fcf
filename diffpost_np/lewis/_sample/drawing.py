"""Which rows are drawn: how many, in which way, and what they count."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from ..._checks import fraction, integer
from ..._xp import Array
from ...random import Key, uniform
from .pivotal import pivotal_choice

METHODS = ("iid", "poisson", "pivotal")


class Drawn(NamedTuple):
    """Rows that were drawn, as `RowSample` describes them."""

    indices: Array
    scales: Array
    counts: Array
    probabilities: Array


def draw_rows(xp: ModuleType, w: Array, m: int, key: Key, method: str, p: float) -> Drawn:
    """Draw by weights (n,) of which some are positive, with scales for the p-norm."""
    dtype, w = w.dtype, xp.astype(w, xp.float64)
    w = w / xp.max(w)
    if method == "iid":
        indices, counts, probabilities = _independent(xp, w, m, key)
        expected = m * probabilities
    else:
        inclusion = _inclusion(xp, w, m)
        u = uniform(key, (w.shape[0], 1), like=w)[:, 0]
        drawn = u < inclusion if method == "poisson" else pivotal_choice(xp, inclusion, u)
        indices = xp.nonzero(drawn)[0]
        counts = xp.ones_like(indices)
        probabilities = expected = xp.take(inclusion, indices)
    scales = xp.astype((xp.astype(counts, xp.float64) / expected) ** (1.0 / p), dtype)
    return Drawn(indices, scales, counts, xp.astype(probabilities, dtype))


def _independent(xp: ModuleType, w: Array, m: int, key: Key) -> tuple[Array, Array, Array]:
    """Rows, how often, and their probabilities in a draw, by inversion."""
    cumulative = xp.cumulative_sum(w)
    levels = uniform(key, (m, 1), like=w)[:, 0] * cumulative[-1]
    last = xp.max(xp.nonzero(w > 0)[0])
    drawn = xp.minimum(xp.searchsorted(cumulative, levels, side="right"), last)
    found = xp.unique_counts(drawn)
    order = xp.argsort(found.values)
    indices, counts = xp.take(found.values, order), xp.take(found.counts, order)
    return indices, counts, xp.take(w, indices) / cumulative[-1]


def _inclusion(xp: ModuleType, w: Array, m: int) -> Array:
    """min(1, c w), with c such that they sum to m; 1 for every w > 0 if these are too few."""
    certain = xp.zeros_like(w) > 0
    while True:
        left = m - int(xp.sum(xp.astype(certain, xp.int64)))
        rest = xp.where(certain, xp.zeros_like(w), w)
        total = float(xp.sum(rest))
        if total == 0.0:
            return xp.astype(certain, xp.float64)
        scaled = rest * (left / total)
        more = scaled >= 1.0
        if not bool(xp.any(more)):
            return xp.where(certain, xp.ones_like(w), scaled)
        certain = certain | more


def checked_size(m: Any, eps: Any, delta: Any) -> int | None:
    """The size if it is given; checks that what else would tell it is there."""
    if m is not None:
        if eps is not None or delta is not None:
            raise ValueError("m must not be given beside eps and delta")
        return integer("m", m)
    if eps is None or delta is None:
        raise TypeError("m must be given, or both eps and delta")
    fraction("eps", eps), fraction("delta", delta)
    return None
