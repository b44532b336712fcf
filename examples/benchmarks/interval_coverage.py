"""Coverage of the 90 % intervals of `annealed_smc` on digits. Prints a Markdown table.

Over truths drawn from the prior itself coverage is 0.9; its standard error is clustered by truth,
since pixels of one image are not independent. Beside it, the exact posterior's coverage of the
same truths, the mean over pixels of how far the two differ, and how many runs warned: there is
nothing to warn of.
"""

import argparse
import pathlib
import sys
import warnings

import numpy as np

import diffpost_np as dp

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import digits

warnings.simplefilter("ignore", RuntimeWarning)


def measured(task, truths, n_samples):
    """Samples and exact samples for every truth, and the number of runs that warned."""
    prior, measurement = digits.prior(), digits.tasks()[task]
    hidden, ours, exact, n_warned = digits.ScoreOnly(prior), [], [], 0
    for i, truth in enumerate(truths):
        y = measurement.simulate(truth, rng=3000 + i)
        result = dp.posterior.annealed_smc(
            hidden, measurement, y, n_samples=n_samples, rng=4000 + i
        )
        ours.append(result.samples)
        n_warned += bool(result.warnings)
        exact.append(prior.posterior(measurement, y).sample(n_samples, rng=5000 + i))
    return ours, exact, n_warned


def main(n_truths, n_samples, tasks):
    truths = digits.prior().sample(n_truths, rng=11)
    columns = "truths", "coverage", "standard error", "exact posterior", "difference per pixel"
    print(f"| task | {' | '.join(columns)} | warned |\n|---|{'---|' * len(columns)}---|")
    for task in tasks:
        ours, exact, n_warned = measured(task, truths, n_samples)
        mine = dp.diagnostics.coverage(ours, list(truths))
        theirs = dp.diagnostics.coverage(exact, list(truths))
        apart = np.abs(mine.per_coordinate - theirs.per_coordinate).mean()
        print(
            f"| {task} | {n_truths} | {mine.mean:.3f} | {mine.standard_error:.3f} "
            f"| {theirs.mean:.3f} | {apart:.3f} | {n_warned} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truths", type=int, default=200)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--tasks", nargs="*", default=list(digits.tasks()))
    options = parser.parse_args()
    main(options.truths, options.samples, options.tasks)
