"""What the library costs before it works: its import, and the first call of a cached kernel.

Each figure is a process of its own, in turn, and the table has medians in seconds. Numba's own
first use (it loads its registries, and SciPy's linear algebra) is in the first call; a trivial
function from its disk cache shows how much that is.
"""

import argparse
import statistics
import subprocess
import sys
import time

LIBRARY = """
import numba, numpy as np
started = time.perf_counter()
import diffpost_np as dp
prior = dp.priors.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [1.0, 2.0])
{work}
print(time.perf_counter() - started)
"""
FIGURES = {
    "import numpy": "import numpy\nprint(time.perf_counter() - started)",
    "import diffpost_np": "import diffpost_np\nprint(time.perf_counter() - started)",
    "import numba": "import numba\nprint(time.perf_counter() - started)",
    "import and a prior, after numba": LIBRARY.format(work=""),
    "the same and a score": LIBRARY.format(work="prior.score(np.zeros((100, 2)), 0.1)"),
    "a trivial cached function, after numba": None,
}


def seconds(code):
    """What a fresh process prints."""
    command = [sys.executable, "-c", f"import time\nstarted = time.perf_counter()\n{code}"]
    if code is None:
        command = [sys.executable, __file__, "--trivial"]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def trivial():
    """Time of the first call of a cached function that does nothing."""
    import numba
    import numpy as np

    started = time.perf_counter()
    numba.njit(cache=True)(_same)(np.zeros(1))
    return time.perf_counter() - started


def _same(x):
    return x


def main(n_rounds):
    for code in FIGURES.values():
        seconds(code)  # fills the caches
    rounds = [[seconds(code) for code in FIGURES.values()] for _ in range(n_rounds)]
    print("| what | seconds |\n|---|---|")
    for name, values in zip(FIGURES, zip(*rounds, strict=True), strict=True):
        print(f"| {name} | {statistics.median(values):.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--trivial", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.trivial:
        print(trivial())
    else:
        main(options.rounds)
