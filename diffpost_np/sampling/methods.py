"""`methods`: the integrators there are."""

from __future__ import annotations

import difflib
from typing import Any

from ._method import Method
from ._methods import METHODS

__all__ = ["methods"]


def methods() -> dict[str, Method]:
    """List the integrators.

    Returns
    -------
    dict of str to Method
        Every method by the name that `sample(method=...)` takes: its order, its cost, whether it
        draws noise, and its source.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.sampling.methods()["heun"]
    <heun: order 2, 2 evaluations a step, deterministic; Karras, Aittala, Aila, Laine, ...>
    """
    return dict(METHODS)


def as_method(method: Any) -> Method:
    """A method, from its name or as it is."""
    if isinstance(method, Method):
        return method
    if not isinstance(method, str):
        raise TypeError(f"method must be a name or a Method, got {method!r}")
    if method not in METHODS:
        nearest = difflib.get_close_matches(method.lower(), METHODS, n=3, cutoff=0.0)
        raise ValueError(f"there is no method {method!r}; nearest: {', '.join(nearest)}")
    return METHODS[method]
