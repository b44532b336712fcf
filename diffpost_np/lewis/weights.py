"""`lewis_weights`: how much each row matters to |X b|_p."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from .._checks import integer, number
from .._progress import check_progress, reporter
from .._xp import Array
from ._rows.rows import as_rows, kind_of
from ._weights.iteration import DEFAULT_TOL, solve


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
        scores of the reweighted rows w_i^(1/2 - 1/p) x_i. From eigenvalues, so it holds for all
        rows whatever they are; the rounding of a float times the condition of X is in it.
    converged : bool
        Whether `residual`, but for the rounding in it, is at most the `tol` that was asked for.
        Where rounding lifts it above, no iteration helps: X is that close to dependent columns.

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
    never the weights. For many rows the start is the solution on some of them, so that two reads
    after the first look usually do for `tol=0.05`, and six to eight for 1e-10 at p = 1. Beyond the
    weights, memory is that of a chunk of rows, some 32 MB, 256 MB on a device. The bits do not
    depend on the number of threads, nor on how the rows come in blocks.

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
        rows = as_rows(X)
        tol = tol or DEFAULT_TOL[kind_of(rows.dtype)]
        found = solve(rows, p, tol, limit, report)
    if not found.converged:
        warnings.warn(
            f"lewis_weights stopped at a residual of {found.residual:.1e}, above {tol:.1e}",
            RuntimeWarning,
            stacklevel=2,
        )
    return LewisWeights(p=p, **found._asdict())
