"""A photograph restored from four kinds of damage, with samples and the uncertainty of each pixel.

The prior is a mixture on patches of 8 x 8 pixels that comes with the library: no network. Beside
each mean stands what scikit-image's classical method makes of the same measurement.
"""

import argparse
import sys

import matplotlib
import numpy as np
import photographs
import PIL.Image
import restoration

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TITLES = ("photograph", "measured", "classical", "posterior mean", "uncertainty", "sample")
MAC = sys.platform == "darwin"
COLUMNS = ("mean PSNR", "mean SSIM", "classical PSNR", "classical SSIM", "coverage", "seconds")


def cut(image):
    """A quarter of an image, large enough to see pixels."""
    h, w = image.shape[-2:]
    return image[..., : h // 2, w // 5 : w // 5 + w // 2]


def shown(image):
    """A piece of an image as matplotlib takes it."""
    image = cut(np.clip(image, 0, 1))
    return image if image.ndim == 2 else np.moveaxis(image, 0, -1)


def pictures(truth, case):
    """The pictures of a row; the uncertainty is the mean standard deviation over channels."""
    std = case.result.std()
    std = cut(std if std.ndim == 2 else std.mean(axis=0))
    images = (truth, case.measured, case.classical, case.result.stages["mean"])
    return [*map(shown, images), std.copy(), shown(case.result.samples[0]).copy()]


def restored(name, truth, options):
    """The pictures and the scores of a task; samples of large images need not stay."""
    case = restoration.restored(name, truth, options.seed, progress=options.progress)
    return pictures(truth, case), case.scores


def draw(rows, path):
    """One row of pictures for each task, with its scores."""
    size = (2.1 * len(TITLES), 2.25 * len(rows))
    figure, axes = plt.subplots(len(rows), len(TITLES), figsize=size, squeeze=False)
    for line, (name, (images, scores)) in zip(axes, rows.items(), strict=True):
        for axis, title, picture in zip(line, TITLES, images, strict=True):
            if title == "uncertainty":
                axis.imshow(picture, cmap="magma", vmin=0, vmax=0.12)
            else:
                axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
        line[2].set_xlabel(f"{scores['classical PSNR']:.2f} dB")
        line[3].set_xlabel(f"{scores['mean PSNR']:.2f} dB")
        line[4].set_xlabel(f"90 % intervals: {100 * scores['coverage']:.0f} %")
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    with PIL.Image.open(path) as picture:  # as small as it looks
        small = picture.convert("RGB").quantize(128, dither=PIL.Image.Dither.NONE)
    small.save(path, optimize=True)


def peak_memory():
    """The most memory that this process had, in MB; nan where nobody tells."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if MAC else 2**10)


def main(options):
    truth = photographs.test(options.image, options.size, options.colour)
    rows = {}
    print(f"{'task':18}" + "".join(f"{column:>16}" for column in COLUMNS))
    for name in options.tasks:
        rows[name] = restored(name, truth, options)
        scores = (rows[name][1][column] for column in COLUMNS)
        print(f"{name:18}" + "".join(f"{score:16.3f}" for score in scores), flush=True)
    draw(rows, options.picture)
    print(f"picture: {options.picture}; peak memory: {peak_memory():.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", choices=photographs.NAMES, default="astronaut")
    parser.add_argument("--tasks", nargs="+", default=list(restoration.TASKS))
    parser.add_argument("--size", type=int, choices=(256, 512), default=256)
    parser.add_argument("--colour", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--picture", default="restore_photograph.png")
    main(parser.parse_args())
