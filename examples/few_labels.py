"""Labels saved: a robust regression from a few labels of a data set, against those of all.

The RAND health insurance experiment (20,190 people, from statsmodels): how often somebody saw a
doctor in a year, by least absolute deviations on income, insurance and health, with their products.
The features are known for all; `active_lad` asks for the labels of a few rows, chosen by Lewis
weights, and is judged by the loss on all of them. Beside it rows are chosen evenly, and by leverage
scores.

    python -m pip install statsmodels && python examples/few_labels.py [--seeds 8]
"""

import argparse
import pathlib

import matplotlib
import numpy as np
from statsmodels.datasets import randhie

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DRAWS = (100, 200, 400, 800, 1600, 3200)
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def data():
    """Features, standardised, with their products; visits to a doctor."""
    table = randhie.load_pandas()
    X, y = table.exog.to_numpy(float), table.endog.to_numpy(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    first, second = np.triu_indices(X.shape[1])
    return np.column_stack([np.ones(len(X)), X, X[:, first] * X[:, second]]), y


def losses(X, y, weights, m, seeds):
    """Loss on all rows of fits to samples of m draws, and how many labels these took."""
    found = []
    for seed in range(seeds):
        sample = dp.lewis.sample_rows(weights, m, rng=seed)
        rows = sample.indices
        fit = dp.lewis.lad(X[rows], y[rows], sample_weight=sample.scales)
        found.append((np.abs(y - X @ fit.coef).sum(), len(rows)))
    return np.array(found).T


def compare(X, y, seeds):
    """Excess over the least loss, by way of choosing: labels, and quantiles over seeds."""
    full = dp.lewis.lad(X, y)
    least = np.abs(y - X @ full.coef).sum()
    lewis = dp.lewis.lewis_weights(X, tol=0.05)
    ways = {
        "Lewis weights": lewis.weights,
        "leverage scores": dp.lewis.leverage_scores(X),
        "evenly": np.ones(len(X)),
    }
    print(f"{len(X)} rows, {X.shape[1]} columns of rank {full.rank}; least loss {least:.1f}")
    print(f"excess of the loss on all rows in per cent: median over {seeds} seeds (90 % quantile)")
    print(f"{'draws':>6}" + "".join(f"{way:>28}" for way in ways))
    curves = {way: [] for way in ways}
    for m in DRAWS:
        line = f"{m:6d}"
        for way, weights in ways.items():
            loss, labels = losses(X, y, weights, m, seeds)
            excess = 100 * (loss / least - 1)
            middle, high = np.quantile(excess, [0.5, 0.9])
            curves[way].append((labels.mean(), middle, high))
            line += f"{labels.mean():8.0f} labels {middle:5.2f} ({high:4.2f})"
        print(line)
    return {way: np.array(rows).T for way, rows in curves.items()}


def picture(curves, n):
    fig, axes = plt.subplots(figsize=(6.5, 4))
    for (way, (labels, middle, high)), colour in zip(
        curves.items(), ("C0", "C1", "C2"), strict=True
    ):
        axes.loglog(labels, middle, "o-", color=colour, label=way)
        axes.loglog(labels, high, ":", color=colour)
    axes.set(xlabel=f"labels asked for, of {n}", ylabel="excess loss on all rows, %")
    axes.set_title("Median over seeds; dotted: 90 % quantile")
    axes.legend()
    fig.tight_layout()
    fig.savefig(PICTURE, dpi=120)
    print(f"\nwrote {PICTURE.name}")


def by_estimator(X, y):
    """The same in one call: `label` stands for whoever finds labels out."""
    result = dp.lewis.active_lad(X, lambda rows: y[rows], m=1600, rng=0)
    print(f"\n{result}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    X, y = data()
    picture(compare(X, y, parser.parse_args().seeds), len(X))
    by_estimator(X, y)


if __name__ == "__main__":
    main()
