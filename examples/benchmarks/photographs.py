"""Photographs restored: four images, four tasks, three noise seeds, beside classical methods.

Each run is one restoration of 256 x 256 pixels by the recipe of `restoration.py`: the mean over
all sweeps of four chains, and intervals from 100 draws. `--only inpainting --images camera` and
the like restrict it; the whole takes some five minutes on two cores. `--grid` checks the
intervals on images drawn from a fixed grid of patches, where they must hold 90 %.
"""

import argparse
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import photographs
import restoration

import diffpost_np as dp

COLUMNS = ("mean PSNR", "classical PSNR", "gain", "mean SSIM", "classical SSIM", "coverage")
COLUMNS += ("sample PSNR", "R-hat", "seconds")
BARS = {"inpainting": 0.6, "deblurring": 0.8, "super-resolution": 0.4, "denoising": 0.25}

GRID_NOISE = 10 / 255
"""Noise on images from a grid: with less, sweeps without bias take longer to forget."""


def row(cells):
    return "| " + " | ".join(cells) + " |"


def told(name, values):
    return row([name, *(f"{values[column]:.3f}" for column in COLUMNS)])


def mean_of(scores):
    return {column: float(np.mean([s[column] for s in scores])) for column in COLUMNS}


def task_table(task, images, seeds):
    """A line for each image, the mean over seeds, and the mean of all."""
    every, runs = [], []
    for image in images:
        truth = photographs.test(image)
        scores = [restoration.restored(task, truth, seed).scores for seed in seeds]
        runs += scores
        every.append(mean_of(scores))
        print(told(f"{task}, {image}", every[-1]), flush=True)
    total = mean_of(every)
    print(told(f"**{task}**", total))
    gains, covers = ([run[name] for run in runs] for name in ("gain", "coverage"))
    print(
        f"\ngain {total['gain']:.2f} dB (bar {BARS[task]}), worst run {min(gains):.2f} (bar -0.2)"
    )
    print(f"coverage of runs {min(covers):.3f} to {max(covers):.3f} (bar 0.85 to 0.97)\n")


def grid_coverage(n_images):
    """How often 90 % intervals hold the truth, over images drawn from one grid, without bias."""
    prior = dp.priors.PatchGrid(dp.priors.photograph_patches(), (64, 64), (8, 8), (3, 5))
    truths = prior.sample(n_images, rng=1, like=np.zeros(1, np.float32))
    for name, task in restoration.TASKS.items():
        inside = []
        for i, truth in enumerate(truths):
            measurement, y = restoration.measured(task._replace(noise=GRID_NOISE), truth, i)
            options = {"n_samples": 199, "n_chains": 8, "thin": 16, "rho_max": 0.3, "rng": i}
            result = dp.posterior.split_gibbs(prior, measurement, y, unbiased=True, **options)
            low, high = np.sort(result.samples, axis=0)[[9, 189]]  # 180 of 200 places
            inside.append(np.mean((low <= truth) & (truth <= high)))
        error = np.std(inside, ddof=1) / n_images**0.5
        print(f"{name}: coverage {np.mean(inside):.3f} +- {error:.3f}", flush=True)


def main(options):
    if options.grid:
        grid_coverage(options.grid)
        return
    print(row(["task", *COLUMNS]), row(["---"] * (1 + len(COLUMNS))), sep="\n")
    for task in options.only:
        task_table(task, options.images, range(options.seeds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(restoration.TASKS))
    parser.add_argument("--images", nargs="+", default=list(photographs.NAMES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--grid", type=int, metavar="IMAGES", default=0)
    main(parser.parse_args())
