"""Error of every integrator against its score evaluations, on a mixture that is not symmetric.

Sliced 1-Wasserstein distance of 10,000 samples to as many exact ones, in units of the distance
between two exact sets. The prior has three components in four dimensions, of unequal weights and
covariances, means away from the origin. All take the levels of Karras et al., but methods with
correctors, of four steps each, uniform ones in log-SNR. The table says what a method needs to come
within twice the floor and within a tenth of it.

    python examples/benchmarks/integrator_errors.py [--picture integrator_errors.png]
"""

import argparse

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

N = 10_000
BUDGETS = (5, 7, 10, 14, 20, 28, 40, 56, 80, 113, 160, 320)
WINDOWED = {
    "dpom": {"n_corrections": 4},
    "dpum": {"n_corrections": 4},
    "randomized_midpoint": {"n_corrections": 4},
    "parallel_randomized_midpoint": {"n_midpoints": 4, "n_sweeps": 2, "n_corrections": 4},
}
TARGETS = (2.0, 1.1)
METHODS = dp.sampling.methods()


def prior():
    rng = np.random.default_rng(3)
    roots = rng.normal(size=(3, 4, 4)) * np.array([0.5, 0.25, 0.12])[:, None, None]
    covs = roots @ roots.transpose(0, 2, 1) + 0.01 * np.eye(4)
    means = np.array([[2.0, -1.0, 0.5, 1.0], [-1.0, 1.5, 1.0, 0.0], [0.5, 1.0, -1.5, 2.0]])
    return dp.priors.GaussianMixture([0.15, 0.55, 0.3], means, covs)


def settings(name):
    """Arguments of runs of growing cost."""
    method = METHODS[name]
    if name in WINDOWED:
        for n_steps in (40, 80, 160):
            yield {"schedule": "log_snr", "n_steps": n_steps, **WINDOWED[name]}
        return
    for budget in BUDGETS:
        n_steps = 1 + round((budget - 1) / method.evals_per_step)
        if n_steps > 1:
            yield {"n_steps": n_steps}


def distance(x, y, n_references=2):
    return dp.diagnostics.sliced_wasserstein(
        x, y, n_directions=64, n_references=n_references, rng=1
    )


def measure(target, exact, floor, name):
    """Evaluations for a sample, and distances, run by run."""
    points = []
    for arguments in settings(name):
        result = dp.sampling.sample(target, N, method=name, rng=0, **arguments)
        error = distance(result.samples, exact).value
        points.append((result.n_score_evals / N, error / floor))
    return np.array(points)


def needed(points, target):
    """The fewest evaluations from which on the distance stays below a target, or nan."""
    above = np.flatnonzero(points[:, 1] >= target)
    first = above[-1] + 1 if above.size else 0
    return points[first, 0] if first < len(points) else np.nan


def draw(curves, path):
    figure, axis = plt.subplots(figsize=(9, 6))
    for i, (name, points) in enumerate(curves.items()):
        style = ("-", "--", ":")[METHODS[name].stochastic + (name in WINDOWED)]
        axis.loglog(*points.T, style, marker=".", color=plt.cm.tab20(i % 20), label=name)
    axis.axhline(1, color="k", lw=0.5)
    axis.set(xlabel="score evaluations for a sample", ylabel="sliced Wasserstein / floor")
    axis.set(ylim=(0.7, 30), title="solid: deterministic; dashed: stochastic; dotted: windows")
    axis.legend(fontsize=7, ncol=2)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", default="integrator_errors.png")
    path = parser.parse_args().picture
    target = prior()
    exact = target.sample(N, rng=1)
    floor = distance(exact, target.sample(N, rng=2), 20).floor
    curves = {}
    columns = (*(f"to {t:g} floors" for t in TARGETS), "best", "at")
    print(f"{'method':30}", *(f"{c:>12}" for c in columns), sep="")
    for name in METHODS:
        points = curves[name] = measure(target, exact, floor, name)
        best = points[np.argmin(points[:, 1])]
        cells = [*(needed(points, t) for t in TARGETS), best[1], best[0]]
        formats = (".0f", ".0f", ".2f", ".0f")
        row = (
            f"{v:12{f}}" if v == v else f"{'-':>12}" for v, f in zip(cells, formats, strict=True)
        )
        print(f"{name:30}", *row, sep="", flush=True)
    draw(curves, path)


if __name__ == "__main__":
    main()
