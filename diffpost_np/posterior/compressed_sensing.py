"""`compressed_sensing`: algorithm 3, from a naive reconstruction to posterior samples."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from .._checks import number
from .._result import Result
from .._xp import Array, as_float_array, flatten_events
from ..random import Purpose, normal
from ._annealed_run import run
from ._auto_schedule import N_PROBES, settled
from ._lasso import lasso
from ._localized_prior import LocalizedPrior
from ._problem import Problem
from ._settings import Settings

__all__ = ["compressed_sensing"]


def compressed_sensing(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    radius: float,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    warm_start: Any = None,
    delta: float = 0.25,
    schedule: Any = "auto",
    alpha: float | None = None,
    smoothness: float | None = None,
    tolerance: float = 0.1,
    bandwidth: float = 0.0,
    preconditioner: Any = None,
    first_chain: int = 0,
    resume: Result | None = None,
) -> Result:
    """Posterior samples near a naive reconstruction: warm start, diffusion, annealed Langevin.

    Noise of standard deviation radius / delta, added to a reconstruction that is within
    `radius` of the truth, makes it look like a Gaussian measurement of x; given that, annealed
    Langevin reaches the samples that agree with y as well.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    radius : float
        Bound on the distance of the warm start from the truth, positive.
    n_samples : int, optional
        Number of chains, each of which gives one sample.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per level and may return True to stop.
    warm_start : array, shape event_shape, optional
        The naive reconstruction; by default the LASSO with the universal penalty, sqrt(2 log d)
        times the largest norm of a column of A in units of the noise.
    delta : float, optional
        Failure probability that the added noise buys, in (0, 1].
    schedule : "auto" or AnnealingSchedule, optional
        Noise levels, steps and step sizes; "auto" builds the theorem's admissible schedule.
    alpha, smoothness : float, optional
        Strong convexity and smoothness of -log p(x | warm start), for "auto": bounds of the
        eigenvalues of its Hessian H, or of M^(1/2) H M^(1/2) under a preconditioner M. By default
        they are estimated from the score at 64 draws.
    tolerance : float, optional
        Error that "auto" aims at, in (0, 1): that of the law averaged over y. At a single y the
        mean may be off by several times that in posterior standard deviations.
    bandwidth : float, optional
        Noise level of the score used in place of that of p itself; must be positive where p has
        no density.
    preconditioner : array, shape (d,) or (d, d), optional
        Constant positive definite matrix that multiplies the drift and colours the noise.
    first_chain : int, optional
        Index of the first chain in a larger run.
    resume : Result, optional
        A run of the same arguments that was stopped: go on from there, to the same bits. Its
        key, schedule and number of chains are taken from it.

    Returns
    -------
    Result
        The last point of every chain; `stages` holds the batches `warm_start` (one event),
        `localized` (draws of the prior near it) and `posterior`.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, the prior has no
        density and no bandwidth is given, "auto" cannot estimate a constant, or a chain
        diverges (with its step and chain).
    TypeError
        If array types are mixed.

    Warns
    -----
    RuntimeWarning
        If the prior near the warm start is not log-concave.

    Notes
    -----
    One score a step. If some method recovers x within r, the samples are within 2 r with high
    probability.

    For the posterior at one given y, use `annealed_smc`, or `exact` for conjugate priors: the
    bias of `annealed_langevin` at a single y is this function's too.

    References
    ----------
    Xun, Gupta, Price, arXiv 2510.26324, algorithm 3 and corollary 1.3.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(3), [4.0, 1.0, 1.0])
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 1.0, 0.0]]), 0.5)
    >>> result = dp.posterior.compressed_sensing(
    ...     prior, measurement, [2.0], radius=0.5, n_samples=50, rng=0
    ... )
    >>> sorted(result.stages)
    ['localized', 'posterior', 'warm_start']
    """
    started = time.perf_counter()
    problem = Problem(
        "compressed_sensing", prior, measurement, y, rng, n_samples, resume, progress, first_chain
    )
    asked = Settings(schedule, alpha, smoothness, tolerance, bandwidth, preconditioner)
    settings = asked.checked(problem)
    radius = number("radius", radius, above=0.0)
    delta = number("delta", delta, above=0.0, at_most=1.0)
    problem.fix(radius=radius, delta=delta)
    width = radius / delta
    warm = _warm_start(problem, warm_start)
    local = _near(problem, warm, width, problem.n_samples, problem.first_chain)
    start = _localized(problem, local)
    if resume is None:
        problem.localize(_near(problem, warm, width, N_PROBES, 0))
        settings = settled(problem, settings)
    problem.localize(local)
    result = run(problem, settings, start if resume is None else None)
    stages = {"warm_start": problem.events(warm)[0, ...], "localized": start}
    stages["posterior"] = result.samples
    return replace(result, stages=stages, seconds=time.perf_counter() - started)


def _warm_start(problem: Problem, warm_start: Any) -> Array:
    """The flat row (1, d) of the run that goes on, that the user gave, or the LASSO's."""
    xp, resume = problem.xp, problem.resume
    if warm_start is None and resume is None:
        return lasso(problem)
    started = None if resume is None else resume.stages["warm_start"]
    warm = as_float_array(
        "warm_start",
        started if warm_start is None else warm_start,
        xp=xp,
        dtype=problem.dtype,
        shape=problem.event_shape,
    )
    if started is not None and not bool(xp.all(warm == started)):
        raise ValueError("warm_start must be what it was in the run to resume")
    return flatten_events(warm[None, ...], xp)


def _near(problem: Problem, warm: Array, width: float, n: int, first_chain: int) -> LocalizedPrior:
    """The prior of chains that each see the warm start through noise of their own."""
    where = {"purpose": Purpose.INITIAL, "stage": 3, "first_chain": first_chain}
    noise = normal(problem.key, (n, problem.d), like=warm, **where)
    return LocalizedPrior(problem, warm + width * noise, width)


def _localized(problem: Problem, local: LocalizedPrior) -> Array:
    """Draws of p(x | warm start), those of the run that goes on if there is one."""
    if problem.resume is not None:
        return problem.resume.stages["localized"]
    return local.sample(problem.n_samples, first_chain=problem.first_chain)
