"""Exact least absolute deviations beside other solvers: time, loss and memory, on one thread.

Rows are Gaussian, one in a hundred times 100, and y = X b plus Student's t noise with 1.5 degrees
of freedom. Solvers run in turn on the same data; times are medians over rounds, then over data
seeds, of the CPU time of the process and of wall time. The excess is that of the loss over the
best of all, relative to it. Memory is what a fresh process grows by beyond its data, at its peak.

The peer is pinball-qr, whose `pfn` is the preprocessing of Portnoy and Koenker over their
interior point in Fortran (`fn`); then what Python users have at hand.

    python examples/benchmarks/lad.py [--rounds 3] [--seeds 5] [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np

import diffpost_np as dp

AGAINST_PFN = [(10**4, 10), (10**5, 5), (10**5, 10), (10**5, 20), (10**5, 50), (10**5, 100)]
AGAINST_PFN += [(10**6, 20)]
AGAINST_ALL = [(2000, 5), (10**4, 10)]
WHOLE_NUMBERS = [(10**4, 10), (10**5, 10), (10**6, 10)]
MEMORY = (10**6, 20)


def data(n, d, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[rng.choice(n, n // 100, replace=False)] *= 100.0
    return X, X @ rng.standard_normal(d) + rng.standard_t(1.5, n)


def whole_numbers(n, d, seed):
    """Binary columns, a constant, rounded targets: fits go through thousands of rows."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = np.round(X @ rng.standard_normal(d) + rng.standard_t(1.5, n))
    return np.column_stack([1.0 * (X > 0), np.ones(n)]), y


def lad(X, y):
    return dp.lewis.lad(X, y, rng=0)


def pinball(name):
    def fit(X, y):
        from pinball import get_solver

        return get_solver(name).solve(X, y, 0.5).coefficients

    return fit


def statsmodels(X, y):
    from statsmodels.regression.quantile_regression import QuantReg

    return QuantReg(y, X).fit(q=0.5, max_iter=5000).params


def sklearn(X, y):
    from sklearn.linear_model import QuantileRegressor

    return QuantileRegressor(quantile=0.5, alpha=0.0, fit_intercept=False).fit(X, y).coef_


def highs(X, y):
    from scipy.optimize import linprog

    done = linprog(-y, A_eq=X.T, b_eq=np.zeros(X.shape[1]), bounds=(-0.5, 0.5), method="highs")
    return -done.eqlin.marginals


SOLVERS = {
    "lad": lad,
    "pinball pfn": pinball("pfn"),
    "pinball fn": pinball("fnb"),
    "statsmodels": statsmodels,
    "HiGHS, dual": highs,
    "scikit-learn": sklearn,
}


def timed(name, X, y):
    """CPU seconds, wall seconds, the loss, and the gap where one is told."""
    cpu, wall = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = SOLVERS[name](X, y)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gap = getattr(found, "gap", np.nan)
    coef = getattr(found, "coef", found)
    return cpu, wall, 0.5 * np.sum(np.abs(y - X @ np.asarray(coef))), gap


def compare(names, n, d, seeds, rounds, make=data):
    """Medians over seeds of medians over rounds; the largest excess and gap."""
    per_seed = []
    for seed in range(seeds):
        X, y = make(n, d, seed)
        runs = np.array([[timed(name, X, y) for name in names] for _ in range(rounds)])
        losses = np.median(runs[:, :, 2], axis=0)
        excess = losses / losses.min() - 1
        per_seed.append(np.column_stack([np.median(runs, axis=0), excess]))
    table = np.array(per_seed)
    return np.median(table[:, :, :2], axis=0), table[:, :, 4].max(axis=0), table[:, 0, 3].max()


def show(names, n, d, seeds, rounds, make=data):
    times, excess, gap = compare(names, n, d, seeds, rounds, make)
    for k, name in enumerate(names):
        ratio, proven = times[k] / times[0], f"{gap:.0e}" if k == 0 else ""
        print(
            f"| {n} x {d} | {name} | {1e3 * times[k, 0]:.2f} | {1e3 * times[k, 1]:.2f} "
            f"| {ratio[0]:.2f} | {ratio[1]:.2f} | {excess[k]:.1e} | {proven} |",
            flush=True,
        )


def peak(name, n, d):
    """MB by which a fresh process grows while it fits, beyond its data and a small fit."""
    command = [sys.executable, __file__, "--grow", name, str(n), str(d)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def growth(name, n, d):
    X, y = data(5000, d, 0)
    timed(name, X, y)  # imports and compiled code
    X, y = data(n, d, 0)
    held = memory("VmRSS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        SOLVERS[name](X, y)
    return memory("VmHWM") - held


def memory(kind):
    """MB of this process; getrusage would tell the peak of its parent, if that is larger."""
    status = pathlib.Path("/proc/self/status").read_text()
    return float(status.partition(f"{kind}:")[2].split()[0]) / 2**10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--grow", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.grow:
        print(growth(options.grow[0], *map(int, options.grow[1:])))
        return
    for name in ("lad", "pinball pfn", "pinball fn"):
        timed(name, *data(5000, 5, 0))
    print("| rows | solver | CPU ms | wall ms | CPU / lad | wall / lad | excess | gap |")
    print("|---|---|---|---|---|---|---|---|")
    for n, d in AGAINST_PFN[: -1 if options.quick else None]:
        timed("lad", *data(n, d, 99))
        show(["lad", "pinball pfn"], n, d, options.seeds, options.rounds)
    for n, d in AGAINST_ALL[: 1 if options.quick else None]:
        show(list(SOLVERS), n, d, 1, options.rounds)
    print("\nbinary columns and a constant, rounded targets:\n")
    for n, d in WHOLE_NUMBERS[: -1 if options.quick else None]:
        show(["lad", "pinball pfn", "pinball fn"], n, d, 3, 1, whole_numbers)
    print(f"\n| solver | peak extra MB at {MEMORY[0]} x {MEMORY[1]} |\n|---|---|")
    for name in ("lad", "pinball pfn", "pinball fn", "statsmodels")[: 2 if options.quick else None]:
        print(f"| {name} | {peak(name, *MEMORY):.0f} |", flush=True)


if __name__ == "__main__":
    main()
