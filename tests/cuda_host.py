"""The CUDA kernels on the CPU: the text that CuPy would get, built by `cc`, run thread by thread.

`stand_in` gives the little of CuPy that the loader uses, over NumPy arrays.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import functools
import importlib
import itertools
import pathlib
import shutil
import subprocess
import types

import array_api_compat.numpy
import numpy as np
import pytest

from diffpost_np import _philox
from diffpost_np._cuda import loader

EXACT = ("-O2", "-ffp-contract=off")
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
WARP, MOST_THREADS = loader.WARP, 1024
WHOLE_BLOCKS = ("weighted_gram", "quadratic_forms", "lewis_pass")
"""Kernels whose blocks meet; lanes of a warp do in others."""

KINDS = {
    np.int32: ctypes.c_int32,
    np.uint32: ctypes.c_uint32,
    np.float32: ctypes.c_float,
    np.float64: ctypes.c_double,
}
"""How NumPy's numbers are passed."""


def build(folder, itemsize, n_together=1, flags=EXACT):
    """The shared library of the kernels for one dtype; skips where there is no C compiler."""
    cc = shutil.which("cc")
    if cc is None:
        pytest.skip("no C compiler (cc)")
    folder = pathlib.Path(folder)
    (folder / "kernels.cu").write_text(loader.source())
    target = folder / f"{itemsize}_{n_together}{'_'.join(flags)}.so"
    macros = [o for o in loader.options(itemsize, n_together) if o.startswith("-D")]
    source = pathlib.Path(__file__).with_name("cuda_host.c")
    files = ["-I", str(folder), str(source), "-o", str(target), "-lm", "-lpthread"]
    done = subprocess.run([cc, *flags, *STRICT, *macros, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(target))


def has_fma(flags):
    """Whether the compiler may contract a * b + c with these flags on this machine."""
    command = ["cc", *flags, "-dM", "-E", "-x", "c", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True)
    return "__FP_FAST_FMA " in done.stdout


def argument(value):
    """An argument of a kernel by CuPy's rules: arrays are pointers, an int has 64 bits."""
    value = getattr(value, "_array", value)  # of array-api-strict
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return KINDS[type(value)](value.item())


class Module:
    """The kernels of one library under the interface of `cupy.RawModule`."""

    def __init__(self, library, pool):
        self.library, self.pool = library, pool

    def get_function(self, name):
        return functools.partial(self._launch, name)

    def _launch(self, name, grid, block, args, shared_mem=0):
        assert block[0] % WARP == 0 and shared_mem <= loader.SHARED_BYTES
        arguments = [argument(a) for a in args]  # out, x, n_chains, lanes of a team, ...
        if name in WHOLE_BLOCKS:
            size = block[0]
        else:
            size = 1 if name.startswith("random") or int(args[3]) == 1 else WARP
        kernel = getattr(self.library, name)
        blocks = itertools.product(*map(range, (*grid, 1)[:2]))
        for place, first in itertools.product(blocks, range(0, block[0], size)):
            self._run(kernel, place, range(first, first + size), block[0], arguments)

    def _run(self, kernel, block, threads, block_size, arguments):
        """The threads that meet, all at once."""

        def run(thread):
            self.library.host_place(thread, *block, block_size)
            kernel(*arguments)

        self.library.host_start(len(threads))
        list((map if len(threads) == 1 else self.pool.map)(run, threads))
        assert self.library.host_in_step(), "threads did not meet at the same points"


def clear():
    """Forget kernels that were compiled."""
    loader._module.cache_clear()
    loader._kernel.cache_clear()


def same_bits(a, b):
    """Whether two NumPy arrays are equal to the last bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def cupy_namespace():
    """The array namespace of CuPy; skips the test where there is no device."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.cuda.is_available():
        pytest.skip("no CUDA device")
    return importlib.import_module("array_api_compat.cupy")


def _placed(operation):
    """Random numbers of the reference on NumPy's arrays, then on a device of array-api-strict."""

    def placed(xp, *arguments):
        *plain, device = (getattr(a, "_np_dtype", a) for a in arguments)
        return xp.asarray(operation(array_api_compat.numpy, *plain), device=device)

    return placed


random_bits = _placed(_philox.random_bits)
random_uniform = _placed(_philox.random_uniform)
random_normal = _placed(_philox.random_normal)


@contextlib.contextmanager
def stand_in(folder):
    """Two modules in the place of `cupy` and of its array namespace."""
    clear()
    with concurrent.futures.ThreadPoolExecutor(MOST_THREADS) as pool:

        def raw_module(*, code, options):
            itemsize = 4 if "-DDIFFPOST_FLOAT32" in options else 8
            (n_together,) = (int(o[9:]) for o in options if o.startswith("-DCHAINS="))
            assert code == loader.source() and "--fmad=false" in options
            return Module(build(folder, itemsize, n_together), pool)

        cupy = types.ModuleType("cupy")
        cupy.RawModule = raw_module
        cupy.cuda = types.SimpleNamespace(Device=lambda device: contextlib.nullcontext())
        cupy.ndarray = Module  # no array is one
        namespace = types.ModuleType("array_api_compat.cupy")
        namespace.__dict__.update(vars(array_api_compat.numpy) | {"__name__": namespace.__name__})
        yield cupy, namespace
    clear()
