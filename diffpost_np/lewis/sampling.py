"""`sample_rows` and `sample_size`: which rows to keep, and how many."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._checks import choice, fraction, integer, number
from .._xp import Array, array_namespace, as_float_array
from ..random import key
from ._sample.drawing import METHODS, draw_rows
from .weights import LewisWeights

_LOG_MOST = 62 * math.log(2)


@dataclass(frozen=True, eq=False)
class RowSample:
    """Rows that were drawn, and what to multiply them by.

    Parameters
    ----------
    indices : array of int64, shape (k,)
        The rows, each once, in increasing order.
    scales : array, shape (k,)
        Multiply row and label by these: |S X b|_p^p has the mean |X b|_p^p for every b.
    counts : array of int64, shape (k,)
        How often each was drawn, which the scales include; 1 unless draws are independent.
    probabilities : array, shape (k,)
        Of the rows drawn: in a single draw for 'iid', else of being drawn at all.
    m : int
        The size that was asked for.
    method : str
        How they were drawn.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> sample = dp.lewis.sample_rows(np.array([1.0, 0.0, 1.0]), 2, rng=0, method="pivotal")
    >>> sample.indices, sample.scales
    (array([0, 2]), array([1., 1.]))
    """

    indices: Array
    scales: Array
    counts: Array
    probabilities: Array
    m: int
    method: str

    def __repr__(self) -> str:
        k = self.indices.shape[0]
        return f"<RowSample: {k} rows of a {self.method} sample of size {self.m}>"


def sample_rows(
    weights: Any, m: int, rng: Any = None, *, method: str = "iid", p: float | None = None
) -> RowSample:
    """Draw rows with probabilities proportional to their weights.

    Parameters
    ----------
    weights : LewisWeights or array, shape (n,)
        At least 0 each, and not all 0; they need not sum to anything.
    m : int
        Number of draws ('iid'), or of rows: on average ('poisson') or exactly ('pivotal'), unless
        fewer rows have a weight.
    rng : optional
        What `diffpost_np.random.key` takes.
    method : {'iid', 'poisson', 'pivotal'}, optional
        Independent draws with replacement; an independent decision on each row; or the pivotal
        method, in which neighbours compete, so that the sample is spread along the order of
        the rows.
    p : float, optional
        The norm that the scales are for, above 0: that of the weights where they know it, else 1.

    Returns
    -------
    RowSample
        `.indices` and `.scales`: (count / (m w_i / sum w))^(1/p) for independent draws, else
        (1 / P(i is drawn))^(1/p) with P = min(1, c w_i) that sum to m.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero or not (n,), or another argument is out of
        range.
    TypeError
        If an argument is of another type.

    Notes
    -----
    Random numbers are counted by row or by draw, so a seed gives the same sample on every
    backend, up to ties in rounding. 'pivotal' is a pass over the rows in sequence, on the host.

    References
    ----------
    Deville, Tille, Biometrika 85, 1998, for the pivotal method; its use for regression is due to
    Shimizu, Cheng, Musco, Weare, arXiv 2310.04966.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> sample = dp.lewis.sample_rows(dp.lewis.lewis_weights(X), 200, rng=0)
    >>> Z = X[sample.indices] * sample.scales[:, None]
    >>> full, b = np.abs(X @ [1.0, 2.0, 3.0]).sum(), [1.0, 2.0, 3.0]
    >>> bool(abs(np.abs(Z @ b).sum() / full - 1) < 0.2)
    True
    """
    m, method = integer("m", m), choice("method", method, METHODS)
    known = weights.p if isinstance(weights, LewisWeights) else 1.0
    p = known if p is None else number("p", p, above=0.0)
    own = key(rng).fold("sample_rows")
    w = weights.weights if isinstance(weights, LewisWeights) else weights
    xp = array_namespace(weights=w)
    w = as_float_array("weights", w, xp=xp, shape=(None,))
    if w.shape[0] == 0 or bool(xp.any(w < 0)) or not bool(xp.any(w > 0)):
        raise ValueError("weights must not be negative, and not all of them zero")
    return RowSample(*draw_rows(xp, w, m, own, method, p), m, method)


def sample_size(d: int, eps: float, delta: float, *, p: float = 1.0, constant: float = 2.0) -> int:
    """Rows to draw so that the fit to them is as good as the fit to all, nearly.

    Parameters
    ----------
    d : int
        Columns, at least 1.
    eps : float
        Excess of |X b - y|_p^p over its minimum that is tolerated, relative to it, in (0, 1).
    delta : float
        Probability of failure, in (0, 1).
    p : float, optional
        The norm, above 0.
    constant : float, optional
        Factor in front, above 0.

    Returns
    -------
    int
        The number of draws; if it reaches the number of rows, take every row.

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If an argument is of another type.

    Notes
    -----
    constant * d log(d / (eps delta)) / eps^2 for p <= 2, with d^(p/2) / eps^p in place of
    d / eps^2 for p > 2. For p = 1 that is the theorem on draws by Lewis weights with labels seen
    for drawn rows only, up to its constant: 2 is a choice that experience bears out, and a worst
    case may need more. For other p the rates are those known for subspace embeddings up to powers
    of logarithms; for 1 < p < 2 regression itself can do with d / eps.

    References
    ----------
    Parulekar, Parulekar, Price, arXiv 2105.09433, for p = 1; Musco, Musco, Woodruff, Yasuda,
    arXiv 2111.04888, for other p.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.lewis.sample_size(10, 0.1, 0.1)
    13816
    """
    d, eps, delta = integer("d", d), fraction("eps", eps), fraction("delta", delta)
    p, constant = number("p", p, above=0.0), number("constant", constant, above=0.0)
    power = max(p, 2.0)
    log_rate = 0.5 * power * math.log(d) - power * math.log(eps)
    log_size = log_rate + math.log(constant) + math.log(math.log(d / delta) - math.log(eps))
    if log_size > _LOG_MOST:
        raise ValueError(f"eps must be larger: a sample for {eps:g} has more than 2^62 rows")
    return math.ceil(round(math.exp(log_size), 6))
