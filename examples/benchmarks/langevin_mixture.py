"""Time of a Langevin step and of a reverse-diffusion step, beside whatever else is installed.

Target: a mixture of 25 Gaussians of unit covariance in d dimensions. Workload 1 samples its
posterior given y = A x + noise with a dense A of d/2 rows by unadjusted Langevin; workload 2
follows the reverse diffusion of the mixture. NumPy, JAX, PyTorch, blackjax and diffrax take the
same step on as many chains, each in the way its own examples do it. All run in turn on one core;
the table has medians of CPU time, and how much longer the best of the others takes.

    python examples/benchmarks/langevin_mixture.py [--dims 2 16 64] [--rounds 7]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import time
from functools import partial
from types import SimpleNamespace

import array_api_compat.numpy as numpy_namespace
import numba
import numpy as np

import diffpost_np as dp
from diffpost_np._philox import Stream
from diffpost_np._rows import Linear, advance_rows

N_COMPONENTS, N_CHAINS, N_STEPS = 25, 4096, 50  # the samplers run fifty rows a call, too
STEP_SIZE, SIGMA, NOISE_STD = 0.005, 0.1, 0.7


def problem(d, dtype, workload):
    """The mixture, the measurement and the coefficients of a step, in one dtype."""
    rng = np.random.default_rng(1)
    means = 1.5 * rng.normal(size=(N_COMPONENTS, d)) / np.sqrt(max(d / 2, 1))
    weights = rng.dirichlet(np.full(N_COMPONENTS, 3.0))
    m = max(d // 2, 1) if workload == 1 else 0
    matrix = rng.normal(size=(m, d)) / np.sqrt(d)
    y = matrix @ (means[3] + rng.normal(size=d)) + NOISE_STD * rng.normal(size=m)
    noise = np.sqrt(2 * STEP_SIZE) if workload == 1 else np.sqrt(STEP_SIZE)
    return SimpleNamespace(
        d=d,
        dtype=dtype,
        prior=dp.priors.GaussianMixture(weights, means, 1.0),
        start=rng.normal(size=(N_CHAINS, d)).astype(dtype),
        means=means.astype(dtype),
        half_squares=(0.5 * np.sum(means**2, axis=1)).astype(dtype),
        log_weights=np.log(weights).astype(dtype),
        matrix=matrix.astype(dtype),
        y=y.astype(dtype),
        precision=dtype(1 / (1 + SIGMA**2)),
        weight=dtype(1 / NOISE_STD**2),
        h=dtype(STEP_SIZE),
        noise=dtype(noise),
    )


def library(p):
    x, tables = p.start, p.prior.tables(p.start.dtype)
    row = [SIGMA, 1.0, p.h, p.h, p.noise]
    weights = np.full(len(p.y), p.weight, p.dtype)
    linear = Linear(p.matrix, weights, p.y[None, :]) if len(p.y) else None

    def run(n_steps):
        rows = np.tile(row, (n_steps, 1))
        advance_rows(numpy_namespace, x, tables, rows, linear, Stream((1, 2), 0, 0, 0))

    return run


def with_numpy(p):
    rng = np.random.default_rng(0)
    constants = p.log_weights - p.precision * p.half_squares

    def run(n_steps):
        x = p.start
        for _ in range(n_steps):
            logits = x @ p.means.T
            logits *= p.precision
            logits += constants
            logits -= logits.max(axis=1, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=1, keepdims=True)
            drift = logits @ p.means
            drift -= x
            drift *= p.precision
            if len(p.y):
                drift += ((p.y - x @ p.matrix.T) * p.weight) @ p.matrix
            drift *= p.h
            drift += x
            z = rng.standard_normal(x.shape, dtype=p.dtype)
            z *= p.noise
            x = np.add(drift, z, out=z)

    return run


def _jax_arrays(p):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    names = ("means", "half_squares", "log_weights", "matrix", "y")
    return jax, jnp, SimpleNamespace(**{name: jnp.asarray(getattr(p, name)) for name in names})


def _jax_drift(p, jax, a):
    def drift(x):
        logits = a.log_weights + (a.means @ x - a.half_squares) * p.precision
        pull = (a.means.T @ jax.nn.softmax(logits) - x) * p.precision
        return pull + a.matrix.T @ (a.y - a.matrix @ x) * p.weight if len(p.y) else pull

    return drift


def with_jax(p):
    jax, jnp, a = _jax_arrays(p)
    drift = jax.vmap(_jax_drift(p, jax, a))

    @partial(jax.jit, static_argnums=2)
    def chain(x, key, n_steps):
        def step(x, key):
            z = jax.random.normal(key, x.shape, x.dtype)
            return x + p.h * drift(x) + p.noise * z, None

        return jax.lax.scan(step, x, jax.random.split(key, n_steps))[0]

    start = jnp.asarray(p.start)
    return lambda n_steps: chain(start, jax.random.key(0), n_steps).block_until_ready()


def with_blackjax(p):
    jax, jnp, a = _jax_arrays(p)
    from blackjax.mcmc import diffusions

    def log_density(x):
        logits = a.log_weights + (a.means @ x - a.half_squares) * p.precision
        value = jax.nn.logsumexp(logits) - 0.5 * p.precision * (x @ x)
        return value - 0.5 * p.weight * jnp.sum((a.y - a.matrix @ x) ** 2) if len(p.y) else value

    value_and_grad = jax.value_and_grad(log_density)
    move = jax.vmap(diffusions.overdamped_langevin(value_and_grad), in_axes=(0, 0, None))

    @partial(jax.jit, static_argnums=2)
    def chain(x, key, n_steps):
        first = diffusions.DiffusionState(x, *jax.vmap(value_and_grad)(x))

        def step(state, key):
            moved = move(jax.random.split(key, N_CHAINS), state, p.h)
            return jax.tree.map(lambda new, old: new.astype(old.dtype), moved, first), None

        return jax.lax.scan(step, first, jax.random.split(key, n_steps))[0].position

    start = jnp.asarray(p.start)
    return lambda n_steps: chain(start, jax.random.key(0), n_steps).block_until_ready()


def with_diffrax(p):
    jax, jnp, a = _jax_arrays(p)
    import diffrax
    import lineax

    drift = _jax_drift(p, jax, a)
    scale = jnp.full(p.d, p.noise / np.sqrt(p.h), p.dtype)

    @partial(jax.jit, static_argnums=2)
    def chain(x, key, n_steps):
        def one(x, key):
            shape = jax.ShapeDtypeStruct((p.d,), p.dtype)
            path = diffrax.UnsafeBrownianPath(shape, key)
            noise = diffrax.ControlTerm(lambda *_: lineax.DiagonalLinearOperator(scale), path)
            terms = diffrax.MultiTerm(diffrax.ODETerm(lambda t, x, _: drift(x)), noise)
            return diffrax.diffeqsolve(
                terms,
                diffrax.Euler(),
                0.0,
                p.h * n_steps,
                p.h,
                x,
                max_steps=n_steps + 2,
                adjoint=diffrax.ForwardMode(),
            ).ys[0]

        return jax.vmap(one)(x, jax.random.split(key, N_CHAINS))

    start = jnp.asarray(p.start)
    return lambda n_steps: chain(start, jax.random.key(0), n_steps).block_until_ready()


def with_torch(p):
    import torch

    torch.set_num_threads(1)
    means, half_squares, log_weights, matrix, y, start = (
        torch.from_numpy(getattr(p, name))
        for name in ("means", "half_squares", "log_weights", "matrix", "y", "start")
    )
    precision, weight, h, noise = (float(v) for v in (p.precision, p.weight, p.h, p.noise))

    @torch.inference_mode()
    def run(n_steps):
        x = start
        for _ in range(n_steps):
            r = torch.softmax((x @ means.T - half_squares) * precision + log_weights, 1)
            drift = (r @ means - x) * precision
            if len(y):
                drift = drift + ((y - x @ matrix.T) * weight) @ matrix
            x = x + h * drift + noise * torch.randn_like(x)

    return run


PEERS = {
    "NumPy": with_numpy,
    "JAX": with_jax,
    "PyTorch": with_torch,
    "blackjax": with_blackjax,
    "diffrax": with_diffrax,
}


def installed(p):
    """The competitors that can be imported, ready to run, compiled; the library first."""
    runs = {"diffpost_np": library(p)}
    for name, make in PEERS.items():
        try:
            runs[name] = make(p)
        except ImportError:
            continue
    for run in runs.values():
        run(N_STEPS)
    return runs


def medians(runs, n_rounds, clock=time.process_time):
    """Nanoseconds per chain and step, in turn."""
    times = {name: [] for name in runs}
    for _ in range(n_rounds):
        for name, run in runs.items():
            start = clock()
            run(N_STEPS)
            times[name].append(clock() - start)
    return {name: 1e9 * np.median(t) / (N_CHAINS * N_STEPS) for name, t in times.items()}


def compare(workload, dims, n_rounds):
    """Print a table of CPU time on one core."""
    numba.set_num_threads(1)
    print(f"\nworkload {workload}: CPU ns per chain and step, {N_CHAINS} chains, one core")
    columns = ["diffpost_np", *PEERS]
    print(f"{'dtype':8}{'d':>4}", *(f"{name:>12}" for name in columns), f"{'ratio':>14}", sep="")
    for dtype in (np.float64, np.float32):
        for d in dims:
            cost = medians(installed(problem(d, dtype, workload)), n_rounds)
            own = cost.pop("diffpost_np")
            best = min(cost, key=cost.get)
            cells = (f"{cost[n]:12.1f}" if n in cost else f"{'-':>12}" for n in PEERS)
            ratio = f"{cost[best] / own:6.2f} {best}"
            print(
                f"{dtype.__name__:8}{d:4d}{own:12.1f}", *cells, f"{ratio:>17}", sep="", flush=True
            )


def scaling(dims, n_rounds):
    """Print wall time on one and on two threads."""
    print("\nworkload 1, diffpost_np: wall time on one thread over that on two")
    for dtype in (np.float64, np.float32):
        for d in dims:
            run = library(problem(d, dtype, 1))
            walls = []
            for n_threads in (1, 2):
                numba.set_num_threads(n_threads)
                run(N_STEPS)
                walls.append(
                    medians({"": lambda n, run=run: run(10 * n)}, n_rounds, time.perf_counter)[""]
                )
            print(f"{dtype.__name__:8}{d:4d}{walls[0] / walls[1]:8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 16, 64])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for workload in (1, 2):
        compare(workload, arguments.dims, arguments.rounds)
    if numba.config.NUMBA_NUM_THREADS > 1:
        scaling(arguments.dims, arguments.rounds)


if __name__ == "__main__":
    main()
