"""What every linear operator is: a map of events, its adjoint, and the eigenform of its Gram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import array_api_compat.numpy as numpy_namespace

from .._xp import Array, array_namespace, as_batch, as_float_array, size


@dataclass(frozen=True)
class Eigenform:
    """A symmetric operator V diag(values) V^H on flattened events, V unitary.

    Parameters
    ----------
    values : array, shape (d,)
        Eigenvalues, in the order in which `forward` returns coordinates.
    forward, inverse : callable
        V^H and V on batches `(n, d)`; both keep Euclidean norms. Coordinates may be complex;
        `inverse` returns real events.
    is_identity : bool
        True where V is the identity, that is where the operator is diagonal in the entries.
    """

    values: Array
    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    is_identity: bool = False

    def solve(self, b: Array, *, shift: Array | float, scale: Array | float = 1.0) -> Array:
        """(scale * V diag(values) V^H + shift I)^-1 b, for b of shape (n, d)."""
        return self.inverse(self.forward(b) / (scale * self.values + shift))


class Operator:
    """A linear map from events to outputs, applied to batches.

    Subclasses set `event_shape`, `output_shape` and `is_complex`, and implement `_apply` and
    `_adjoint` on checked batches; `gram` where A^H A has a cheap eigenform.

    Parameters
    ----------
    event_shape : tuple of int
        Shape of an input.
    output_shape : tuple of int
        Shape of an output.
    is_complex : bool, optional
        Whether outputs are complex. Events are real.
    """

    def __init__(
        self, event_shape: tuple[int, ...], output_shape: tuple[int, ...], is_complex: bool = False
    ) -> None:
        self.event_shape = tuple(event_shape)
        self.output_shape = tuple(output_shape)
        self.is_complex = is_complex

    def __call__(self, x: Array) -> Array:
        """A x for a batch `(n, *event_shape)`; returns `(n, *output_shape)`."""
        xp = array_namespace(x=x, **self._arrays())
        return self._apply(as_batch("x", x, self.event_shape, xp=xp), xp)

    def adjoint(self, r: Array) -> Array:
        """Re(A^H r) for a batch `(n, *output_shape)`; returns `(n, *event_shape)`."""
        xp = array_namespace(r=r, **self._arrays())
        r = as_batch("r", r, self.output_shape, xp=xp, allow_complex=self.is_complex)
        return self._adjoint(r, xp)

    def gram(self, like: Any = None) -> Eigenform | None:
        """Eigenform of Re(A^H A) in the namespace of `like`, None where there is no cheap one."""
        return None

    def norm(self) -> float:
        """Largest singular value."""
        from .functions import norm

        return norm(self)

    def matrix(self, like: Any = None) -> Array:
        """The matrix `(m, d)` on C-order flattened events and outputs, in the dtype of `like`."""
        xp = array_namespace(like=like, **self._arrays())
        dtype = xp.float64 if like is None else like.dtype
        identity = xp.eye(size(self.event_shape), dtype=dtype)
        columns = self._apply(xp.reshape(identity, (-1, *self.event_shape)), xp)
        return xp.reshape(columns, (columns.shape[0], -1)).T

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.event_shape} -> {self.output_shape})"

    def _arrays(self) -> dict[str, Array]:
        """The arrays the operator holds, by the name a user knows them by."""
        return {}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        raise NotImplementedError

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        raise NotImplementedError


def as_cast(array: Array, like: Array, xp: ModuleType) -> Array:
    """A stored parameter in the dtype of the array it meets."""
    return array if array.dtype == like.dtype else xp.astype(array, like.dtype)


def parameter(name: str, value: object, **kwargs: Any) -> Array:
    """A stored array parameter, in its own namespace."""
    xp = array_namespace(**{name: value}) if value is not None else numpy_namespace
    return as_float_array(name, value, xp=xp, **kwargs)
