"""`ode_log_density`: log densities by the probability flow."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arguments import check_heat_consistent, held
from .._checks import choice, instance, integer, number
from .._progress import reporter
from .._run import Run
from .._xp import Array, array_namespace, as_batch, is_array
from ..operators._base import as_shape
from ._diffusion.levels import SIGMA_MAX, SIGMA_MIN, noise_levels
from ._log_density.ascent import (
    Point,
    first_step,
    log_density_at_large_noise,
    rate_of,
    runge_kutta_step,
)
from ._log_density.divergence import Divergence, estimate

__all__ = ["LogDensity", "ode_log_density"]

N_STEPS, FEWEST = 100, 10
TERMINALS = ("expansion", "exact", "normal")


@dataclass(frozen=True, repr=False, eq=False)
class LogDensity:
    """Log densities of points, and what they cost.

    Parameters
    ----------
    log_density : array, shape (n,)
        The log densities.
    standard_error : array, shape (n,)
        Standard error of each over random probes; zero where the divergence is exact.
    terminal : array, shape (n, *event_shape)
        Where the flow took the points, at the largest noise level.
    n_score_evals : int
        Points at which the score, or a product with its Jacobian, was evaluated.
    n_rounds : int
        Batched calls of these.
    seconds : float
        Wall time.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian([0.0, 1.0], 2.0)
    >>> dp.sampling.ode_log_density(prior, np.zeros((3, 2)))
    <3 log densities, 403 score evaluations each, largest standard error 0>
    """

    log_density: Array
    standard_error: Array
    terminal: Array
    n_score_evals: int
    n_rounds: int
    seconds: float

    def __repr__(self) -> str:
        n, worst = self.log_density.shape[0], float(max(self.standard_error))
        return (
            f"<{n} log densities, {self.n_score_evals / n:.0f} score evaluations each, "
            f"largest standard error {worst:.2g}>"
        )


def ode_log_density(
    prior: Any,
    x: Any,
    *,
    sigma: float = 0.0,
    schedule: Any = "log_snr",
    n_steps: int | None = None,
    sigma_max: float = SIGMA_MAX,
    sigma_min: float = SIGMA_MIN,
    divergence: str = "auto",
    n_probes: int = 16,
    probes: str = "rademacher",
    terminal: str = "expansion",
    rng: Any = None,
    progress: Any = False,
    first_chain: int = 0,
) -> LogDensity:
    """Log density of a prior that is known by its scores, by the probability flow.

    The flow carries points from noise level `sigma` to `sigma_max`, where the density is nearly
    normal; on the way log p falls at the rate of the flow's divergence.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    x : array, shape (n, *event_shape)
        Points.
    sigma : float, optional
        Noise level of the density that is wanted: that of p with noise of this level, in the
        units of x; of p itself by default, which must then be smooth.
    schedule : str, Schedule or array, optional
        How noise levels are spaced, as in `sample`: 'log_snr' is uniform in log sigma, the clock
        of the integration; or all levels one by one, decreasing, `sigma` and then 0 at the end.
    n_steps : int, optional
        Number of steps, at least 10; 100 by default.
    sigma_max, sigma_min : float, optional
        Largest noise level and, for `sigma` = 0, the smallest above it at which the score is
        asked for.
    divergence : str, optional
        'exact', 'hutchinson' for random probes, or 'auto': exact for priors with `denoise_vjp`.
    n_probes : int, optional
        Number of probes for each point, at least 2.
    probes : str, optional
        'rademacher' for entries +-1, 'normal' for standard normals, which vary more.
    terminal : str, optional
        Density at `sigma_max`: 'expansion' of the prior's own, from its score; 'exact' for
        `prior.log_density`; 'normal' for N(0, 1 + sigma_max^2), where samplers start, which
        gives the density of what a deterministic sampler draws.
    rng : optional
        What `diffpost_np.random.key` takes; the probes come from it.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each step.
    first_chain : int, optional
        Index of the first point in a larger run.

    Returns
    -------
    LogDensity
        Log densities (n,) and their standard errors.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, p has no density, or
        the flow diverges (with its step and point).
    TypeError
        If array types are mixed or an ability is missing.

    Notes
    -----
    Steps are of the classical Runge-Kutta method in log sigma, of order 4 for smooth schedules.
    Between narrow modes, where trajectories part on the way down, it needs more of them than
    within; the change from n_steps to 2 n_steps tells. The step from 0 to `sigma_min`
    extrapolates, in sigma^2, from two levels above: its error is O((sigma_min / w)^6) for
    densities that vary over the length w, so `sigma_min` should be a few times less than that.
    The error of 'expansion' is O((r / sigma_max)^4) for data of size r, that of 'normal'
    O(r / sigma_max).

    A step costs 4 score evaluations and 4 divergences. An exact divergence is a closed form for
    Gaussian mixtures, d products with the Jacobian for other priors with `denoise_vjp`, and 2 d
    scores for the rest; with probes it is n_probes products, or twice as many scores. Where
    there are no products, central differences of the score along the vector stand for them;
    their rounding error is about 4e-11 |x| / sigma for each entry in float64, and 2e-5 |x| /
    sigma in float32.

    References
    ----------
    Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole, arXiv 2011.13456, section 4.3 and appendix
    D.2; Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud, arXiv 1810.01367.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], 0.1)
    >>> x = np.array([[1.5, 1.0], [0.0, 0.5]])
    >>> found = dp.sampling.ode_log_density(prior, x)
    >>> bool(np.max(np.abs(found.log_density - prior.log_density(x))) < 1e-3)
    True
    """
    started = time.perf_counter()
    run = _as_run(prior, x, rng, progress=progress, first_chain=first_chain)
    levels = _rising_levels(prior, sigma, schedule, n_steps, sigma_max, sigma_min)
    by = Divergence(run, divergence, n_probes, probes)
    terminal = choice("terminal", terminal, TERMINALS)
    if terminal == "exact":
        run.ability("log_density", "terminal='exact' needs")
    columns = (run.n_samples, by.n_columns)
    start = Point(run.points("x", x, run.n_samples), run.xp.zeros(columns, **_kind(run)))
    end = _risen(run, by, start, levels)
    log_p, error = estimate(run.xp, _at_the_end(run, by, terminal, end, levels[-1]) - end.log_p)
    return LogDensity(
        log_density=log_p,
        standard_error=error,
        terminal=run.events(end.y),
        n_score_evals=run.n_score_evals,
        n_rounds=run.n_rounds,
        seconds=time.perf_counter() - started,
    )


def _as_run(prior: Any, x: Any, rng: Any, **arguments: Any) -> Run:
    """The points as chains of a run."""
    xp = array_namespace(x=x, **held(instance("prior", prior)))
    check_heat_consistent("ode_log_density", prior)
    shape = getattr(prior, "event_shape", None)
    points = as_batch("x", x, None if shape is None else as_shape("event_shape", shape), xp=xp)
    n, *event = points.shape
    given = {"like": points, "like_name": "x", "n_samples": n}
    return Run("ode_log_density", prior, tuple(event), rng, **given, **arguments)


def _kind(run: Run) -> dict[str, Any]:
    return {"dtype": run.dtype, "device": run.device}


def _rising_levels(
    prior: Any, sigma: Any, schedule: Any, n_steps: Any, sigma_max: Any, sigma_min: Any
) -> list[float]:
    """From the level of the density that is wanted up to the largest."""
    low = number("sigma", sigma, at_least=0.0)
    if not (is_array(schedule) or isinstance(schedule, list | tuple)):
        wanted = N_STEPS if n_steps is None else n_steps
        n_steps = integer("n_steps", wanted, minimum=FEWEST) + (low > 0)
    if low == 0:
        if not getattr(prior, "has_density", True):
            raise ValueError(f"{prior!r} has no density at sigma = 0: ask for sigma > 0")
        return noise_levels(schedule, n_steps, sigma_max, sigma_min)[::-1].tolist()
    levels = noise_levels(schedule, n_steps, sigma_max, low)[-2::-1]
    if len(levels) < 2 or not math.isclose(levels[0], low, rel_tol=1e-6):
        raise ValueError(f"schedule must end with the levels sigma = {low:g} and 0")
    return np.append(low, levels[1:]).tolist()


def _risen(run: Run, by: Divergence, point: Point, levels: list[float]) -> Point:
    """Step by step to the last level."""
    rate, n_steps = rate_of(run, by), len(levels) - 1
    with reporter(run.progress, run.name) as report:
        for step, (low, high) in enumerate(itertools.pairwise(levels)):
            if low == 0:
                point = first_step(rate, point, high)
            else:
                point = runge_kutta_step(rate, point, low, high)
            run.check_chains(point.y, step + 1)
            report(step + 1, n_steps, noise_level=high)
    return point


def _at_the_end(run: Run, by: Divergence, terminal: str, end: Point, sigma: float) -> Array:
    """Log density at the largest noise level, (n, 1) or (n, m)."""
    if terminal == "expansion":
        return log_density_at_large_noise(run, by, end, sigma)
    if terminal == "exact":
        value = run.prior.log_density(run.shown(end.y), sigma)
        return run.values("prior.log_density", value, end.y)[:, None]
    variance = 1 + sigma**2
    square = run.xp.sum(end.y * end.y, axis=1, keepdims=True)
    return -0.5 * (square / variance + run.d * math.log(2 * math.pi * variance))
