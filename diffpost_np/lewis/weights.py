"""`lewis_weights`: how much each row matters to |X b|_p."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from .._checks import integer, number
from .._progress import Reporter, check_progress, reporter
from .._xp import Array
from ._basis import Basis, basis_of_all, basis_of_some, refined
from ._design import Design
from ._minimise import Outcome, minimise
from ._rows import ArrayRows, Rows, as_rows, kind_of
from ._survey import Survey, in_memory, survey

_TOL = {"float64": 1e-8, "float32": 1e-4}

_START_TOL = 0.02
"""Accuracy of the start from some of the rows."""


@dataclass(frozen=True, eq=False)
class LewisWeights:
    """Lewis weights, and what is known about their error.

    Parameters
    ----------
    weights : array, shape (n,)
        One for each row, in [0, 1] up to `residual`; they sum to `rank`.
    p : float
        The norm they belong to.
    rank : int
        Numerical rank of X.
    n_iterations : int
        Evaluations of the fixed-point map on all rows.
    n_reads : int
        Times that X was read, the first look at it included. Of short tables, that keeps all.
    residual : float
        Bound of max |tau_i / w_i - 1| over the rows with a weight, tau being the leverage
        scores of the reweighted rows w_i^(1/2 - 1/p) x_i; from eigenvalues, so it holds for all
        rows whatever they are, up to rounding.
    converged : bool
        Whether `residual` is at most the `tol` that was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> found = dp.lewis.lewis_weights(np.array([[1.0], [3.0]]))
    >>> found.weights, found.rank
    (array([0.25, 0.75]), 1)
    """

    weights: Array
    p: float
    rank: int
    n_iterations: int
    n_reads: int
    residual: float
    converged: bool

    def __repr__(self) -> str:
        return (
            f"<LewisWeights: p = {self.p:g}, {self.weights.shape[0]} rows, rank {self.rank}, "
            f"residual {self.residual:.1e}, {self.n_iterations} iterations, {self.n_reads} reads>"
        )


def lewis_weights(
    X: Any,
    p: float = 1.0,
    *,
    tol: float | None = None,
    max_iterations: int = 500,
    progress: Any = False,
) -> LewisWeights:
    """Compute the l_p Lewis weights of the rows of X.

    Parameters
    ----------
    X : array, shape (n, d), or blocks of rows
        An array of any namespace, a memory map, a SciPy sparse matrix, a Dask array, a list of
        blocks, or a function that returns a fresh iterator over blocks.
    p : float, optional
        Which norm, above 0. At p = 2 the weights are leverage scores.
    tol : float, optional
        Bound of max |tau_i / w_i - 1|, above 0; 1e-8 by default, 1e-4 in float32. Sampling
        needs no more than 0.05.
    max_iterations : int, optional
        Evaluations of the fixed-point map after which to stop with a warning.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each and may return True to stop.

    Returns
    -------
    LewisWeights
        `.weights`, in the dtype and namespace of X (NumPy for blocks), with `.residual` and
        what they cost.

    Raises
    ------
    ValueError
        If X is not finite or not a table, a block cannot be read or has another width, or a
        number is out of range.
    TypeError
        If X is an iterator, which cannot be read twice, or does not hold real numbers.

    Notes
    -----
    The weights are the unique w with tau_i(W^(1/2 - 1/p) X) = w_i, where tau are leverage scores.
    They are found as the minimum of a function that is convex along geodesics, for every p: by the
    fixed-point map w_i <- (x_i' (X' W^(1 - 2/p) X)^-1 x_i)^(p/2), scaled to the rank, with
    quasi-Newton steps on top and a line search, so that it converges for p >= 4, too, where the
    map alone does not.

    An iteration reads X once and takes about 2 n d^2 operations; one d x d matrix is carried over,
    never the weights. For many rows the start is the solution on some of them. Beyond the weights,
    memory is that of a chunk of rows. The bits do not depend on the number of threads, nor on how
    the rows come in blocks.

    Rows of zeros have weight 0, and so have rows too short for float arithmetic beside the others:
    |M' x|^2 below 1e-290, 1e-33 in float32. Any n and d are allowed; columns that depend on others
    to within rounding lower the rank.

    References
    ----------
    Lewis, Studia Mathematica 63, 1978, for the weights. Cohen, Peng, "L_p row sampling by Lewis
    weights", STOC 2015, for the fixed point.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> found = dp.lewis.lewis_weights(X)
    >>> found.converged, round(float(found.weights.sum()), 6)
    (True, 3.0)

    Blocks from anywhere, such as the parts of a file, give the same bits:

    >>> again = dp.lewis.lewis_weights(lambda: np.array_split(X, 7))
    >>> bool((again.weights == found.weights).all())
    True
    """
    p = number("p", p, above=0.0)
    tol = None if tol is None else number("tol", tol, above=0.0)
    limit = integer("max_iterations", max_iterations)
    check_progress(progress)
    with reporter(progress, "lewis_weights") as report:
        return solve(as_rows(X), p, tol, limit, report)


def solve(rows: Rows, p: float, tol: float | None, limit: int, report: Reporter) -> LewisWeights:
    """The weights of the rows: after a survey, passes over all from the solution on some."""
    kind = kind_of(rows.dtype)
    tol, seen = tol or _TOL[kind], survey(rows)
    rows = in_memory(rows, seen)
    basis, n_reads = basis_of_some(rows, seen, kind), 1
    while True:
        if basis is None:
            n_reads += not seen.complete
            basis = basis_of_all(rows, seen, kind)
        design = Design(rows, basis, n_reads)
        if design.rank == 0:
            return LewisWeights(design.zeros(), p, 0, 0, n_reads, 0.0, True)
        frame = basis.frame if basis.from_all else _start(seen, basis, p, max(tol, _START_TOL))
        outcome = _minimised(design, frame, p, tol, limit, report)
        better = None
        if outcome is not None:
            better = None if outcome.stopped else refined(basis, outcome.point.frame, kind)
            if better is None:
                return _as_record(design, p, tol, outcome)
        elif basis.from_all:
            raise ValueError("X must not have rows that differ in size beyond all powers of floats")
        basis, n_reads = better, design.n_reads  # some rows said too little about the others


def _start(seen: Survey, basis: Basis, p: float, tol: float) -> np.ndarray:
    """The frame of the solution on the rows that the survey kept."""
    some = Design(ArrayRows(seen.some, numpy_namespace), basis)
    outcome = _minimised(some, basis.frame, p, tol, 50, Reporter())
    return basis.frame if outcome is None else outcome.point.frame


def _minimised(
    design: Design, frame: np.ndarray, p: float, tol: float, limit: int, report: Reporter
) -> Outcome | None:
    def told(n: int, residual: float) -> bool:
        return report(n, limit, residual=residual, reads=design.n_reads)

    return minimise(lambda L: design.lewis_pass(L, p), frame, p, tol, limit, told)


def _as_record(design: Design, p: float, tol: float, outcome: Outcome) -> LewisWeights:
    point = outcome.point
    if not outcome.converged:
        warnings.warn(
            f"lewis_weights stopped at a residual of {point.residual:.1e}, above {tol:.1e}",
            RuntimeWarning,
            stacklevel=4,
        )
    weights = point.weights * (design.rank / point.total)
    numbers = outcome.n_iterations, design.n_reads, float(point.residual)
    return LewisWeights(weights, p, design.rank, *numbers, outcome.converged)
