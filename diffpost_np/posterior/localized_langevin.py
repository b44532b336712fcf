"""`localized_langevin`: algorithm 2, near a point that is known up to Gaussian noise."""

from __future__ import annotations

from typing import Any

from .._checks import number
from .._result import Result
from .._xp import Array, as_float_array, flatten_events
from ._annealed_run import run
from ._localized_prior import LocalizedPrior
from ._problem import Problem
from ._settings import Settings

__all__ = ["localized_langevin"]


def localized_langevin(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    x0: Any,
    x0_std: float,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    schedule: Any = "auto",
    alpha: float | None = None,
    smoothness: float | None = None,
    tolerance: float = 0.1,
    initial: Any = None,
    bandwidth: float = 0.0,
    preconditioner: Any = None,
    first_chain: int = 0,
    resume: Result | None = None,
) -> Result:
    """Samples of p(x | x0, y), where x0 = x + x0_std N(0, I) is a second, direct measurement.

    Around x0 even a prior that is far from log-concave is well conditioned once `x0_std` is
    small enough, and annealed Langevin on p(x | x0) reaches p(x | x0, y).

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    x0 : array, shape event_shape or (n_samples, *event_shape)
        The warm start, one for all chains or one for each.
    x0_std : float
        Its standard deviation, positive.
    n_samples : int, optional
        Number of chains, each of which gives one sample.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per level and may return True to stop.
    schedule : "auto" or AnnealingSchedule, optional
        Noise levels, steps and step sizes; "auto" builds the theorem's admissible schedule.
    alpha, smoothness : float, optional
        Strong convexity and smoothness of -log p(x | x0), for "auto": bounds of the eigenvalues of
        its Hessian H, or of M^(1/2) H M^(1/2) under a preconditioner M. By default they are
        estimated from the score at 64 draws; where chains have an x0 each they must be given.
    tolerance : float, optional
        Error that "auto" aims at, in (0, 1): that of the law averaged over y. At a single y the
        mean may be off by several times that in posterior standard deviations.
    initial : array or callable, optional
        Draws of p(x | x0), or a function of their number, which takes `first_chain=` where that
        is not 0. By default exact ones where the prior has `sample_given`, else the prior's
        reverse diffusion from x0.
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
        The last point of every chain.

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
        If p(x | x0) is not log-concave around its draws: `x0_std` is too large for the theorem.

    Notes
    -----
    One score a step. The law is p(x | x0, y), not p(x | y).

    The bias of `annealed_langevin` at a single y is this function's too: where it matters, give
    x0 as further measurements to `annealed_smc`, or to `exact` for conjugate priors.

    References
    ----------
    Xun, Gupta, Price, arXiv 2510.26324, algorithm 2 and theorem 1.2.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], 0.5)
    >>> measurement = dp.LinearGaussian(np.array([[1.0]]), 0.5)
    >>> result = dp.posterior.localized_langevin(
    ...     prior, measurement, [2.0], x0=[1.5], x0_std=0.5, rng=0
    ... )
    >>> bool((result.samples > 0).mean() > 0.99)
    True
    """
    problem = Problem(
        "localized_langevin", prior, measurement, y, rng, n_samples, resume, progress, first_chain
    )
    asked = Settings(schedule, alpha, smoothness, tolerance, bandwidth, preconditioner)
    settings = asked.checked(problem)
    centre = _checked_centre(problem, x0, settings)
    std = number("x0_std", x0_std, above=0.0)
    problem.fix(x0=centre, x0_std=std)
    problem.localize(LocalizedPrior(problem, centre, std))
    return run(problem, settings, initial)


def _checked_centre(problem: Problem, x0: Any, settings: Settings) -> Array:
    """x0 as flat rows, one or one for each chain."""
    xp, event = problem.xp, problem.event_shape
    centre = as_float_array("x0", x0, xp=xp, dtype=problem.dtype, device=problem.device)
    if tuple(centre.shape) == event:
        centre = centre[None, ...]
    elif tuple(centre.shape) not in ((1, *event), (problem.n_samples, *event)):
        raise ValueError(
            f"x0 must have shape {event}, or one such row for each of the {problem.n_samples} "
            f"samples, got {tuple(centre.shape)}"
        )
    elif centre.shape[0] > 1 and settings.needs_estimates and problem.resume is None:
        raise ValueError(
            "x0 differs between chains, which share a schedule: give alpha= and smoothness= to "
            "schedule='auto'"
        )
    return flatten_events(centre, xp)
