"""One operator after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from .._xp import Array, array_namespace
from ._base import Operator, float_dtype
from ._convert import as_operator
from ._convolution import Convolution
from ._eigenform import Eigenform, hartley_form
from ._fourier import SubsampledFourier


class Compose(Operator):
    """The product of operators: the last one is applied first."""

    def __init__(self, factors: tuple[Operator, ...]) -> None:
        is_complex = any(f.is_complex for f in factors)
        super().__init__(factors[-1].event_shape, factors[0].output_shape, is_complex)
        self.factors = factors
        array_namespace(**self._arrays())

    def _arrays(self) -> dict[str, Array]:
        return merged_arrays(self.factors)

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        for factor in reversed(self.factors):
            x = on_complex(factor._apply, x, xp)
        return x

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        for factor in self.factors:
            r = full_adjoint(factor, r, xp)
        return xp.real(r) if self.is_complex else r

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform | None:
        """Known where all is diagonal in Fourier space: the eigenvalues are then the products.

        Inner factors must be convolutions, which commute, and Fourier samples must be taken
        over every axis that these mix.
        """
        outer, *inner = self.factors
        blurs = [f for f in inner if isinstance(f, Convolution)]
        if len(blurs) < len(inner) or not isinstance(outer, Convolution | SubsampledFourier):
            return None
        axes = max((f.axes for f in (outer, *blurs)), key=len)
        if isinstance(outer, SubsampledFourier) and outer.axes != axes:
            return None
        forms = [outer._eigenform(xp, like, weights)]
        forms += [f._eigenform(xp, like, None) for f in blurs]
        values = [form.values for form in forms if form is not None]
        if len(values) < len(forms):
            return None
        return hartley_form(math.prod(values[1:], start=values[0]), self.event_shape, axes)

    def __repr__(self) -> str:
        return f"compose({', '.join(map(repr, self.factors))})"


def on_complex(apply: Callable[[Array, ModuleType], Array], x: Array, xp: ModuleType) -> Array:
    """A map that takes real arrays, on an array that may be complex."""
    if not xp.isdtype(x.dtype, "complex floating"):
        return apply(x, xp)
    return apply(xp.real(x), xp) + 1j * apply(xp.imag(x), xp)


def full_adjoint(operator: Operator, r: Array, xp: ModuleType) -> Array:
    """A^H r with its imaginary part, where `_adjoint` returns the real one."""
    if not operator.is_complex:
        return on_complex(operator._adjoint, r, xp)
    r = xp.astype(r, float_dtype(xp, r.dtype, is_complex=True), copy=False)
    return operator._adjoint(r, xp) + 1j * operator._adjoint(-1j * r, xp)


def merged_arrays(operators: Sequence[Operator]) -> dict[str, Array]:
    """The arrays of several operators, under different names."""
    return {
        f"operators[{i}].{name}": array
        for i, operator in enumerate(operators)
        for name, array in operator._arrays().items()
    }


def compose(*operators: Any, event_shape: Sequence[int] | None = None) -> Operator:
    """Make the operator that applies several one after another.

    Parameters
    ----------
    *operators : Operator, array, sparse matrix or LinearOperator
        The factors, as in a product of matrices: the last one is applied first. What is not an
        `Operator` acts on the flattened output of the one before.
    event_shape : tuple of int, optional
        Shape of an event, where the last factor does not know it.

    Returns
    -------
    Operator
        `compose(A, B)` maps x to A(B(x)).

    Raises
    ------
    ValueError
        If a factor does not take what the one before returns.
    TypeError
        If there is no factor, one is not linear, or they hold arrays of different libraries.

    Notes
    -----
    The adjoint of a complex factor that is not the first to be applied takes two of its
    adjoints. Periodic convolutions one after another, and Fourier samples after these, keep
    the eigenform of cost O(d log d); every other product goes through an SVD of its matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> blur = dp.operators.convolution([0.25, 0.5, 0.25], (4,))
    >>> zoom = dp.operators.compose(dp.operators.downsample((4,), 2), blur)
    >>> zoom(np.array([[8.0, 0.0, 0.0, 0.0]])).round(12)
    array([[3., 1.]])
    """
    if not operators:
        raise TypeError("compose needs at least one operator")
    factors = [as_operator(operators[-1], event_shape)]
    for A in reversed(operators[:-1]):
        before = factors[0].output_shape
        after = as_operator(A, None if isinstance(A, Operator) else before)
        if after.event_shape != before:
            raise ValueError(f"{after!r} cannot follow {factors[0]!r}: the shapes differ")
        factors.insert(0, after)
    return factors[0] if len(factors) == 1 else Compose(tuple(factors))
