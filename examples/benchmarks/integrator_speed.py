"""Time of deterministic integrators, beside the same methods in PyTorch, JAX and diffrax.

50 steps of the probability flow from noise level 80 down, for 4096 samples of a mixture whose
scores all compute exactly: 25 components of one covariance, or 20 with full covariances of their
own, fitted to the digits. The PyTorch code is written as k-diffusion writes its samplers, JAX as
one compiled scan, diffrax with its own solvers on the same levels. All run in turn on one core;
the table has medians of CPU time for a sample and a step, and how much longer the best of the
others takes.

    python examples/benchmarks/integrator_speed.py [--rounds 5]
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import itertools
import pathlib
import sys
import time
from types import SimpleNamespace

import numba
import numpy as np

import diffpost_np as dp

N_SAMPLES, N_STEPS = 4096, 50
METHODS = ("ddim", "heun", "dpm_solver_2m")
LEVELS = np.append(dp.schedules.karras(80.0, 0.002, N_STEPS), 0.0)


def shared_mixture(d):
    """25 components of unit covariance."""
    rng = np.random.default_rng(1)
    means = 1.5 * rng.normal(size=(25, d)) / np.sqrt(max(d / 2, 1))
    return dp.priors.GaussianMixture(rng.dirichlet(np.full(25, 3.0)), means, 1.0)


def digits_mixture():
    """20 components of full covariance in 64 dimensions."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    import digits

    prior = digits.prior()
    means = np.reshape(prior.means, (prior.n_components, -1))
    return dp.priors.GaussianMixture(prior.weights, means, prior.covs)


def arrays_of(prior, dtype):
    """What the others need: eigenbases where components have their own, in one dtype."""
    covs, d = prior.covs, prior.means.shape[1]
    rng = np.random.default_rng(0)
    arrays = {
        "weights": np.log(prior.weights),
        "means": prior.means,
        "values": np.broadcast_to(covs.values, (len(prior.means), d)),
        "start": LEVELS[0] * rng.normal(size=(N_SAMPLES, d)),
    }
    if covs.basis is not None:
        arrays["basis"] = covs.basis
    return SimpleNamespace(**{name: value.astype(dtype) for name, value in arrays.items()})


def library(prior, dtype, method):
    start = arrays_of(prior, dtype).start
    like = np.zeros(0, dtype)
    return lambda: dp.sampling.sample(
        prior, N_SAMPLES, method=method, schedule=LEVELS, initial=start, like=like, rng=0
    )


def torch_denoiser(a):
    import torch

    log_weights, means, values = (
        torch.from_numpy(getattr(a, n).copy()) for n in ("weights", "means", "values")
    )
    if hasattr(a, "basis"):
        basis = torch.from_numpy(a.basis)

        def denoise(x, sigma):
            variance = values + sigma**2
            along = torch.einsum("nkd,kde->nke", x[:, None, :] - means, basis)
            scaled = along / variance
            logits = log_weights - 0.5 * (torch.log(variance).sum(1) + (along * scaled).sum(2))
            pulled = torch.einsum("nke,kde->nkd", scaled, basis)
            return x - sigma**2 * torch.einsum("nk,nkd->nd", torch.softmax(logits, 1), pulled)

        return denoise
    half_squares = 0.5 * (means**2).sum(1)

    def denoise(x, sigma):
        precision = 1 / (1 + sigma**2)
        r = torch.softmax((x @ means.T - half_squares) * precision + log_weights, 1)
        return x + sigma**2 * precision * (r @ means - x)

    return denoise


def with_torch(prior, dtype, method):
    """As the samplers of k-diffusion are written."""
    import torch

    torch.set_num_threads(1)
    a = arrays_of(prior, dtype)
    denoise, start, levels = torch_denoiser(a), torch.from_numpy(a.start), LEVELS.tolist()

    def euler(x):
        for sigma, low in itertools.pairwise(levels):
            x = x + (x - denoise(x, sigma)) / sigma * (low - sigma)
        return x

    def heun(x):
        for sigma, low in itertools.pairwise(levels):
            slope = (x - denoise(x, sigma)) / sigma
            ahead = x + slope * (low - sigma)
            if low > 0:
                slope = (slope + (ahead - denoise(ahead, low)) / low) / 2
                ahead = x + slope * (low - sigma)
            x = ahead
        return x

    def multistep(x):
        before = None
        for i, (sigma, low) in enumerate(itertools.pairwise(levels)):
            denoised = direction = denoise(x, sigma)
            if i and low > 0:
                r = np.log(levels[i - 1] / sigma) / np.log(sigma / low)
                direction = (1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * before
            x = low / sigma * x + (1 - low / sigma) * direction
            before = denoised
        return x

    @torch.inference_mode()
    def run():
        return {"ddim": euler, "heun": heun, "dpm_solver_2m": multistep}[method](start)

    return run


def jax_denoiser(a):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    log_weights, means, values = (
        jnp.asarray(getattr(a, n)) for n in ("weights", "means", "values")
    )
    if hasattr(a, "basis"):
        basis = jnp.asarray(a.basis)

        def denoise(x, sigma):
            variance = values + sigma**2
            along = jnp.einsum("kd,kde->ke", x - means, basis)
            scaled = along / variance
            logits = log_weights - 0.5 * (jnp.log(variance).sum(1) + (along * scaled).sum(1))
            return x - sigma**2 * jnp.einsum("k,kde,ke->d", jax.nn.softmax(logits), basis, scaled)

        return denoise
    half_squares = 0.5 * (means**2).sum(1)

    def denoise(x, sigma):
        precision = 1 / (1 + sigma**2)
        r = jax.nn.softmax((means @ x - half_squares) * precision + log_weights)
        return x + sigma**2 * precision * (means.T @ r - x)

    return denoise


def with_jax(prior, dtype, method):
    import jax
    import jax.numpy as jnp

    a = arrays_of(prior, dtype)
    denoise = jax.vmap(jax_denoiser(a), in_axes=(0, None))
    start, levels = jnp.asarray(a.start), jnp.asarray(LEVELS, dtype)
    pairs = jnp.stack([levels[:-2], levels[1:-1]], axis=1)

    def euler(x, pair):
        sigma, low = pair
        return x + (x - denoise(x, sigma)) / sigma * (low - sigma), None

    def heun(x, pair):
        sigma, low = pair
        slope = (x - denoise(x, sigma)) / sigma
        ahead = x + slope * (low - sigma)
        return x + (slope + (ahead - denoise(ahead, low)) / low) / 2 * (low - sigma), None

    def multistep(carry, triple):
        x, before = carry
        high, sigma, low = triple
        denoised = denoise(x, sigma)
        share = jnp.log(sigma / low) / jnp.log(high / sigma) / 2
        direction = (1 + share) * denoised - share * before
        return (low / sigma * x + (1 - low / sigma) * direction, denoised), None

    @jax.jit
    def run_jit(x):
        if method == "dpm_solver_2m":
            first = denoise(x, levels[0])
            x = levels[1] / levels[0] * x + (1 - levels[1] / levels[0]) * first
            triples = jnp.stack([levels[:-3], levels[1:-2], levels[2:-1]], axis=1)
            x, _ = jax.lax.scan(multistep, (x, first), triples)[0]
        else:
            x, _ = jax.lax.scan(euler if method == "ddim" else heun, x, pairs)
        return denoise(x, levels[-2])

    return lambda: run_jit(start).block_until_ready()


def with_diffrax(prior, dtype, method):
    """Euler and Heun of diffrax on the flow in sigma; it has no multistep methods."""
    import diffrax
    import jax
    import jax.numpy as jnp

    if method == "dpm_solver_2m":
        raise ImportError("diffrax has no DPM-Solver")
    a = arrays_of(prior, dtype)
    denoise = jax_denoiser(a)
    start, levels = jnp.asarray(a.start), jnp.asarray(LEVELS, dtype)
    solver = diffrax.Euler() if method == "ddim" else diffrax.Heun()
    term = diffrax.ODETerm(lambda sigma, x, _: (x - denoise(x, sigma)) / sigma)

    def one(x):
        controller = diffrax.StepTo(ts=levels[:-1])
        solved = diffrax.diffeqsolve(
            term,
            solver,
            levels[0],
            levels[-2],
            None,
            x,
            stepsize_controller=controller,
            max_steps=N_STEPS,
            adjoint=diffrax.ForwardMode(),
        )
        return denoise(solved.ys[0], levels[-2])

    run_jit = jax.jit(jax.vmap(one))
    return lambda: run_jit(start).block_until_ready()


PEERS = {"PyTorch": with_torch, "JAX": with_jax, "diffrax": with_diffrax}


def installed(prior, dtype, method):
    """The library and what can be imported, compiled; all give the same samples."""
    runs = {"diffpost_np": library(prior, dtype, method)}
    for name, make in PEERS.items():
        try:
            runs[name] = make(prior, dtype, method)
        except ImportError:
            continue
    expected = runs["diffpost_np"]().samples
    for name, run in list(runs.items())[1:]:
        error = np.mean(np.abs(np.asarray(run()) - expected))
        assert error < (1e-3 if dtype == np.float32 else 1e-8), f"{name} differs by {error:.2g}"
    return runs


def medians(runs, n_rounds):
    """Nanoseconds of CPU time for a sample and a step, in turn."""
    times = {name: [] for name in runs}
    for _ in range(n_rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: 1e9 * np.median(t) / (N_SAMPLES * N_STEPS) for name, t in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    n_rounds = parser.parse_args().rounds
    numba.set_num_threads(1)
    print(f"CPU ns per sample and step, {N_SAMPLES} samples, {N_STEPS} steps, one core")
    columns = ("diffpost_np", *PEERS)
    print(f"{'prior':12}{'method':15}{'dtype':9}", *(f"{c:>12}" for c in columns), f"{'ratio':>15}")
    priors = {f"25 x {d}": shared_mixture(d) for d in (2, 16, 64)}
    priors["digits"] = digits_mixture()
    for label, prior in priors.items():
        for method in METHODS:
            for dtype in (np.float64, np.float32):
                cost = medians(installed(prior, dtype, method), n_rounds)
                best = min((c for c in cost if c != "diffpost_np"), key=cost.get, default=None)
                ratio = f"{cost[best] / cost['diffpost_np']:.2f} {best}" if best else "-"
                cells = (f"{cost[c]:12.1f}" if c in cost else f"{'-':>12}" for c in columns)
                print(
                    f"{label:12}{method:15}{dtype.__name__:9}", *cells, f"{ratio:>15}", flush=True
                )


if __name__ == "__main__":
    main()
