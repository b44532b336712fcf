"""A matrix as an operator."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._xp import Array, array_namespace, check_shape, flatten_events, size
from ._base import Eigenform, Operator, as_cast, parameter


class Dense(Operator):
    """A matrix that acts on C-order flattened events."""

    def __init__(self, array: Array, event_shape: tuple[int, ...], output_shape: tuple[int, ...]):
        xp = array_namespace(A=array)
        super().__init__(
            event_shape, output_shape, bool(xp.isdtype(array.dtype, "complex floating"))
        )
        self.array = array

    def gram(self, like: Any = None) -> Eigenform:
        xp = array_namespace(like=like, A=self.array)
        _, s, vh = xp.linalg.svd(self.matrix(like) if not self.is_complex else self._real_matrix())
        d = vh.shape[0]
        values = xp.concat([s * s, xp.zeros(d - s.shape[0], dtype=s.dtype)])
        return Eigenform(values, lambda x: x @ vh.T, lambda z: z @ vh)

    def matrix(self, like: Any = None) -> Array:
        if like is None or self.is_complex:
            return self.array
        return as_cast(self.array, like, array_namespace(like=like, A=self.array))

    def _arrays(self) -> dict[str, Array]:
        return {"A": self.array}

    def _real_matrix(self) -> Array:
        xp = array_namespace(A=self.array)
        return xp.concat([xp.real(self.array), xp.imag(self.array)])

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        flat = flatten_events(x, xp)
        matrix = self.array if self.is_complex else as_cast(self.array, x, xp)
        if self.is_complex:
            flat = xp.astype(flat, matrix.dtype)
        return xp.reshape(flat @ matrix.T, (-1, *self.output_shape))

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        flat = flatten_events(r, xp)
        if self.is_complex:
            flat = xp.real(xp.astype(flat, self.array.dtype) @ xp.conj(self.array))
        else:
            flat = flat @ as_cast(self.array, r, xp)
        return xp.reshape(flat, (-1, *self.event_shape))


def dense(A: Array, event_shape: tuple[int, ...] | None = None) -> Operator:
    """A matrix as an operator.

    Parameters
    ----------
    A : array, shape (m, d)
        The matrix; it acts on the C-order flattened event. May be complex.
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
    m, d = array.shape
    event = (d,) if event_shape is None else tuple(event_shape)
    if size(event) != d:
        raise ValueError(f"event_shape {event} must have the {d} entries of a row of A")
    return Dense(array, event, (m,))
