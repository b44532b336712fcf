"""What moves by a covariance do to a cloud that the covariance was taken of.

First exact draws of N(0, I) after ten Metropolis moves, whose mean square must stay 1; then the
weight of a mode on a digit, denoised by `annealed_smc`. "own": one covariance, of the whole cloud;
"rest": each tenth of the cloud moves by that of the other nine, as the library does.

    python examples/benchmarks/own_covariance.py
"""

import argparse
import pathlib
import sys

import numpy as np

import diffpost_np as dp
from diffpost_np._xp import numpy_namespace as xp
from diffpost_np.posterior import _ghmc, _metric, _moves

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import digits

FOLDS = {"own": 1, "rest": _metric._MOST_FOLDS}


def evaluate(x):
    """A standard normal prior and no likelihood."""
    density = -0.5 * np.sum(x * x, axis=1)
    return _moves.Point(x, -x, np.zeros(len(x)), np.zeros_like(x), density)


def moved_square(seed, n, d):
    key = dp.random.key(seed)
    x = dp.random.normal(key, (n, d))
    metric = _metric.cloud_metric(xp, x)
    target = _moves.Target(xp, evaluate, metric, 1.0, True, key.fold("moves"), np.negative)
    walk = target.start(evaluate(x), 0.3, 0)
    for step in range(10):
        walk, _ = _ghmc.split_ghmc(target, walk, step)
    return np.mean(walk.point.x**2)


def mode_weight(seed):
    """The weight that a run gives to the largest mode, and its exact value."""
    prior, (_, held_out) = digits.prior(), digits.images()
    measurement = digits.tasks()["denoising"]
    y = measurement.simulate(held_out[42], rng=2901)
    exact = prior.posterior(measurement, y)
    options = {"n_samples": 1000, "n_particles": 1250, "rng": seed}
    result = dp.posterior.annealed_smc(digits.ScoreOnly(prior), measurement, y, **options)
    largest = np.argmax(exact.weights)
    return exact.responsibilities(result.samples).mean(axis=0)[largest], exact.weights[largest]


def row(name, exact, values):
    error = np.std(values, ddof=1) / len(values) ** 0.5
    print(f"| {name} | {exact:.3f} | {np.mean(values):.4f} | {error:.4f} |", flush=True)


def main(n_clouds, n_runs):
    print("| what | exact | mean | standard error |\n|---|---|---|---|")
    for name, _metric._MOST_FOLDS in FOLDS.items():
        for n, d in ((60, 20), (200, 64), (1250, 64)):
            squares = [moved_square(seed, n, d) for seed in range(n_clouds)]
            row(f"{name}: mean square of {n} points, d = {d}", 1, squares)
    for name, _metric._MOST_FOLDS in FOLDS.items():
        weights, exact = zip(*(mode_weight(seed) for seed in range(n_runs)), strict=True)
        row(f"{name}: weight of a mode", exact[0], weights)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clouds", type=int, default=40)
    parser.add_argument("--runs", type=int, default=24)
    options = parser.parse_args()
    main(options.clouds, options.runs)
