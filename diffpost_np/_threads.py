"""BLAS on one thread, where the bits of a result are promised for every number of threads."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

import array_api_compat as compat


def single_threaded_blas(xp: ModuleType) -> AbstractContextManager[object]:
    """A context in which NumPy's matrix products run on one thread; nothing elsewhere."""
    if not compat.is_numpy_namespace(xp):
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")
