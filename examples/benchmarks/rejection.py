"""Proposals per second of rejection sampling, beside a plain NumPy loop.

The prior is a mixture of 25 components of one variance in d dimensions, seen through a dense
matrix with d / 4 outputs. Both sides propose, weigh and accept in batches, NumPy in batches that
stay in cache and with BLAS on one thread. All run in turn; the table has medians of wall time, on
one thread and on all, and how many times the loop's speed that is.

    python examples/benchmarks/rejection.py [--rounds 7]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import math
import time

import numba
import numpy as np

import diffpost_np as dp

DIMENSIONS, N_COMPONENTS, NOISE = (2, 16, 64), 25, 0.1
N_PROPOSALS, NUMPY_BATCH = 2**20, 2**12
N_THREADS = numba.config.NUMBA_NUM_THREADS


def problem(d, dtype):
    """Prior, measurement and a y that the prior makes."""
    rng, m = np.random.default_rng(1), max(1, d // 4)
    means = 1.5 * rng.normal(size=(N_COMPONENTS, d))
    prior = dp.priors.GaussianMixture(rng.dirichlet(np.full(N_COMPONENTS, 3.0)), means, 1.0)
    measurement = dp.LinearGaussian(rng.normal(size=(m, d)) / math.sqrt(d), NOISE)
    y = measurement.simulate(prior.sample(1, rng=2)[0], rng=3)
    return prior, measurement, y.astype(dtype)


def library(prior, measurement, y, n_threads):
    """A run that spends its budget."""

    def run():
        numba.set_num_threads(n_threads)
        budget = {"n_samples": N_PROPOSALS, "max_proposals": N_PROPOSALS}
        return len(dp.posterior.rejection(prior, measurement, y, rng=0, **budget).samples)

    return run


def numpy_loop(prior, measurement, y):
    """The same in a few lines of NumPy."""
    rng, dtype = np.random.default_rng(0), y.dtype
    means = prior.means.astype(dtype)
    matrix = np.ascontiguousarray(measurement.operator.matrix().T, dtype)
    cumulative = np.cumsum(prior.weights)

    def batch():
        chosen = np.searchsorted(cumulative, rng.random(NUMPY_BATCH))
        x = means[chosen.clip(max=N_COMPONENTS - 1)]
        x += rng.standard_normal(x.shape, dtype)
        square = np.sum((y - x @ matrix) ** 2, axis=1) / NOISE**2
        return x[-2 * np.log(rng.random(NUMPY_BATCH)) > square]

    return lambda: sum(len(batch()) for _ in range(N_PROPOSALS // NUMPY_BATCH))


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def speeds(d, dtype, n_rounds):
    """Million proposals a second: on one thread, on all, and of the loop."""
    arguments = problem(d, dtype)
    runs = library(*arguments, 1), library(*arguments, N_THREADS), numpy_loop(*arguments)
    one, every, loop = (run() for run in runs)
    spread = 6 * math.sqrt(loop + 1)
    assert one == every and abs(one - loop) < spread, (one, every, loop)
    times = np.median([[seconds(run) for run in runs] for _ in range(n_rounds)], axis=0)
    return N_PROPOSALS / times / 1e6


def main(n_rounds):
    print(f"million proposals a second; {N_THREADS} threads are all")
    print("| dtype | d | one thread | all threads | NumPy | ratio, one | ratio, all |")
    print("|---|---|---|---|---|---|---|")
    for dtype in (np.float64, np.float32):
        for d in DIMENSIONS:
            one, every, loop = speeds(d, dtype, n_rounds)
            cells = f"{one:.1f} | {every:.1f} | {loop:.2f} | {one / loop:.1f} | {every / loop:.1f}"
            print(f"| {dtype.__name__} | {d} | {cells} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    main(parser.parse_args().rounds)
