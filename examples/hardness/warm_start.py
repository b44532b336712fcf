"""A warm start makes a hard instance easy: localized Langevin from x0 near the truth.

The instances of `posterior_sampling.py`, on which every sampler fails, with 64 and 128 bits.
Lengths are in units of the radius: signs are at -1 and 1. Here x0 is given as well, and
`localized_langevin` (Xun, Gupta, Price, arXiv 2510.26324) draws from p(x | x0, y).
Left: x0 at a distance from x in a random direction, and in the worst one, all along one sign:
within 1/3 every run inverts the function. Right: one lattice entry of the samples of a run, beside
its exact law given x0 and y.

    python examples/hardness/warm_start.py [--runs 6]
"""

import argparse
import math
import pathlib

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DISTANCES = (0.1, 1 / 3, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 4.0, 8.0)
BITS = (64, 128)
BLUR = 0.1
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def schedule(instance):
    gain = instance.measurement.noise_std**-2
    return dp.posterior.AnnealingSchedule.geometric(
        300.0, 1.5, alpha=1.0, smoothness=BLUR**-2, gain=gain, time=2.0, accuracy=0.1
    )


def displaced(x, distance, direction, rng):
    """A point at this distance: anywhere, or along a sign and against it."""
    if direction == "random":
        step = rng.normal(size=x.shape)
    else:
        step = np.zeros_like(x)
        step[0] = -np.sign(x[0])
    return x + distance * step / np.linalg.norm(step)


def run(instance, distance, direction, seed, n_samples=4):
    """y, x0 and its noise, taken to be at least a tenth, samples, and the image to invert."""
    radius, rng = instance.prior.radius, np.random.default_rng(seed)
    x = instance.prior.sample(1, rng=seed)[0]
    y = instance.measurement.simulate(x, rng=seed + 1)
    x0 = displaced(x, distance * radius, direction, rng)
    std = radius * max(0.1, distance / math.sqrt(len(x)))
    result = dp.posterior.localized_langevin(
        dp.priors.Smoothed(instance.prior, BLUR),
        instance.measurement,
        y,
        x0=x0,
        x0_std=std,
        n_samples=n_samples,
        schedule=schedule(instance),
        rng=seed,
    )
    image = instance.prior.one_way(np.sign(x[None, : instance.prior.n_bits]))[0]
    return y, x0, std, result, image


def success(runs):
    """Share of samples that invert, by bits and direction, over distances."""
    print(f"share of samples of {runs} runs that invert, by the distance of x0 over the radius")
    print("bits direction" + "".join(f"{d:7.2f}" for d in DISTANCES))
    shares = {}
    for n_bits in BITS:
        instance = dp.hardness.one_way_instance(n_bits)
        for direction in ("random", "worst"):
            row = []
            for distance in DISTANCES:
                found = [run(instance, distance, direction, seed)[3:] for seed in range(runs)]
                hits = [instance.check(instance.invert(r.samples), image) for r, image in found]
                row.append(np.mean(hits))
            shares[n_bits, direction] = row
            print(f"{n_bits:4d} {direction:9}" + "".join(f"{s:7.2f}" for s in row))
    return shares


def entry(n_samples=2000):
    """Samples of a lattice entry, and weights of the lattice given x0 and y."""
    instance = dp.hardness.one_way_instance(64)
    y, x0, std, result, image = run(instance, 1 / 3, "random", 7, n_samples)
    n, spacing = instance.prior.n_bits, instance.prior.spacing
    points = spacing * (np.arange(-20, 21) + (1 + image[0]) / 4)
    logs = -0.5 * points**2 - 0.5 * ((x0[n] - points) / std) ** 2
    return result.samples[:, n], points, logs, y[0], instance.measurement.noise_std


def exact_density(t, points, logs, y, noise):
    """The blurred law given x0, times the likelihood, normalised."""
    weights = np.exp(logs - logs.max())
    density = np.exp(-0.5 * ((t[:, None] - points) / BLUR) ** 2) @ weights
    density *= np.exp(-0.5 * ((t - y) / noise) ** 2)
    return density / (density.sum() * (t[1] - t[0]))


def picture(shares, samples, points, logs, y, noise):
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for (n_bits, direction), row in shares.items():
        style = "o-" if direction == "random" else "s--"
        left.plot(DISTANCES, row, style, label=f"{n_bits} bits, {direction} direction")
    left.axvline(1 / 3, color="grey", lw=1)
    left.set(xscale="log", xlabel="|x0 - x| / radius", ylabel="share that inverts")
    left.set(title="The line is at 1/3")
    left.legend(fontsize=8)
    t = np.linspace(samples.min() - 0.05, samples.max() + 0.05, 2001)
    right.hist(samples, bins=40, density=True, alpha=0.5, label="localized_langevin")
    right.plot(t, exact_density(t, points, logs, y, noise), "k", lw=1, label="exact")
    right.set(xlabel="one lattice entry", title="Given x0 at 1/3, and y")
    right.legend(fontsize=8)
    fig.tight_layout()
    fig.savefig(PICTURE, dpi=120)
    print(f"\nwrote {PICTURE.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    picture(success(parser.parse_args().runs), *entry())


if __name__ == "__main__":
    main()
