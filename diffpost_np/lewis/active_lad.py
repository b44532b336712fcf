"""`active_lad`: a robust regression that asks for few of the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import flag, fraction, integer, number
from ..random import Key, key
from ._robust_fit import fit, huber_loss, power_loss
from ._rows import Rows, as_rows
from .lad import lad
from .lewis_weights import lewis_weights
from .sample_rows import RowSample, sample_rows
from .sample_size import sample_size

__all__ = ["ActiveFit", "active_lad"]

_WEIGHT_TOL = 0.05
_GAP = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class ActiveFit:
    """Coefficients, and the labels they took.

    Of the loss on all rows nothing is said: that of the sample does not estimate it, since a
    single outlier may carry most of either.

    Parameters
    ----------
    coef : array, shape (d,)
        The coefficients.
    intercept : float
        The intercept, 0 where none was asked for.
    asked : array of int, shape (n_labels,)
        Rows whose labels were asked for, in order, each once.
    scales : array, shape (n_labels,)
        Factors of their losses.
    n_rows : int
        Rows there are.
    every_row : bool
        Whether all were asked for, since `m` is no less: the fit is then that of all rows.
    gap : float
        Relative bound of how much the loss of the sample, with its factors, could fall.
    weights : array, shape (n,)
        Lewis weights of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.random.default_rng(0).normal(size=(5000, 3))
    >>> dp.lewis.active_lad(X, lambda rows: X[rows, 0], m=300, rng=0)
    <ActiveFit: 3 coefficients from 292 labels of 5000 rows>
    """

    coef: np.ndarray
    intercept: float
    asked: np.ndarray
    scales: np.ndarray
    n_rows: int
    every_row: bool
    gap: float
    weights: np.ndarray

    @property
    def n_labels(self) -> int:
        """How many labels were asked for."""
        return len(self.asked)

    def __repr__(self) -> str:
        every = ", all of them" if self.every_row else ""
        return (
            f"<ActiveFit: {len(self.coef)} coefficients from {self.n_labels} labels of "
            f"{self.n_rows} rows{every}>"
        )


def active_lad(
    X: Any,
    label: Callable[[np.ndarray], Any],
    *,
    m: int | None = None,
    eps: float | None = None,
    delta: float | None = None,
    p: float = 1.0,
    huber: float | None = None,
    intercept: bool = False,
    method: str = "iid",
    rng: Any = None,
    progress: Any = False,
) -> ActiveFit:
    """Least absolute deviations from the labels of a few rows, chosen by Lewis weights.

    Parameters
    ----------
    X : array, shape (n, d), or row blocks
        All rows, without their labels; what `lewis_weights` takes.
    label : callable
        `label(indices)` gives the labels of these rows, (k,) real numbers. It is called once,
        with every row at most once, in increasing order.
    m : int, optional
        Number of draws; fewer labels are asked for, since rows come repeatedly. Give either `m`,
        or `eps` and `delta`.
    eps, delta : float, optional
        In (0, 1): the loss on all rows is to be within 1 + eps of the least, with probability
        1 - delta. The draws are those of `sample_size`.
    p : float, optional
        Power of the loss, in [1, 2].
    huber : float, optional
        Threshold of Huber's loss, positive, instead of a power; rows are chosen as for p = 1,
        and leverage scores where they are larger.
    intercept : bool, optional
        Whether a constant is fitted, too.
    method : {"iid", "poisson", "pivotal"}, optional
        How rows are drawn, see `sample_rows`.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar for every pass over X.

    Returns
    -------
    ActiveFit
        The coefficients, and which rows were asked for.

    Raises
    ------
    ValueError
        If an argument is out of its range or not finite, or labels have a wrong length or are
        not finite.
    TypeError
        If `label` is not callable, gives no real numbers, or neither `m` nor `eps` and `delta`
        are given.

    Notes
    -----
    The weights are found to 5 %, which the constants of `sample_size` cover. With m draws, row i
    comes with probability w_i / sum w, and its loss counts sum w / (m w_i) times; the sample's
    minimiser is what is returned. For p = 1 and m of order d log(d / (eps delta)) / eps^2 it is
    within 1 + eps of the best on all rows with probability 1 - delta, whatever the labels; for
    other p and Huber's loss no constant is claimed. If m is no less than n, all rows are asked
    for and counted once.

    References
    ----------
    A. Parulekar, A. Parulekar, E. Price, "L1 regression with Lewis weights subsampling",
    arXiv 2105.09433, 2021. For 1 < p < 2 and Huber's loss: C. Musco, C. Musco, D. P. Woodruff,
    T. Yasuda, "Active linear regression for lp norms and beyond", arXiv 2111.04888, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20_000, 4))
    >>> y = X @ [1.0, -2.0, 0.0, 3.0] + rng.standard_t(1.5, size=20_000)
    >>> result = dp.lewis.active_lad(X, lambda rows: y[rows], m=1000, rng=0)
    >>> result.coef.round(1), result.n_labels < 1000
    (array([ 1., -2.,  0.,  3.]), True)
    """
    if not callable(label):
        raise TypeError(f"label must be a function of row indices, got {label!r}")
    p = number("p", p, at_least=1.0, at_most=2.0)
    threshold = None if huber is None else number("huber", huber, above=0.0)
    draws = _draws(m, eps, delta)
    rows = as_rows(X, progress=progress)
    if flag("intercept", intercept):
        rows = rows.with_constant()
    own = key(rng).fold("lewis.active_lad")
    weights = _weights(rows, p, threshold)
    chosen = _chosen(rows, weights, draws, p, eps, delta, method, own)
    X_chosen = rows.take(chosen.indices)
    y_chosen = _labels(label, chosen.indices)
    coef, gap = _fitted(X_chosen, y_chosen, chosen.scales**p, p, threshold)
    return _as_result(...)
