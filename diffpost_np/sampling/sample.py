"""`sample`: draws of a prior by running a diffusion backwards."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from .._arguments import check_heat_consistent, check_no_start, event_shape_of, held
from .._result import Result
from .._run import Run
from .._xp import Array, array_namespace, like_dtype
from ..operators._base import prototype
from ._diffusion.descent import Descent
from ._diffusion.levels import SIGMA_MAX, SIGMA_MIN, noise_levels
from ._diffusion.run import DEFAULT, run_down
from ._diffusion.start import start

__all__ = ["sample"]


def sample(
    prior: Any,
    n_samples: int = 1000,
    *,
    method: Any = DEFAULT,
    schedule: Any = "karras",
    n_steps: int | None = None,
    sigma_max: float = SIGMA_MAX,
    sigma_min: float = SIGMA_MIN,
    initial: Any = None,
    event_shape: Any = None,
    rng: Any = None,
    progress: Any = False,
    callback: Any = None,
    keep_every: int | None = None,
    first_chain: int = 0,
    like: Any = None,
    resume: Result | None = None,
    **options: Any,
) -> Result:
    """Draw from a prior by running its diffusion from noise to data.

    Chains start as noise of level `sigma_max` and go through decreasing noise levels, step by
    step; the last step, from `sigma_min` to 0, is the denoiser's.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    n_samples : int, optional
        Number of chains.
    method : str or Method, optional
        A name of `methods()`, or a method of your own.
    schedule : str, Schedule or array, optional
        How the noise levels are spaced: 'karras', 'log_snr' (uniform), or uniformly in the time
        of a schedule; or all of them one by one, decreasing to 0.
    n_steps : int, optional
        Number of steps, the last one included; 50 by default.
    sigma_max, sigma_min : float, optional
        First noise level and last one above 0, in the units of x.
    initial : str, array or callable, optional
        Where chains start. N(0, I) on the variance preserving scale by default, which is
        N(0, 1 + sigma_max^2) on that of the data; 'marginal' for draws of the prior with noise,
        which is exact; or points `(n_samples, *event)` of noise level `sigma_max`, or a function
        of their number.
    event_shape : tuple of int, optional
        Shape of an event, for scores that do not tell it.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each step and may return True to stop.
    callback : callable, optional
        Called as `callback(step, noise_level, x)` after each step; returns True to stop.
    keep_every : int, optional
        Keep the chains after every so many steps, and at both ends, in the result's
        `trajectory`; `trace["noise_level"]` has their levels.
    first_chain : int, optional
        Index of the first chain in a larger run.
    like : array, optional
        Gives namespace, device and precision; those of the prior's arrays by default.
    resume : Result, optional
        A stopped run to go on with, to the same bits; all else as it was.
    **options
        Options of the method, such as `eta` of 'ddim'.

    Returns
    -------
    Result
        The samples, and what they cost.

    Raises
    ------
    ValueError
        If an argument is out of range, the method is unknown, levels do not decrease to 0 or
        do not suit the method, or a chain diverges (with its step and chain).
    TypeError
        If array types are mixed, an option is unknown, or the score is not callable.

    Warns
    -----
    RuntimeWarning
        If chains start from N(0, I) and the mean of the prior is further from the origin than
        one standard deviation of the largest noise.

    Notes
    -----
    States are x_0 + sigma z at every step; methods that step in another scaling or clock convert.
    Deterministic methods differ in nothing but their error: they share starts for one `rng`.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], 0.1)
    >>> result = dp.sampling.sample(prior, 2000, n_steps=20, rng=0)
    >>> result.n_score_evals / 2000
    21.0
    >>> bool(abs(np.mean(result.samples[:, 0] < 0) - 0.3) < 0.05)
    True
    """
    started = time.perf_counter()
    grid = partial(noise_levels, schedule, sigma_max=sigma_max, sigma_min=sigma_min)
    descent = Descent.checked(method, options, grid, n_steps, callback, keep_every)
    check_heat_consistent("sample", prior)
    shape = event_shape_of(prior, event_shape)
    like_dtype(like, array_namespace(like=like))
    _, like = prototype(like=like, **held(prior))
    run = Run(
        descent.method.name,
        prior,
        shape,
        rng,
        like=like,
        n_samples=n_samples,
        resume=resume,
        progress=progress,
        first_chain=first_chain,
        stream="sampling.sample",
    )
    if resume is not None:
        check_no_start(initial)

    def first() -> Array:
        return start(run, initial, float(descent.levels[0]))

    return run_down(run, descent, first, started=started, warn=initial is None)
