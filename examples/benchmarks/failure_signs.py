"""Which signs tell that a run of `annealed_smc` has failed. Prints Markdown tables.

Runs on rare modes and on digits through the score alone; a failure is a ratio of sliced W1 to
its floor above 1.5. The signs that the library warns of, and three that it does not: a step size
at its floor, and two runs of half the size whose samples or whose log evidences differ.
"""

import argparse
import pathlib
import sys
import warnings

import numpy as np

import diffpost_np as dp

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import digits
import separated_modes

N, FAILED = 1000, 1.5
WARNED = {
    "few roots": "draws from the prior stand behind",
    "unsure weights": "weights of modes have standard errors",
    "all moves used": "used all of max_moves",
    "misfit": "do not explain y",
    "steep scores": "unlike the prior",
}
SIGNS = [*WARNED, "step at its floor", "halves: samples", "halves: evidence"]


def sampled(prior, measurement, y, n, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return dp.posterior.annealed_smc(prior, measurement, y, n_samples=n, rng=seed)


def observed(prior, measurement, y, seed):
    """Ratio to the floor, and which signs a run shows."""
    seen, exact = digits.ScoreOnly(prior), prior.posterior(measurement, y)
    whole = sampled(seen, measurement, y, N, seed)
    first, second = (sampled(seen, measurement, y, N // 2, seed + k) for k in (1000, 2000))
    apart = dp.diagnostics.sliced_wasserstein(first.samples, second.samples, rng=0).ratio
    told = [any(text in reason for reason in whole.warnings) for text in WARNED.values()]
    told += [whole.trace["step_size"].min() <= 1e-3, apart > FAILED]
    told += [abs(first.log_evidence - second.log_evidence) > 1]
    ratio = dp.diagnostics.sliced_wasserstein(whole.samples, exact, rng=0, n_references=4).ratio
    return ratio, np.array(told)


def problems(n_seeds):
    for noise in (0.1, 0.01):
        for case in separated_modes.TRUTH:
            for seed in range(n_seeds):
                yield f"{case}, noise {noise}", *separated_modes.problem(case, noise, seed), seed
    held_out = digits.images()[1]
    for task, measurement in digits.tasks().items():
        for seed in range(n_seeds):
            y = measurement.simulate(held_out[40 + 17 * seed], rng=900 + seed)
            yield task, digits.prior(), measurement, y, seed


def main(n_seeds):
    columns = ["problem", "ratio", *SIGNS]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    ratios, signs = [], []
    for name, prior, measurement, y, seed in problems(n_seeds):
        ratio, told = observed(prior, measurement, y, 50 + seed)
        ratios.append(ratio)
        signs.append(told)
        marks = " | ".join("x" if t else "" for t in told)
        print(f"| {name} | {ratio:.2f} | {marks} |", flush=True)
    failed, signs = np.array(ratios) > FAILED, np.array(signs)
    print(f"\n| sign | failures told, of {failed.sum()} | false alarms, of {(~failed).sum()} |")
    print("|---|---|---|")
    for name, told in zip(SIGNS, signs.T, strict=True):
        print(f"| {name} | {told[failed].sum()} | {told[~failed].sum()} |")
    warned = signs[:, : len(WARNED)].any(axis=1)
    print(f"| **any that is warned of** | {warned[failed].sum()} | {warned[~failed].sum()} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    main(parser.parse_args().seeds)
