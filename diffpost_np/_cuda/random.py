"""Random words, uniforms and normals on a CUDA device, to the bits of `_philox.py`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .._philox import Stream
from .._xp import Array
from .loader import launch_threads, on

BLOCK_BYTES = 16
"""A block of four words gives as many bytes of variates."""


def random_bits(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, device: Any = None
) -> Array:
    """Words of 32 bits, uint32 of shape (n_chains, width)."""
    return _fill("random_bits", xp, stream, n_chains, width, xp.uint32, device)


def random_uniform(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, dtype: Any, device: Any = None
) -> Array:
    """Uniforms in the open unit interval."""
    return _fill("random_uniform", xp, stream, n_chains, width, dtype, device)


def random_normal(
    xp: ModuleType, stream: Stream, n_chains: int, width: int, dtype: Any, device: Any = None
) -> Array:
    """Standard normals."""
    return _fill("random_normal", xp, stream, n_chains, width, dtype, device)


def stream_arguments(stream: Stream) -> tuple[np.uint32, ...]:
    """A stream as kernels take it."""
    return tuple(np.uint32(w) for w in (*stream.key, *stream[1:]))


def _fill(
    name: str, xp: ModuleType, stream: Stream, n_chains: int, width: int, dtype: Any, device: Any
) -> Array:
    itemsize = np.dtype(dtype).itemsize
    n_blocks = n_chains * -(-width // (BLOCK_BYTES // itemsize))
    with on(device):
        out = xp.empty((n_chains, width), dtype=dtype)
        launch_threads(name, itemsize, n_blocks, (out, n_chains, width, *stream_arguments(stream)))
    return out
