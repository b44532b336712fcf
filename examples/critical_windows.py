"""When does a diffusion decide what? Noise-then-denoise on mixtures, and its critical windows.

A point of one component gets noise up to the Ornstein-Uhlenbeck time T and is denoised again.
Below the critical window it comes back to its component, beyond it to any of a larger part
(Li, Chen, arXiv 2403.01633; Li, Karan, Chen, arXiv 2502.00921). Four experiments:

(a) four components in two pairs: fine features are forgotten first, coarse ones last;
(b) random means: the window does not widen with the dimension;
(c) unequal weights: the law of what comes back, against the theorem's bound;
(d) the probability flow forgets nothing: it keeps the side on which the noise left a point.
"""

import argparse
import math

import matplotlib
import numpy as np
from scipy.special import expit, ndtr
from scipy.stats import norm

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

EPS = 0.1
OU = dp.schedules.OU()
Z = np.linspace(-8, 8, 401)
NORMAL = norm.pdf(Z) * (Z[1] - Z[0])


def returned(r):
    """Probability that the reverse SDE leads N(r, 1) back, where the other half is N(-r, 1)."""
    return np.sum(NORMAL * expit(2 * r * (r + Z)))


def four_components():
    """At (+-e^4, +-e^1.5), with unit variances."""
    means = [[a * math.exp(4), b * math.exp(1.5)] for a in (1, -1) for b in (1, -1)]
    return dp.priors.GaussianMixture([0.25] * 4, means, 1.0)


def kept(prior, time, method, n, **options):
    """Shares of points of the first component that keep the signs of its coordinates, and both."""
    x = dp.priors.Gaussian(prior.means[0], 1.0).sample(n, rng=1)
    sigma = OU.noise_level(time)
    result = dp.sampling.noise_then_denoise(prior, x, sigma, method=method, rng=2, **options)
    same = result.samples * prior.means[0] > 0
    return np.array([*same.mean(axis=0), same.all(axis=1).mean()])


def coarse_to_fine(axes, n):
    prior, times = four_components(), (1, 1.5, 2.5, 3, 4, 5)
    print(
        "(a) share kept: coarse, fine, both; rows share their noise, so their errors go together,"
    )
    print(f"standard error {0.5 / math.sqrt(n):.4f} at most")
    print("T      probabilities        exact draws          reverse SDE")
    for time in times:
        coarse, fine = returned(math.exp(4 - time)), returned(math.exp(1.5 - time))
        exact = kept(prior, time, "exact", n)
        steps = kept(prior, time, "sra1", n, n_steps=60)
        rows = ([coarse, fine, coarse * fine], exact, steps)
        print(f"{time:<6g}" + "   ".join(" ".join(f"{v:.3f}" for v in row) for row in rows))
        axes.plot([time] * 2, exact[:2], "k.")
    grid = np.linspace(0, 7, 200)
    for height, name in ((4, "coarse"), (1.5, "fine")):
        axes.plot(grid, [returned(math.exp(height - t)) for t in grid], label=name)
    for name, initial, target in (("fine", [0], [0, 1]), ("coarse", [0, 1], range(4))):
        window = dp.sampling.critical_window(prior, initial, target, EPS)
        axes.axvspan(window.T_after, window.T_end, alpha=0.15)
        print(f"window, {name}: {window.T_after:.2f} to {window.T_end:.2f}")
    for eps in (0.1, 0.3):
        path = dp.sampling.mixture_tree(prior, eps).path(0)
        nodes = (f"{node.subset} from {node.noise_amount:.2f}" for node in path[1:])
        print(f"tree for eps = {eps}: {', '.join(nodes)}")
    axes.set(xlabel="T", ylabel="share kept", title="(a) coarse and fine features")
    axes.legend()


def ten_means(d, seed):
    """Random components; the window in which the first becomes any of them."""
    means = np.random.default_rng(seed).standard_normal((10, d))
    prior = dp.priors.GaussianMixture(np.full(10, 0.1), means, 1.0)
    return prior, dp.sampling.critical_window(prior, [0], range(10), EPS)


def share_of_first(prior, time, n=2000):
    """Share of exact draws that stay with the first component, whose mean is nearest to them."""
    x = dp.priors.Gaussian(prior.means[0], 1.0).sample(n, rng=1)
    noisy = OU.noise_level(time)
    back = dp.sampling.noise_then_denoise(prior, x, noisy, method="exact", rng=2).samples
    return np.mean(np.argmax(prior.responsibilities(back), axis=1) == 0)


def random_means(axes):
    print("\n(b) ten random means: window by bounds on pairs, least and greatest of 10 draws;")
    print("share kept at T = log sqrt(2 d) + shift, for the first draw")
    print("d       T_after         T_end          width          shift -1.5   -0.5    0.5    1.5")
    for d in (50, 500, 5000):
        windows = [ten_means(d, seed)[1] for seed in range(10)]
        table = np.array([(w.T_after, w.T_end, w.width) for w in windows])
        spans = zip(table.min(axis=0), table.max(axis=0), strict=True)
        centre, prior = 0.5 * math.log(2 * d), ten_means(d, 0)[0]
        shares = [share_of_first(prior, centre + shift) for shift in (-1.5, -0.5, 0.5, 1.5)]
        print(
            f"{d:<8}"
            + "   ".join(f"{low:4.2f} to {high:4.2f}" for low, high in spans)
            + " " * 10
            + "  ".join(f"{share:.3f}" for share in shares)
        )
        axes.semilogx([d] * 20, table[:, :2].ravel(), "k.", ms=3)
        axes.plot([d, d], table[0, :2], lw=6, alpha=0.4, color="C0")
    axes.set(xlabel="d", ylabel="T", title="(b) window of ten random means")


def distance_to_target(prior, initial, target, time):
    """Total variation between what comes back from a part and another part, in one dimension.

    The density of what comes back is p(x) E[p_T^initial(y) / p_T(y)] with y = x_T given x.
    """
    means, stds = prior.means[:, 0], np.sqrt(prior.covs.values[:, 0]) * np.ones(prior.n_components)
    x = np.unique(means + stds * np.linspace(-8, 8, 201)[:, None])
    y = math.exp(-time) * x[:, None] + math.sqrt(-math.expm1(-2 * time)) * Z
    noisy_stds = np.sqrt(1 + math.exp(-2 * time) * (stds**2 - 1))

    def part(subset, x, means, stds):
        weights = prior.weights[subset] / np.sum(prior.weights[subset])
        return norm.pdf(x[..., None], means[subset], stds[subset]) @ weights

    everything, noisy = [*range(prior.n_components)], (math.exp(-time) * means, noisy_stds)
    ratio = part(initial, y, *noisy) / np.maximum(part(everything, y, *noisy), 1e-300)
    back = part(everything, x, means, stds) * (ratio @ NORMAL)
    return 0.5 * np.trapezoid(np.abs(back - part(target, x, means, stds)), x)


def unequal_weights(axes):
    """Three components; the two on the left make up the target."""
    print("\n(c) unequal weights: from the first component to the first two, far from a third")
    print("weights          W        T_after  T_end  T_start  bound  distance at T_end, T_start")
    for weights in ([0.45, 0.45, 0.1], [0.81, 0.09, 0.1], [0.09, 0.81, 0.1], [0.05, 0.05, 0.9]):
        prior = dp.priors.GaussianMixture(weights, [[-3.0], [3.0], [400.0]], 1.0)
        window = dp.sampling.critical_window(prior, [0], [0, 1], EPS)
        ends = [distance_to_target(prior, [0], [0, 1], t) for t in (window.T_end, window.T_start)]
        print(
            f"{weights!s:<17}{weights[2] / (1 - weights[2]):<9.2f}{window.T_after:<9.2f}"
            f"{window.T_end:<7.2f}{window.T_start:<9.2f}{window.bound:<7.3f}"
            f"{ends[0]:.4f}, {ends[1]:.4f}"
        )
        grid = np.linspace(0.05, 7, 40)
        curve = [distance_to_target(prior, [0], [0, 1], t) for t in grid]
        line = axes.plot(grid, curve, label=", ".join(map(str, weights)))[0]
        axes.plot([window.T_end, window.T_start], [window.bound] * 2, color=line.get_color(), lw=3)
    axes.set(xlabel="T", ylabel="total variation to the target", title="(c) unequal weights")
    axes.legend(title="weights", fontsize=7)


def probability_flow(axes, n, mu=4.0):
    print("\n(d) share that comes back to its component, means at +-r; errors as in (a)")
    print("r      SDE      exact draws  sra1     flow     dpm_solver_2m")
    prior = dp.priors.GaussianMixture([0.5, 0.5], [[mu], [-mu]], 1.0)
    for r in (0.25, 0.5, 1, 1.5, 2, 3):
        time = math.log(mu / r)
        exact, sde = (kept(prior, time, method, n, n_steps=60)[0] for method in ("exact", "sra1"))
        flow = kept(prior, time, "dpm_solver_2m", n)[0]
        print(
            f"{r:<7g}{returned(r):.4f}   {exact:.4f}       {sde:.4f}   {ndtr(r):.4f}   {flow:.4f}"
        )
        axes.plot([r], [sde], "k.")
        axes.plot([r], [flow], "k+")
    grid = np.linspace(0.01, 3.5, 100)
    axes.plot(grid, [returned(r) for r in grid], label="reverse SDE")
    axes.plot(grid, ndtr(grid), label="probability flow")
    axes.set(xlabel="r", ylabel="share kept", title="(d) SDE and flow")
    axes.legend()


def main(path, n):
    figure, axes = plt.subplots(2, 2, figsize=(10, 7))
    coarse_to_fine(axes[0, 0], n)
    random_means(axes[0, 1])
    unequal_weights(axes[1, 0])
    probability_flow(axes[1, 1], n)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", default="critical_windows.png")
    parser.add_argument("--chains", type=int, default=40_000)
    options = parser.parse_args()
    main(options.picture, options.chains)
