"""Whatever people have for A, as an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._xp import is_array
from ._base import Operator, as_shape
from ._dense import dense
from ._foreign import MatVec, Sparse


def as_operator(A: Any, event_shape: Sequence[int] | None = None) -> Operator:
    """Make an operator of anything linear.

    Parameters
    ----------
    A : Operator, array, sparse matrix or LinearOperator
        An array of shape (m, d) (or nested lists), a sparse matrix of SciPy or CuPy, or
        anything with `shape`, `matvec` and `rmatvec`: linear operators of SciPy, CuPy and
        PyLops. They act on C-order flattened events.
    event_shape : tuple of int, optional
        Shape of an event, with d entries; `(d,)` by default. An `Operator` knows its own.

    Returns
    -------
    Operator
        `A` itself if it is one.

    Raises
    ------
    TypeError
        If `A` is not linear as far as can be seen, or its adjoint is missing.
    ValueError
        If `A` is empty or not finite, or a shape does not fit.

    Notes
    -----
    Batches go through `matmat` and `rmatmat`. A foreign operator takes arrays of the library
    it was made for; which one is found out by applying it and its adjoint once.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> import numpy as np
    >>> import scipy.sparse
    >>> op = dp.operators.as_operator(scipy.sparse.eye_array(2, 4), event_shape=(2, 2))
    >>> op(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[1., 2.]])
    """
    if isinstance(A, Operator):
        if event_shape is not None and as_shape("event_shape", event_shape) != A.event_shape:
            raise ValueError(f"event_shape is {event_shape}, but A takes events {A.event_shape}")
        return A
    if hasattr(A, "tocsr"):
        return Sparse(A, event_shape)
    if not is_array(A) and all(hasattr(A, name) for name in ("shape", "matvec", "rmatvec")):
        return MatVec(A, event_shape)
    if is_array(A) or isinstance(A, list | tuple) or hasattr(A, "__array__"):
        return dense(A, event_shape)
    raise TypeError(
        "A must be an array, a sparse matrix, a linear operator with shape, matvec and rmatvec, "
        f"or one of diffpost_np.operators, got {type(A).__name__}"
    )
