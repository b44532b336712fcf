"""The package's CUDA kernels, compiled by CuPy for the device and dtype of the arrays."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib import resources
from typing import Any, NamedTuple

HEADERS = (
    "device.cuh",
    "random.cuh",
    "mixture.cuh",
    "rows.cuh",
    "steps.cuh",
    "given.cuh",
    "one_way.cuh",
    "tall.cuh",
)
FILES = (*HEADERS, "kernels.cu")
"""The sources, each after what it includes."""

OPTIONS = ("--fmad=false", "-std=c++17")
"""No contraction: random numbers keep the bits of the reference."""

WARP = 32
BLOCK = 128
LARGEST_TEAM = 16
"""Threads of a warp, of a block, and at most of a team."""

BANKS = 16
SHARED_BYTES = 48 * 1024
"""Numbers that shared memory hands out at a time, and the bytes that every device gives a block."""


@functools.cache
def source() -> str:
    """All sources as one text.

    CuPy names a compiled module after its text alone: an include would hide an edited header.
    """
    folder = resources.files(__package__)
    lines = [
        line
        for name in FILES
        for line in folder.joinpath(name).read_text(encoding="ascii").splitlines()
        if not line.startswith('#include "')
    ]
    return "\n".join(lines) + "\n"


def options(itemsize: int) -> tuple[str, ...]:
    """Compiler options for a floating type of this many bytes."""
    return (*OPTIONS, "-DDIFFPOST_FLOAT32") if itemsize == 4 else OPTIONS


@functools.cache
def _module(itemsize: int) -> Any:
    import cupy

    return cupy.RawModule(code=source(), options=options(itemsize))


@functools.cache
def _kernel(name: str, itemsize: int) -> Any:
    """A kernel of one dtype; CuPy compiles it once for each device it is launched on."""
    return _module(itemsize).get_function(name)


def on(device: Any) -> Any:
    """A context in which a device (None: as it is) is the current one."""
    import cupy

    return cupy.cuda.Device(device)


def launch_threads(name: str, itemsize: int, n_threads: int, args: Iterable[Any]) -> None:
    """Run a kernel with one thread for each piece of work, on the current device."""
    if n_threads:
        _kernel(name, itemsize)((-(-n_threads // BLOCK),), (BLOCK,), tuple(args))


def launch_blocks(
    name: str, itemsize: int, grid: tuple[int, int], shared_bytes: int, args: Iterable[Any]
) -> None:
    """Run a kernel with so many blocks of so many threads, on the current device."""
    n_blocks, n_threads = grid
    _kernel(name, itemsize)((n_blocks,), (n_threads,), tuple(args), shared_mem=shared_bytes)


class Teams(NamedTuple):
    """How chains are spread over lanes: `memory` numbers are shared by each team's lanes."""

    n_lanes: int
    memory: int
    n_threads: int
    itemsize: int

    def launch(self, name: str, n_chains: int, args: Iterable[Any]) -> None:
        """Run a kernel on every chain; out and x come first in `args`."""
        import numpy as np

        n_teams = self.n_threads // self.n_lanes
        out, x, *rest = args
        place = (n_chains, np.int32(self.n_lanes), np.int32(self.memory))
        _kernel(name, self.itemsize)(
            (-(-n_chains // n_teams),),
            (self.n_threads,),
            (out, x, *place, *rest),
            shared_mem=n_teams * self.memory * self.itemsize,
        )


def plan_teams(dim: int, memory: int, itemsize: int, together: int = 2) -> Teams | None:
    """Teams for vectors of `dim` entries, None where shared memory is short.

    A lane has about four entries, or more beyond the largest team: sums over lanes cost more than
    entries. Teams lie in memory so that reading the same entry of their vectors hits few banks
    twice, `together` numbers at a time. Where memory is short, a warp is one team.
    """
    memory += (together - memory) % BANKS
    n_lanes = min(LARGEST_TEAM, max(1, (1 << (dim - 1).bit_length()) // 4))
    if WARP // n_lanes * memory * itemsize > SHARED_BYTES:
        n_lanes = WARP
    n_warps = SHARED_BYTES // (WARP // n_lanes * memory * itemsize)
    if n_warps == 0:
        return None
    return Teams(n_lanes, memory, WARP * min(n_warps, BLOCK // WARP), itemsize)
