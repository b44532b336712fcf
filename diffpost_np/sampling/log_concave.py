"""`log_concave`: samples of a strongly log-concave density, close in total variation."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

from .._arguments import check_no_start, event_shape_of, held
from .._checks import instance, number
from .._result import Result
from .._run import Run
from .._xp import array_namespace, as_float_array, like_dtype
from ..operators._base import prototype
from ._log_concave.run import advance, first_state, planned

__all__ = ["log_concave"]


def log_concave(
    score: Any,
    smoothness: float,
    strong_convexity: float,
    *,
    n_samples: int = 1000,
    eps: float = 0.1,
    step_size: float | None = None,
    n_steps: int | None = None,
    initial: Any = None,
    event_shape: Any = None,
    rng: Any = None,
    progress: Any = False,
    first_chain: int = 0,
    like: Any = None,
    resume: Result | None = None,
) -> Result:
    """Sample a strongly log-concave density, to a distance in total variation.

    Underdamped Langevin with randomized midpoints runs from the mode until it is close in
    distance; a short run of plain underdamped steps, from a fresh velocity, then makes it close
    in density.

    Parameters
    ----------
    score : callable or prior
        Gradient of the log density, as a function of a batch x, or of x and sigma, or a prior;
        of these the score at sigma = 0.
    smoothness, strong_convexity : float
        Bounds L and m on the curvature: eigenvalues of minus the Hessian of the log density lie
        in [m, L], 0 < m <= L.
    n_samples : int, optional
        Number of chains, of which each gives its last point.
    eps : float, optional
        Distance in total variation that is aimed at, in (0, 1).
    step_size, n_steps : float, int, optional
        Step and number of steps of the long run, in place of those that follow from `eps`; with
        `step_size` alone their product stays.
    initial : array, shape event_shape, optional
        Where the search for the mode begins; the origin by default.
    event_shape : tuple of int, optional
        Shape of an event, where neither a prior nor `initial` tells it.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record after each step and may return True to stop.
    first_chain : int, optional
        Index of the first chain in a larger run.
    like : array, optional
        Gives namespace, device and precision; those of `initial` or of the prior by default.
    resume : Result, optional
        A stopped run to go on with, to the same bits; all else as it was.

    Returns
    -------
    Result
        The samples, and what they cost; `stages["mode"]` is the point that chains start from.

    Raises
    ------
    ValueError
        If an argument is out of range, no mode is found with these bounds, the score is not
        finite, or a chain diverges (with its step and chain).
    TypeError
        If array types are mixed, the score is not callable, or no shape is known.

    Warns
    -----
    RuntimeWarning
        If chains meet two points between which the score breaks the bounds.

    Notes
    -----
    With kappa = L / m, friction 2 sqrt(L) and unit mass, the long run has steps of
    h = 2 (eps^2 / (kappa d))^(1/3) / sqrt(L), or 1 / (2 sqrt(L)) if that is less, over a time of
    2 sqrt(L) / m * log(7 sqrt(kappa d) / eps). This is what makes a bound on the distance W_2
    less than 0.47 eps / sqrt(L) twice: once for the start, which is forgotten at the rate
    m / (2 sqrt(L)), once for the random errors of the midpoints. The short run takes a time of
    1 / sqrt(L), after which the total variation is at most 0.53 sqrt(L) W_2, in
    0.29 sqrt(d) / eps steps, of which the bound by Girsanov's theorem is eps / 2.

    The long run costs two scores a step, O(kappa^(4/3) d^(1/3) eps^(-2/3)) up to a logarithm, the
    short one O(sqrt(d) / eps). Constants are those of quadratic potentials at the worst curvature
    in [m, L]; most densities need far fewer steps. (The paper shortens the last run by
    d^(-1/18), which balances the exponents of d; that factor is 0.6 at d = 10^4, and left out.)

    References
    ----------
    Gupta, Cai, Chen, arXiv 2406.00924, section on log-concave sampling; Shen, Lee, arXiv
    1909.05503 (randomized midpoints).

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> def score(x):
    ...     return np.array([1.0, -1.0]) - np.array([1.0, 4.0]) * x
    >>> result = dp.sampling.log_concave(score, 4.0, 1.0, event_shape=(2,), rng=0)
    >>> bool(np.all(np.abs(result.mean() - [1.0, -0.25]) < 0.15))
    True
    >>> bool(np.all(np.abs(result.std() - [1.0, 0.5]) < 0.1))
    True
    """
    started = time.perf_counter()
    m = number("strong_convexity", strong_convexity, above=0.0)
    smoothness = number("smoothness", smoothness, above=0.0)
    if smoothness < m:
        raise ValueError(f"smoothness must be at least strong_convexity, {m:g}, got {smoothness:g}")
    run = _as_run(
        score,
        rng,
        (initial, event_shape, like),
        resume,
        n_samples=n_samples,
        progress=progress,
        first_chain=first_chain,
    )
    eps = number("eps", eps, above=0.0)
    if eps >= 1:
        raise ValueError(f"eps must be less than 1, got {eps:g}")
    plan = planned(eps, run.d, smoothness, m, step_size, n_steps)
    run.fix(smoothness=smoothness, strong_convexity=m, **plan._asdict())
    state = first_state(run, initial, smoothness, m)
    state = advance(run, state, plan, (smoothness, m))
    return Result(
        samples=run.events(state.x),
        method=run.name,
        n_score_evals=state.n_score_evals,
        n_rounds=state.n_rounds,
        seconds=time.perf_counter() - started,
        key=run.key,
        finished=state.step > plan.n_steps,
        warnings=state.reasons,
        state=state,
        stages={"mode": run.events(state.mode)},
    )


def _as_score(score: Any) -> Any:
    """A prior as it is; a function of x, or of x and sigma, as one of x and sigma."""
    if hasattr(instance("score", score), "score"):
        return score
    if not callable(score):
        raise TypeError(f"score must be a function of x, or a prior, got {score!r}")
    return score if _takes_sigma(score) else lambda x, sigma: score(x)


def _takes_sigma(function: Callable[..., Any]) -> bool:
    """Whether a function must be given a second argument, or calls it sigma."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return any(p.default is p.empty or p.name == "sigma" for p in positional[1:2])


def _as_run(
    score: Any, rng: Any, given: tuple[Any, Any, Any], resume: Any, **arguments: Any
) -> Run:
    """The chains as a run, whose shape and kind the prior, a point or the user tell."""
    prior, (initial, event_shape, like) = _as_score(score), given
    if isinstance(resume, Result):
        check_no_start(initial)
        initial = resume.samples[0, ...]
    like_dtype(like, array_namespace(like=like))
    own = {} if initial is None else {"initial": initial}
    xp, like = prototype(like=like, **own, **held(prior))
    if event_shape is None and getattr(prior, "event_shape", None) is None and own:
        event_shape = tuple(as_float_array("initial", initial, xp=xp).shape)
    shape = event_shape_of(prior, event_shape)
    return Run("log_concave", prior, shape, rng, like=like, resume=resume, **arguments)
