"""How good `annealed_smc` is: digits, three modes, rare modes. Prints Markdown tables.

The ratio is the sliced Wasserstein distance (200 directions; order 1 on digits and rare modes,
order 2 on three modes) to the closed-form posterior over its two-sample floor; about 1 for exact
samples. Evaluations are scores per returned sample. Three modes: d = 8, a 3 x 8 matrix, weights
that y moves, the problems of the tests.
"""

import argparse
import pathlib
import sys
import time
import warnings

import numpy as np

import diffpost_np as dp

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "tests"))
import digits
import separated_modes
from problems import three_in_eight

N = 1000


def run(prior, exact, measurement, y, seed, order=1, **options):
    """Ratio, evaluations, log-evidence error, largest weight error, seconds, warnings, result."""
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = dp.posterior.annealed_smc(prior, measurement, y, n_samples=N, rng=seed, **options)
    seconds = time.process_time() - started
    distance = dp.diagnostics.sliced_wasserstein(
        result.samples, exact, order=order, rng=seed, n_references=4
    )
    shares = exact.responsibilities(result.samples).mean(axis=0)
    return {
        "ratio": distance.ratio,
        "evals": result.n_score_evals / N,
        "evidence": result.log_evidence - exact.log_evidence,
        "weights": np.abs(shares - exact.weights).max(),
        "seconds": seconds,
        "result": result,
    }


def summary(name, rows):
    ratio, evals, evidence, seconds = (
        np.array([r[key] for r in rows]) for key in ("ratio", "evals", "evidence", "seconds")
    )
    warned = sum(bool(r["result"].warnings) for r in rows)
    print(
        f"| {name} | {len(rows)} | {evals.mean():.0f} ({evals.min():.0f}-{evals.max():.0f}) "
        f"| {ratio.mean():.2f} | {np.median(ratio):.2f} | {ratio.max():.2f} "
        f"| {np.sqrt(np.mean(evidence**2)):.2f} | {seconds.mean():.1f} | {warned} |",
        flush=True,
    )


def header(first):
    print(
        f"\n| {first} | runs | evals (range) | ratio mean | median | max | rms log evidence "
        "| CPU s | warned |\n|---|---|---|---|---|---|---|---|---|"
    )


def digit_runs(seen, task, first, digit, n_seeds, options):
    prior, (_, held_out) = digits.prior(), digits.images()
    measurement = digits.tasks()[task]
    y = measurement.simulate(held_out[first + 29 * digit], rng=2900 + digit)
    exact = prior.posterior(measurement, y)
    seeds = (7000 + 10 * digit + seed for seed in range(n_seeds))
    return [run(seen, exact, measurement, y, seed, **options) for seed in seeds]


def digits_table(firsts, n_digits, n_seeds, variants):
    """Tasks x digits x seeds, a row for each set of digits, and one for each task on all sets."""
    header("digits")
    for name, (hide, options) in variants.items():
        seen = digits.ScoreOnly(digits.prior()) if hide else digits.prior()
        tasks = {task: [] for task in digits.tasks()}
        for first in firsts:
            rows = []
            for task, so_far in tasks.items():
                for digit in range(n_digits):
                    rows += digit_runs(seen, task, first, digit, n_seeds, options)
                so_far += rows[-n_digits * n_seeds :]
            summary(f"{name}, digits from {first}", rows)
        for task, rows in tasks.items():
            summary(f"{name}, {task}", rows)
        summary(f"**{name}, all**", [row for rows in tasks.values() for row in rows])


def three_modes_table(n_problems, variants):
    """Problems with seeds that the tests do not use."""
    header("three modes")
    for name, (hide, options) in variants.items():
        rows = []
        for seed in range(100, 100 + n_problems):
            prior, measurement, y = three_in_eight(seed)
            seen = digits.ScoreOnly(prior) if hide else prior
            exact = prior.posterior(measurement, y)
            rows.append(run(seen, exact, measurement, y, seed, order=2, **options))
        summary(name, rows)


def separated_modes_table(n_seeds, variants):
    header("separated modes")
    for name, (hide, options) in variants.items():
        for noise in (0.1, 0.01):
            for case in separated_modes.TRUTH:
                rows = []
                for seed in range(n_seeds):
                    prior, measurement, y = separated_modes.problem(case, noise, seed)
                    exact = prior.posterior(measurement, y)
                    seen = digits.ScoreOnly(prior) if hide else prior
                    rows.append(run(seen, exact, measurement, y, 50 + seed, **options))
                summary(f"{name}, {case}, noise {noise}", rows)


VARIANTS = {
    "score only": (True, {}),
    "mixture shown, prior-local moves": (False, {"kernel": "prior_local"}),
    "score only, n draws": (True, {"n_initial": N}),
    "score only, 100 n draws": (True, {"n_initial": 100 * N}),
    "score only, waste-free 10 n": (True, {"n_particles": 10 * N, "waste_free": N // 2}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, nargs="*", default=[13, 17, 21, 25])
    parser.add_argument("--digits", type=int, default=4, help="in each set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS)[:2], choices=VARIANTS)
    parser.add_argument("--problems", type=int, default=20, help="with three modes")
    parser.add_argument("--only", choices=["digits", "three", "separated"])
    options = parser.parse_args()
    chosen = {name: VARIANTS[name] for name in options.variants}
    if options.only in (None, "digits"):
        digits_table(options.first, options.digits, options.seeds, chosen)
    if options.only in (None, "three"):
        three_modes_table(options.problems, chosen)
    if options.only in (None, "separated"):
        separated_modes_table(options.seeds, chosen)
