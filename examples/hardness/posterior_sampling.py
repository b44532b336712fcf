"""Easy to sample, hard to condition: every posterior sampler against the number of bits.

The prior hides a one-way function f: its signs s are in some entries, and the others spell f(s)
(Gupta, Jalal, Parulekar, Price, Xun, arXiv 2402.12727). The left picture has the time of a draw
from the prior, which grows like the dimension. The middle one gives every sampler 4096 score
evaluations and prior draws a run, and counts the runs in which some sample inverts f: they fall to
what as many guesses do. The enumerated posterior inverts nearly always; the right picture has the
time of a run, which is exponential for it, and not enough for all others.

    python examples/hardness/posterior_sampling.py [--runs 20]
"""

import argparse
import pathlib
import time
import warnings

import matplotlib
import numpy as np

import diffpost_np as dp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BUDGET = 2**12
BITS = (3, 4, 6, 8, 10, 12, 14, 16, 20, 24)
WIDTHS = (8, 16, 32, 64, 128, 256)
BLUR = 0.1  # a quarter of a spacing: samplers by scores need a density
PICTURE = pathlib.Path(__file__).with_suffix(".png")


class Counted:
    """A prior that counts the scores and draws it is asked for, not densities."""

    def __init__(self, prior):
        self.prior, self.event_shape, self.n = prior, prior.event_shape, 0

    def score(self, x, sigma=0.0):
        self.n += len(x)
        return self.prior.score(x, sigma)

    def sample(self, n_samples, rng=None):
        self.n += n_samples
        return self.prior.sample(n_samples, rng=rng)

    def sample_given(self, x_noisy, sigma, rng=None):
        self.n += len(x_noisy)
        return self.prior.sample_given(x_noisy, sigma, rng=rng)

    def log_density(self, x, sigma=0.0):
        return self.prior.log_density(x, sigma)


def annealing(instance):
    """Levels from noise that hides y to its own, for chains of one relaxation time each."""
    gain = instance.measurement.noise_std**-2
    return dp.posterior.AnnealingSchedule.geometric(
        1000.0, 2.0, alpha=1.0, smoothness=BLUR**-2, gain=gain, accuracy=0.2
    )


def by_guessing(instance, prior, y, seed):
    return prior.sample(BUDGET, rng=seed)


def by_rejection(instance, prior, y, seed):
    options = {"n_samples": 1, "max_proposals": BUDGET, "batch_size": BUDGET}
    result = dp.posterior.rejection(prior, instance.measurement, y, rng=seed, **options)
    return result.samples


def by_langevin(instance, prior, y, seed):
    options = {"n_samples": 8, "n_steps": BUDGET // 8 - 1, "step_size": 5e-4}
    return dp.posterior.langevin(prior, instance.measurement, y, rng=seed, **options).samples


def by_annealed_langevin(instance, prior, y, seed):
    schedule = annealing(instance)
    options = {"n_samples": BUDGET // (schedule.total_steps + 1), "schedule": schedule}
    result = dp.posterior.annealed_langevin(prior, instance.measurement, y, rng=seed, **options)
    return result.samples


def by_localized_langevin(instance, prior, y, seed):
    """From a warm start that knows nothing: a draw of the prior."""
    schedule = annealing(instance)
    options = {"n_samples": BUDGET // (schedule.total_steps + 1) - 1, "schedule": schedule}
    options |= {"x0": prior.sample(1, rng=seed)[0], "x0_std": 0.5 * instance.prior.radius}
    options["initial"] = prior.sample(options["n_samples"], rng=seed + 1)
    result = dp.posterior.localized_langevin(prior, instance.measurement, y, rng=seed, **options)
    return result.samples


def by_compressed_sensing(instance, prior, y, seed):
    """With the warm start it finds by itself."""
    schedule = annealing(instance)
    options = {"n_samples": max(1, BUDGET // (schedule.total_steps + 200)), "schedule": schedule}
    options["radius"] = 0.25 * instance.prior.radius
    result = dp.posterior.compressed_sensing(prior, instance.measurement, y, rng=seed, **options)
    return result.samples


def by_annealed_smc(instance, prior, y, seed):
    """As many levels as the budget lasts for."""
    options = {"n_samples": 20, "n_particles": 20, "n_initial": 1000, "max_moves": 8}
    options["progress"] = lambda record: prior.n > BUDGET - 20 * 9
    return dp.posterior.annealed_smc(prior, instance.measurement, y, rng=seed, **options).samples


def by_split_gibbs(instance, prior, y, seed):
    """Draws given noisy points, from noise that hides all signs to some that shows the lattices."""
    options = {"n_chains": 8, "n_samples": 8 * 40, "thin": 10}
    options |= {"rho_max": 2 * instance.prior.radius, "rho": 0.5 * instance.prior.spacing}
    options["initial"] = prior.sample(8, rng=seed)
    result = dp.posterior.split_gibbs(prior, instance.measurement, y, rng=seed, **options)
    return result.samples


def by_enumeration(instance, prior, y, seed):
    if instance.prior.n_bits > 16:
        return None
    posterior = dp.posterior.exact(instance.prior.enumerated(), instance.measurement, y)
    return posterior.sample(1, rng=seed)


SAMPLERS = {
    "guessing": by_guessing,
    "rejection": by_rejection,
    "langevin": by_langevin,
    "annealed_langevin": by_annealed_langevin,
    "localized_langevin, from a draw": by_localized_langevin,
    "compressed_sensing": by_compressed_sensing,
    "annealed_smc": by_annealed_smc,
    "split_gibbs": by_split_gibbs,
    "enumerated posterior": by_enumeration,
}


def inverts(name, instance, seed):
    """Whether one run finds a preimage, what it cost, and its seconds."""
    posed = instance.challenge(rng=seed)
    blurred = dp.priors.Smoothed(instance.prior, BLUR)
    prior = Counted(instance.prior if name in ("guessing", "rejection") else blurred)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # several say that modes may be missing
        x = SAMPLERS[name](instance, prior, posed.y, seed)
    seconds = time.perf_counter() - started
    if x is None:
        return np.nan, 0, np.nan
    return bool(np.any(instance.check(instance.invert(x), posed.image))), prior.n, seconds


def success(runs):
    """Shares of runs that invert and seconds of a run, by sampler and number of bits."""
    shares, times = {name: [] for name in SAMPLERS}, {name: [] for name in SAMPLERS}
    print(f"share of {runs} runs that invert, {BUDGET} score evaluations and draws each")
    print(f"{'bits':32}" + "".join(f"{n:7d}" for n in BITS) + "   dearest run")
    for name in SAMPLERS:
        dearest = 0
        for n_bits in BITS:
            instance = dp.hardness.one_way_instance(n_bits)
            found = [inverts(name, instance, seed) for seed in range(runs)]
            shares[name].append(np.mean([hit for hit, _, _ in found]))
            times[name].append(np.median([seconds for _, _, seconds in found]))
            dearest = max(dearest, *(cost for _, cost, _ in found))
        print(f"{name:32}" + "".join(f"{s:7.2f}" for s in shares[name]) + f"{dearest:14d}")
    chance = np.minimum(1, BUDGET / 2.0 ** np.array(BITS))
    print(f"{'budget / 2^n':32}" + "".join(f"{s:7.2f}" for s in chance))
    print("seconds of a run, median")
    for name, row in times.items():
        print(f"{name:32}" + "".join(f"{s:7.2f}" for s in row))
    return shares, times, chance


def seconds(n_bits, n=10_000, repeats=5):
    """Median time of n draws, with as many lattices as signs."""
    prior, times = dp.hardness.one_way_instance(n_bits).prior, []
    prior.sample(n, rng=0)
    for seed in range(repeats):
        started = time.perf_counter()
        prior.sample(n, rng=seed)
        times.append(time.perf_counter() - started)
    return np.median(times)


def drawing():
    """Microseconds of a draw by number of bits."""
    per_draw = np.array([1e6 * seconds(n) / 10_000 for n in WIDTHS])
    print("\nbits  us a draw  ns a dimension")
    for n, us in zip(WIDTHS, per_draw, strict=True):
        print(f"{n:4d} {us:10.2f} {1e3 * us / (2 * n):15.1f}")
    return per_draw


def picture(per_draw, shares, times, chance):
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4), width_ratios=(1, 1.4, 1.4))
    left.plot(2 * np.array(WIDTHS), per_draw, "o-")
    left.set(xlabel="dimension", ylabel="microseconds a draw", title="The prior is easy")
    left.set(xlim=0, ylim=0)
    for (name, values), marker in zip(shares.items(), "os^vDP*hx", strict=True):
        middle.plot(BITS, values, marker=marker, label=name, alpha=0.8)
        right.semilogy(BITS, times[name], marker=marker, alpha=0.8)
    middle.plot(BITS, chance, "k:", label=f"{BUDGET} / 2^bits")
    middle.set(xlabel="bits", ylabel="share of runs that invert", title="Its posterior is not")
    middle.legend(fontsize=7)
    right.set(xlabel="bits", ylabel="seconds a run", title="Time of these runs")
    fig.tight_layout()
    fig.savefig(PICTURE, dpi=120)
    print(f"\nwrote {PICTURE.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    per_draw = drawing()
    picture(per_draw, *success(runs))


if __name__ == "__main__":
    main()
