"""Lewis weights beside the plain NumPy fixed point, and the Gram kernel beside BLAS.

X is Gaussian with one row in a hundred a hundred times as long. The fixed point is the usual loop:
form X' W^-1 X, factor it, solve for all rows, until weights change by less than 1e-10. The Gram
matrix X' diag(w) X is compared with NumPy's `X.T @ (X * w[:, None])`, and with SciPy's dsyrk on
tiles whose rows were scaled beforehand, for which it is charged nothing; a product counts
n d (d + 1) operations. All run in turn on one thread; figures are medians, of CPU time and of wall
time, in milliseconds.

    python examples/benchmarks/lewis_weights.py [--rounds 5] [--scale 1.0]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import time

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk

import diffpost_np as dp
from diffpost_np._xp import numpy_namespace
from diffpost_np.lewis._weights.gram import lewis_pass, quadratic_forms, weighted_gram

SHAPES = ((1_000_000, 10), (1_000_000, 20), (400_000, 50), (200_000, 100))
TILE = 4096


def problem(n, d):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    X[rng.choice(n, n // 100, replace=False)] *= 100
    return X


def plain_fixed_point(X, tol):
    """Weights and the number of iterations, which read X twice each."""
    n, d = X.shape
    w = np.full(n, d / n)
    for iteration in range(1, 500):
        R = scipy.linalg.cholesky(X.T @ (X / w[:, None]))
        Y = scipy.linalg.solve_triangular(R, X.T, trans="T", check_finite=False)
        new = np.sqrt(np.einsum("ij,ij->j", Y, Y))
        change, w = np.max(np.abs(np.log(new / w))), new
        if change < tol:
            return w, iteration
    raise AssertionError("no convergence")


def tiles_by_dsyrk(tiles):
    d = tiles[0].shape[1]
    total = np.zeros((d, d), order="F")
    for tile in tiles:
        total += dsyrk(1.0, tile.T)
    return total


def timed(functions, n_rounds):
    """Median CPU and wall time of each, in milliseconds, run in turn."""
    times = []
    for round_ in range(n_rounds + 1):
        row = []
        for function in functions:
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            row.append((time.process_time() - cpu, time.perf_counter() - wall))
        if round_:  # the first warms up
            times.append(row)
    return 1e3 * np.median(times, axis=0)


def gram_row(X, n_rounds):
    n, d = X.shape
    w = np.random.default_rng(1).random(n)
    root = np.eye(d) / np.sqrt(n)
    scaled = X * np.sqrt(w)[:, None]
    tiles = [scaled[i : i + TILE] for i in range(0, n, TILE)]
    functions = (
        lambda: weighted_gram(numpy_namespace, X, w),
        lambda: X.T @ (X * w[:, None]),
        lambda: tiles_by_dsyrk(tiles),
        lambda: quadratic_forms(numpy_namespace, X, root),
        lambda: lewis_pass(numpy_namespace, X, root, 1.0),
    )
    cpu = timed(functions, n_rounds)[:, 0]
    rates = n * d * (d + 1) / cpu[:3] / 1e6
    cells = [f"{t:.1f} ({r:.1f})" for t, r in zip(cpu[:3], rates, strict=True)]
    ratios = f"{cpu[1] / cpu[0]:.1f} | {cpu[2] / cpu[0]:.1f}"
    return f"| {n} x {d} | {' | '.join(cells)} | {ratios} | {cpu[3]:.1f} | {cpu[4]:.1f} |"


def weights_row(X, n_rounds):
    fine = dp.lewis.lewis_weights(X, tol=1e-10)
    coarse = dp.lewis.lewis_weights(X, tol=0.05)
    plain, n_plain = plain_fixed_point(X, 1e-10)
    assert np.max(np.abs(fine.weights / plain - 1)) < 1e-8
    off = np.max(np.abs(coarse.weights / plain - 1))
    functions = (
        lambda: dp.lewis.lewis_weights(X, tol=1e-10),
        lambda: plain_fixed_point(X, 1e-10),
        lambda: dp.lewis.lewis_weights(X, tol=0.05),
    )
    times = timed(functions, n_rounds)
    cells = [f"{cpu:.0f} / {wall:.0f}" for cpu, wall in times]
    ratio = "{:.1f} / {:.1f}".format(*(times[1] / times[0]))
    reads = f"{fine.n_reads} | {n_plain} | {coarse.n_reads} | {off:.1%}"
    n, d = X.shape
    return f"| {n} x {d} | {cells[0]} | {cells[1]} | {ratio} | {cells[2]} | {reads} |"


def main(n_rounds, scale):
    shapes = [(int(n * scale), d) for n, d in SHAPES]
    print("Gram matrix: CPU ms (GF/s)")
    print("| n x d | kernel | NumPy | dsyrk, scaled before | ratio NumPy | ratio dsyrk ", end="")
    print("| forms | forms and Gram |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in shapes:
        print(gram_row(problem(*shape), n_rounds), flush=True)
    print("\nl1 Lewis weights: CPU / wall ms; reads include the first look at X")
    print(
        "| n x d | to 1e-10 | NumPy, to 1e-10 | ratio | to 5 % | reads | NumPy iterations ", end=""
    )
    print("| reads, 5 % | off by |")
    print("|---|---|---|---|---|---|---|---|---|")
    for shape in shapes:
        print(weights_row(problem(*shape), n_rounds), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.scale)
