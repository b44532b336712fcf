"""Standard normals per second on one core: two transforms in block layout, and NumPy.

Box-Muller is the transform of the library. The other candidate was the inverse distribution
function, one word a normal, without branches: a polynomial in w = -log(4 u (1 - u)) near the
centre and two in sqrt(w) in the tails. Both read the same Philox words and are timed twice: into
blocks of chains that stay in the first-level cache, as samplers use them, and as a whole array.

    python examples/benchmarks/random_normals.py
"""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import time

import numba
import numpy as np
from scipy.special import ndtri

import diffpost_np as dp
from diffpost_np._numba.device import device, log
from diffpost_np._numba.intrinsics import fraction, polynomial, sqrt
from diffpost_np._numba.random import chain_normals, chain_words, scratch_words

LANES = {np.float64: 32, np.float32: 64}
ROWS = 64
ZERO = np.uint64(0)
BORDERS = (6.25, 16.0)  # of w, between the polynomials


def quantile_over_centred(w):
    """Normal quantile divided by 2 u - 1, as a function of w = -log(4 u (1 - u)) > 0."""
    root = np.sqrt(-np.expm1(-np.maximum(w, 1e-8)))
    lower = np.where(w > 1, np.exp(-w) / (2 * (1 + root)), 0.5 * (1 - root))
    return ndtri(lower) / -root


def fitted(low, high, degree, variable):
    """Coefficients, highest first, of a Chebyshev interpolant about the middle of a range."""
    half = (high - low) / 2
    fit = np.polynomial.Chebyshev.interpolate(
        lambda t: quantile_over_centred(variable(t + low + half)), degree, [-half, half]
    )
    return fit.convert(kind=np.polynomial.Polynomial).coef[::-1]


def pieces(degrees):
    """The polynomials in w, and in sqrt(w) beyond the first border."""
    yield fitted(0.0, 6.25, degrees[0], lambda w: w)
    yield fitted(2.5, 4.0, degrees[1], np.square)
    yield fitted(4.0, 6.1, degrees[2], np.square)


near, far, farthest = map(polynomial, pieces((22, 18, 16)), pieces((9, 7, 7)))


@device
def inverse(word):
    u = fraction(word)
    real = type(u)
    w = -log(real(4.0) * u * (real(1.0) - u))
    root = sqrt(w)
    tail = farthest(root - real(5.05)) if w > real(BORDERS[1]) else far(root - real(3.25))
    ratio = tail if w > real(BORDERS[0]) else near(w - real(3.125))
    return (u + u - real(1.0)) * ratio


@numba.njit(error_model="numpy")
def inverse_normals(z, words, first_chain, step, tag, key0, key1):
    n = words.shape[0]
    for block in range(z.shape[0] // n):
        chain_words(words, first_chain, step, tag, key0, key1, np.uint64(block))
        for i in range(n):
            for lane in range(words.shape[1]):
                z[block * n + i, lane] = inverse(words[i, lane])


@numba.njit(error_model="numpy")
def repeat_box_muller(z, words, n):
    for step in range(n):
        chain_normals(z, words, ZERO, np.uint64(step), ZERO, ZERO, ZERO)


@numba.njit(error_model="numpy")
def repeat_inverse(z, words, n):
    for step in range(n):
        inverse_normals(z, words, ZERO, np.uint64(step), ZERO, ZERO, ZERO)


def candidates(dtype):
    """Name -> (function that draws, how many)."""
    lanes, shape = LANES[dtype], (4096, 64)
    z, words = np.empty((ROWS, lanes), dtype), scratch_words(dtype, lanes)
    like, key, rng = np.empty(0, dtype), dp.random.key(0), np.random.default_rng(0)
    return {
        "Box-Muller, in cache": (lambda: repeat_box_muller(z, words, 200), 200 * z.size),
        "inverse, in cache": (lambda: repeat_inverse(z, words, 200), 200 * z.size),
        "Box-Muller, array": (lambda: dp.random.normal(key, shape, like=like), 4096 * 64),
        "NumPy, array": (lambda: rng.standard_normal(shape, dtype), 4096 * 64),
    }


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def main(n_rounds=15):
    print(f"{'':24}{'ns/normal':>12}{'1e9/s':>9}{'x NumPy':>9}")
    for dtype in LANES:
        runs = candidates(dtype)
        for draw, _ in runs.values():
            draw()
        times = {name: [] for name in runs}
        for _ in range(n_rounds):
            for name, (draw, _) in runs.items():
                times[name].append(seconds(draw))
        cost = {name: np.median(times[name]) / n for name, (_, n) in runs.items()}
        print(dtype.__name__)
        for name, value in cost.items():
            ratio = cost["NumPy, array"] / value
            print(f"  {name:22}{value * 1e9:12.2f}{1e-9 / value:9.3f}{ratio:9.1f}")


if __name__ == "__main__":
    main()
