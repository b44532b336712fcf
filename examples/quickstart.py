"""Posterior samples of a held-out digit from three measurements, checked against the truth.

The sampler sees the prior's score only; the closed-form posterior of the mixture judges it.
"""

import argparse

import digits
import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLUMNS = (
    "task",
    "sampler",
    "seconds",
    "evals",
    "sliced W",
    "floor",
    "log p(y)",
    "exact",
    "PSNR",
    "exact",
    "coverage",
    "exact",
)
ROW = (
    "{:17}{:14}{:>8.2f}{:>7.0f}{:>10.4f}{:>8.4f}{:>10.2f}{:>8.2f}{:>7.2f}{:>7.2f}{:>10.3f}{:>7.3f}"
)
HEADER = "{:17}{:14}{:>8}{:>7}{:>10}{:>8}{:>10}{:>8}{:>7}{:>7}{:>10}{:>7}"


def psnr(image, truth):
    return -10 * np.log10(np.mean((image - truth) ** 2))


def judge(result, exact, truth):
    """The numbers of a row after the task's name."""
    distance = dp.diagnostics.sliced_wasserstein(result.samples, exact, rng=1)
    return (
        result.method,
        result.seconds,
        result.n_score_evals / len(result.samples),
        distance.value,
        distance.floor,
        result.log_evidence,
        exact.log_evidence,
        psnr(result.mean(), truth),
        psnr(exact.mean(), truth),
        dp.diagnostics.coverage(result.samples, truth).mean,
        dp.diagnostics.coverage(exact.sample(len(result.samples), rng=2), truth).mean,
    )


def draw(rows, path):
    """One row of pictures for each task."""
    titles = ["truth", "measurement", "mean", "std", *[f"sample {i + 1}" for i in range(5)]]
    figure, axes = plt.subplots(len(rows), len(titles), figsize=(13, 1.75 * len(rows)))
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for axis, title, picture in zip(line, titles, pictures, strict=True):
            if title == "std":
                axis.imshow(picture, cmap="magma", vmin=0, vmax=0.4)
            else:
                axis.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def shown(measurement, y):
    """The measurement as a picture: back on the grid where it is not one already."""
    if len(measurement.output_shape) == 2:
        return y
    return measurement.operator.adjoint(y[None])[0]


def main(n_samples, path):
    truth = digits.images()[1][3]
    prior = digits.prior()
    score_only = digits.ScoreOnly(prior)
    dp.posterior.sample(score_only, digits.tasks()["denoising"], truth.ravel(), n_samples=20, rng=0)
    lines, rows = [], {}
    for name, measurement in list(digits.tasks().items())[:3]:
        y = measurement.simulate(truth, rng=5)
        result = dp.posterior.sample(
            score_only, measurement, y, n_samples=n_samples, rng=0, progress=True
        )
        exact = dp.posterior.exact(prior, measurement, y)
        lines.append(ROW.format(name, *judge(result, exact, truth)))
        rows[name] = [
            truth,
            shown(measurement, y),
            result.mean(),
            result.std(),
            *result.samples[:5],
        ]
    print(HEADER.format(*COLUMNS), *lines, sep="\n")
    draw(rows, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--picture", default="quickstart.png")
    options = parser.parse_args()
    main(options.samples, options.picture)
