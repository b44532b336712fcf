"""What every linear operator is: a map of events, its adjoint, and the eigenform of its Gram."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._checks import integer
from .._xp import (
    Array,
    array_namespace,
    as_batch,
    as_float_array,
    device_of,
    is_array,
    native,
    size,
)
from ._eigenform import Eigenform, matrix_form

__all__ = ["Eigenform", "Operator", "as_cast", "as_shape", "parameter", "real_matrix"]

CHEAP_SVD = 2**32
"""m d min(m, d) up to which an SVD of the matrix is done: 4 s and 40 MB at most on one core."""


class Operator:
    """A linear map from events to outputs, applied to batches.

    A subclass calls `__init__` and implements `_apply(x, xp)` and `_adjoint(r, xp)` on checked
    batches of the namespace `xp`, without writing to them. It may add `_eigenform`, where
    A^H A has a fast orthogonal eigenbasis, and `_arrays`, the arrays it holds by name.

    Parameters
    ----------
    event_shape : tuple of int
        Shape of an input.
    output_shape : tuple of int
        Shape of an output.
    is_complex : bool, optional
        Whether outputs are complex. Events are real.

    Raises
    ------
    ValueError
        If a shape has an entry below 1.
    TypeError
        If a shape is not a sequence of integers.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> class Difference(dp.operators.Operator):
    ...     def __init__(self, d):
    ...         super().__init__((d,), (d,))
    ...
    ...     def _apply(self, x, xp):
    ...         return x - xp.roll(x, 1, axis=1)
    ...
    ...     def _adjoint(self, r, xp):
    ...         return r - xp.roll(r, -1, axis=1)
    >>> op = Difference(3)
    >>> op(np.array([[1.0, 4.0, 9.0]]))
    array([[-8.,  3.,  5.]])
    >>> dp.operators.adjoint_error(op, rng=0) < 1e-15
    True
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        output_shape: Sequence[int],
        is_complex: bool = False,
    ) -> None:
        self.event_shape = as_shape("event_shape", event_shape)
        self.output_shape = as_shape("output_shape", output_shape)
        self.is_complex = is_complex
        self._forms: dict[tuple[str, ...], Eigenform | None] = {}

    def __call__(self, x: Array) -> Array:
        """Apply the operator.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Events.

        Returns
        -------
        array, shape (n, *output_shape)
            A x, in the precision of `x`.

        Raises
        ------
        ValueError
            If `x` has a wrong shape, is empty or is not finite.
        TypeError
            If `x` is complex, holds no numbers, or is an array of another library than A.
        """
        xp = array_namespace(x=x, **self._arrays())
        return self._apply(as_batch("x", x, self.event_shape, xp=xp), xp)

    def adjoint(self, r: Array) -> Array:
        """Apply the adjoint.

        Parameters
        ----------
        r : array, shape (n, *output_shape)
            Outputs, real unless the operator is complex.

        Returns
        -------
        array, shape (n, *event_shape)
            Re(A^H r), in the precision of `r`.

        Raises
        ------
        ValueError
            If `r` has a wrong shape, is empty or is not finite.
        TypeError
            If `r` is complex and the operator is not, or as for a call.
        """
        xp = array_namespace(r=r, **self._arrays())
        r = as_batch("r", r, self.output_shape, xp=xp, allow_complex=self.is_complex)
        if self.is_complex:
            r = xp.astype(r, float_dtype(xp, r.dtype, is_complex=True), copy=False)
        return self._adjoint(r, xp)

    def gram(self, like: Any = None) -> Eigenform | None:
        """Find the eigenform of the Gram operator Re(A^H A).

        Parameters
        ----------
        like : array, optional
            Gives namespace and precision; those of the operator's arrays by default.

        Returns
        -------
        Eigenform or None
            The eigenform, None where there is no cheap one.

        Notes
        -----
        Masks, block means, periodic convolutions and Fourier samples have one of cost O(d) or
        O(d log d) per event. Any other operator of shape m x d goes through one SVD of its
        matrix, kept for later calls, if m d min(m, d) <= 2^32 (a few seconds), and costs
        O(d min(m, d)) per event; larger ones have none.
        """
        xp, like = prototype(like=like, **self._arrays())
        place = (xp.__name__, str(like.dtype), str(device_of(like)))
        if place not in self._forms:
            self._forms[place] = self._find_form(xp, like)
        return self._forms[place]

    def norm(self) -> float:
        """Compute the largest singular value.

        Returns
        -------
        float
            The norm, see `diffpost_np.operators.norm`.
        """
        from .functions import norm

        return norm(self)

    def matrix(self, like: Any = None) -> Array:
        """Write the operator as a matrix.

        Parameters
        ----------
        like : array, optional
            Gives namespace and precision; those of the operator's arrays by default.

        Returns
        -------
        array, shape (m, d)
            The matrix on C-order flattened events and outputs, complex if the operator is.
        """
        xp, like = prototype(like=like, **self._arrays())
        d = size(self.event_shape)
        step = max(1, 2**22 // d)
        rows = []
        for i in range(0, d, step):
            eye = xp.eye(min(step, d - i), d, k=i, dtype=like.dtype, device=device_of(like))
            image = self._apply(xp.reshape(eye, (-1, *self.event_shape)), xp)
            rows.append(xp.reshape(image, (image.shape[0], -1)))
        return xp.concat(rows).T

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.event_shape} -> {self.output_shape})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_forms": {}}

    def _arrays(self) -> dict[str, Array]:
        """The arrays the operator holds, by the name a user knows them by."""
        return {}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        raise NotImplementedError

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        """Re(A^H r); `r` is complex exactly if the operator is."""
        raise NotImplementedError

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform | None:
        """Eigenform of Re(A^H diag(weights) A) where it is known, weights of `output_shape`."""
        return None

    def _find_form(self, xp: ModuleType, like: Array) -> Eigenform | None:
        form = self._eigenform(xp, like, None)
        m, d = size(self.output_shape), size(self.event_shape)
        if form is None and m * d * min(m, d) <= CHEAP_SVD:
            form = matrix_form(real_matrix(self, like), xp)
        return form


def real_matrix(operator: Operator, like: Any = None) -> Array:
    """The matrix, for a complex operator its real above its imaginary part."""
    matrix = operator.matrix(like)
    if not operator.is_complex:
        return matrix
    xp = array_namespace(matrix=matrix)
    return xp.concat([xp.real(matrix), xp.imag(matrix)])


def prototype(**arrays: Any) -> tuple[ModuleType, Array]:
    """The namespace of arrays, and an empty real one of the first one's precision and device."""
    xp = array_namespace(**arrays)
    held = [a for a in arrays.values() if is_array(a)]
    dtypes = [a.dtype for a in held if not xp.isdtype(a.dtype, ("bool", "integral"))]
    dtype = float_dtype(xp, dtypes[0]) if dtypes else xp.float64
    return xp, xp.empty(0, dtype=dtype, device=device_of(held[0]) if held else None)


def float_dtype(xp: ModuleType, dtype: Any, is_complex: bool = False) -> Any:
    """The real or the complex dtype of the same precision."""
    single = native(dtype) in (xp.float32, xp.complex64)
    if is_complex:
        return xp.complex64 if single else xp.complex128
    return xp.float32 if single else xp.float64


def as_cast(array: Array, like: Array, xp: ModuleType) -> Array:
    """A stored parameter in the precision of the array it meets; what is complex stays so."""
    is_complex = bool(xp.isdtype(array.dtype, "complex floating"))
    return xp.astype(array, float_dtype(xp, like.dtype, is_complex), copy=False)


def parameter(name: str, value: object, *, xp: ModuleType | None = None, **kwargs: Any) -> Array:
    """A stored array parameter: a copy, in its own namespace or in that of others."""
    xp = array_namespace(**{name: value}) if xp is None else xp
    return xp.asarray(as_float_array(name, value, xp=xp, **kwargs), copy=True)


def as_shape(name: str, value: Any) -> tuple[int, ...]:
    """A shape: a tuple of at least one integer, each at least 1."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) == 0:
        raise TypeError(f"{name} must be a tuple of integers such as (64,), got {value!r}")
    return tuple(integer(name, entry) for entry in value)
