"""Rejection sampling is as good as it gets: its trials against the number of measurements.

Left: a Gaussian prior, of which m entries are measured with noise beta. The mean of log2(trials)
over y has the closed form (m / 2) log2(e (1 + beta^2) / beta^2); the points are runs.
Right: instances that hide a one-way function of m bits (Gupta, Jalal, Parulekar, Price, Xun,
arXiv 2402.12727). No sampler is known that takes less than about 2^m there, and rejection takes
that to a power: a factor for each bit, and one for each lattice that y pins down.

    python examples/hardness/rejection.py
"""

import math
import pathlib

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BETAS = (0.1, 0.3, 1.0)
OUTPUTS = np.array([1, 2, 3, 4, 6, 8])
BITS = np.array([1, 2, 3, 4, 6, 8, 10, 12])
SHARPNESS = (12, 16)  # spacing over noise
MOST_TRIALS = 4e7
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def law(m, beta):
    """Mean of log2(trials) for m entries of N(0, I)."""
    return 0.5 * m * np.log2(math.e * (1 + beta**2) / beta**2)


def trials(prior, measurement, y, seed, n_samples=20):
    """Estimate of log2 of the expected trials by a run, without bias."""
    options = {"n_samples": n_samples, "max_proposals": int(MOST_TRIALS)}
    result = dp.posterior.rejection(prior, measurement, y, rng=seed, **options)
    peak = -measurement.log_normaliser()
    return (peak - result.log_evidence) / math.log(2)


def gaussian(runs=24):
    """Points of each beta: outputs, mean of log2(trials) and its standard error."""
    print("Gaussian prior: mean of log2(trials)\nbeta   m     law  closed form at the ys  runs")
    found = {}
    for beta in BETAS:
        for m in OUTPUTS[2 ** law(OUTPUTS, beta) < MOST_TRIALS / 8000].tolist():
            prior = dp.priors.Gaussian(np.zeros(10), 1.0)
            measurement = dp.LinearGaussian(np.eye(m, 10), beta)
            ys = measurement.simulate(prior.sample(runs, rng=m), rng=m + 1)
            cost = dp.posterior.rejection_cost(prior, measurement, ys)
            logs = [trials(prior, measurement, y, seed) for seed, y in enumerate(ys)]
            own = np.mean(logs), np.std(logs) / math.sqrt(runs)
            found.setdefault(beta, []).append((m, *own))
            exact = cost.mean() / math.log(2)
            print(
                f"{beta:4g} {m:3d} {law(m, beta):7.2f} {exact:22.2f} {own[0]:5.2f} +- {own[1]:.2f}"
            )
    return {beta: np.array(rows).T for beta, rows in found.items()}


def instances(runs=24):
    """For each sharpness: exact means of log2(trials), and those of runs that can be made."""
    print("\ninstances of m bits: mean of log2(trials)\nspacing/noise   m  closed form   runs")
    found = {}
    for ratio in SHARPNESS:
        for m in BITS.tolist():
            instance = dp.hardness.one_way_instance(m, noise_std=0.4 / ratio)
            ys = np.stack([instance.challenge(rng=seed).y for seed in range(runs)])
            exact = dp.posterior.rejection_cost(
                instance.prior.enumerated(), instance.measurement, ys
            )
            mean = exact.mean() / math.log(2)
            own = np.nan
            if 2**mean < MOST_TRIALS / 100:
                given = instance.prior, instance.measurement
                own = np.mean([trials(*given, y, seed, 4) for seed, y in enumerate(ys)])
            found.setdefault(ratio, []).append((m, mean, own))
            print(f"{ratio:13d} {m:3d} {mean:12.2f} {own:6.2f}")
        rows = np.array(found[ratio]).T
        print(f"slope {np.polyfit(rows[0], rows[1], 1)[0]:.2f} a bit")
    return {ratio: np.array(rows).T for ratio, rows in found.items()}


def picture(by_beta, by_ratio):
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for (beta, (m, mean, error)), colour in zip(by_beta.items(), ("C0", "C1", "C2"), strict=True):
        left.errorbar(m, mean, 2 * error, fmt="o", color=colour, label=f"noise {beta:g}")
        left.plot(OUTPUTS, law(OUTPUTS, beta), color=colour, lw=1)
    left.set(
        xlabel="measured entries m", ylabel="log2(trials)", title="A Gaussian prior, and the law"
    )
    left.set_ylim(0, math.log2(MOST_TRIALS))
    for (ratio, (m, mean, own)), colour in zip(by_ratio.items(), ("C3", "C4"), strict=True):
        right.plot(m, mean, color=colour, lw=1, label=f"spacing / noise = {ratio}, exact")
        right.plot(m, own, "o", color=colour, label="runs")
    right.plot(BITS, BITS, "k:", label="trying all signs")
    right.set(xlabel="bits m", ylabel="log2(trials)", title="One-way functions")
    for axes in (left, right):
        axes.legend(fontsize=8)
    fig.tight_layout()
    fig.savefig(PICTURE, dpi=120)
    print(f"\nwrote {PICTURE.name}")


if __name__ == "__main__":
    picture(gaussian(), instances())
