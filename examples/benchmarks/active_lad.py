"""The guarantee of `active_lad`: how often the loss on all rows is within 1 + eps of the least.

Benign labels are X beta plus heavy-tailed noise, X Gaussian with 1 % of its rows times 100.
Adversarial ones are those of the lower bound (Parulekar, Parulekar, Price, arXiv 2105.09433): each
coefficient has a group of identical rows, whose labels are +1 and -1 in proportions 1/2 + eps and
1/2 - eps or the other way around, so that a sample has to decide every sign. Rows are drawn by
Lewis weights, evenly and by leverage scores, as many as d / eps^2 and as `sample_size` says.

    python examples/benchmarks/active_lad.py [--seeds 100]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import math

import numpy as np

import diffpost_np as dp

EPS = DELTA = 0.1


def benign(n, d, seed=0):
    """Rows, some of them a hundred times the others, and labels with noise of no variance."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[rng.choice(n, n // 100, replace=False)] *= 100
    return X, X @ rng.normal(size=d) + rng.standard_t(1.5, size=n)


def adversarial(n, d, seed=0):
    """Groups of identical rows, and labels that lean one way by eps."""
    rng = np.random.default_rng(seed)
    size = n // d
    up = round(size * (0.5 + EPS))
    y = np.concatenate([rng.permutation(np.r_[np.ones(up), -np.ones(size - up)]) for _ in range(d)])
    return np.repeat(np.eye(d), size, axis=0), y * np.repeat(rng.choice([-1.0, 1.0], d), size)


def run(name, X, y, seeds):
    n, d = X.shape
    least = np.abs(y - X @ dp.lewis.lad(X, y).coef).sum()
    ways = {
        "Lewis": dp.lewis.lewis_weights(X, tol=0.05).weights,
        "uniform": np.ones(n),
        "leverage": dp.lewis.leverage_scores(X),
    }
    theorem = dp.lewis.sample_size(d, EPS, DELTA)
    for rule, m in (("d / eps^2", math.ceil(d / EPS**2)), ("sample_size", theorem)):
        for way, weights in ways.items():
            excess, labels = samples(X, y, weights, m, least, seeds)
            print(
                f"{name:12}{n:8d} x {d:<3d}{rule:12}{m:7d}  {way:9}{labels:8.0f}"
                f"{np.mean(excess <= EPS):8.2f}{np.median(excess):11.1e}{np.max(excess):10.1e}"
            )


def samples(X, y, weights, m, least, seeds):
    """Relative excesses of fits to samples, and the mean number of labels they took."""
    if m >= len(X):
        return np.zeros(1), len(X)
    excess, labels = [], []
    for seed in range(seeds):
        sample = dp.lewis.sample_rows(weights, m, rng=seed)
        fit = dp.lewis.lad(X[sample.indices], y[sample.indices], sample_weight=sample.scales)
        excess.append(np.abs(y - X @ fit.coef).sum() / least - 1)
        labels.append(len(sample.indices))
    return np.array(excess), np.mean(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args().seeds
    print(f"eps = delta = {EPS:g}, {seeds} seeds; where m reaches n, every row is asked for")
    print(
        "labels        rows      rule              m  rows by    labels  within  median    largest"
    )
    for n, d in ((10_000, 10), (100_000, 20), (1_000_000, 20)):
        run("benign", *benign(n, d), seeds)
    for n, d in ((100_000, 10), (1_000_000, 20)):
        run("adversarial", *adversarial(n, d), seeds)


if __name__ == "__main__":
    main()
