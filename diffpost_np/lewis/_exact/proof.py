"""What the duals of a vertex prove, and what rounding leaves open."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from ..._dispatch import operation
from ..._xp import Array, host, placed
from .._rows.arrays import replaced
from .vertex import host_rows, row_units

EPS = float(np.finfo(float).eps)
ROUNDING = 64 * EPS


@operation
def proof_of(
    xp: ModuleType,
    x: Array,
    y: Array,
    quantile: float,
    b: np.ndarray,
    basis: np.ndarray,
    residual: Array,
    dual: Array,
    moment: np.ndarray,
) -> tuple[Array, float, float, float, float]:
    """Duals of some rows, with those of the basis from X'a = 0, where others have this moment.

    Then the loss, how far it is above what the duals prove, the size of the numbers that these
    are sums of, and what rounding of b may add: heavy rows feel it, and residuals that are small
    beside their terms.
    """
    dual, unmatched = _balanced(xp, x, quantile, b, basis, dual, moment)
    loss = xp.where(residual > 0, quantile * residual, (quantile - 1) * residual)
    excess = float(xp.sum(loss - dual * residual)) + unmatched
    targets, terms, off = _sizes(xp, x, y, b, basis)
    size = min(targets, off) if len(basis) < x.shape[0] else targets  # few may outweigh all
    missed = max(_missed(xp, x, y, quantile, b, basis), EPS * terms)
    return dual, float(xp.sum(loss)), excess, size, missed


def _balanced(
    xp: ModuleType,
    x: Array,
    quantile: float,
    b: np.ndarray,
    basis: np.ndarray,
    dual: Array,
    others: np.ndarray,
) -> tuple[Array, float]:
    """Duals with those of the basis from X'a = 0, and what is left of X'a times b."""
    dual = replaced(xp, dual, basis, np.zeros(len(basis)))
    corner = host(xp.take(x, placed(xp, basis, x), axis=0))
    moment, size = others + host(dual @ x), row_units(corner)
    own = np.linalg.solve((corner / size[:, None]).T, -moment) / size
    own = np.clip(own, quantile - 1, quantile) + 0.0  # no minus zero
    rounding = ROUNDING * (np.abs(others) + host(xp.abs(dual) @ xp.abs(x)))
    left = np.maximum(np.abs(moment + own @ corner) - rounding, 0.0) @ np.abs(b)
    return replaced(xp, dual, basis, own), float(left)


def _missed(
    xp: ModuleType, x: Array, y: Array, quantile: float, b: np.ndarray, basis: np.ndarray
) -> float:
    """The loss of the basis."""
    corner, right = host_rows(xp, x, y, basis)
    r = right - corner @ b
    return float(np.sum(np.maximum(quantile * r, (quantile - 1) * r)))


def _sizes(
    xp: ModuleType, x: Array, y: Array, b: np.ndarray, basis: np.ndarray
) -> tuple[float, float, float]:
    """The size of y, of the terms of residuals, and of those of residuals off the basis."""
    terms = xp.abs(y) + xp.abs(x) @ placed(xp, np.abs(b), x)
    off = replaced(xp, terms, basis, np.zeros(len(basis)))
    return float(xp.sum(xp.abs(y))), float(xp.sum(terms)), float(xp.sum(off))
