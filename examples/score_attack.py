"""A score that is right on average can still ruin plain Langevin: the attack on a shell.

Prior N(0, I_d), y = x + N(0, eta^2 I). While plain Langevin turns a draw of the prior into one of
the posterior, the law of x averaged over y contracts to variance 6/11 and back. On the shell
where it passes, a set of exponentially small prior mass, the score is off by a constant vector
whose L4 error under the prior is 0.1. Annealed Langevin never goes there.

Error at a time: root mean square, over y and chains, of the deviation from the mean of the
posterior that the chain aims at, along the attack. Times are in units of
t* = eta^2 log 2 / (1 + eta^2), when plain Langevin is narrowest.
"""

import argparse
import math

import matplotlib
import numpy as np
from scipy.stats import chi2

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ETA2, WIDTH, STRENGTH = 0.1, 0.2, 0.1
CENTRE = 6 / 11
T_STAR = ETA2 * math.log(2) / (1 + ETA2)
POSTERIOR_STD = math.sqrt(ETA2 / (1 + ETA2))


def attack(d):
    """The score's error: M u on the shell, with M = strength / P(shell)^(1/4)."""
    low, high = CENTRE * (1 - WIDTH) * d, CENTRE * (1 + WIDTH) * d
    mass = chi2(d).cdf(high) - chi2(d).cdf(low)
    push = STRENGTH * mass**-0.25 / math.sqrt(d)

    def error(x, sigma):
        inside = np.abs((x**2).sum(axis=1) / (CENTRE * d) - 1) <= WIDTH
        return np.where(inside[:, None], push, 0.0) * np.ones(d)

    return error


def problem(d, seed=0):
    """Prior, measurement, and a y of typical length."""
    prior = dp.priors.Gaussian(np.zeros(d), 1.0)
    measurement = dp.LinearGaussian(dp.operators.mask(np.ones(d, dtype=bool)), math.sqrt(ETA2))
    y = math.sqrt(1 + ETA2) * np.random.default_rng(seed).standard_normal(d)
    return prior, measurement, y


def along(x):
    """Component along the attack."""
    return x.sum(axis=-1) / math.sqrt(x.shape[-1])


def plain(score, d, times, n_chains, seed=0):
    """Displacement of plain Langevin along the attack at some times, and its error there."""
    prior, measurement, y = problem(d, seed)
    h = T_STAR / 100
    begin, out = {"initial": prior.sample(n_chains, rng=seed), "rng": seed}, []
    for steps in np.diff([0, *(round(t * T_STAR / h) for t in times)]):
        result = dp.posterior.langevin(
            score,
            measurement,
            y,
            n_samples=n_chains,
            step_size=h,
            n_steps=int(steps),
            **begin,
        )
        begin = {"resume": result}
        out.append(along(result.samples))
    return np.array(out), along(y) / (1 + ETA2)


def annealed(score, d, n_chains, seed=0):
    """Error of annealed Langevin at the end of every level."""
    prior, measurement, y = problem(d, seed)
    ratio = 1.05
    n_levels = math.ceil(math.log(1000) / math.log(ratio))
    schedule = dp.posterior.AnnealingSchedule.geometric(
        ratio**n_levels, ratio, alpha=1.0, smoothness=1.0, gain=1 / ETA2, accuracy=0.1
    )
    begin, errors = {"initial": prior.sample(n_chains, rng=seed), "rng": seed}, []
    for _ in range(n_levels):
        result = dp.posterior.annealed_langevin(
            score,
            measurement,
            y,
            n_samples=n_chains,
            schedule=schedule,
            progress=lambda p: True,
            **begin,
        )
        begin = {"resume": result}
        noise = ETA2 * schedule.noise_ratio[result.state.level]
        seen = along(y + math.sqrt(ETA2) * result.state.offset)
        errors.append(along(result.samples) - seen / (1 + noise))
    return schedule.noise_ratio[1:] * ETA2, np.sqrt(np.mean(np.square(errors), axis=1))


def compare(d, n_chains, times, seed=0):
    """Displacements of plain, and errors of annealed, with the exact and the attacked score."""
    prior = dp.priors.Gaussian(np.zeros(d), 1.0)
    attacked = dp.scores.perturbed(prior, attack(d))
    clean, _ = plain(prior, d, times, n_chains, seed)
    pushed, _ = plain(attacked, d, times, n_chains, seed)
    displacement = (pushed - clean).mean(axis=1) / POSTERIOR_STD
    levels, exact = annealed(prior, d, n_chains, seed)
    _, suffered = annealed(attacked, d, n_chains, seed)
    return displacement, levels, exact, suffered


def main(path, n_chains):
    times = [0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    print("d     plain: displacement / posterior std at t*, 2 t*, 16 t*    annealed: worst ratio")
    for d in (200, 500, 1000):
        displacement, levels, exact, suffered = compare(d, n_chains, times)
        worst = (suffered / exact).max()
        print(
            f"{d:<6}{displacement[1]:6.2f}{displacement[3]:7.2f}{displacement[-1]:7.2f}{worst:44.2f}"
        )
        left.plot(times, displacement, label=f"d = {d}")
        right.semilogx(levels, suffered / exact, label=f"d = {d}")
    left.axhline(1, color="gray", lw=0.8)
    left.set(xlabel="t / t*", ylabel="displacement / posterior std", title="plain Langevin")
    right.set(
        xlabel="noise variance of the level",
        ylabel="error / error with the exact score",
        title="annealed Langevin",
        ylim=(0, 2),
    )
    right.invert_xaxis()
    left.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", default="score_attack.png")
    parser.add_argument("--chains", type=int, default=100)
    options = parser.parse_args()
    main(options.picture, options.chains)
