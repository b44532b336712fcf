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
from .._checks import integer
from .._progress import reporter
from .._result import Result
from .._threads import Parts, n_kernel_threads
from .._xp import Array
from ..priors._base import Scored
from ..priors._units import strange_start
from ._couplings import Couplings
from ._given_latent import BySolving, InEigenbasis
from ._likelihood import Likelihood
from ._problem import Problem
from ._running_moments import Moments
from ._split_start import start

_LARGE = 2**12
"""Entries of events from which on chains run beside each other, and are few by default."""

_FEW_CHAINS = 4

_ENOUGH, _APART = 100, 1.3
"""Sweeps from which on chains are asked to agree, and the R-hat above which they do not."""


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


@dataclass(frozen=True)
class Sampler:
    """The sweeps of a run: draws of the prior `given` noisy points, and of x by `step`."""

    problem: Problem
    given: Callable[..., Array]
    step: InEigenbasis | BySolving
    couplings: Couplings
    n_chains: int
    thin: int

    def start(self, initial: Any) -> State:
        """Where chains stand before the first sweep, or in the run to resume."""
        p = self.problem
        if p.resume is not None:
            check_no_start(initial)
            return p.resume.state
        x = start(p, initial, self.n_chains, self.step.largest)
        own = strange_start(p.prior, p.events(x)) if initial is not None else ()
        for reason in own:
            warnings.warn(f"split_gibbs: {reason}", RuntimeWarning, stacklevel=3)
        zero, reasons = Moments.zero(p.xp, x), (*p.reasons, *own)
        return State(x, 0, (), zero, p.n_samples, p.first_chain, p.fixed, reasons)

    def advance(self, state: State) -> State:
        """Sweep by sweep to the last one, or until the user asks to stop."""
        p, likelihood, rho = self.problem, Likelihood(self.problem), self.couplings.rho
        with self.parts() as parts, reporter(p.progress, p.name) as report:
            while state.sweep < rho.size:
                state = self.sweep(state, parts)
                numbers = {"rho": float(rho[state.sweep - 1])}
                if report.watched:
                    numbers["misfit"] = likelihood.misfit(likelihood.value(state.x))
                if report(state.sweep, rho.size, **numbers):
                    break
        return state

    def parts(self) -> Parts:
        """Chains beside each other where they are large and all code is the library's."""
        p = self.problem
        own = isinstance(p.prior, Scored) and isinstance(self.step, InEigenbasis)
        if own and p.d >= _LARGE and is_numpy_namespace(p.xp):
            return Parts(min(self.n_chains, n_kernel_threads()))
        return Parts(1)

    def sweep(self, state: State, parts: Parts) -> State:
        """z given x, then x given z and y."""
        i, kept, moments = state.sweep, state.kept, state.moments
        rho, unbiased = float(self.couplings.rho[i]), bool(self.couplings.unbiased[i])

        def part(first: int, last: int) -> tuple[Array, Array, Array]:
            place = self.problem.first_chain + first
            z = self.latent(state.x[first:last, :], rho, i, place)
            return z, *self.step.draw(z, rho, i, unbiased, place)

        columns = zip(*parts(part, self.n_chains), strict=True)
        z, x, mean = (self.problem.xp.concat(a) if len(a) > 1 else a[0] for a in columns)
        if i >= self.couplings.n_falling:
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
        apart = self._apart(state)
        for reason in apart:
            warnings.warn(f"split_gibbs: {reason}", RuntimeWarning, stacklevel=3)
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
            finished=state.sweep == self.couplings.rho.size,
            warnings=(*state.reasons, *apart),
            trace=self._trace(state),
            stages=self._means(state) if n else {},
        )

    def _apart(self, state: State) -> tuple[str, ...]:
        """A reason to distrust samples, where chains have had time to agree and do not."""
        if state.moments.n < _ENOUGH or self.n_chains < 2:
            return ()
        rhat = float(np.mean(state.moments.rhat()))
        if rhat <= _APART:
            return ()
        return (
            f"chains disagree: R-hat is {rhat:.3g} on average, and near 1 where they agree: run "
            "longer (thin, n_samples), or give a larger rho, about half a posterior deviation",
        )

    def _trace(self, state: State) -> dict[str, np.ndarray]:
        c, n = self.couplings, state.sweep
        trace = {"rho": c.rho[:n], "unbiased": c.unbiased[:n]}
        if state.moments.n:
            trace["rhat"] = state.moments.rhat().reshape(self.problem.event_shape)
        return trace

    def _means(self, state: State) -> dict[str, Array]:
        p, sums = self.problem, state.moments

        def mean(total: Array) -> Array:
            return p.xp.astype(p.xp.mean(total, axis=0, keepdims=True) / sums.n, p.dtype)

        latent = p.events(mean(sums.latent))[0, ...]
        if self.couplings.unbiased[-1]:
            return {"mean": latent, "mean_z": latent}
        return {"mean": p.events(self.step.events(mean(sums.given)))[0, ...], "mean_z": latent}


def number_of_chains(problem: Problem, n_chains: Any) -> int:
    """Those asked for; else one for every sample, but few of large events."""
    n = problem.n_samples
    if n_chains is None:
        return n if problem.d < _LARGE else min(n, _FEW_CHAINS)
    return integer("n_chains", n_chains, maximum=n)


def draws_of(problem: Problem) -> Callable[..., Array]:
    """The prior's draws given noisy points; of a `PatchProduct` those on a random grid."""
    given = getattr(problem.prior, "grid_sample_given", None)
    if given is not None and not hasattr(problem.prior, "sample_given"):
        return given
    given = problem.ability("sample_given", "split_gibbs draws from in every sweep")
    check_takes_rng("prior.sample_given", given, "x", "sigma")
    return given
