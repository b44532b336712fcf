"""`annealed_smc`: the default posterior sampler."""

from __future__ import annotations

import time
from typing import Any

from .._progress import reporter
from .._result import Result
from .._threads import single_threaded_blas
from ._problem import Problem
from ._smc import Sampler, State
from ._smc_options import checked_options
from ._smc_report import as_result, numbers

__all__ = ["annealed_smc"]


def annealed_smc(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    n_particles: int | None = None,
    n_initial: int | None = None,
    ess_threshold: float = 0.65,
    kernel: str = "split_ghmc",
    metropolis: bool | None = None,
    acceptance: float = 0.85,
    stop: float = 0.4,
    final_stop: float = 0.24,
    max_moves: int = 150,
    waste_free: int | None = None,
    initial: Any = None,
    resume: Result | None = None,
) -> Result:
    """Sequential Monte Carlo from the prior to the posterior, by tempering the likelihood.

    Prior draws are reweighted by powers of the likelihood, resampled, and moved by generalised
    Hamiltonian Monte Carlo that needs the prior's score alone. Temperatures, step sizes and
    the number of moves adapt; nothing needs tuning.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable; `.sample` unless `initial` is given.
    measurement : LinearGaussian or likelihood
        A measurement, or any object with `log_likelihood(x, y)` and `log_likelihood_grad(x, y)`.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    n_samples : int, optional
        Number of samples, at least 1.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per level and may return True to stop.
    n_particles : int, optional
        Size of the cloud, of which the samples are an even choice; a quarter more than
        `n_samples`, and at least 2500, by default: the weights of modes come out of it. Give
        fewer where scores are slow and modes few.
    n_initial : int, optional
        Prior draws at the start: they cost likelihoods, no scores, and decide how well the
        weights of modes come out. By default those of `initial`; `n_particles` where that is a
        function; else a hundred times as many (at most 2^24 numbers) from `prior.sample`: give
        fewer where that is slow, more to find modes of small weight.
    ess_threshold : float, optional
        Share of the effective sample size that a change of temperature keeps, in (0, 1).
    kernel : str, optional
        The move: "split_ghmc"; "ula" or "mala", overdamped Langevin; "underdamped" or
        "randomized_midpoint" (two scores a move), underdamped Langevin; or "prior_local", which
        alternates exact draws of component and point, for mixtures.
    metropolis : bool, optional
        Accept or reject each move: exact with the prior's `log_density`, and the default where
        it has one; with the trapezoid rule along the move otherwise, the default for "mala" and
        "underdamped". Without it moves are unadjusted, under steps controlled for energy and for
        the trapezoid's own error.
    acceptance : float, optional
        Acceptance that the step size aims at, in (0, 1).
    stop, final_stop : float, optional
        Relative growth of the displacement below which a level, and the last one, ends.
    max_moves : int, optional
        Most moves in a level, at least 4.
    waste_free : int, optional
        Number of chains, a divisor of `n_particles`, all of whose moves make the next cloud, as in
        n_particles=10_000, waste_free=500: cheap drafts and evidences.
    initial : array or callable, optional
        Prior draws `(n_initial, *event)`, or a function of their number, for priors that have
        no `.sample`.
    resume : Result, optional
        A stopped run, to go on from there, to the same bits; give the other arguments again.

    Returns
    -------
    Result
        Samples with `log_evidence`; `trace` holds a row per level.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, or the prior's
        score returns something that is.
    TypeError
        If array types are mixed or an ability is missing.

    Warns
    -----
    RuntimeWarning
        If fewer than 10 draws from the prior stand behind the samples; if these draws tell of
        standard errors in the weights of modes above 0.04 and three times those of independent
        particles; if the last level used all of `max_moves`; if the samples do not explain y; or
        if their scores are larger than at draws from the prior. Of a y that the model is right
        about, the fourth happens once in a million, the last in at most 2 / (N + 1) of cases, N
        the number of draws but at most 1000: half of the samples must exceed the largest of N
        draws. Under a sharp likelihood a cloud of some 100 particles has few roots whatever the
        modes.

    Notes
    -----
    One score a move and particle, and an eighth more where the prior has no density: some 100
    a particle on 8x8 images (examples/benchmarks/annealed_smc.py). Particles interact, so the
    cloud is the unit: a sample changes when `n_particles` does. Each tenth of the cloud moves by
    the covariance of the rest, since a covariance of its own would bend the target.

    References
    ----------
    Dau, Chopin, "Waste-free sequential Monte Carlo", JRSS B 84, 2022.
    Del Moral, Doucet, Jasra, "Sequential Monte Carlo samplers", JRSS B 68, 2006. Horowitz,
    "A generalized guided Monte Carlo algorithm", Phys. Lett. B 268, 1991.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], 0.5)
    >>> measurement = dp.LinearGaussian(np.array([[1.0]]), 1.0)
    >>> result = dp.posterior.annealed_smc(prior, measurement, [0.5], rng=0)
    >>> exact = dp.posterior.exact(prior, measurement, [0.5])
    >>> bool(abs(result.mean() - exact.mean()).max() < 0.2)
    True
    """
    started = time.perf_counter()
    problem = Problem("annealed_smc", prior, measurement, y, rng, n_samples, resume, progress)
    options = checked_options(
        problem,
        initial,
        n_particles,
        n_initial,
        ess_threshold,
        kernel,
        metropolis,
        acceptance,
        stop,
        final_stop,
        max_moves,
        waste_free,
    )
    smc = Sampler(problem, options)
    with single_threaded_blas(problem.xp), reporter(progress, "annealed_smc") as report:
        state: State = smc.resume(resume.state) if resume else smc.start(initial)
        while state.beta < 1:
            state = smc.advance(state)
            if report(state.beta, 1.0, **numbers(state)):
                break
    return as_result(problem, options, state, started)
