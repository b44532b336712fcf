"""The registry of kernels: (operation, backend) -> a function imported on first use.

An operation is a reference function `f(xp, ...)` in plain array-standard code, decorated with
`operation`. Where a kernel of the same name is registered for the namespace of the arrays it is
called instead; a kernel answers `NotImplemented` to arguments it does not cover.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, TypeVar

from ._xp import short_name

NUMBA = {
    "random": ("random_bits", "random_uniform", "random_normal"),
    "mixtures.mixture": ("mixture_score", "mixture_log_density"),
    "mixtures.rows": ("advance_rows",),
    "mixtures.steps": ("mixture_steps",),
    "products": ("product", "row_product", "row_product_beside"),
    "mixtures.draws": ("shape_chosen",),
    "mixtures.given": ("mixture_choose", "mixture_draw_chosen"),
    "ghmc": ("ghmc_open", "ghmc_close", "trapezoid"),
    "one_way": ("one_way_score",),
    "rejection": ("accepted_proposals",),
    "lewis.interior_point": ("central_path",),
    "lewis.passes": ("sides_of", "check_sides"),
    "lewis.vertex": ("corner_of", "first_basis"),
    "lewis.crossover": ("next_row",),
    "lewis.proof": ("proof_of",),
    "lewis.square": ("inverse_factor",),
    "lewis.columns": ("column_sizes",),
    "lewis.gram": ("weighted_gram", "quadratic_forms", "lewis_pass"),
    "lewis.pivotal": ("pivotal_drawn",),
}
CUDA = {
    "random": ("random_bits", "random_uniform", "random_normal"),
    "mixture": ("mixture_score", "mixture_log_density"),
    "rows": ("advance_rows",),
    "steps": ("mixture_steps",),
    "given": ("mixture_choose", "mixture_draw_chosen"),
    "one_way": ("one_way_score",),
    "gram": ("weighted_gram", "quadratic_forms", "lewis_pass"),
}
"""Operations with a kernel, by the module of `_numba` or `_cuda` that has it."""

KERNELS: dict[tuple[str, str], str] = {
    (name, space): f"{__package__}.{folder}.{module}:{name}"
    for space, folder, modules in (("numpy", "_numba", NUMBA), ("cupy", "_cuda", CUDA))
    for module, names in modules.items()
    for name in names
}
"""Dotted path `module:function` of each kernel, by operation and backend."""

_reference_only: ContextVar[bool] = ContextVar("diffpost_np_reference", default=False)

F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def reference() -> Iterator[None]:
    """Run the plain array-standard code instead of any kernel inside a `with` block.

    What it computes is the definition that kernels are tested against: use it to rule a
    kernel out, or to read what a function does line by line.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> key = dp.random.key(0)
    >>> fast = dp.random.normal(key, (3, 2))
    >>> with dp.reference():
    ...     plain = dp.random.normal(key, (3, 2))
    >>> bool(np.all(fast == plain))
    True
    """
    token = _reference_only.set(True)
    try:
        yield
    finally:
        _reference_only.reset(token)


@functools.cache
def _load(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def find_kernel(name: str, xp: ModuleType) -> Callable[..., Any] | None:
    """The kernel of an operation for a namespace, or None."""
    path = None if _reference_only.get() else KERNELS.get((name, short_name(xp)))
    return None if path is None else _load(path)


def operation(function: F) -> F:
    """Let a reference function `f(xp, ...)` be replaced by the registered kernels."""
    name = function.__name__

    @functools.wraps(function)
    def dispatched(xp: ModuleType, *args: Any, **kwargs: Any) -> Any:
        kernel = find_kernel(name, xp)
        result = NotImplemented if kernel is None else kernel(xp, *args, **kwargs)
        return function(xp, *args, **kwargs) if result is NotImplemented else result

    return dispatched  # type: ignore[return-value]
