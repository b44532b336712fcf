"""Rounds of score evaluations that randomized midpoints need, in sequence and in parallel.

A round is one batch of scores. The prior is a mixture of eight Gaussians of variance 1/4 whose
means are N(0, I), so they spread with the dimension d. Chains start from N(0, I) at time
log(d) / 2 + 3/2 of the Ornstein-Uhlenbeck process; the exact flow from the same points, by RK4, is
the truth, so that the root mean square distance bounds W2 from above. The table has the fewest
rounds that bring it to 0.05 sqrt(d), over steps up to 1 / L, numbers of midpoints and of sweeps.

    python examples/benchmarks/parallel_rounds.py [--picture parallel_rounds.png]
"""

import argparse
import itertools
import math

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

N, VARIANCE, LAST_TIME, TARGET = 512, 0.25, 1e-3, 0.05
SMOOTHNESS = 1 / VARIANCE
DIMENSIONS = (16, 32, 64, 128, 256, 512, 1024)
SETTINGS = list(itertools.product((1.0, 0.5, 0.25), (4, 16), (0, 1, 2, 3, 4)))
"""Steps in units of 1 / L, midpoints, sweeps."""


def spread_mixture(d):
    rng = np.random.default_rng(d)
    weights = rng.dirichlet(np.full(8, 5.0))
    return dp.priors.GaussianMixture(weights, rng.normal(size=(8, d)), VARIANCE)


class Task:
    """Chains of a dimension, and where the exact flow takes them."""

    def __init__(self, d):
        self.d, self.prior = d, spread_mixture(d)
        self.start = 0.5 * math.log(d) + 1.5
        scale = math.exp(self.start)
        self.y = scale * np.random.default_rng(1).normal(size=(N, d))
        levels = self.levels(0.005)
        self.exact = self.run("rk4", levels).samples

    def levels(self, step):
        return np.append(dp.schedules.exponential_windows(self.start, LAST_TIME, step), 0.0)

    def run(self, method, levels, **options):
        return dp.sampling.sample(
            self.prior,
            method=method,
            schedule=levels,
            initial=self.y,
            n_samples=N,
            rng=0,
            **options,
        )

    def reaches(self, result):
        square = np.mean(np.sum((result.samples - self.exact) ** 2, axis=1))
        return math.sqrt(square) <= TARGET * math.sqrt(self.d)


def sequential(task):
    """Rounds of the longest steps that reach the target."""
    for halvings in np.arange(0, 8, 0.5):
        levels = task.levels(2.0**-halvings / SMOOTHNESS)
        result = task.run("randomized_midpoint", levels, corrector="none")
        if task.reaches(result):
            return result.n_rounds
    return math.nan


def parallel(task):
    """The fewest rounds that reach the target, and the settings."""
    costs = {}
    for step, r, k in SETTINGS:
        levels = task.levels(step / SMOOTHNESS)
        costs[(len(levels) - 2) * (k + 2) + 1, r, step, k] = levels
    for (rounds, r, step, k), levels in sorted(costs.items()):
        options = {"n_midpoints": r, "n_sweeps": k, "corrector": "none", "smoothness": SMOOTHNESS}
        result = task.run("parallel_randomized_midpoint", levels, **options)
        if task.reaches(result):
            return rounds, step, r, k
    return math.nan, math.nan, 0, 0


def draw(table, path):
    d, one, many = np.array(table).T[:3]
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.semilogx(d, one, ".-", label="in sequence")
    axis.semilogx(d, many, ".-", label="in parallel")
    fit = np.mean(many / np.log(d) ** 2) * np.log(d) ** 2
    axis.semilogx(d, fit, "k:", label="log(d)^2")
    axis.set(xlabel="dimension", ylabel="rounds", ylim=(0, None))
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", default="parallel_rounds.png")
    path = parser.parse_args().picture
    columns = ("d", "sequence", "parallel", "ratio", "step L", "midpoints", "sweeps", "/log(d)^2")
    print(*(f"{c:>11}" for c in columns), sep="")
    table = []
    for d in DIMENSIONS:
        task = Task(d)
        one, (many, step, r, k) = sequential(task), parallel(task)
        table.append((d, one, many))
        cells = f"{d:11}{one:11}{many:11}{one / many:11.2f}{step:11.2f}{r:11}{k:11}"
        print(f"{cells}{many / math.log(d) ** 2:11.2f}", flush=True)
    draw(table, path)


if __name__ == "__main__":
    main()
