"""The sweeps of `split_gibbs`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import is_numpy_namespace

from .._arguments import check_no_start, check_takes_rng, key_of_draws, place
from .._checks import flag, integer, number
from .._progress import reporter
from .._result import Result
from .._threads import Parts, n_kernel_threads
from .._xp import Array
from ..priors._base import Scored
from ._given_latent import InEigenbasis, given_latent
from ._likelihood import Likelihood
from ._problem import Problem
from ._running_moments import Moments
from ._split_start import start, strange_units

_LARGE = 2**12
"""Entries of events from which on chains run beside each other."""


@dataclass(frozen=True)
class State:
    """Flat chains after some sweeps, what was kept of them, and the sums of their means."""

    x: Array
    sweep: int
    kept: tuple[Array, ...]
    moments: Moments
    n_samples: int
    first_chain: int
    fixed: dict[str, Any]
    reasons: tuple[str, ...]


class Sampler:
    """The sweeps of a run."""

    def __init__(self, problem: Problem, n_chains: Any, thin: Any) -> None:
        self.problem = problem
        n = problem.n_samples
        self.n_chains = n if n_chains is None else integer("n_chains", n_chains, maximum=n)
        self.thin = integer("thin", thin)
        self.given = draws_of(problem)

    def couple(
        self, rho: Any, rho_max: Any, n_levels: Any, sweeps_per_level: Any, unbiased: Any
    ) -> None:
        """The coupling of every sweep, and whether the last one is without bias."""
        p = self.problem
        rho = None if rho is None else number("rho", rho, above=0.0)
        first = None if rho_max is None else number("rho_max", rho_max, above=0.0)
        levels, each = integer("n_levels", n_levels), integer("sweeps_per_level", sweeps_per_level)
        wanted = None if unbiased is None else flag("unbiased", unbiased)
        self.step = given_latent(p)
        limit = self.step.largest**-0.5
        last = limit if rho is None else rho
        first = 10 * last if first is None else number("rho_max", first, at_least=last)
        self.limit = checked_limit(self.step, last, limit, wanted)
        falling = np.repeat(np.geomspace(first, last, levels), each)
        self.n_falling = falling.size
        per_chain = -(-p.n_samples // self.n_chains)
        self.rho = np.concatenate([falling, np.full(per_chain * self.thin, last)])
        p.fix(rho=last, rho_max=first, n_levels=levels, sweeps_per_level=each, thin=self.thin)
        p.fix(n_chains=self.n_chains, unbiased=last <= self.limit)

    def start(self, initial: Any) -> State:
        """Where chains stand before the first sweep, or in the run to resume."""
        p = self.problem
        if p.resume is not None:
            check_no_start(initial)
            return p.resume.state
        x = start(p, initial, self.n_chains)
        reasons = strange_units(p, x)
        for reason in reasons:
            warnings.warn(f"split_gibbs: {reason}", RuntimeWarning, stacklevel=3)
        zero = Moments.zero(p.xp, x)
        return State(x, 0, (), zero, p.n_samples, p.first_chain, p.fixed, reasons)

    def advance(self, state: State) -> State:
        """Sweep by sweep to the last one, or until the user asks to stop."""
        p, likelihood = self.problem, Likelihood(self.problem)
        with self.parts(), reporter(p.progress, p.name) as report:
            while state.sweep < self.rho.size:
                state = self.sweep(state)
                numbers = {"rho": float(self.rho[state.sweep - 1])}
                if report.watched:
                    numbers["misfit"] = likelihood.misfit(likelihood.value(state.x))
                if report(state.sweep, self.rho.size, **numbers):
                    break
        return state

    def parts(self) -> Parts:
        """Chains beside each other where they are large and all code is the library's."""
        p, self._parts = self.problem, Parts(1)
        own = isinstance(p.prior, Scored) and isinstance(self.step, InEigenbasis)
        if own and p.d >= _LARGE and is_numpy_namespace(p.xp):
            self._parts = Parts(min(self.n_chains, n_kernel_threads()))
        return self._parts

    def sweep(self, state: State) -> State:
        """z given x, then x given z and y."""
        i, kept, moments = state.sweep, state.kept, state.moments
        rho = float(self.rho[i])

        def part(first: int, last: int) -> tuple[Array, Array, Array]:
            place = self.problem.first_chain + first
            z = self.latent(state.x[first:last, :], rho, i, place)
            return z, *self.step.draw(z, rho, i, rho <= self.limit, place)

        parts = zip(*self._parts(part, self.n_chains), strict=True)
        z, x, mean = (self.problem.xp.concat(a) if len(a) > 1 else a[0] for a in parts)
        if i >= self.n_falling:
            moments = moments.add(z, mean)
            if moments.n % self.thin == 0:
                kept = (*kept, z)
        return replace(state, x=x, sweep=i + 1, kept=kept, moments=moments)

    def latent(self, x: Array, rho: float, sweep: int, first_chain: int) -> Array:
        """Draws of z given x, with random numbers of this sweep."""
        p = self.problem
        own = key_of_draws(p.key.fold(f"sweep {sweep}"), p.prior)
        where = place("prior.sample_given", self.given, first_chain, "leave it out")
        z = self.given(p.shown(x), rho, rng=own, **where)
        if isinstance(p.prior, Scored):
            return p.xp.reshape(z, x.shape)
        return p.points("what prior.sample_given returns", z, x.shape[0])

    def result(self, state: State, started: float) -> Result:
        """The kept draws, with the means and the diagnostics."""
        p, n = self.problem, state.moments.n
        empty = p.xp.zeros((0, p.d), dtype=p.dtype, device=p.device)
        samples = p.xp.concat([empty, *state.kept])[: p.n_samples, :]
        return Result(
            samples=p.events(samples),
            method=p.name,
            n_score_evals=state.sweep * self.n_chains,
            n_rounds=state.sweep,
            seconds=time.perf_counter() - started,
            key=p.key,
            state=state,
            finished=state.sweep == self.rho.size,
            warnings=state.reasons,
            trace={"rho": self.rho[: state.sweep], **self._agreement(state)},
            stages=self._means(state) if n else {},
        )

    def _agreement(self, state: State) -> dict[str, np.ndarray]:
        if state.moments.n == 0:
            return {}
        return {"rhat": state.moments.rhat().reshape(self.problem.event_shape)}

    def _means(self, state: State) -> dict[str, Array]:
        p, sums = self.problem, state.moments

        def mean(total: Array) -> Array:
            return p.xp.astype(p.xp.mean(total, axis=0, keepdims=True) / sums.n, p.dtype)

        latent = p.events(mean(sums.latent))[0, ...]
        if self.rho[-1] <= self.limit:
            return {"mean": latent, "mean_z": latent}
        return {"mean": p.events(self.step.events(mean(sums.given)))[0, ...], "mean_z": latent}


def draws_of(problem: Problem) -> Callable[..., Array]:
    """The prior's draws given noisy points; of a `PatchProduct` those on a random grid."""
    given = getattr(problem.prior, "grid_sample_given", None)
    if given is not None and not hasattr(problem.prior, "sample_given"):
        return given
    given = problem.ability("sample_given", "split_gibbs draws from in every sweep")
    check_takes_rng("prior.sample_given", given, "x", "sigma")
    return given


def checked_limit(step: Any, rho: float, limit: float, unbiased: bool | None) -> float:
    """The largest coupling without bias, 0 for none."""
    possible = hasattr(step, "gram")
    limit = limit * (1 + 1e-6) if possible else 0.0
    if unbiased and not possible:
        raise ValueError("unbiased must be False: the operator has no eigenform")
    if unbiased and rho > limit:
        raise ValueError(
            f"rho must be at most {limit:.3g}, the noise over the norm of A, for unbiased=True, "
            f"got {rho:g}"
        )
    return 0.0 if unbiased is False else limit
