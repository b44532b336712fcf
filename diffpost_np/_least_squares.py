"""The least-squares fit of data to a measurement that has an eigenform."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from ._xp import Array, flatten_events
from .operators import Eigenform

if TYPE_CHECKING:
    from .measurement import LinearGaussian


class Fit(NamedTuple):
    """Whitened data in coordinates z = V'x: they say that gains * z is y, up to unit noise."""

    gains: Array
    """Singular values, 0 for those that are so but for rounding, (d,)."""
    inverse: Array
    """Their inverses, 0 where they are."""
    y: Array
    """What the data say, 0 where nothing is seen, (n, d)."""
    misfit: Array
    """The part of the data that no x explains, (n, m)."""


def fit(xp: ModuleType, measurement: LinearGaussian, gram: Eigenform, white: Array) -> Fit:
    """Fit whitened data (n, *output), where B'B = V g V': coordinates g^-1/2 V'B'y, the rest."""
    gains, inverse = _gains(xp, gram.values)
    back = measurement.operator.adjoint(measurement.unwhiten(white))
    y = inverse * gram.forward(flatten_events(back, xp))
    events = xp.reshape(gram.inverse(inverse * y), (-1, *measurement.event_shape))
    misfit = flatten_events(white - measurement.whiten(measurement.operator(events)), xp)
    return Fit(gains, inverse, y, misfit)


def _gains(xp: ModuleType, squares: Array) -> tuple[Array, Array]:
    """Singular values and their inverses, 0 for those that are so but for rounding."""
    least = (squares.shape[0] * xp.finfo(squares.dtype).eps) ** 2 * xp.max(squares)
    seen, one = squares > least, xp.ones_like(squares)
    gains = xp.sqrt(xp.where(seen, squares, one))
    return xp.where(seen, gains, 0 * one), xp.where(seen, 1 / gains, 0 * one)
