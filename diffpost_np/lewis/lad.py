"""`lad`: exact least absolute deviations, and quantile regression."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import flag, fraction
from .._key import key
from .._progress import check_progress, reporter
from .._xp import Array, array_namespace, as_float_array, host, is_array
from ._exact.fit import CERTAIN, Fit, power_of_two
from ._exact.intervals import Intervals, intervals_of
from ._exact.regression import Regression, paired
from ._exact.solve import Solver
from ._rows.rows import ArrayRows, as_rows, watched

__all__ = ["LADResult", "lad"]

_MANY_NUMBERS = 2**22  # a chunk of a pass


@dataclass(frozen=True, repr=False, eq=False)
class LADResult:
    """An exact fit: a vertex, and the dual that proves it optimal.

    Several quantiles (q,) and several targets (n, k) give every field leading axes: (q,), (k,)
    or (q, k), here written `...`.

    Parameters
    ----------
    coef : array, shape (..., d)
        Coefficients of the columns of X.
    intercept : array, shape (...)
        Constant of the fit; zero without one.
    objective : float or array, shape (...)
        The loss, sum_i w_i max(q r_i, (q - 1) r_i): at the median half the sum of w_i |r_i|. It is
        that of the vertex; `warnings` tell where rounding of its coefficients adds to it.
    gap : float or array, shape (...)
        How much the dual leaves unproven, relative to `objective`.
    active_set : array of int, shape (..., rank)
        Rows that the fit goes through: they determine it.
    rank : int
        Rank of the columns, the intercept's among them.
    quantile : float or array, shape (q,)
        As it was given.
    n_iterations, n_pivots : int
        Iterations of interior points and pivots from vertex to vertex, in all.
    n_kept, n_passes : int
        Rows of the largest exact fit, and the most bands that had to be drawn.
    warnings : tuple of str
        What a reader of the numbers should know.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> fit = dp.lewis.lad([[1.0], [1.0], [1.0]], [0.0, 1.0, 5.0])
    >>> fit
    LADResult(coef=[1.], intercept=0, objective=2.5, gap=0, rank=1)
    >>> fit.dual
    array([-0.5,  0. ,  0.5])
    """

    coef: Array
    intercept: Any
    objective: Any
    gap: Any
    active_set: Array
    rank: int
    quantile: Any
    n_iterations: int
    n_pivots: int
    n_kept: int
    n_passes: int
    warnings: tuple[str, ...]
    _fits: tuple[Fit, ...] = field(init=False, default=())
    _batch: tuple[int, ...] = field(init=False, default=())

    def __repr__(self) -> str:
        if self._batch:
            shape = f"coef of shape {tuple(self.coef.shape)}"
            return f"LADResult({shape}, gap<={float(np.max(self.gap)):.2g}, rank={self.rank})"
        with np.printoptions(precision=4, threshold=8):
            coef = str(host(self.coef))
        return (
            f"LADResult(coef={coef}, intercept={float(self.intercept):.4g}, "
            f"objective={self.objective:.4g}, gap={self.gap:.2g}, rank={self.rank})"
        )

    @property
    def dual(self) -> Array:
        """The dual, shape (..., n): a_i in [q - 1, q] with sum_i w_i a_i x_i = 0.

        A row above the fit has q, one below it q - 1; only rows that the fit goes through have
        something between.
        """
        problem, dtype = self._fits[0].task.problem, self.coef.dtype
        duals = problem.xp.stack([fit.whole_dual() for fit in self._fits])
        duals = problem.xp.astype(duals, dtype, copy=False)
        return problem.xp.reshape(duals, (*self._batch, problem.n))

    def confidence_intervals(
        self,
        level: float = 0.9,
        method: str = "rank",
        *,
        n_resamples: int = 500,
        rng: Any = None,
    ) -> Intervals:
        """Intervals for the coefficients of one fit.

        Parameters
        ----------
        level : float, optional
            Probability with which an interval covers its coefficient, in (0, 1).
        method : {"rank", "bootstrap"}, optional
            "rank" inverts Gutenbrunner and Jureckova's rank-score test, which needs no density of
            the noise and no draws, and holds where that density is the same for all rows;
            "bootstrap" refits with exponential weights, and holds where it is not.
        n_resamples : int, optional
            Fits of the bootstrap.
        rng : optional
            What `diffpost_np.random.key` takes, for the bootstrap.

        Returns
        -------
        Intervals
            Lower and upper ends for `coef` and, where there is one, the intercept.

        Raises
        ------
        ValueError
            If an argument is out of range, or the result holds several fits.

        Notes
        -----
        The rank test of one coefficient takes one fit without its column for each value that is
        tried, some twenty in all.

        Each row is one observation, whatever its `sample_weight`: that says how much its error
        counts, so a common factor changes nothing, and rows of weight zero are left out. Weights
        that count equal rows make intervals too wide: repeat the rows instead. Where there are no
        more rows than columns, nothing tells how far the labels scatter: intervals are infinite.
        """
        return intervals_of(self._fits, self.coef.dtype, level, method, n_resamples, rng)


def lad(
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    quantile: Any = 0.5,
    intercept: bool = False,
    rng: Any = None,
    progress: Any = False,
) -> LADResult:
    """Fit a linear model with the least weighted sum of absolute errors, exactly.

    Minimises sum_i w_i rho(y_i - x_i b) with rho(r) = max(q r, (q - 1) r): least absolute
    deviations for q = 1/2, quantile regression for others.

    Parameters
    ----------
    X : array, shape (n, d), or blocks of its rows
        Rows x_i. Any rank, any number of rows. Blocks are a list of arrays or sparse matrices, a
        function that returns a fresh iterator over them, or a Dask array: what is in memory at a
        time is a block, a chunk of 32 MB and the rows near the fit.
    y : array, shape (n,) or (n, k)
        Targets, one fit for each column. None where blocks are pairs (X_block, y_block), whose
        targets are (n_block,) or (n_block, k).
    sample_weight : array, shape (n,), optional
        Weights w_i >= 0, not all zero; 1 by default.
    quantile : float or array, shape (q,), optional
        The quantile, inside (0, 1); one fit for each.
    intercept : bool, optional
        Whether to add a constant.
    rng : optional
        What `diffpost_np.random.key` takes: which rows the pilot has, and so the time a fit
        takes, but not its result, where that is unique.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per fit, and in every pass over rows from
        blocks or a memory map how many of them it has read, chunk by chunk.

    Returns
    -------
    LADResult
        A vertex of the set of best fits, its dual, and the gap between them, in the dtype and
        namespace of the arrays; computed in float64.

    Raises
    ------
    ValueError
        If an array has a wrong shape or is not finite, a weight is negative or all are zero, or
        a quantile is not inside (0, 1).
    TypeError
        If array types are mixed, or an array is not real.

    Notes
    -----
    An interior point finds which rows the best fit goes through, and pivots from vertex to vertex
    do the rest. With many rows the fit of a sample tells for most of them on which side of the
    fit they are; these count as one row, and a last pass over all rows proves that each was on
    its side. So the cost is two or three reads of X (blocks are read four times or five), and
    memory beyond X is that of a few thousand rows and one byte for each row. That is so where
    residuals have a density at the fit that is much the same for all rows. Extreme quantiles, and
    rows whose residuals differ in spread, leave more rows open; a band that was too narrow is
    read again, up to six times; and where y has ties, such as labels or counts, the fit goes
    through so many rows that all of them may be taken into memory, in float64. `n_kept` and
    `n_passes` tell, and `warnings` where all were taken.

    Blocks and memory maps give the fit of the same rows in memory: its coefficients to the bit and
    `objective` up to the last digit, where that fit is unique and goes through no more rows than
    it needs. Elsewhere, as where y has ties, `active_set` may name others of these rows.

    Where columns depend on others, a subset that spans them is fitted and the others get zero, as
    a pivoted QR decomposition finds: columns count as dependent if the angle to the span of the
    others is below 1e-11. Where X is float32 it is 1.2e-6 sqrt(columns), what the rounding of its
    entries may hide, and `gap` takes such columns as spanned. So a column in float32 whose offset
    is over 1e5 times its spread, such as time stamps, may count as a constant beside an intercept:
    centre it, or give X in float64.

    `gap` bounds `objective` - minimum from the dual alone: it sums
    rho(r_i) - a_i r_i over all rows, and what sum_i w_i a_i x_i has beyond rounding.

    References
    ----------
    Portnoy, Koenker, "The Gaussian hare and the Laplacian tortoise", Statistical Science 1997.
    Barrodale, Roberts, "An improved algorithm for discrete l1 linear approximation", SIAM
    Journal on Numerical Analysis 1973, for moves along an edge past several rows.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = X @ [2.0, -1.0] + 1.0
    >>> y[:200] += 100.0  # two fifths of the rows are wrong
    >>> fit = dp.lewis.lad(X, y, intercept=True)
    >>> fit.coef.round(9), float(fit.intercept.round(9))
    (array([ 2., -1.]), 1.0)
    """
    check_progress(progress)
    xp, problems, batch = _problems(X, y, sample_weight, flag("intercept", intercept))
    levels, levels_batch = _quantiles(quantile)
    rarest = max(levels, key=lambda level: abs(level - 0.5))
    own, fits = key(rng).fold("lewis.lad"), []
    with reporter(progress, "lad") as report, watched(problems[0].x, report):
        solver = Solver(problems[0], own, rarest)
        for level in levels:
            for problem in problems:
                fits.append(solver.fit(problem, level))
                report(len(fits), len(levels) * len(problems), gap=fits[-1].gap)
    return _result(xp, fits, (*levels_batch, *batch), quantile)


def _problems(
    X: Any, y: Any, sample_weight: Any, intercept: bool
) -> tuple[ModuleType, list[Regression], tuple[int, ...]]:
    """One regression for each target."""
    rows, target = paired(X) if y is None else (as_rows(X), y)
    own = {"X": rows.array} if isinstance(rows, ArrayRows) else {"X": np.empty(0)}
    xp = array_namespace(**own, y=target, sample_weight=sample_weight)
    device = rows.device
    target = as_float_array("y", target, xp=xp, device=device)
    n = rows.n or (target.shape[0] if target.ndim else 0)
    rows.n = n  # blocks are counted as they are read, and must be as many
    if target.ndim not in (1, 2) or target.shape[0] != n or 0 in target.shape:
        raise ValueError(f"y must have shape ({n},) or ({n}, k), got {tuple(target.shape)}")
    weight, unit = None, 1.0
    if sample_weight is not None:
        weight = _weights(xp, sample_weight, n, device)
        unit = power_of_two(float(xp.max(weight)))
        weight = weight / unit
    if target.ndim == 1:
        return xp, [Regression(rows, target, weight, intercept, unit)], ()
    columns = (xp.asarray(target[:, k], copy=True) for k in range(target.shape[1]))
    return xp, [Regression(rows, c, weight, intercept, unit) for c in columns], (target.shape[1],)


def _weights(xp: ModuleType, sample_weight: Any, n: int, device: Any) -> Array:
    weight = as_float_array("sample_weight", sample_weight, xp=xp, device=device, shape=(n,))
    weight = xp.astype(weight, xp.float64)
    if float(xp.min(weight)) < 0:
        raise ValueError(f"sample_weight must not be negative, got {float(xp.min(weight))}")
    if float(xp.max(weight)) == 0:
        raise ValueError("sample_weight must not be zero for all rows, got only zeros")
    return weight


def _quantiles(quantile: Any) -> tuple[list[float], tuple[int, ...]]:
    """The levels, and the axis that they make; a number makes none."""
    listed = isinstance(quantile, list | tuple) or hasattr(quantile, "__array__")
    if not (listed or is_array(quantile)):
        return [fraction("quantile", quantile)], ()
    levels = as_float_array("quantile", host(quantile) if is_array(quantile) else quantile)
    if levels.ndim > 1 or levels.size == 0:
        shape = tuple(levels.shape)
        raise ValueError(f"quantile must be a number or have shape (q,), got shape {shape}")
    return [fraction("quantile", float(level)) for level in np.ravel(levels)], levels.shape


def _result(
    xp: ModuleType,
    found: list[Fit],
    batch: tuple[int, ...],
    quantile: Any,
) -> LADResult:
    problem = found[0].task.problem
    dtype = xp.result_type(problem.x.dtype, problem.y.dtype)
    device, d = problem.x.device, problem.x.d
    b = np.array([fit.coefficients for fit in found])
    constant = b[:, d] if problem.intercept else np.zeros(len(b))
    gap = np.array([fit.gap for fit in found])

    def array(values: np.ndarray, *shape: int, dtype: Any = dtype) -> Array:
        return xp.asarray(values.reshape((*batch, *shape)), dtype=dtype, device=device)

    def numbers(values: np.ndarray) -> Any:
        return values.reshape(batch) if batch else float(values[0])

    basis = np.array([fit.basis for fit in found])
    result = LADResult(
        coef=array(b[:, :d], d),
        intercept=array(constant),
        objective=numbers(np.array([fit.objective * problem.unit for fit in found])),
        gap=numbers(gap),
        active_set=array(basis, basis.shape[1], dtype=xp.int64),
        rank=basis.shape[1],
        quantile=quantile,
        n_iterations=sum(fit.task.n_iterations for fit in found),
        n_pivots=sum(fit.task.n_pivots for fit in found),
        n_kept=max(fit.n_kept for fit in found),
        n_passes=max(fit.task.n_passes for fit in found),
        warnings=_warnings(found, float(np.max(gap))),
    )
    object.__setattr__(result, "_fits", tuple(found))
    object.__setattr__(result, "_batch", batch)
    return result


def _warnings(found: list[Fit], gap: float) -> tuple[str, ...]:
    texts, fit = [], found[0]
    problem = fit.task.problem
    if len(fit.basis) < problem.width:
        texts.append(
            f"X has rank {len(fit.basis)} with {problem.width} columns: coefficients of "
            "columns that others span are zero"
        )
    if any(map(_took_all, found)):
        texts.append(
            f"all {max(fit.n_kept for fit in found)} rows were taken into memory in float64: no "
            "sample told on which side of the fit most of them are"
        )
    if any(fit.missed > CERTAIN * fit.objective for fit in found):
        missed = max(fit.missed * fit.task.problem.unit for fit in found)
        texts.append(
            f"rounding of the coefficients adds up to {missed:.1e} to the objective: columns "
            "nearly depend on others, or rows weigh too much or are too large for float64"
        )
    if gap == math.inf:
        texts.append("columns that seemed to depend on others do not: the fit is not proven")
    elif not gap <= CERTAIN:  # nan, too
        texts.append(f"the dual proves the objective to {gap:.1e} only")
    return tuple(texts)


def _took_all(fit: Fit) -> bool:
    """Whether all rows were fitted at once, though they are many."""
    task = fit.task
    n = task.problem.n if task.positive is None else int(task.positive.shape[0])
    return fit.n_kept == n and (task.n_passes > 0 or n * task.problem.width > _MANY_NUMBERS)
