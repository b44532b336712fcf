"""Moves for mixtures under a linear Gaussian measurement: Gibbs over component and point."""

from __future__ import annotations

from .._xp import Array
from ..measurement import LinearGaussian
from ..priors import GaussianMixture
from ..priors._mixture_draws import choose, draw_chosen
from ._problem import Problem


def check_conjugate(problem: Problem) -> None:
    """Refuse what these moves cannot do."""
    if not isinstance(problem.prior, GaussianMixture):
        raise TypeError(
            f"kernel='prior_local' needs a GaussianMixture, got {type(problem.prior).__name__}"
        )
    if problem.linear().noise_std is None:
        raise TypeError("kernel='prior_local' needs noise_std, not noise_cov")


def tempered_posterior(problem: Problem, beta: float) -> GaussianMixture:
    """The posterior with the likelihood to the power beta."""
    measurement = problem.linear()
    tempered = LinearGaussian(measurement.operator, measurement.noise_std / beta**0.5)
    return problem.prior.posterior(tempered, problem.y)


def redraw(problem: Problem, tempered: GaussianMixture, x: Array, step: int) -> Array:
    """A component given the point, then a point given the component; both exact."""
    weights = problem.prior.responsibilities(problem.events(x))
    problem.n_score_evals += x.shape[0]
    problem.n_rounds += 1
    key = problem.key.fold(f"prior_local {step}")
    chosen = choose(problem.xp, weights, key)
    return draw_chosen(problem.xp, tempered.tables(x.dtype), chosen, key)
