"""Ranges of independent work over a small pool of threads.

Kernels release the GIL and take a range, so that a pool of Python threads runs them: unlike
Numba's own layers it may be entered from several threads at once. Pieces are short, so an
interrupt comes through between two of them and leaves nobody working.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from math import ceil

import numba
from numba import njit

from .device import plain

kernel = njit(nogil=True, cache=True, **plain)
"""A kernel: a module-level function, so that the disk cache finds it again."""

_PIECE_NS, _LONE_PIECE_NS = 1e6, 2e7
"""Pieces are short for several threads to end together, and not long on one for interrupts."""
_WORTH_SHARING_NS = 2e5

_pool: ThreadPoolExecutor | None = None


def for_ranges(task: Callable[[int, int], None], n: int, cost_ns: float) -> None:
    """Call task(first, last) on ranges that cover range(n); an item costs about `cost_ns`.

    The number of threads is `numba.get_num_threads()`.
    """
    total = n * cost_ns
    n_threads = numba.get_num_threads() if total > _WORTH_SHARING_NS else 1
    piece = _PIECE_NS if n_threads > 1 else _LONE_PIECE_NS
    n_pieces = min(n, n_threads * max(1, ceil(total / (n_threads * piece))))
    pieces = deque((n * i // n_pieces, n * (i + 1) // n_pieces) for i in range(n_pieces))

    def work() -> None:
        while pieces:
            try:
                first, last = pieces.popleft()
            except IndexError:
                return
            task(first, last)

    helpers = [_shared_pool().submit(work) for _ in range(min(n_threads, n_pieces) - 1)]
    try:
        work()
    finally:
        pieces.clear()
        wait(helpers)
    for helper in helpers:
        helper.result()


def _shared_pool() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(1, numba.config.NUMBA_NUM_THREADS - 1), "diffpost_np")
    return _pool


def _forget_pool() -> None:
    """A forked child has none of its parent's threads."""
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_forget_pool)
