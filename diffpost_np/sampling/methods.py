"""`methods`: the integrators there are."""

from __future__ import annotations

from ._methods import METHODS
from ._steps.method import Method

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
