"""`subspace_embedding`: few rows that stand for all of them in |X b|_p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import choice, number
from .._progress import check_progress, reporter
from .._xp import Array
from ..random import key
from ._rows.rows import as_rows
from ._sample.drawing import METHODS, checked_size, draw_rows
from ._weights.iteration import solve
from .sampling import sample_size

_TOL = 0.05


@dataclass(frozen=True, eq=False)
class SubspaceEmbedding:
    """Scaled rows Z = S X with |Z b|_p close to |X b|_p for all b.

    Parameters
    ----------
    rows : array, shape (k, d)
        The rows of Z.
    indices : array of int64, shape (k,)
        Which rows of X they are.
    scales : array, shape (k,)
        What these were multiplied by.
    n_reads : int
        Times that X was read.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.lewis.subspace_embedding(np.eye(3), m=10, method="pivotal", rng=0).rows.shape
    (3, 3)
    """

    rows: Array
    indices: Array
    scales: Array
    n_reads: int

    def __repr__(self) -> str:
        return f"<SubspaceEmbedding: {self.rows.shape[0]} rows, {self.n_reads} reads>"


def subspace_embedding(
    X: Any,
    p: float = 1.0,
    *,
    m: int | None = None,
    eps: float | None = None,
    delta: float | None = None,
    rng: Any = None,
    method: str = "iid",
    progress: Any = False,
) -> SubspaceEmbedding:
    """Sample rows by Lewis weights so that |S X b|_p is close to |X b|_p for all b.

    Parameters
    ----------
    X : array, shape (n, d), or blocks of rows
        What `lewis_weights` takes.
    p : float, optional
        The norm, above 0.
    m : int, optional
        Size of the sample, as in `sample_rows`; else `sample_size` says it from `eps` and `delta`.
        If it reaches n, all rows are taken as they are.
    eps, delta : float, optional
        Distortion and probability of failure, both in (0, 1), instead of `m`.
    rng : optional
        What `diffpost_np.random.key` takes.
    method : {'iid', 'poisson', 'pivotal'}, optional
        How to draw, as in `sample_rows`.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each pass.

    Returns
    -------
    SubspaceEmbedding
        `.rows`, `.indices` and `.scales`.

    Raises
    ------
    ValueError
        If X is not finite or not a table, X is zero, a block cannot be read or has another width,
        an argument is out of range, or `m` is given beside `eps` and `delta`.
    TypeError
        If X is an iterator, which cannot be read twice, or neither `m` nor both of `eps` and
        `delta` are given.

    Notes
    -----
    Weights to within 5 %, which takes about two reads of X after a first look at it, and one more
    to fetch the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.random.default_rng(0).normal(size=(5000, 4))
    >>> Z = dp.lewis.subspace_embedding(X, m=1000, rng=0).rows
    >>> b = np.array([1.0, -1.0, 2.0, 0.5])
    >>> bool(abs(np.abs(Z @ b).sum() / np.abs(X @ b).sum() - 1) < 0.1)
    True
    """
    p, method = number("p", p, above=0.0), choice("method", method, METHODS)
    check_progress(progress)
    own = key(rng).fold("subspace_embedding")
    size = checked_size(m, eps, delta)
    rows = as_rows(X)
    size = size or sample_size(rows.d, eps, delta, p=p)  # type: ignore[arg-type]
    with reporter(progress, "subspace_embedding") as report:
        found = solve(rows, p, _TOL, 500, report)
    if found.rank == 0:
        raise ValueError("X must not be zero: no row would be drawn")
    xp, w = rows.xp, found.weights
    if size >= w.shape[0]:
        indices = xp.arange(w.shape[0], device=rows.device)
        scales = xp.ones_like(w)
    else:
        sample = draw_rows(xp, w, size, own, method, p)
        indices, scales = sample.indices, sample.scales
        if indices.shape[0] == 0:
            raise ValueError(f"m must be larger: no row was drawn for m = {size}")
    kept = rows.take(indices) * scales[:, None]
    return SubspaceEmbedding(kept, indices, scales, found.n_reads + 1)
