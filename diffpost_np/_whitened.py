"""A measurement as an operator whose noise is white."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from ._xp import Array
from .operators import Eigenform, Operator
from .operators._base import as_cast

if TYPE_CHECKING:
    from .measurement import LinearGaussian


class Whitened(Operator):
    """N^(-1/2) A: the operator of the measurement with white noise of unit size."""

    def __init__(self, measurement: LinearGaussian) -> None:
        operator = measurement.operator
        super().__init__(operator.event_shape, operator.output_shape, operator.is_complex)
        self.measurement = measurement

    def _arrays(self) -> dict[str, Array]:
        return self.measurement._arrays()

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        return self.measurement.whiten(self.measurement.operator._apply(x, xp))

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        return self.measurement.operator._adjoint(self.measurement.unwhiten(r), xp)

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform | None:
        std, operator = self.measurement.noise_std, self.measurement.operator
        if std is None or weights is not None:
            return None
        if isinstance(std, float):
            return scaled(operator._eigenform(xp, like, None), std**-2)
        return operator._eigenform(xp, like, as_cast(std, like, xp) ** -2)


def scaled(form: Eigenform | None, factor: float) -> Eigenform | None:
    """The form of a multiple of an operator, None where the operator has none."""
    return None if form is None else replace(form, values=factor * form.values)
