"""Threads: one for BLAS, where bits are promised for every number of them, some for chains."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from functools import cache, partial
from itertools import pairwise
from types import ModuleType, TracebackType
from typing import Any, TypeVar, cast

import array_api_compat as compat


def single_threaded_blas(xp: ModuleType) -> AbstractContextManager[object]:
    """A context in which NumPy's matrix products run on one thread; nothing elsewhere."""
    if not compat.is_numpy_namespace(xp):
        return nullcontext()
    found = _loaded_libraries("scipy.linalg" in sys.modules)
    return cast(AbstractContextManager[object], found.limit(limits=1, user_api="blas"))


@cache
def _loaded_libraries(with_scipy: bool) -> Any:
    """Those with threads, NumPy's BLAS and SciPy's among them; to look takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


T = TypeVar("T")


class Parts:
    """A context whose call `parts(function, n)` runs function(first, last) on parts of range(n).

    Parts run beside each other on as many threads as kernels would use, which keep to one each.
    With a single part it is the plain call.
    """

    def __init__(self, n_parts: int) -> None:
        self.n_parts = n_parts

    def __enter__(self) -> Parts:
        self._pool = ThreadPoolExecutor(self.n_parts - 1) if self.n_parts > 1 else None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def __call__(self, function: Callable[[int, int], T], n: int) -> list[T]:
        """The results, in the order of the parts."""
        if self._pool is None:
            return [function(0, n)]
        ends = [n * i // self.n_parts for i in range(self.n_parts + 1)]
        ranges = list(pairwise(ends))
        tasks = [partial(_alone, function, *between) for between in ranges[1:]]
        others = [self._pool.submit(copy_context().run, task) for task in tasks]
        first = _alone(function, *ranges[0])
        return [first, *(other.result() for other in others)]


def _alone(function: Callable[[int, int], T], first: int, last: int) -> T:
    """The result, with kernels on this thread alone."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        return function(first, last)
    finally:
        numba.set_num_threads(before)


def n_kernel_threads() -> int:
    """How many threads kernels would use."""
    import numba

    return int(numba.get_num_threads())
