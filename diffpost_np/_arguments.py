"""What users hand over besides numbers and arrays: priors, runs to resume, functions; checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._result import Result
from ._xp import array_namespace, check_shape, is_array
from .operators._base import as_shape
from .priors._base import Prior
from .random import Key, key

if TYPE_CHECKING:
    from ._run import Run

DEFAULT_N_SAMPLES = 1000
"""What samplers draw where nothing is said."""


def held(thing: Any) -> dict[str, Any]:
    """The arrays that a prior, an operator or a measurement of the library holds, by name."""
    return thing._arrays() if hasattr(thing, "_arrays") else {}


def event_shape_of(prior: Any, event_shape: Any) -> tuple[int, ...]:
    """Shape of an event: the prior's, or the user's where the prior does not tell it."""
    own = getattr(prior, "event_shape", None)
    given = own if event_shape is None else event_shape
    if given is None:
        raise TypeError("event_shape must be given: the prior does not tell it")
    shape = as_shape("event_shape", given)
    if own is not None and tuple(own) != shape:
        raise ValueError(f"event_shape must be that of the prior, {own}, got {shape}")
    return shape


def checked_resume(name: str, resume: Any) -> Result:
    if not isinstance(resume, Result) or resume.method != name or resume.state is None:
        raise TypeError(f"resume must be a result of {name}, got {resume!r}")
    return resume


def resumed_key(name: str, rng: Any, resume: Result) -> Key:
    """The key of a run that goes on, which another seed would contradict."""
    if rng is not None and key(rng).fold(name) != resume.key:
        raise ValueError("rng must be that of the run to resume, or be left out")
    return resume.key


def resumed_place(run: Run, resume: Result) -> tuple[int, int]:
    """Number and first index of the chains of a run that goes on, which nothing contradicts."""
    check_shape("resume.samples", resume.samples, (None, *run.event_shape))
    array_namespace(**{run.like_name: run.like, "resume": resume.samples})
    if resume.samples.dtype != run.dtype:
        raise ValueError(
            f"{run.like_name} must have the precision of the run to resume, "
            f"{resume.samples.dtype}, got {run.dtype}"
        )
    n = getattr(resume.state, "n_samples", resume.samples.shape[0])
    first = getattr(resume.state, "first_chain", 0)
    check_same("n_samples", run.n_samples, n, DEFAULT_N_SAMPLES)
    check_same("first_chain", run.first_chain, first, 0)
    return n, first


def check_same(name: str, given: int, resumed: int, default: int) -> None:
    """Refuse a number that is neither that of the run to resume nor left out."""
    if given not in (resumed, default):
        raise ValueError(
            f"{name} must be {resumed}, as in the run to resume, or be left out, got {given}"
        )


def check_unchanged(resume: Result, **given: Any) -> None:
    """Refuse numbers and arrays that contradict those the run to resume was started with."""
    for name, value in given.items():
        started = resume.state.fixed[name]
        if not _equal(value, started):
            hidden = is_array(started) or is_array(value)
            wanted = "what it was" if hidden else f"{started}, as"
            raise ValueError(f"{name} must be {wanted} in the run to resume")


def check_no_start(initial: Any) -> None:
    """Refuse starting points of a run that goes on."""
    if initial is not None:
        raise ValueError("initial must be left out: chains stand where the run to resume left them")


def _equal(a: Any, b: Any) -> bool:
    if not (is_array(a) and is_array(b)):
        return not (is_array(a) or is_array(b)) and a == b
    return a.shape == b.shape and bool(array_namespace(given=a, resume=b).all(a == b))


def score_function(prior: Any) -> Callable[..., Any]:
    score = getattr(prior, "score", prior)
    if not callable(score):
        raise TypeError(f"prior must have .score(x, sigma) or be that callable, got {prior!r}")
    return score


def check_heat_consistent(name: str, prior: Any) -> None:
    """Refuse scores that reverse diffusions cannot use: those of no one p with noise."""
    if not getattr(prior, "heat_consistent", True):
        raise TypeError(
            f"prior has heat_consistent = False, and {name} needs smoothed scores that one heat "
            "flow links: take posterior.split_gibbs, langevin, annealed_langevin with alpha= and "
            "smoothness=, or annealed_smc with initial="
        )


def key_of_draws(own: Key, prior: Any) -> Key:
    """What a prior's draws are seeded with.

    Priors of the library derive a stream of their own from the key of the run; those of a user
    may draw from it as it is, and would repeat the noise of the chains.
    """
    return own if isinstance(prior, Prior) else own.fold("initial")


def place(
    what: str, draw: Callable[..., Any], first_chain: int, remedy: str = "give initial="
) -> dict[str, int]:
    """`first_chain` as an argument of a user's draws, which need not know it where it is 0."""
    if not first_chain:
        return {}
    if not _takes(draw, first_chain=first_chain):
        raise TypeError(
            f"{what} must take first_chain= for a block of chains that starts at {first_chain}; "
            f"or {remedy}"
        )
    return {"first_chain": first_chain}


def check_takes_rng(what: str, draw: Callable[..., Any], *arguments: str) -> None:
    """Raise unless a prior's draws can be seeded; functions in C do not say."""
    if _takes(draw, *arguments, rng=None) is False:
        call = f"{what}({', '.join(arguments)}, rng=)"
        raise TypeError(f"{what} must be callable as {call}: every draw takes its seed")


def _takes(function: Callable[..., Any], *arguments: Any, **options: Any) -> bool | None:
    """Whether a function may be given these arguments, None where it does not say."""
    try:
        inspect.signature(function).bind_partial(*arguments, **options)
    except TypeError:
        return False
    except ValueError:
        return None
    return True
