"""A run of chains: the prior they see, their shape and key, and checks of what users wrote."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ._arguments import (
    check_takes_rng,
    check_unchanged,
    checked_resume,
    key_of_draws,
    place,
    resumed_key,
    resumed_place,
    score_function,
)
from ._checks import chain, instance, integer
from ._progress import check_progress
from ._result import Result
from ._xp import (
    Array,
    array_namespace,
    as_batch,
    device_of,
    flatten_events,
    is_array,
    is_within,
    largest_square_root,
    size,
)
from .priors import GaussianMixture
from .priors._base import Prior, Scored
from .random import Key, key


class Run:
    """A prior and flat batches `(n, d)` of one kind, as a sampler sees them.

    Everything a user wrote is called through this class, which counts the calls of the score and
    refuses what comes back wrong. `stream` names the random numbers, where that is not `name`;
    a run that is not `scored` does without the prior's score.
    """

    def __init__(
        self,
        name: str,
        prior: Any,
        event_shape: tuple[int, ...],
        rng: Any,
        *,
        like: Array,
        like_name: str = "like",
        n_samples: Any = 1,
        resume: Result | None = None,
        progress: Any = False,
        first_chain: Any = 0,
        stream: str | None = None,
        scored: bool = True,
    ) -> None:
        self.name, self.prior = name, instance("prior", prior)
        self.unit = "chain" if scored else "proposal"
        check_progress(progress)
        self.progress, self.resume = progress, resume
        self.stream = name if stream is None else stream
        if resume is None:
            self.key: Key = key(rng).fold(self.stream)
        else:
            self.key = resumed_key(self.stream, rng, checked_resume(name, resume))
        self.fixed: dict[str, Any] = {}
        self.n_samples = integer("n_samples", n_samples)
        self.first_chain = chain("first_chain", first_chain)
        self.like, self.like_name = like, like_name
        xp: ModuleType = array_namespace(like=like)
        self.xp, self.device = xp, device_of(like)
        self.dtype = xp.float32 if like.dtype in (xp.float32, xp.complex64) else xp.float64
        self.event_shape, self.d = event_shape, size(event_shape)
        if resume is not None:
            self.n_samples, self.first_chain = resumed_place(self, resume)
        self._score: Any = score_function(prior) if scored else None
        self._limit = prior._limit if isinstance(prior, Scored) else largest_square_root
        self.n_score_evals = 0
        self.n_rounds = 0

    def score(self, x: Array, sigma: Any = 0.0, step: int | None = None) -> Array:
        """The prior's score at flat points, checked."""
        self.n_score_evals += x.shape[0]
        self.n_rounds += 1
        return self.returned("prior.score", self._score(self.shown(x), sigma), x, step)

    def checked_score(self) -> Callable[[Array, Any], Array]:
        """The prior's score on batches of events, checked but not counted."""
        score, xp = self._score, self.xp

        def checked(x: Array, sigma: Any) -> Array:
            flat = flatten_events(x, xp)
            return self.events(self.returned("prior.score", score(self.shown(flat), sigma), flat))

        return checked

    def ability(self, name: str, wanted_for: str) -> Callable[..., Any]:
        """A method of the prior, or a TypeError that says which one is missing."""
        method = getattr(self.prior, name, None)
        if method is None:
            raise TypeError(f"prior has no .{name}, which {wanted_for}")
        return method

    def fix(self, **arguments: Any) -> None:
        """Keep arguments that must stay as they are when the run goes on, or are refused."""
        if self.resume is not None:
            check_unchanged(self.resume, **arguments)
        self.fixed |= {
            name: self.xp.asarray(value, copy=True) if is_array(value) else value
            for name, value in arguments.items()
        }

    def initial(self, initial: Any, n: int, *, first_chain: int = 0) -> Array:
        """The starting points `(n, d)`: what the user gave, else draws from the prior."""
        name = "initial"
        if initial is None:
            name = "what prior.sample returns"
            draw = self.ability("sample", f"{self.name} starts from: give initial= instead")
            check_takes_rng("prior.sample", draw, "n")
            options = {"like": self.like} if isinstance(self.prior, Prior) else {}
            options |= place("prior.sample", draw, first_chain)
            start = draw(n, rng=key_of_draws(self.key, self.prior), **options)
        elif callable(initial):
            start = initial(n, **place("initial", initial, first_chain, "be an array"))
        else:
            return self.points(name, initial, n)
        return self.drawn(name, start, n)

    def drawn(self, name: str, draws: Any, n: int) -> Array:
        """n points that a function of a user drew, checked, as flat rows."""
        if isinstance(draws, tuple):  # scikit-learn's make_* functions return (X, labels)
            raise TypeError(f"{name} must be one array, got a tuple of {len(draws)}")
        return self.points(name, draws, n)

    def draws_given(
        self, prior: Any, x: Array, sigma: float, first_chain: int, remedy: str = "give initial="
    ) -> Array:
        """Draws (n, d) that a prior makes of noisy events, x = draw + sigma z."""
        given = prior.sample_given
        check_takes_rng("prior.sample_given", given, "x", "sigma")
        where = place("prior.sample_given", given, first_chain, remedy)
        draws = given(x, sigma, rng=key_of_draws(self.key, prior), **where)
        return self.points("what prior.sample_given returns", draws, x.shape[0])

    def points(self, name: str, value: Any, n: int) -> Array:
        """n points of a user, checked, as flat rows."""
        like = {"xp": self.xp, "dtype": self.dtype, "device": self.device}
        points = as_batch(name, value, self.event_shape, **like)
        if points.shape[0] != n:
            raise ValueError(f"{name} must have {n} points, got {points.shape[0]}")
        return flatten_events(points, self.xp)

    def localize(self, prior: Any) -> None:
        """Put another prior in place of the one given."""
        self.prior, self._score = prior, prior.score

    def events(self, x: Array) -> Array:
        """A flat batch in the shape of events."""
        return self.xp.reshape(x, (x.shape[0], *self.event_shape))

    def shown(self, x: Array) -> Array:
        """A flat batch as events for a function of the user, who may not write to chains."""
        return self.unwritable(self.events(x))

    def unwritable(self, array: Array) -> Array:
        """The array itself, or a view of it that cannot be written to."""
        if isinstance(array, np.ndarray):
            array = array.view()
            array.flags.writeable = False
        return array

    def check_chains(self, x: Array, step: int) -> Array:
        """`x` itself, or an error that names the first chain whose squares would overflow."""
        limit = self._limit(x, self.xp)
        if is_within(x, -limit, limit, self.xp):
            return x
        chain = self._first_not(self.xp.all(self.xp.abs(x) <= limit, axis=1))
        if chain is not None:
            raise ValueError(
                f"{self.name} diverged by step {step}, {self.unit} {chain}: the step size is too "
                "large for this prior and noise"
            )
        return x

    def values(self, what: str, value: Any, x: Array, first: int | None = None) -> Array:
        """What a user's function gave for each of the points, (n,); -inf where that is zero."""
        value = self._array(what, value, x, (x.shape[0],))
        chain = self._first_not(value < self.xp.inf, first)
        if chain is not None:
            raise ValueError(f"{what} returned NaN or +infinity at {self.unit} {chain}")
        return value

    def returned(
        self, what: str, value: Any, x: Array, step: int | None = None, ignore: Array | None = None
    ) -> Array:
        """What a user's function gave for the flat points, as finite flat vectors.

        At points to ignore it may be anything, and is zero.
        """
        xp = self.xp
        flat = flatten_events(self._array(what, value, x, (x.shape[0], *self.event_shape)), xp)
        if ignore is not None:
            flat = xp.where(ignore[:, None], xp.zeros_like(flat), flat)
        chain = self._first_not(xp.all(xp.isfinite(flat), axis=1))
        if chain is not None:
            where = f"{self.unit} {chain}"
            where = where if step is None else f"step {step}, {where}"
            raise ValueError(f"{what} returned NaN or infinity at {where}")
        return flat

    def _array(self, what: str, value: Any, x: Array, shape: tuple[int, ...]) -> Array:
        if not is_array(value) or array_namespace(value=value) is not self.xp:
            raise TypeError(f"{what} must return an array of the same type as its input")
        if tuple(value.shape) != shape:
            raise ValueError(f"{what} must return shape {shape}, got {tuple(value.shape)}")
        if not self.xp.isdtype(value.dtype, ("real floating", "integral")):
            raise TypeError(f"{what} must return real numbers, got {value.dtype}")
        return value if value.dtype == x.dtype else self.xp.astype(value, x.dtype)

    def _first_not(self, fine: Array, first: int | None = None) -> int | None:
        """The first chain that is not fine, as the user counts them from `first` on."""
        if bool(self.xp.all(fine)):
            return None
        first = self.first_chain if first is None else first
        return first + int(self.xp.argmin(self.xp.astype(fine, self.xp.int8)))


def is_mixture(prior: Any) -> bool:
    """Whether the prior's score has fused kernels: that of a subclass may be another one."""
    return isinstance(prior, GaussianMixture) and type(prior).score is GaussianMixture.score
