"""Every move in every sampler that takes one by name: error against evaluations on a digit.

Sliced 1-Wasserstein distance of 1000 samples to the closed-form posterior of a blurred digit, in
units of the distance between two exact sets. `annealed_smc` sees scores and draws alone, and
spends less where `max_moves` and `stop` cut it short. `annealed_langevin`, which does not weigh
modes, has the most likely component of the prior for its prior, a geometric schedule of 25 levels
with fewer or more steps, and the posterior's covariance as its preconditioner.

    python examples/benchmarks/moves.py [--seeds 3]
"""

import argparse
import pathlib
import sys
import warnings

import numpy as np

import diffpost_np as dp

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import digits

N = 1000
SMC = ("split_ghmc", "ula", "mala", "underdamped", "randomized_midpoint")
EFFORTS = ({"max_moves": 4}, {"max_moves": 10}, {"stop": 0.6, "final_stop": 0.4}, {})
STEPS, STEP_SIZE = (3, 10, 30), 0.05


def smc_runs(prior, measurement, y, kernel, seed):
    for effort in EFFORTS:
        yield dp.posterior.annealed_smc(
            digits.ScoreOnly(prior), measurement, y, n_samples=N, kernel=kernel, rng=seed, **effort
        )


def likeliest(prior, exact):
    """The component that has most of the posterior, alone."""
    k = int(np.argmax(exact.weights))
    basis, values = prior.covs.basis[k], prior.covs.values[k]
    event = prior.event_shape
    return dp.priors.Gaussian(np.reshape(prior.means[k], event), (basis * values) @ basis.T)


def langevin_runs(prior, measurement, y, kernel, seed):
    ratio = np.geomspace(1e4, 1.0, 26)
    covs = dp.posterior.exact(prior, measurement, y).covs
    covariance = (covs.basis[0] * covs.values[0]) @ covs.basis[0].T
    for n_steps in STEPS:
        schedule = dp.posterior.AnnealingSchedule(
            noise_ratio=ratio,
            step_size=np.full(len(ratio) - 1, STEP_SIZE),
            n_steps=[n_steps] * (len(ratio) - 1),
        )
        yield dp.posterior.annealed_langevin(
            digits.ScoreOnly(prior),
            measurement,
            y,
            n_samples=N,
            kernel=kernel,
            schedule=schedule,
            preconditioner=covariance,
            rng=seed,
        )


def errors(runs, exact):
    """Evaluations for a sample and distance in floors, run by run; nan where one diverges."""
    rows = []
    try:
        for result in runs:
            distance = dp.diagnostics.sliced_wasserstein(result.samples, exact, rng=1)
            rows.append((result.n_score_evals / N, distance.value / distance.floor))
    except ValueError:
        rows += [(np.nan, np.nan)]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    prior, truth = digits.prior(), digits.images()[1][3]
    measurement = digits.tasks()["deblurring"]
    y = measurement.simulate(truth, rng=5)
    exact = dp.posterior.exact(prior, measurement, y)
    alone = likeliest(prior, exact)
    problems = (
        ("annealed_smc", smc_runs, len(EFFORTS), prior, exact),
        ("annealed_langevin", langevin_runs, len(STEPS), alone, None),
    )
    print(f"{'sampler':19}{'move':21}evaluations: distance in floors, mean of {len(seeds)} seeds")
    for name, make, n, prior, exact in problems:
        exact = exact or dp.posterior.exact(prior, measurement, y)
        for kernel in SMC:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                runs = [errors(make(prior, measurement, y, kernel, s), exact) for s in seeds]
            whole = [run for run in runs if len(run) == n and np.all(np.isfinite(run))]
            cells = [f"{e:8.0f}:{d:6.2f}" for e, d in np.mean(whole, axis=0)] if whole else ["-"]
            print(f"{name:19}{kernel:21}", *cells, flush=True)


if __name__ == "__main__":
    main()
