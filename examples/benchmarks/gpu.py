"""Random numbers, mixtures, samplers and `dp.lewis` on a CUDA device beside the CPU.

The workload is that of `langevin_mixture.py`: the posterior of a mixture of 25 components of unit
covariance given y = A x + noise, A dense of shape (d / 2, d); "given" draws x given x + noise for
a mixture of full covariances, as split Gibbs does for every patch; "sample" takes 50 steps of the
default integrator from noise to the prior, "sample full" to that mixture. `dp.lewis` has the rows
of `lewis_weights.py`: Gaussian, 1 % of them times 100, targets with Student noise of 1.5 degrees.
Times are medians of wall time, the device waited for. "plain" is the reference code on the device,
operation by operation in CuPy; where there is no device the CPU's column stands alone.

    python examples/benchmarks/gpu.py
"""

import argparse
import functools
import importlib
import time

import array_api_compat
import numpy as np

import diffpost_np as dp
from diffpost_np.lewis._weights.gram import lewis_pass

N_COMPONENTS, N_STEPS, STEP_SIZE = 25, 50, 0.01
TALL_SIZES = [(100_000, 20), (1_000_000, 5), (1_000_000, 20), (200_000, 64), (100_000, 128)]
SIZES = [(4096, 2), (4096, 16), (4096, 64), (65536, 16), (65536, 64)]
SLOW = "smc"
"""What is not timed operation by operation."""


def device_namespace():
    """CuPy where it has a device, else None."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        return None
    return cupy if cupy.cuda.is_available() else None


def print_device(cupy):
    dp.show_config()
    if cupy is None:
        print("no CUDA device: the CPU alone")
        return
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    runtime, driver = cupy.cuda.runtime.runtimeGetVersion(), cupy.cuda.runtime.driverGetVersion()
    print(f"device: {properties['name'].decode()}, CUDA runtime {runtime}, driver {driver}")


def workload(xp, n, d, dtype):
    """What is timed: name -> function without arguments."""
    rng = np.random.default_rng(0)
    weights = np.full(N_COMPONENTS, 1 / N_COMPONENTS)
    means, matrix, x = (
        xp.asarray(rng.standard_normal(shape).astype(dtype))
        for shape in ((N_COMPONENTS, d), (d // 2, d), (n, d))
    )
    prior = dp.priors.GaussianMixture(xp.asarray(weights), 3 * means, 1.0)
    measurement = dp.LinearGaussian(matrix, noise_std=1.0)
    y = measurement.simulate(prior.sample(1, rng=1, like=x), rng=2)[0]
    root = rng.standard_normal((N_COMPONENTS, d, d)).astype(dtype) / d**0.5
    covs = xp.asarray(root @ root.swapaxes(1, 2) + 0.2 * np.eye(d))
    patches = dp.priors.GaussianMixture(xp.asarray(weights), means, covs)
    options = {"n_samples": n, "rng": 0, "initial": x, "step_size": STEP_SIZE, "n_steps": N_STEPS}
    functions = {
        "normals": lambda: dp.random.normal(dp.random.Key(0, 0), (n, d), like=x),
        "score": lambda: prior.score(x, 0.5),
        "given": lambda: patches.sample_given(x, 0.5, rng=3),
        "langevin": lambda: dp.posterior.langevin(prior, measurement, y, **options).samples,
    }
    for name, law in {"sample": prior, "sample full": patches}.items():
        functions[name] = functools.partial(dp.sampling.sample, law, n, rng=4, n_steps=N_STEPS)
    if n <= 4096:
        functions["smc"] = lambda: dp.posterior.annealed_smc(
            prior, measurement, y, n_samples=n, rng=0
        )
    return functions


def tall_workload(xp, n, d, dtype):
    """The same for a tall table of rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    X[rng.random(n) < 0.01] *= 100
    y = X @ rng.standard_normal(d) + rng.standard_t(1.5, size=n)
    X, y, M = (xp.asarray(a.astype(dtype)) for a in (X, y, np.eye(d)))
    space = array_api_compat.array_namespace(X)
    return {
        "pass": lambda: lewis_pass(space, X, M, 1.0),
        "leverage": lambda: dp.lewis.leverage_scores(X),
        "weights": lambda: dp.lewis.lewis_weights(X, tol=1e-10 if dtype == np.float64 else None),
        "lad": lambda: dp.lewis.lad(X, y, rng=0),
    }


def seconds(function, cupy):
    """Median wall time of a call, after one that compiles; three calls where they are long."""
    start = time.perf_counter()
    function()
    n_repeats = 7 if time.perf_counter() - start < 0.5 else 3
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        function()
        if cupy is not None:
            cupy.cuda.Device().synchronize()
        times.append(time.perf_counter() - start)
    return np.median(times)


def same_bits(cupy, dtype):
    key, like = dp.random.Key(1, 2), np.zeros(1, dtype)
    here = dp.random.normal(key, (1000, 101), like=like)
    there = dp.random.normal(key, (1000, 101), like=cupy.asarray(like))
    return there.get().tobytes() == here.tobytes()


def print_table(cupy, title, sizes, workload):
    """A line for every size, dtype and function of a workload."""
    heads = ("CPU", "device", "ratio", "plain")
    print(f"\n{title:36}" + "".join(f"{h:>11}" for h in heads))
    for dtype in (np.float64, np.float32):
        for n, d in sizes:
            on_cpu = workload(np, n, d, dtype)
            on_device = {} if cupy is None else workload(cupy, n, d, dtype)
            for name, function in on_cpu.items():
                unit = n * (N_STEPS if name.startswith(("langevin", "sample")) else 1) / 1e9
                cost = seconds(function, None) / unit
                line = f"  {name:12}{dtype.__name__:8} {n:6} x {d:<7}{cost:11.2f}"
                if on_device:
                    device_cost = seconds(on_device[name], cupy) / unit
                    line += f"{device_cost:11.2f}{cost / device_cost:11.1f}"
                    if name != SLOW:
                        with dp.reference():
                            line += f"{seconds(on_device[name], cupy) / unit:11.2f}"
                print(line, flush=True)


def main(only):
    cupy = device_namespace()
    print_device(cupy)
    for dtype in (np.float64, np.float32) if cupy is not None else ():
        print(f"{dtype.__name__}: normals have the CPU's bits: {same_bits(cupy, dtype)}")
    if only != "rows":
        print_table(cupy, "ns per chain (50 steps: and step)", SIZES, workload)
    if only != "chains":
        print_table(cupy, "ns per row", TALL_SIZES, tall_workload)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["chains", "rows"])
    main(parser.parse_args().only)
