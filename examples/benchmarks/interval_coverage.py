"""Coverage of the 90 % intervals of `annealed_smc` on digits. Prints a Markdown table.

Over truths drawn from the prior itself coverage is 0.9; its standard error is clustered by truth,
since pixels of one image are not independent. Beside it, the exact posterior's coverage of the
same truths, and the mean over pixels of how far the two differ.
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
    """Samples and exact samples for every truth."""
    prior, measurement = digits.prior(), digits.tasks()[task]
    hidden, ours, exact = digits.ScoreOnly(prior), [], []
    for i, truth in enumerate(truths):
        y = measurement.simulate(truth, rng=3000 + i)
        result = dp.posterior.annealed_smc(
            hidden, measurement, y, n_samples=n_samples, rng=4000 + i
        )
        ours.append(result.samples)
        exact.append(prior.posterior(measurement, y).sample(n_samples, rng=5000 + i))
    return ours, exact


def main(n_truths, n_samples, tasks):
    truths = digits.prior().sample(n_truths, rng=11)
    print("| task | truths | coverage | standard error | exact posterior | difference per pixel |")
    print("|---|---|---|---|---|---|")
    for task in tasks:
        ours, exact = measured(task, truths, n_samples)
        mine = dp.diagnostics.coverage(ours, list(truths))
        theirs = dp.diagnostics.coverage(exact, list(truths))
        apart = np.abs(mine.per_coordinate - theirs.per_coordinate).mean()
        print(
            f"| {task} | {n_truths} | {mine.mean:.3f} | {mine.standard_error:.3f} "
            f"| {theirs.mean:.3f} | {apart:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truths", type=int, default=200)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--tasks", nargs="*", default=list(digits.tasks()))
    options = parser.parse_args()
    main(options.truths, options.samples, options.tasks)
