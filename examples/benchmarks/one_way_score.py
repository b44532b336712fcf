"""Scores of a hard instance: the kernel beside the array-standard reference, on one core.

4096 points of an instance of 64 and 64 bits at noise levels where lattices are sums over neighbours
and over waves, and where noise hides them; both evaluate the one-way function where it shows.

    python examples/benchmarks/one_way_score.py [--rounds 7]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time

import numba
import numpy as np

import diffpost_np as dp

LEVELS = (0.05, 0.1, 0.2, 0.5, 2.0)
N_POINTS, N_BITS = 4096, 64


def seconds(function):
    started = time.process_time()
    function()
    return time.process_time() - started


def by_reference(prior, x, sigma):
    with dp.reference():
        return prior.score(x, sigma)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    numba.set_num_threads(1)
    prior = dp.hardness.one_way_instance(N_BITS).prior
    print("CPU ns per point and entry\ndtype    sigma   kernel  reference  ratio")
    for dtype in (np.float64, np.float32):
        for sigma in LEVELS:
            noise = np.random.default_rng(1).normal(size=(N_POINTS, 2 * N_BITS))
            x = (prior.sample(N_POINTS, rng=0) + sigma * noise).astype(dtype)
            prior.score(x, sigma)
            pairs = [
                (
                    seconds(lambda x=x, s=sigma: prior.score(x, s)),
                    seconds(lambda x=x, s=sigma: by_reference(prior, x, s)),
                )
                for _ in range(rounds)
            ]
            kernel, plain = np.median(pairs, axis=0) * 1e9 / x.size
            print(f"{x.dtype!s:8}{sigma:6g}{kernel:9.1f}{plain:11.1f}{plain / kernel:7.1f}")


if __name__ == "__main__":
    main()
