"""`leverage_scores`: how far each row can pull a least-squares fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import choice, number
from .._progress import check_progress, reporter
from .._xp import Array
from ..random import Key, key
from ._rows.rows import Rows, as_rows, kind_of
from ._weights.basis import Basis, basis_of_all, basis_of_some, refined
from ._weights.design import Design
from ._weights.sketch import random_columns, sketched_basis
from ._weights.survey import Survey, in_memory, survey

_METHODS = ("auto", "gram", "qr", "sketch")

_HUGE = 1e150
"""Beside it everything else is zero, and it can be squared."""


def leverage_scores(
    X: Any,
    *,
    method: str = "auto",
    ridge: float = 0.0,
    rng: Any = None,
    progress: Any = False,
) -> Array:
    """Compute the leverage scores x_i' (X'X + ridge)^+ x_i of the rows of X.

    Parameters
    ----------
    X : array, shape (n, d), or blocks of rows
        What `lewis_weights` takes: arrays, memory maps, sparse matrices, blocks.
    method : {'auto', 'gram', 'qr', 'sketch'}, optional
        'gram' takes the Gram matrix, in coordinates in which it is safe, 'qr' a QR decomposition,
        'sketch' random projections; 'auto' is 'gram'.
    ridge : float, optional
        What is added to the diagonal of X'X, at least 0.
    rng : optional
        What `diffpost_np.random.key` takes; only 'sketch' is random.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each pass.

    Returns
    -------
    array, shape (n,)
        Scores in [0, 1] up to rounding, in the dtype and namespace of X (NumPy for blocks). They
        sum to the rank of X without ridge, to the statistical dimension with it.

    Raises
    ------
    ValueError
        If X is not finite or not a table, a block cannot be read or has another width, or an
        argument is out of range.
    TypeError
        If X is an iterator, which cannot be read twice, or does not hold real numbers.

    Notes
    -----
    'gram' reads X three times: for its size and some rows, whose QR decomposition tells whether
    X can be used as it is; for the Gram matrix, n d^2 operations; for the scores, n d^2. Where the
    condition of X (columns scaled) is above 300, rows are multiplied by a triangular inverse
    first, and where some rows leave the rank open, all of them take part in the decomposition; in
    a second one, too, where its rounding, which grows with the rows, hides a direction. Errors
    are about the condition times rounding, as with 'qr'. Zero rows have score 0.

    'sketch' serves large d: a sparse embedding with four entries a row brings X to 16 d rows,
    and random columns stand for its d coordinates: with probability 0.99 the latter change no
    score by more than half of it; the embedding adds about as much. It costs n d times the number
    of columns, (log n + 5) / 0.047. The embedding is formed on the host, to which the rows of a
    device go.

    References
    ----------
    Drineas, Magdon-Ismail, Mahoney, Woodruff, JMLR 13, 2012, and Clarkson, Woodruff, STOC 2013,
    for 'sketch'. Yamamoto, Nakatsukasa, Yanagisawa, Fukaya, ETNA 44, 2015, for why a second Gram
    matrix in the coordinates of the first is accurate.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> X = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    >>> dp.lewis.leverage_scores(X).round(12)
    array([0.5, 0.5, 1. ])
    """
    method = choice("method", method, _METHODS)
    ridge = number("ridge", ridge, at_least=0.0)
    own = key(rng).fold("leverage_scores")
    check_progress(progress)
    rows = as_rows(X)
    with reporter(progress, "leverage_scores") as report:
        seen = survey(rows)
        rows = in_memory(rows, seen)
        report(1, 3)
        design, root = _solved(rows, seen, method, ridge, own)
        report(2, 3)
        return design.forms(root) if design.rank else design.zeros()


def _solved(
    rows: Rows, seen: Survey, method: str, ridge: float, own: Key
) -> tuple[Design, np.ndarray]:
    """Coordinates z, and M such that |M' z|^2 are the scores."""
    kind = kind_of(rows.dtype)
    if method == "sketch":
        design = Design(rows, sketched_basis(rows, seen, own))
        return design, _sketched(design, ridge, own)
    if method == "qr":
        design = Design(rows, basis_of_all(rows, seen, kind))
        return design, _shrunk(design.basis, design.basis.frame, ridge)
    design = Design(rows, basis_of_some(rows, seen, kind) or basis_of_all(rows, seen, kind))
    root = _inverse_root(design)
    if root is None:
        design = Design(rows, basis_of_all(rows, seen, kind))
        return design, _shrunk(design.basis, design.basis.frame, ridge)
    better = refined(design.basis, root, kind)
    if better is not None:
        design = Design(rows, better)
        root = _inverse_root(design)
        assert root is not None
    return design, _shrunk(design.basis, root, ridge)


def _inverse_root(design: Design) -> np.ndarray | None:
    """M with M M' the inverse of the Gram matrix; None if numbers overflow."""
    frame = design.basis.frame
    with np.errstate(over="ignore", invalid="ignore"):
        H = frame.T @ design.gram() @ frame
    if not np.all(np.isfinite(H)):
        return None
    values, V = np.linalg.eigh(H)
    return frame @ (V / np.sqrt(np.maximum(values, np.finfo(float).tiny)))


def _shrunk(basis: Basis, root: np.ndarray, ridge: float) -> np.ndarray:
    """The root M of the inverse Gram matrix with the ridge in it.

    In coordinates in which the Gram matrix is 1, coefficients have the length |B c|, and the
    singular values of sqrt(ridge) B say it without losing the square of their condition.
    """
    if ridge == 0:
        return root
    lengths = root if basis.P is None else basis.row_space.T @ basis.P @ root
    lengths = np.clip(ridge**0.5 * lengths, -_HUGE, _HUGE)
    _, s, Vt = np.linalg.svd(lengths)
    return root @ (Vt.T / np.hypot(1.0, s))


def _sketched(design: Design, ridge: float, own: Key) -> np.ndarray:
    """M of an embedding, through random columns where these are fewer."""
    root = _shrunk(design.basis, design.basis.frame, ridge)
    n_columns = math.ceil((math.log(design.rows.n or 1) + 5.0) / 0.047)
    if n_columns >= design.rank:
        return root
    return root @ random_columns(own, design.rank, n_columns)
