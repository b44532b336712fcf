"""The knobs of `annealed_smc`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .._checks import choice, flag, integer, number
from .._xp import is_array
from ._moves_by_name import ADJUSTED, MOVES, UNADJUSTED
from ._problem import Problem

_DRAWS_PER_PARTICLE, _MOST_DRAWN = 100, 2**24
"""How many prior draws to weigh at the start, and how many numbers they may be."""

_FEWEST_PARTICLES, _SPARE = 2500, 4
"""Particles that the weights of modes need, and one more for every so many samples."""


@dataclass(frozen=True)
class Options:
    """What the arguments of `annealed_smc` of the same names come to."""

    n_particles: int
    n_initial: int
    ess_threshold: float
    kernel: str
    metropolis: bool
    acceptance: float
    stop: float
    final_stop: float
    max_moves: int
    n_chains: int

    def check_resumed(self, stopped: Options) -> None:
        """Raise unless a run that goes on has the options that it began with."""
        before = asdict(stopped)
        for name, value in asdict(self).items():
            if name != "n_initial" and value != before[name]:
                raise ValueError(
                    f"{_ARGUMENTS.get(name, name)} must be as in the run to resume, where "
                    f"{name} was {before[name]!r}, got {value!r}"
                )


_ARGUMENTS = {"n_chains": "waste_free"}


def _checked_n_initial(problem: Problem, initial: Any, n_initial: Any, n_particles: int) -> int:
    """Those given; else a hundred a particle of a prior that has draws, as far as memory allows."""
    wanted = None if n_initial is None else integer("n_initial", n_initial, minimum=2)
    given = _length(initial)
    if given is not None and given < 2:
        raise ValueError(f"initial must have at least 2 points, got {given}")
    if given and wanted and given != wanted:
        raise ValueError(f"n_initial must be the {given} points of initial, got {wanted}")
    if known := given or wanted:
        return known
    if initial is not None:
        return n_particles
    return max(n_particles, min(_DRAWS_PER_PARTICLE * n_particles, _MOST_DRAWN // problem.d))


def _length(initial: Any) -> int | None:
    """The number of points, None where they are still to be drawn."""
    if isinstance(initial, list):
        return len(initial)
    return initial.shape[0] if is_array(initial) and initial.ndim else None


def checked_options(
    problem: Problem,
    initial: Any,
    n_particles: Any,
    n_initial: Any,
    ess_threshold: Any,
    kernel: Any,
    metropolis: Any,
    acceptance: Any,
    stop: Any,
    final_stop: Any,
    max_moves: Any,
    waste_free: Any,
) -> Options:
    if n_particles is None:
        spare = problem.n_samples // _SPARE if waste_free is None else 0
        n_particles = max(problem.n_samples + spare, _FEWEST_PARTICLES)
    n_particles = integer("n_particles", n_particles, minimum=max(2, problem.n_samples))
    n_chains = n_particles if waste_free is None else integer("waste_free", waste_free)
    if n_particles % n_chains:
        raise ValueError(f"waste_free must divide n_particles={n_particles}, got {n_chains}")
    choice("kernel", kernel, (*MOVES, "prior_local"))
    if metropolis is None:
        metropolis = kernel in ADJUSTED or hasattr(problem.prior, "log_density")
        metropolis = metropolis and kernel not in UNADJUSTED
    if flag("metropolis", metropolis) and kernel in UNADJUSTED:
        raise ValueError(f"metropolis must be False, or left out, for kernel={kernel!r}")
    return Options(
        n_particles,
        _checked_n_initial(problem, initial, n_initial, n_particles),
        number("ess_threshold", ess_threshold, above=0.0, at_most=0.999),
        kernel,
        metropolis,
        number("acceptance", acceptance, above=0.0, at_most=0.999),
        number("stop", stop, above=0.0),
        number("final_stop", final_stop, above=0.0),
        integer("max_moves", max_moves, minimum=4),
        n_chains,
    )
