"""Inpainting: some entries are observed."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from .._xp import Array, array_namespace, device_of, flatten_events
from ._base import Operator, as_cast
from ._eigenform import Eigenform, identity_form
from ._selection import Selection, as_selection, broadcast


class Mask(Operator):
    """The observed entries of an event, as a vector in C order."""

    def __init__(self, keep: Array) -> None:
        self.selection = Selection(keep, array_namespace(keep=keep))
        super().__init__(keep.shape, (self.selection.n_chosen,))

    def _arrays(self) -> dict[str, Array]:
        return {"keep": self.selection.chosen}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        return self.selection.gather(flatten_events(x, xp), xp)

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        return xp.reshape(self.selection.scatter(r, xp), (-1, *self.event_shape))

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform:
        if weights is None:
            weights = xp.ones(self.output_shape, dtype=like.dtype, device=device_of(like))
        row = xp.reshape(as_cast(weights, like, xp), (1, -1))
        return identity_form(self.selection.scatter(row, xp)[0, :])


def mask(keep: Array, event_shape: Sequence[int] | None = None) -> Operator:
    """Make an operator that observes some entries.

    Parameters
    ----------
    keep : array of bool, shape event_shape or its last axes
        True where an entry is observed.
    event_shape : tuple of int, optional
        Shape of an event, where it has leading axes (channels) that `keep` has not: all are
        observed alike.

    Returns
    -------
    Operator
        The map from an event to the vector of its observed entries, in C order, as in
        `event[keep]`.

    Raises
    ------
    ValueError
        If nothing is observed or `keep` does not fit `event_shape`.
    TypeError
        If `keep` does not hold booleans.

    Notes
    -----
    A' A is diagonal in the entries; everything costs O(d) per event.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> upper_row = dp.operators.mask([[True, True], [False, False]])
    >>> image = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> upper_row(image[None])
    array([[1., 2.]])
    >>> upper_row.adjoint(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [0., 0.]]])
    """
    return Mask(broadcast("keep", as_selection("keep", keep), event_shape))
