"""Several measurements of the same event."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._xp import Array, array_namespace, flatten_events, size
from ._base import Operator
from ._compose import merged_arrays
from ._convert import as_operator
from ._eigenform import Eigenform, identity_form


class Stack(Operator):
    """The flattened outputs of several operators, one after another."""

    def __init__(self, parts: tuple[Operator, ...]) -> None:
        sizes = [size(part.output_shape) for part in parts]
        super().__init__(parts[0].event_shape, (sum(sizes),), parts[0].is_complex)
        self.parts = parts
        ends = list(itertools.accumulate(sizes))
        self.slices = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
        array_namespace(**self._arrays())

    def _arrays(self) -> dict[str, Array]:
        return merged_arrays(self.parts)

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        return xp.concat([flatten_events(part._apply(x, xp), xp) for part in self.parts], axis=1)

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        pieces = zip(self.parts, self.slices, strict=True)
        terms = [
            part._adjoint(xp.reshape(r[:, rows], (-1, *part.output_shape)), xp)
            for part, rows in pieces
        ]
        return sum(terms[1:], start=terms[0])

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform | None:
        """Known where every part is diagonal in the entries."""
        total = None
        for part, rows in zip(self.parts, self.slices, strict=True):
            w = None if weights is None else xp.reshape(weights[rows], part.output_shape)
            form = part._eigenform(xp, like, w)
            if form is None or not form.is_identity:
                return None
            total = form.values if total is None else total + form.values
        return identity_form(total)

    def __repr__(self) -> str:
        return f"stack({', '.join(map(repr, self.parts))})"


def stack(*operators: Any, event_shape: Sequence[int] | None = None) -> Operator:
    """Make the operator that measures one event in several ways.

    Parameters
    ----------
    *operators : Operator, array, sparse matrix or LinearOperator
        The measurements, all real or all complex.
    event_shape : tuple of int, optional
        Shape of an event; by default that of the first `Operator`.

    Returns
    -------
    Operator
        The map from an event to the vector of all outputs, each flattened in C order.

    Raises
    ------
    ValueError
        If they take events of different shapes, or some are complex and some are not.
    TypeError
        If there is none, one is not linear, or they hold arrays of different libraries.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> op = dp.operators.stack(dp.operators.downsample((2, 2), 2), [[1.0, 0.0, 0.0, -1.0]])
    >>> op(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[ 2.5, -3. ]])
    """
    if not operators:
        raise TypeError("stack needs at least one operator")
    known = next((A.event_shape for A in operators if isinstance(A, Operator)), None)
    parts = tuple(
        as_operator(A, event_shape if isinstance(A, Operator) else event_shape or known)
        for A in operators
    )
    if len({part.event_shape for part in parts}) > 1:
        raise ValueError(f"the operators take events of different shapes: {list(parts)}")
    if len({part.is_complex for part in parts}) > 1:
        raise ValueError("the operators must be all real or all complex")
    return parts[0] if len(parts) == 1 else Stack(parts)
