"""Normals per second on one core, beside NumPy's generator. Prints a Markdown table."""

import os

os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import time

import numpy as np

import diffpost_np as dp

SHAPE = (4096, 64)


def candidates(dtype):
    """Name -> function that fills an array."""
    like, key, rng = np.empty(0, dtype), dp.random.key(0), np.random.default_rng(0)
    return {
        "diffpost_np": lambda: dp.random.normal(key, SHAPE, like=like),
        "NumPy": lambda: rng.standard_normal(SHAPE, dtype),
    }


def seconds(function):
    start = time.process_time()
    for _ in range(10):
        function()
    return (time.process_time() - start) / 10


def main(n_rounds):
    print("| dtype | diffpost_np, 1e6 / s | NumPy, 1e6 / s | ratio |\n|---|---|---|---|")
    for dtype in (np.float64, np.float32):
        functions = candidates(dtype)
        for function in functions.values():
            function()
        rounds = [[seconds(f) for f in functions.values()] for _ in range(n_rounds)]
        ours, theirs = np.prod(SHAPE) / np.median(rounds, axis=0) / 1e6
        print(f"| {dtype.__name__} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
