"""`active_lad`: a robust regression that asks for few of the labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from .._checks import choice, flag, number
from .._progress import Reporter, check_progress, reporter
from .._xp import Array, array_namespace, as_float_array, host, placed
from ..random import key
from ._exact.intervals import Intervals
from ._rows.constant import ConstantRows
from ._rows.rows import Rows, as_rows
from ._sample.drawing import METHODS, Drawn, checked_size, draw_rows
from ._sample.sample_fit import Kind, Sample, fitted, intervals_of_sample
from ._weights.iteration import solve
from .sampling import sample_size

__all__ = ["ActiveFit", "active_lad"]

_TOL, _MOST_ITERATIONS = 0.05, 500
_CERTAIN = 1e-6


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
    rank : int
        Rank of the rows asked for, the intercept's column among theirs; coefficients beyond it
        are zero.
    warnings : tuple of str
        What a reader of the numbers should know.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.random.default_rng(0).normal(size=(5000, 3))
    >>> dp.lewis.active_lad(X, lambda rows: X[rows, 0], m=300, rng=0)
    <ActiveFit: 3 coefficients from 292 labels of 5000 rows>
    """

    coef: Array
    intercept: float
    asked: np.ndarray
    scales: Array
    n_rows: int
    every_row: bool
    gap: float
    weights: Array
    rank: int
    warnings: tuple[str, ...]
    _sample: Sample | None = field(init=False, default=None)

    @property
    def n_labels(self) -> int:
        """How many labels were asked for."""
        return len(self.asked)

    def __repr__(self) -> str:
        every = ", all of them" if self.every_row else ""
        return (
            f"<ActiveFit: {self.coef.shape[0]} coefficients from {self.n_labels} labels of "
            f"{self.n_rows} rows{every}>"
        )

    def confidence_intervals(
        self, level: float = 0.9, *, n_resamples: int = 500, rng: Any = None
    ) -> Intervals:
        """Intervals for the coefficients, by a bootstrap of the rows asked for.

        Parameters
        ----------
        level : float, optional
            Probability with which an interval covers its coefficient, in (0, 1).
        n_resamples : int, optional
            Fits of the bootstrap.
        rng : optional
            What `diffpost_np.random.key` takes.

        Returns
        -------
        Intervals
            Lower and upper ends for `coef` and, where there is one, the intercept.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Notes
        -----
        Each resample multiplies the losses of the rows by exponential weights, and fits again.
        The intervals are for the coefficients behind labels that are independent given X, not for
        those of a fit to all labels that there are; each row asked for counts as one observation,
        however often it was drawn. They want thirty labels or more for each coefficient: with
        half as many, intervals at 0.9 covered 0.83 for p = 2 and heavy noise, and 0.95 for p = 1.
        Where labels do not outnumber the coefficients that they determine, they are infinite.
        """
        assert self._sample is not None
        seed = key(rng).fold("active_lad.bootstrap")
        found = intervals_of_sample(self._sample, level, n_resamples, seed)
        d = self.coef.shape[0]
        if found.lower.shape[0] == d:
            return found
        xp = array_namespace(X=found.lower)
        constant = xp.stack([found.lower[d], found.upper[d]])
        return Intervals(found.lower[:d], found.upper[:d], constant, found.level, found.method)


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
        Threshold of Huber's loss, positive, instead of a power: p must be 1. Rows are chosen by
        the weights for p = 1, or by leverage scores where these are larger.
    intercept : bool, optional
        Whether a constant is fitted, too.
    method : {"iid", "poisson", "pivotal"}, optional
        How rows are drawn, see `sample_rows`.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar while the weights are found; a callable gets a record after each pass.

    Returns
    -------
    ActiveFit
        The coefficients, in the dtype of rows and labels together, and which rows were asked for.

    Raises
    ------
    ValueError
        If an argument is out of its range or not finite, or labels have a wrong length or are
        not finite.
    TypeError
        If `label` is not callable, gives no real numbers, or neither `m` nor `eps` and `delta`
        are given.

    Warns
    -----
    RuntimeWarning
        If the gap is above 1e-6.

    Notes
    -----
    The weights are found to 5 %, which the constants of `sample_size` cover. With m draws, row i
    comes with probability w_i / sum w, and its loss counts sum w / (m w_i) times; the sample's
    minimiser is what is returned. For p = 1 and m of order d log(d / (eps delta)) / eps^2 it is
    within 1 + eps of the best on all rows with probability 1 - delta, whatever the labels; for
    other p and Huber's loss no constant is claimed. If m is no less than n, all rows are asked
    for and counted once. Columns that others span, among the rows asked for, get zero, as in `lad`;
    `rank` and `warnings` tell.

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
    >>> result = dp.lewis.active_lad(X, lambda rows: y[rows], m=2000, rng=0)
    >>> result.n_labels <= 2000, bool(np.abs(result.coef - [1, -2, 0, 3]).max() < 0.2)
    (True, True)
    """
    if not callable(label):
        raise TypeError(f"label must be a function of row numbers, got {label!r}")
    loss = Kind(number("p", p, at_least=1.0, at_most=2.0), _threshold(huber))
    if loss.threshold is not None and loss.p != 1:
        raise ValueError(f"p must be 1 beside huber, got {loss.p:g}")
    method, own = choice("method", method, METHODS), key(rng).fold("active_lad")
    size, with_constant = checked_size(m, eps, delta), flag("intercept", intercept)
    check_progress(progress)
    rows = ConstantRows(as_rows(X)) if with_constant else as_rows(X)
    if rows.xp is not numpy_namespace and not loss.is_absolute:
        raise TypeError("X must be of NumPy for p > 1 and Huber's loss")
    size = size or sample_size(rows.d, eps, delta, p=loss.p)  # type: ignore[arg-type]
    with reporter(progress, "active_lad") as report:
        weights, rank = _row_weights(rows, loss, report)
    every = size >= weights.shape[0]
    drawn = _every_row(rows) if every else draw_rows(rows.xp, weights, size, own, method, loss.p)
    if drawn.indices.shape[0] == 0:
        raise ValueError(f"m must be larger: no row was drawn for m = {size}")
    X_asked = rows.take(drawn.indices)
    sample = Sample(X_asked, _labels(label, drawn.indices, X_asked), drawn.scales, loss)
    return _result(sample, drawn, weights, rank, every, with_constant)


def _result(
    sample: Sample, drawn: Drawn, weights: Array, rank: int, every: bool, with_constant: bool
) -> ActiveFit:
    """The fit to the labels, with what it leaves open."""
    coef, own_rank, gap = fitted(sample)
    if not gap <= _CERTAIN:  # nan, too
        text = f"active_lad: the fit to the sample has a relative gap of {gap:.1e}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    asked, rank_of_all = host(drawn.indices), own_rank if every else max(rank, own_rank)
    result = ActiveFit(
        coef=coef[:-1] if with_constant else coef,
        intercept=float(coef[-1]) if with_constant else 0.0,
        asked=asked,
        scales=drawn.scales,
        n_rows=weights.shape[0],
        every_row=every,
        gap=gap,
        weights=weights,
        rank=own_rank,
        warnings=_warnings(len(asked), own_rank, rank_of_all, coef.shape[0]),
    )
    object.__setattr__(result, "_sample", sample)
    return result


def _threshold(huber: Any) -> float | None:
    return None if huber is None else number("huber", huber, above=0.0)


def _row_weights(rows: Rows, loss: Kind, report: Reporter) -> tuple[Array, int]:
    """Lewis weights to 5 %, and the rank; leverage scores, too, for Huber's loss near 0."""
    found = solve(rows, loss.p, _TOL, _MOST_ITERATIONS, report)
    if found.rank == 0:
        raise ValueError("X must not be zero: no row says anything about the coefficients")
    if loss.threshold is None:
        return found.weights, found.rank
    leverage = solve(rows, 2.0, _TOL, _MOST_ITERATIONS, report).weights
    return rows.xp.maximum(found.weights, leverage), found.rank


def _every_row(rows: Rows) -> Drawn:
    """All rows, once."""
    xp, n = rows.xp, rows.n or 0
    ones = xp.ones(n, dtype=rows.dtype, device=rows.device)
    indices = xp.arange(n, device=rows.device)
    return Drawn(indices, ones, xp.ones_like(indices), ones)


def _labels(label: Callable[[np.ndarray], Any], indices: Array, like: Array) -> Array:
    """The labels of these rows, checked, in the precision they come in."""
    xp = array_namespace(X=like)
    given = label(np.array(host(indices)))  # a copy, which it may change
    on_host = isinstance(given, np.ndarray)  # what a rowwise look-up there gives
    y = as_float_array("what label returns", given, xp=numpy_namespace if on_host else xp)
    if tuple(y.shape) != (indices.shape[0],):
        raise ValueError(
            f"label must return {indices.shape[0]} labels, one for each row asked for, got shape "
            f"{tuple(y.shape)}"
        )
    return placed(xp, y, like)


def _warnings(n_labels: int, rank: int, rank_of_all: int, width: int) -> tuple[str, ...]:
    """What columns of X, and the labels, leave open."""
    texts = []
    if rank_of_all < width:
        texts.append(
            f"X has rank {rank_of_all} with {width} columns: coefficients of columns that others "
            "span are zero"
        )
    if rank < rank_of_all:
        texts.append(
            f"{n_labels} labels do not determine {rank_of_all} coefficients: their rows have rank "
            f"{rank}"
        )
    return tuple(texts)
