"""`check_prior`: which law a prior breaks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import instance, integer, listed, number
from .._xp import Array, array_namespace, as_batch
from ..operators._base import as_shape
from ..random import key
from . import _prior_draws as _prior_draws
from ._case import Arrays, host
from ._law import Report, verify
from ._prior_case import PriorCase, namespace_like, spread, typical_points
from ._prior_laws import PRIOR_LAWS

__all__ = ["PRIOR_LAWS", "check_prior"]


def check_prior(
    prior: Any,
    *,
    event_shape: Sequence[int] | None = None,
    points: Array | None = None,
    noise_levels: Sequence[float] | None = None,
    rtol: float | None = None,
    n_draws: int = 4000,
    false_alarm: float = 1e-6,
    rng: Any = 0,
    like: Array | None = None,
    skip: Sequence[str] = (),
) -> Report:
    """Find out which law a prior or a score breaks.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable. The other abilities that priors
        may have are tested where they are present: `denoise`, `denoise_vjp`, `log_density`,
        `sample`, `sample_given`, `posterior`.
    event_shape : tuple of int, optional
        Shape of an event, where the prior has no attribute of that name.
    points : array, shape (n, *event_shape), optional
        Typical events; draws from the prior by default, standard normals where it draws none.
    noise_levels : sequence of float, optional
        Positive noise levels; 0.1, 0.5 and 2 standard deviations of `points` by default. Level
        0 is added where the prior has a density.
    rtol : float, optional
        Relative error that passes besides the errors that the check makes itself: 1e-5 by
        default, 1e-2 in float32. A trained network needs more.
    n_draws : int, optional
        Draws for the laws about `sample` and `sample_given`, at least 100.
    false_alarm : float, optional
        Probability that a correct prior fails one of these.
    rng : optional
        What `diffpost_np.random.key` takes; fixed by default, so that a check repeats itself.
    like : array, optional
        Gives namespace, device and precision of the arrays to test with; those of the draws in
        float64 by default, else NumPy's.
    skip : sequence of str, optional
        Names of laws to leave out, of `PRIOR_LAWS`.

    Returns
    -------
    Report
        The laws that were tested, and those skipped for lack of an ability.

    Raises
    ------
    BrokenLaw
        An `AssertionError` at the first law of `PRIOR_LAWS` that is broken: it says by how
        much, what is tolerated, and the smallest failing input that was found.
    TypeError
        If `prior` has no score, or `event_shape` is missing.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Derivatives are central differences, extrapolated to step zero; ten times their own
    estimate of their error is added to the tolerance, so what cannot be resolved passes.
    `heat_flow` costs 2 d + 3 scores for each of five steps. It needs nothing but the score
    and holds for every prior: s is then the score of p * N(0, sigma^2 I) at all levels. The
    laws about draws are z-tests at 1 / (number of tests) of the false alarm.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> ring = dp.priors.Ring(radius=1.0, width=0.2)
    >>> "heat_flow" in dp.testing.check_prior(ring).kept
    True
    >>> twice = lambda x, sigma: ring.score(x, 2**0.5 * sigma)
    >>> dp.testing.check_prior(twice, event_shape=(2,))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    BrokenLaw: check_prior(<lambda>) breaks the law 'heat_flow': ...
    """
    if not callable(getattr(instance("prior", prior), "score", prior)):
        raise TypeError(f"prior must have .score(x, sigma) or be that callable, got {prior!r}")
    shape = getattr(prior, "event_shape", None) if event_shape is None else event_shape
    if shape is None:
        raise TypeError("event_shape is missing: the prior has none of its own")
    shape, seed = as_shape("event_shape", shape), key(rng).fold("testing.check_prior")
    typical = typical_points(prior, shape, points, seed)
    make = Arrays(namespace_like(typical, like))
    default_rtol = 1e-5 if make.like.dtype == make.xp.float64 else 1e-2
    case = PriorCase(
        prior=prior,
        event_shape=shape,
        make=make,
        points=checked_points(typical, shape),
        noise_levels=checked_levels(noise_levels, host(typical)),
        rtol=number("rtol", default_rtol if rtol is None else rtol, above=0.0),
        n_draws=integer("n_draws", n_draws, minimum=100),
        false_alarm=number("false_alarm", false_alarm, above=0.0, at_most=0.5),
        key=seed,
    )
    return verify(f"check_prior({named(prior)})", PRIOR_LAWS, case, skip)


def checked_points(points: Array, event_shape: tuple[int, ...]) -> np.ndarray:
    """Typical points as a NumPy array in float64."""
    xp = array_namespace(points=points)
    return host(as_batch("points", points, event_shape, xp=xp, dtype=xp.float64))


def checked_levels(levels: Sequence[float] | None, points: np.ndarray) -> tuple[float, ...]:
    """Positive noise levels."""
    if levels is None:
        return tuple(float(f"{share * spread(points):.2g}") for share in (0.1, 0.5, 2.0))
    given = listed("noise_levels", levels)
    if not given:
        raise ValueError("noise_levels must not be empty")
    return tuple(number("noise_levels", level, above=0.0) for level in given)


def named(thing: Any) -> str:
    """How an object is called in a report."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    return getattr(thing, "__name__", None) or repr(thing)
