"""What a Langevin step must cost on this core: its parts, measured alone in cache. Prints tables.

The bound of workload 1 of `langevin_mixture.py` adds its fused multiply-adds at the peak of a
loop over registers, its normals and its exponentials. It counts the products that the kernel
makes, 4 K d for the score and two with a triangular factor for the likelihood.
"""

import os

os.environ["NUMBA_NUM_THREADS"] = "1"

import time

import numpy as np
from numba import njit

from diffpost_np._numba.blocks import rows
from diffpost_np._numba.device import normal_pair
from diffpost_np._numba.gemm import multiply
from diffpost_np._numba.lanes import LANES, fma, get, put
from diffpost_np._numba.powers import exp_or_zero
from diffpost_np._numba.random import counters, draw

N_COMPONENTS = 25
_KEY = (np.uint64(5), np.uint64(6))


@njit
def _multiply_adds(x, n):
    a, b, c, d, e = get(x, 0), get(x, 1), get(x, 2), get(x, 3), get(x, 4)
    for _ in range(n):
        a, b, c, d = fma(a, e, e), fma(b, e, e), fma(c, e, e), fma(d, e, e)
    put(x, 0, a), put(x, 1, b), put(x, 2, c), put(x, 3, d)


@njit
def _products(out, a, x, n):
    for _ in range(n):
        multiply(out, a, x)


@njit
def _normals(words, out, chains, n):
    counted = counters(words, chains)
    for step in range(n):
        for block in range(out.shape[0] // words.shape[0]):
            draw(words, np.uint64(block), counted, np.uint64(step), np.uint64(3), *_KEY)
            for i in range(0, words.shape[0], 2):
                row = block * words.shape[0] + i
                z0, z1 = normal_pair(get(words, i), get(words, i + 1))
                put(out, row, z0), put(out, row + 1, z1)


@njit
def _exponentials(out, x, n):
    for _ in range(n):
        for row in range(x.shape[0]):
            put(out, row, exp_or_zero(get(x, row)))


def seconds(function, *args, n_rounds=7):
    """Median CPU time."""
    function(*args)
    times = []
    for _ in range(n_rounds):
        started = time.process_time()
        function(*args)
        times.append(time.process_time() - started)
    return float(np.median(times))


def parts(dtype):
    """Nanoseconds of a multiply-add, one in a product in cache, a normal and an exponential."""
    rng, lanes, wide = np.random.default_rng(0), LANES[np.dtype(dtype)], dtype == np.float64
    x, out = rows(64, dtype), rows(64, dtype)
    x[:] = -rng.random(x.shape)
    matrix = rng.normal(size=(48, 64)).astype(dtype)
    words = rows(2, np.uint64) if wide else rows(4, np.uint32)
    chains = rows(1 if wide else 2, np.uint64)
    chains.ravel()[:] = np.arange(chains.size)
    cases = {
        "multiply-add": (4, _multiply_adds, rows(8, dtype), 1_000_000),
        "in a product": (matrix.size, _products, rows(48, dtype), matrix, x, 2000),
        "normal": (64, _normals, words, out, chains, 2000),
        "exponential": (64, _exponentials, out, x, 5000),
    }
    return {
        name: 1e9 * seconds(function, *args) / (count * lanes * args[-1])
        for name, (count, function, *args) in cases.items()
    }


def bound(d, ns):
    """Nanoseconds of a step of workload 1, its parts one after the other."""
    m = max(d // 2, 1)
    multiply_adds = 2 * N_COMPONENTS * d + 2 * m * d - m * (m - 1)
    return multiply_adds * ns["multiply-add"] + d * ns["normal"] + N_COMPONENTS * ns["exponential"]


def main():
    measured = {dtype.__name__: parts(dtype) for dtype in (np.float64, np.float32)}
    names = list(measured["float64"])
    print(f"| ns a lane | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for dtype, ns in measured.items():
        print(f"| {dtype} | {' | '.join(f'{ns[name]:.4f}' for name in names)} |")
    print("\n| bound of workload 1, ns | d = 2 | d = 16 | d = 64 |\n|---|---|---|---|")
    for dtype, ns in measured.items():
        print(f"| {dtype} | {' | '.join(f'{bound(d, ns):.1f}' for d in (2, 16, 64))} |")


if __name__ == "__main__":
    main()
