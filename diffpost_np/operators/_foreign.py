"""Adapters: sparse matrices, and linear operators of SciPy, CuPy, PyLops and their like."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import integer
from .._xp import Array, array_namespace, check_finite, check_shape, flatten_events, short_name
from ._base import Operator, float_dtype
from ._dense import columns_shape


class Foreign(Operator):
    """A foreign linear map of C-order flattened events to vectors."""

    def __init__(self, A: Any, event_shape: Sequence[int] | None, is_complex: bool) -> None:
        m, d = matrix_shape(A)
        super().__init__(columns_shape(event_shape, d), (m,), is_complex)
        self.foreign = A

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        y = self._times(self._columns(x, xp))
        check_shape("A x", y, (*self.output_shape, x.shape[0]))
        return xp.astype(y.T, float_dtype(xp, x.dtype, self.is_complex), copy=False)

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        x = self._adjoint_times(self._columns(r, xp))
        x = xp.real(x.T) if xp.isdtype(x.dtype, "complex floating") else x.T
        x = xp.astype(x, float_dtype(xp, r.dtype), copy=False)
        return xp.reshape(x, (r.shape[0], *self.event_shape))

    def _columns(self, rows: Array, xp: ModuleType) -> Array:
        return flatten_events(rows, xp).T

    def _times(self, columns: Array) -> Array:
        raise NotImplementedError

    def _adjoint_times(self, columns: Array) -> Array:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self.foreign).__name__}({self.event_shape} -> {self.output_shape})"


class Sparse(Foreign):
    """A sparse matrix of SciPy or CuPy, kept in compressed rows."""

    def __init__(self, A: Any, event_shape: Sequence[int] | None) -> None:
        if A.dtype.kind not in "iufc":
            raise TypeError(f"A must hold numbers, got dtype {A.dtype}")
        matrix = A.tocsr(copy=True)
        matrix = matrix.astype(np.float64) if matrix.dtype.kind in "iu" else matrix
        check_finite("A", matrix.data, array_namespace(A=matrix.data))
        super().__init__(matrix, event_shape, matrix.dtype.kind == "c")
        self.transposed = matrix.conj().T.tocsr()

    def _arrays(self) -> dict[str, Array]:
        return {"A": self.foreign.data}

    def _times(self, columns: Array) -> Array:
        return self._cast(self.foreign, columns) @ columns

    def _adjoint_times(self, columns: Array) -> Array:
        return self._cast(self.transposed, columns) @ columns

    def _cast(self, matrix: Any, columns: Array) -> Any:
        xp = array_namespace(columns=columns)
        return matrix.astype(float_dtype(xp, columns.dtype, self.is_complex), copy=False)


class MatVec(Foreign):
    """Anything with `shape`, `matvec` and `rmatvec`; `matmat` and `rmatmat` where it has them."""

    def __init__(self, A: Any, event_shape: Sequence[int] | None) -> None:
        self.libraries, self.witness = probe(A)
        super().__init__(A, event_shape, self.witness.dtype.kind == "c")

    def _arrays(self) -> dict[str, Array]:
        """An output stands for the arrays in A, which cannot be seen."""
        return {"A": self.witness} if len(self.libraries) == 1 else {}

    def _columns(self, rows: Array, xp: ModuleType) -> Array:
        if short_name(xp) not in self.libraries:
            raise TypeError(
                f"mixed array types: A is a {type(self.foreign).__name__}, which takes arrays of "
                f"{' and '.join(self.libraries)}, not of {short_name(xp)}"
            )
        return super()._columns(rows, xp)

    def _times(self, columns: Array) -> Array:
        return self._finite("A x", by_columns(self.foreign, "matvec", "matmat", columns))

    def _adjoint_times(self, columns: Array) -> Array:
        return self._finite("A^H r", by_columns(self.foreign, "rmatvec", "rmatmat", columns))

    def _finite(self, name: str, result: Array) -> Array:
        check_finite(name, result, array_namespace(result=result))
        return result


def matrix_shape(A: Any) -> tuple[int, int]:
    """Rows and columns of A, each at least 1."""
    shape = tuple(A.shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"A must have shape (m, d) with m, d >= 1, got {shape}")
    return integer("A.shape", shape[0]), integer("A.shape", shape[1])


def probe(A: Any) -> tuple[tuple[str, ...], Array]:
    """Which libraries' arrays A takes, found by trying A and its adjoint, and an output."""
    _, d = matrix_shape(A)
    candidates = ["numpy", *(["cupy"] if "cupy" in sys.modules else [])]
    outputs, failure = {}, None
    for name in candidates:
        xp = importlib.import_module(name)
        try:
            output = xp.ravel(A.matvec(xp.ones(d)))
            A.rmatvec(output)
        except Exception as error:  # foreign code may raise anything
            failure = failure or error
        else:
            outputs[name] = output
    if not outputs:
        raise TypeError(f"A must have matvec and rmatvec that work: {failure!r}") from failure
    return tuple(outputs), next(iter(outputs.values()))


def by_columns(A: Any, one: str, many: str, columns: Array) -> Array:
    """The product with a matrix, through `matmat` where A has it."""
    if hasattr(A, many):
        return getattr(A, many)(columns)
    xp = array_namespace(columns=columns)
    return xp.stack([getattr(A, one)(columns[:, i]) for i in range(columns.shape[1])], axis=1)
