"""The score of a hard instance is easy for a network: its error against its size.

A network of rectified linear units computes the image of the signs by a circuit and interpolates
functions of one variable beside it (Gupta, Jalal, Parulekar, Price, Xun, arXiv 2402.12727). Its
mean square error over p_sigma falls with the fourth power of the knots.

    python examples/hardness/relu_network.py
"""

import pathlib

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0, 8.0)
KNOTS = (32, 64, 128, 256, 512, 1024, 2048)
N_BITS, BAR = 6, 1e-4
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def scaled_error(prior, network, sigma, n=4000):
    """sigma^2 E |network - score|^2 over p_sigma."""
    x = prior.sample(n, rng=1) + sigma * np.random.default_rng(0).normal(size=(n, 2 * N_BITS))
    return sigma**2 * np.mean(np.sum((network(x) - prior.score(x, sigma)) ** 2, axis=1))


def table(prior):
    """Units and errors by noise level and number of knots."""
    print(f"sigma^2 E |network - score|^2, {N_BITS} and {N_BITS} bits; the bar is {BAR:g}")
    print(
        "knots " + "".join(f"{sigma:10g}" for sigma in LEVELS) + "   units, weights, depth at .05"
    )
    errors, units = np.empty((len(LEVELS), len(KNOTS))), np.empty((len(LEVELS), len(KNOTS)))
    for j, knots in enumerate(KNOTS):
        networks = [prior.relu_network(sigma, knots) for sigma in LEVELS]
        for i, (sigma, network) in enumerate(zip(LEVELS, networks, strict=True)):
            errors[i, j], units[i, j] = scaled_error(prior, network, sigma), network.n_units
        sizes = networks[0].n_units, networks[0].n_weights, networks[0].depth
        print(f"{knots:5d} " + "".join(f"{e:10.1e}" for e in errors[:, j]), *sizes)
    return units, errors


def picture(units, errors):
    fig, axes = plt.subplots(figsize=(6, 4))
    for i, sigma in enumerate(LEVELS):
        axes.loglog(
            units[i], errors[i], "o-", ms=3, color=plt.cm.viridis(i / 10), label=f"{sigma:g}"
        )
    axes.axhline(BAR, color="grey", lw=1)
    slope = errors[0, 2] * (units[0, 2:] / units[0, 2]) ** -4.0
    axes.loglog(units[0, 2:], slope, "k:", label="power -4")
    axes.set(xlabel="units", ylabel="sigma^2 E |network - score|^2", ylim=(1e-16, 10))
    axes.legend(title="noise level", fontsize=7, ncols=2)
    fig.tight_layout()
    fig.savefig(PICTURE, dpi=120)
    print(f"\nwrote {PICTURE.name}")


if __name__ == "__main__":
    picture(*table(dp.hardness.one_way_instance(N_BITS).prior))
