"""The laws that every prior keeps at single points."""

from __future__ import annotations

import numpy as np

from .._xp import Array, flatten_events
from ._case import compare, host, same_kind, shape_of
from ._differences import Estimate
from ._law import KEPT, Gap, Law, broken, enact, worst
from ._prior_case import PriorCase
from ._prior_derivatives import along, change_of_density, change_of_score, unit
from ._problem import simulate

__all__ = ["PRIOR_LAWS"]

PRIOR_LAWS: dict[str, Law] = {}
"""Laws of priors by name, in the order in which `check_prior` tests them."""


@enact(PRIOR_LAWS)
def shapes(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """Results have the shapes of their points, one or many, and are finite."""

    def gap(x: Array, v: Array) -> Gap:
        return worst(
            shape_of(name, value, (x.shape[0],) if name == "log_density" else tuple(x.shape))
            for name, value in case.results(x, sigma, v).items()
        )

    return worst([gap(x, v), gap(x[:1, ...], v[:1, ...])])


@enact(PRIOR_LAWS)
def dtype_and_namespace(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """Results are arrays of the namespace, device and precision of their points."""
    gaps = []
    for dtype in (case.xp.float32, case.xp.float64):
        points, vectors = (case.xp.astype(a, dtype) for a in (x, v))
        results = case.results(points, sigma, vectors)
        gaps += [same_kind(name, value, points) for name, value in results.items()]
    return worst(gaps)


@enact(PRIOR_LAWS)
def inputs_untouched(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """Arrays that come in are not written to."""
    before = host(x).copy(), host(v).copy()
    case.results(x, sigma, v)
    after = host(x), host(v)
    if all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
        return KEPT
    return broken("x or v was changed")


@enact(PRIOR_LAWS)
def rows_are_independent(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """A point's result depends neither on the other points of the batch nor on their order."""
    together = case.results(x, sigma, v)
    reversed_rows = case.results(case.xp.flip(x, axis=0), sigma, case.xp.flip(v, axis=0))
    first = case.results(x[:1, ...], sigma, v[:1, ...])
    gaps = []
    for name, value in together.items():
        allowed = case.rtol * (float(case.xp.max(case.xp.abs(value))) + 1e-3)
        back = case.xp.flip(reversed_rows[name], axis=0)
        gaps.append(compare(back, value, allowed, f"{name} in reversed order", "in order"))
        gaps.append(compare(first[name], value[:1, ...], allowed, f"{name} alone", "in the batch"))
    return worst(gaps)


@enact(PRIOR_LAWS)
def noise_level_per_point(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """An array of noise levels is one level for each point."""
    xp = case.xp
    levels = [sigma * (1 + i) for i in range(x.shape[0])]
    together = case.results(x, case.make(np.asarray(levels)), v)
    gaps = []
    for i, level in enumerate(levels):
        alone = case.results(x[i : i + 1, ...], level, v[i : i + 1, ...])
        for name, value in together.items():
            allowed = case.rtol * (float(xp.max(xp.abs(value))) + 1e-3)
            row = value[i : i + 1, ...]
            gaps.append(compare(row, alone[name], allowed, f"{name}, an array", "a number"))
    return worst(gaps)


@enact(PRIOR_LAWS)
def finite_far_away(case: PriorCase, x: Array, sigma: float) -> Gap:
    """A thousand standard deviations away the score is finite."""
    centre = case.make(case.points.mean(axis=0))
    return shape_of("score", case.score(centre + 1000 * (x - centre), sigma), tuple(x.shape))


@enact(PRIOR_LAWS, "denoise")
def denoiser(case: PriorCase, x: Array, sigma: float) -> Gap:
    """The denoiser is x + sigma^2 score(x, sigma)."""
    score = case.score(x, sigma)
    scale = case.rtol * sigma**2 * case.size(x, sigma, score)
    rounding = 100 * case.make.eps * case.xp.max(case.xp.abs(flatten_events(x, case.xp)), axis=1)
    got, want = case.prior.denoise(x, sigma), x + sigma**2 * score
    return compare(got, want, scale + rounding, "denoise", "x + sigma^2 score")


@enact(PRIOR_LAWS, "log_density")
def score_of_density(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """The score is the gradient of the log density."""
    xp, u = case.xp, unit(case.xp, v)
    score = case.score(x, sigma)
    slope = along(case, lambda y: case.prior.log_density(y, sigma)[:, None], x, u, sigma)
    got = xp.sum(flatten_events(score * u, xp), axis=1, keepdims=True)
    allowed = case.rtol * case.size(x, sigma, score) + slope.error
    return compare(got, slope.value, allowed, "score along v", "the slope of log_density")


@enact(PRIOR_LAWS)
def score_is_a_gradient(case: PriorCase, x: Array, sigma: float, v: Array, w: Array) -> Gap:
    """The Jacobian of the score is symmetric."""
    xp, v, w = case.xp, unit(case.xp, v), unit(case.xp, w)
    by_v, by_w = (along(case, lambda y: case.score(y, sigma), x, u, sigma) for u in (v, w))
    got = xp.sum(by_v.value * flatten_events(w, xp), axis=1, keepdims=True)
    want = xp.sum(by_w.value * flatten_events(v, xp), axis=1, keepdims=True)
    scale = xp.max(xp.abs(by_v.value), axis=1) + xp.max(xp.abs(by_w.value), axis=1)
    allowed = case.rtol * scale + _length(case, by_v) + _length(case, by_w)
    return compare(got, want, allowed, "w' J v", "v' J w")


@enact(PRIOR_LAWS, "heat")
def heat_flow(case: PriorCase, x: Array, sigma: float) -> Gap:
    """Noise levels belong together: ds/d(sigma^2) = 1/2 grad(div s + |s|^2)."""
    if sigma == 0:
        return KEPT
    got, want = change_of_score(case, x, sigma)
    return _flow(case, got, want, "ds/d(sigma^2)", "1/2 grad(div s + |s|^2)")


@enact(PRIOR_LAWS, "heat", "log_density")
def heat_flow_of_density(case: PriorCase, x: Array, sigma: float) -> Gap:
    """Densities belong together: d log p/d(sigma^2) = 1/2 (div s + |s|^2)."""
    if sigma == 0:
        return KEPT
    got, want = change_of_density(case, x, sigma)
    return _flow(case, got, want, "d log p/d(sigma^2)", "1/2 (div s + |s|^2)")


@enact(PRIOR_LAWS, "denoise", "denoise_vjp")
def jacobian_product(case: PriorCase, x: Array, sigma: float, v: Array, w: Array) -> Gap:
    """denoise_vjp(x, sigma, w) is w times the Jacobian of the denoiser."""
    xp, v, w = case.xp, unit(case.xp, v), unit(case.xp, w)
    slope = along(case, lambda y: case.prior.denoise(y, sigma), x, v, sigma)
    product = case.prior.denoise_vjp(x, sigma, w)
    got = xp.sum(flatten_events(product * v, xp), axis=1, keepdims=True)
    want = xp.sum(slope.value * flatten_events(w, xp), axis=1, keepdims=True)
    scale = 1 + xp.max(xp.abs(flatten_events(product, xp)), axis=1)
    allowed = case.rtol * scale + _length(case, slope)
    return compare(got, want, allowed, "denoise_vjp(w) along v", "w' dD/dv")


@enact(PRIOR_LAWS, "posterior", "log_density", "density")
def bayes(case: PriorCase, x: Array) -> Gap:
    """The posterior's density is that of the prior times the likelihood over the evidence."""
    problem = simulate(case.prior, case.points[0], case.width, case.make)
    posterior = problem.posterior()
    joint = case.prior.log_density(x, 0.0) + problem.measurement.log_likelihood(x, problem.y)
    evidence = getattr(posterior, "log_evidence", None)
    if evidence is None:
        evidence = (joint - posterior.log_density(x, 0.0))[:1]
    got, want = posterior.log_density(x, 0.0), joint - evidence
    allowed = 10 * case.rtol * (1 + case.xp.abs(joint))
    density = compare(got, want, allowed, "log p(x | y)", "log p(x) p(y | x) / p(y)")
    score = case.score(x, 0.0) + problem.measurement.log_likelihood_grad(x, problem.y)
    allowed = 10 * case.rtol * case.size(x, 0.0, score)
    posterior_score = posterior.score(x, 0.0)
    return worst([density, compare(posterior_score, score, allowed, "its score", "the sum")])


def _flow(case: PriorCase, got: Estimate, want: Estimate, name: str, against: str) -> Gap:
    xp = case.xp
    scale = xp.max(xp.abs(got.value), axis=1) + xp.max(xp.abs(want.value), axis=1)
    allowed = case.rtol * scale + got.error + want.error
    return compare(got.value, want.value, allowed, name, against)


def _length(case: PriorCase, estimate: Estimate) -> Array:
    """An error of entries as one of their product with a unit vector."""
    return estimate.error * estimate.value.shape[1] ** 0.5
