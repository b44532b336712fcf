"""Gibbs sampling with a random grid each sweep, against Hamiltonian Monte Carlo on the same law.

A piece of a photograph, 32 x 32, is denoised under the geometric mean of all shifted grids of
patches with noise rho, whose density is known up to a constant: four chains of Metropolis-adjusted
HMC, started from draws on one fixed grid, are the truth. That grid alone, which is another law,
shows what a difference is.
"""

import argparse
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import photographs

import diffpost_np as dp

SIDE, NOISE = 32, 25 / 255
PATCHES = dp.priors.photograph_patches()


class Target:
    """log q_rho(x) + log p(y | x) and its gradient, for chains (n, 32, 32)."""

    def __init__(self, prior, measurement, y, rho):
        self.prior, self.measurement, self.y, self.rho = prior, measurement, y, rho

    def value(self, x):
        likelihood = self.measurement.log_likelihood(x, self.y)
        return self.prior.unnormalised_log_density(x, self.rho) + likelihood

    def gradient(self, x):
        return self.prior.score(x, self.rho) + self.measurement.log_likelihood_grad(x, self.y)


def trajectory(target, x, p, step, n_steps):
    """The leapfrog integrator."""
    p = p + 0.5 * step * target.gradient(x)
    for _ in range(n_steps - 1):
        x = x + step * p
        p = p + step * target.gradient(x)
    x = x + step * p
    return x, p + 0.5 * step * target.gradient(x)


def hmc(target, x, n_burn, n_kept, n_steps, rng):
    """Draws (n_kept, n chains, 32, 32) after a burn-in that finds the step size."""
    step, value, kept = 0.5 * target.rho, target.value(x), []
    for i in range(n_burn + n_kept):
        p = rng.standard_normal(x.shape, np.float32)
        moved, q = trajectory(target, x, p, float(step * rng.uniform(0.8, 1.2)), n_steps)
        new = target.value(moved)
        gain = new - value + 0.5 * np.sum(p**2 - q**2, axis=(1, 2))
        accepted = np.log(rng.random(len(x))) < gain
        x, value = np.where(accepted[:, None, None], moved, x), np.where(accepted, new, value)
        if i < n_burn:
            step *= float(np.exp(0.1 * (np.mean(np.exp(np.minimum(gain, 0))) - 0.8)))
        else:
            kept.append(x)
    return np.stack(kept)


def gibbs(prior, measurement, y, rho, n_samples, seed):
    """Mean and standard deviation of x, by three chains, and the means of each chain."""
    chains, thin = 3, 4
    result = dp.posterior.split_gibbs(
        prior,
        measurement,
        y,
        n_samples=n_samples * chains,
        n_chains=chains,
        rho=rho,
        rho_max=0.3,
        thin=thin,
        unbiased=False,
        rng=seed,
    )
    share, left = NOISE**2 / (NOISE**2 + rho**2), 1 / (NOISE**-2 + rho**-2)
    draws = result.samples.reshape(n_samples, chains, SIDE, SIDE)
    image = y.reshape(SIDE, SIDE)
    means = share * draws.mean(axis=0) + (1 - share) * image
    std = np.sqrt(share**2 * result.samples.var(axis=0) + left)
    noise = left**0.5 * dp.random.normal(dp.random.key(seed), result.samples.shape)
    x = share * result.samples + (1 - share) * image + noise
    return means, std, x


def rms(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def cover(draws, truth):
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    return float(np.mean((low <= truth) & (truth <= high)))


def main(options):
    truth = photographs.test("camera")[60 : 60 + SIDE, 100 : 100 + SIDE]
    measurement = dp.LinearGaussian(dp.operators.mask(np.ones(truth.shape, bool)), NOISE)
    y, rho = measurement.simulate(truth, rng=0), options.rho
    prior = dp.priors.PatchProduct(PATCHES, truth.shape, (8, 8))
    grid = dp.priors.PatchGrid(PATCHES, truth.shape, (8, 8))

    started = time.process_time()
    means, std, x = gibbs(prior, measurement, y, rho, options.draws, 1)
    seconds = [time.process_time() - started]
    fixed_means, fixed_std, fixed_x = gibbs(grid, measurement, y, rho, options.draws, 1)

    started = time.process_time()
    target = Target(prior, measurement, y, rho)
    start = fixed_x[-4:].astype(y.dtype)  # draws of another law
    rng = np.random.default_rng(0)
    chains = hmc(target, start, options.burn, options.kept, options.steps, rng)
    seconds.append(time.process_time() - started)
    mean, both = chains.mean(axis=0), chains.reshape(-1, SIDE, SIDE)

    print(f"rho {rho}: mean standard deviation, difference of means, coverage of 90 % intervals")
    between = rms(mean[:2].mean(axis=0), mean[2:].mean(axis=0))
    print(f"HMC        {both.std(axis=0).mean():.4f}  {between:.4f}  {cover(both, truth):.3f}")
    two = both.mean(axis=0)
    for name, m, s, d in (
        ("Gibbs", means, std, x),
        ("fixed grid", fixed_means, fixed_std, fixed_x),
    ):
        print(f"{name:10} {s.mean():.4f}  {rms(m.mean(axis=0), two):.4f}  {cover(d, truth):.3f}")
    print(f"between chains of Gibbs {rms(means[0], means[1]):.4f}")
    print(f"effective draws of HMC: about {2 * both.var(axis=0).mean() / between**2:.0f}")
    print(f"CPU seconds: Gibbs {seconds[0]:.1f}, HMC {seconds[1]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rho", type=float, default=0.015)
    parser.add_argument("--draws", type=int, default=400, help="of each of three Gibbs chains")
    parser.add_argument("--burn", type=int, default=25)
    parser.add_argument("--kept", type=int, default=65)
    parser.add_argument("--steps", type=int, default=16, help="leapfrog steps of a trajectory")
    main(parser.parse_args())
