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
"""Threads of a warp and of a block."""

TOGETHER = 4
"""Chains that a team takes together where numbers of a matrix serve them all."""

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


def options(itemsize: int, n_together: int = 1) -> tuple[str, ...]:
    """Compiler options for a floating type of this many bytes, and for so many chains a team."""
    kind = ("-DDIFFPOST_FLOAT32",) if itemsize == 4 else ()
    return (*OPTIONS, f"-DCHAINS={n_together}", *kind)


@functools.cache
def _module(itemsize: int, n_together: int) -> Any:
    import cupy

    return cupy.RawModule(code=source(), options=options(itemsize, n_together))


@functools.cache
def _kernel(name: str, itemsize: int, n_together: int = 1) -> Any:
    """A kernel of one dtype; CuPy compiles it once for each device it is launched on."""
    return _module(itemsize, n_together).get_function(name)


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
    """How chains are spread over lanes: a team shares `memory` numbers for each of its chains."""

    n_lanes: int
    memory: int
    n_threads: int
    itemsize: int
    n_together: int = 1

    def launch(self, name: str, n_chains: int, args: Iterable[Any], n_times: int = 1) -> None:
        """Run a kernel on every chain, so many times; out and x come first in `args`."""
        import numpy as np

        if n_chains < self.n_together:  # the last of some blocks of chains
            self._replace(n_together=1).launch(name, n_chains, args, n_times)
            return
        in_block = self.n_threads // self.n_lanes
        n_blocks = -(-n_chains // (self.n_together * in_block))
        out, x, *rest = args
        place = (n_chains, np.int32(self.n_lanes), np.int32(self.memory))
        _kernel(name, self.itemsize, self.n_together)(
            (n_blocks, n_times),
            (self.n_threads,),
            (out, x, *place, *rest),
            shared_mem=in_block * self.memory * self.n_together * self.itemsize,
        )


class Lanes(NamedTuple):
    """Lanes of a team: about so many entries each, or more beyond the largest team."""

    entries: int
    largest: int


FEW, MANY = Lanes(4, 16), Lanes(2, WARP)
"""Sums over lanes cost more than entries; products with matrices cost more than those."""


def plan_teams(
    dim: int, memory: int, itemsize: int, lanes: Lanes = FEW, n_together: int = 1
) -> Teams | None:
    """Teams for vectors of `dim` entries, None where shared memory is short.

    Where it is, first chains go alone, then a warp is one team: how many lanes a team has does
    not depend on how many chains go together, so that a chain has the same bits.
    """
    usual = min(lanes.largest, max(1, (1 << (dim - 1).bit_length()) // lanes.entries))
    for n_lanes, n in ((usual, n_together), (usual, 1), (WARP, 1)):
        padded = memory + _padding(memory, n)
        n_warps = SHARED_BYTES // (WARP // n_lanes * padded * itemsize * n)
        if n_warps:
            return Teams(n_lanes, padded, WARP * min(n_warps, BLOCK // WARP), itemsize, n)
    return None


def _padding(memory: int, n_together: int) -> int:
    """Reading the same entry of the vectors of a warp's teams shall hit few banks twice."""
    return (2 - memory) % BANKS if n_together == 1 else 1 - memory % 2
