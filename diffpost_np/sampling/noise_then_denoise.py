"""`noise_then_denoise`: how much of a point survives noise of some level and its removal."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from .._arguments import DEFAULT_N_SAMPLES, check_heat_consistent, event_shape_of, held
from .._result import Result
from .._run import Run
from .._xp import Array, array_namespace, as_batch
from ._diffusion.descent import Descent
from ._diffusion.levels import SIGMA_MIN, levels_from
from ._diffusion.run import DEFAULT, run_down
from ._diffusion.start import noise

__all__ = ["noise_then_denoise"]


def noise_then_denoise(
    prior: Any,
    x: Any,
    sigma: float,
    *,
    method: Any = DEFAULT,
    schedule: Any = "karras",
    n_steps: int | None = None,
    sigma_min: float = SIGMA_MIN,
    event_shape: Any = None,
    rng: Any = None,
    progress: Any = False,
    callback: Any = None,
    keep_every: int | None = None,
    first_chain: int = 0,
    resume: Result | None = None,
    **options: Any,
) -> Result:
    """Add noise to points and run the diffusion of a prior from there back to data.

    Little noise gives the points back; much noise gives draws of the prior. In between, what the
    noise has blurred is drawn anew and the rest stays: see `critical_window`.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    x : array, shape (n, *event_shape)
        Points without noise. The samples follow their namespace, device and precision.
    sigma : float
        Level of the noise, above `sigma_min`, in the units of x; after a time T of the
        Ornstein-Uhlenbeck process it is sqrt(e^2T - 1), `schedules.OU().noise_level(T)`. At 0
        the samples would be x itself.
    method : str or Method, optional
        A name of `methods()`, or a method of your own; 'exact' for draws of x given its noisy
        copy by the prior's `sample_given`. That is the law at which stochastic methods aim, the
        reverse SDE; deterministic ones follow the probability flow, which draws nothing anew.
    schedule : str, Schedule or array, optional
        How the noise levels are spaced, as in `sample`; a list of all of them begins at `sigma`.
    n_steps : int, optional
        Number of steps, the last one included; 50 by default. 'exact' takes none.
    sigma_min : float, optional
        Last noise level above 0.
    event_shape : tuple of int, optional
        Shape of an event, for scores that do not tell it.
    rng : optional
        What `diffpost_np.random.key` takes. All methods add the same noise.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each step and may return True to stop.
    callback : callable, optional
        Called as `callback(step, noise_level, x)` after each step; returns True to stop.
    keep_every : int, optional
        Keep the chains after every so many steps, and at both ends, in the result's
        `trajectory`; `trace["noise_level"]` has their levels.
    first_chain : int, optional
        Index of the first point in a larger run.
    resume : Result, optional
        A stopped run to go on with, to the same bits; all else as it was.
    **options
        Options of the method, such as `eta` of 'ddim'.

    Returns
    -------
    Result
        One sample for each point, and what they cost.

    Raises
    ------
    ValueError
        If an argument is out of range, the method is unknown, levels do not decrease from
        `sigma` to 0 or do not suit the method, or a chain diverges (with its step and chain).
    TypeError
        If array types are mixed, an option is unknown, the score is not callable, or the prior
        has no `sample_given` for 'exact'.

    References
    ----------
    Li, Chen, arXiv 2403.01633; Li, Karan, Chen, arXiv 2502.00921.

    Examples
    --------
    A point of the left half, returned after some noise, is to the left or right by chance, but
    its height, which takes more noise to forget, is kept.

    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> means = [[-3.0, -40.0], [3.0, -40.0], [-3.0, 40.0], [3.0, 40.0]]
    >>> prior = dp.priors.GaussianMixture([0.25] * 4, means, 1.0)
    >>> x = np.tile(means[0], (1000, 1))
    >>> y = dp.sampling.noise_then_denoise(prior, x, 5.0, method="ddpm", rng=0).samples
    >>> bool(0.4 < np.mean(y[:, 0] < 0) < 0.8), bool(np.all(y[:, 1] < 0))
    (True, True)
    """
    started = time.perf_counter()
    grid = partial(levels_from, schedule, sigma=sigma, sigma_min=sigma_min)
    others = {"resume": resume, "progress": progress, "first_chain": first_chain}
    as_run = partial(_as_run, prior, x, event_shape, rng=rng, **others)
    if isinstance(method, str) and method == "exact":
        _check_no_steps(options, callback=callback, keep_every=keep_every)
        level = float(grid(n_steps)[0])
        run, points = as_run(name="exact")
        return _exact(run, points, level, started)
    descent = Descent.checked(method, options, grid, n_steps, callback, keep_every)
    run, points = as_run(name=descent.method.name)

    def noisy() -> Array:
        return points + float(descent.levels[0]) * noise(run)

    return run_down(run, descent, noisy, started=started, x=points)


def _as_run(
    prior: Any, x: Any, event_shape: Any, *, name: str, resume: Any, **others: Any
) -> tuple[Run, Array]:
    """The points as chains of a run, and flat."""
    check_heat_consistent("noise_then_denoise", prior)
    shape = event_shape_of(prior, event_shape)
    x = as_batch("x", x, shape, xp=array_namespace(x=x, **held(prior)))
    run = Run(
        name,
        prior,
        shape,
        like=x,
        like_name="x",
        n_samples=x.shape[0] if resume is None else DEFAULT_N_SAMPLES,
        resume=resume,
        stream="sampling.noise_then_denoise",
        **others,
    )
    return run, run.points("x", x, run.n_samples)


def _check_no_steps(options: dict[str, Any], **watching: Any) -> None:
    """Refuse what is said of the steps of a way that has none."""
    for name in options:
        raise TypeError(f"method 'exact' has no option {name!r}: it takes no steps")
    for name, value in watching.items():
        if value is not None:
            raise ValueError(f"{name} must be left out: method 'exact' takes no steps")


def _exact(run: Run, points: Array, sigma: float, started: float) -> Result:
    """Draws of p(x | x + sigma z) by the prior, the law that stochastic methods tend to."""
    run.ability("sample_given", "method 'exact' asks for its draws")
    noisy, remedy = points + sigma * noise(run), "choose another method"
    draws = run.draws_given(run.prior, run.events(noisy), sigma, run.first_chain, remedy)
    seconds = time.perf_counter() - started
    return Result(run.events(draws), run.name, 0, 0, seconds, run.key)
