"""Arguments of posterior samplers, checked and in canonical form."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._xp import Array, as_float_array
from ..measurement import LinearGaussian
from ..operators._base import as_shape


def checked_y(measurement: Any, y: Any, xp: ModuleType, scored: bool = True) -> Array:
    if isinstance(measurement, LinearGaussian):
        return measurement.check_y(y, xp)
    for name in ("log_likelihood", "log_likelihood_grad")[: 1 + scored]:
        if not hasattr(measurement, name):
            raise TypeError(
                f"measurement has no .{name}: {type(measurement).__name__}{_hint(measurement)}"
            )
    return as_float_array("y", y, xp=xp, allow_complex=True)


def _hint(measurement: Any) -> str:
    swapped = hasattr(measurement, "score")
    return "; the order of arguments is prior, measurement, y" if swapped else ""


def common_event_shape(prior: Any, measurement: Any) -> tuple[int, ...]:
    shapes = {
        name: as_shape(f"{name}.event_shape", thing.event_shape)
        for name, thing in (("prior", prior), ("measurement", measurement))
        if getattr(thing, "event_shape", None) is not None
    }
    if not shapes:
        raise TypeError("neither prior nor measurement has an event_shape")
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"measurement takes events of shape {shapes['measurement']}, "
            f"the prior has {shapes['prior']}"
        )
    return next(iter(shapes.values()))


def check_conjugate(prior: Any, measurement: Any, remedy: str) -> None:
    """Raise unless the posterior has a closed form."""
    if not isinstance(measurement, LinearGaussian):
        raise TypeError(
            f"measurement must be a LinearGaussian for a posterior in closed form, got "
            f"{type(measurement).__name__}; {remedy}"
        )
    if not is_conjugate(prior, measurement):
        raise TypeError(f"prior has no posterior in closed form: {type(prior).__name__}; {remedy}")


def is_conjugate(prior: Any, measurement: Any) -> bool:
    """Whether the posterior has a closed form."""
    if not (hasattr(prior, "posterior") and isinstance(measurement, LinearGaussian)):
        return False
    return getattr(prior, "_conjugate_to", _any_measurement)(measurement)


def _any_measurement(measurement: LinearGaussian) -> bool:
    return True
