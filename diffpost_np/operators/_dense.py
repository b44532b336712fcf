"""A matrix as an operator."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._xp import Array, array_namespace, check_shape, flatten_events, size
from ._base import Operator, as_cast, as_shape, parameter, prototype


class Dense(Operator):
    """A matrix that acts on C-order flattened events."""

    def __init__(self, array: Array, event_shape: tuple[int, ...]) -> None:
        xp = array_namespace(A=array)
        is_complex = bool(xp.isdtype(array.dtype, "complex floating"))
        super().__init__(event_shape, (array.shape[0],), is_complex)
        self.array = array

    def matrix(self, like: Any = None) -> Array:
        xp, like = prototype(like=like, **self._arrays())
        return as_cast(self.array, like, xp)

    def _arrays(self) -> dict[str, Array]:
        return {"A": self.array}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        matrix = as_cast(self.array, x, xp)
        return xp.astype(flatten_events(x, xp), matrix.dtype, copy=False) @ matrix.T

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        matrix = as_cast(self.array, r, xp)
        flat = xp.real(r @ xp.conj(matrix)) if self.is_complex else r @ matrix
        return xp.reshape(flat, (-1, *self.event_shape))


def dense(A: Array, event_shape: Sequence[int] | None = None) -> Operator:
    """Make an operator of a matrix.

    Parameters
    ----------
    A : array, shape (m, d)
        The matrix, real or complex; it acts on the C-order flattened event.
    event_shape : tuple of int, optional
        Shape of an event, with d entries; `(d,)` by default.

    Returns
    -------
    Operator
        The map from `event_shape` to `(m,)`.

    Raises
    ------
    ValueError
        If `A` is not a finite matrix or `event_shape` has not d entries.
    TypeError
        If `A` does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> op = dp.operators.dense(np.array([[1.0, 2.0]]))
    >>> op(np.array([[3.0, 4.0]]))
    array([[11.]])
    """
    array = parameter("A", A, allow_complex=True)
    check_shape("A", array, (None, None))
    if 0 in array.shape:
        raise ValueError(f"A must not be empty, got shape {tuple(array.shape)}")
    return Dense(array, columns_shape(event_shape, array.shape[1]))


def columns_shape(event_shape: Sequence[int] | None, d: int) -> tuple[int, ...]:
    """The shape of events with as many entries as A has columns."""
    if event_shape is None:
        return (d,)
    event = as_shape("event_shape", event_shape)
    if size(event) != d:
        raise ValueError(f"event_shape {event} must have {d} entries")
    return event
