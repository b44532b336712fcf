"""The laws of what priors draw: tests with a stated probability of a false alarm."""

from __future__ import annotations

import numpy as np

from .._xp import Array, flatten_events
from ..random import normal
from ._case import host, same_kind, shape_of
from ._law import KEPT, Gap, broken, enact, worst
from ._prior_case import PriorCase
from ._prior_derivatives import unit
from ._prior_laws import PRIOR_LAWS
from ._statistics import normal_quantile

__all__: list[str] = []


@enact(PRIOR_LAWS, "sample")
def sample_obeys_rng(case: PriorCase) -> Gap:
    """sample(n, rng=) returns n events, the same for one seed and others for another."""
    first, again, other = (host(case.prior.sample(5, rng=seed)) for seed in (0, 0, 1))
    if not np.array_equal(first, again):
        return broken("two calls with rng=0 differ")
    if np.array_equal(first, other) and not np.array_equal(first[0], first[-1]):
        return broken("rng=0 and rng=1 give the same draws")
    return shape_of("sample(5)", first, (5, *case.event_shape))


@enact(PRIOR_LAWS, "sample")
def score_of_draws(case: PriorCase, sigma: float) -> Gap:
    """The score belongs to the draws: E[(z + sigma s(x + sigma z, sigma)) g(x + sigma z)] = 0."""
    if sigma == 0:
        return KEPT
    x = case.make(host(case.prior.sample(case.n_draws, rng=case.key)))
    z = normal(case.key.fold("testing"), x.shape, like=x)
    noisy = x + sigma * z
    pull = sigma * case.score(noisy, sigma)
    pull, residual, noisy = (host(flatten_events(a, case.xp)) for a in (pull, z + pull, noisy))
    standard = (noisy - noisy.mean(axis=0)) / (noisy.std(axis=0) + 1e-30)
    tests = {
        "1": np.ones_like(standard),
        "sigma s": pull,
        "tanh of the standardised entry": np.tanh(standard),
    }
    return worst(
        _mean_is_zero(case, residual * g, 1.0, f"with g = {name}", 3 * len(case.noise_levels))
        for name, g in tests.items()
    )


@enact(PRIOR_LAWS, "sample_given")
def sample_given_obeys_rng(case: PriorCase, x: Array, sigma: float) -> Gap:
    """sample_given(x, sigma, rng=) returns an event for each point, the same for one seed."""
    if sigma == 0:
        return KEPT
    first, again = (case.prior.sample_given(x, sigma, rng=0) for _ in range(2))
    if not np.array_equal(host(first), host(again)):
        return broken("two calls with rng=0 differ")
    kind = same_kind("sample_given", first, x)
    return worst([kind, shape_of("sample_given", first, tuple(x.shape))])


@enact(PRIOR_LAWS, "sample_given", "denoise")
def draws_given_noisy_point(case: PriorCase, x: Array, sigma: float, v: Array) -> Gap:
    """sample_given has the denoiser as mean and sigma^2 times its Jacobian as covariance."""
    if sigma == 0:
        return KEPT
    xp, n = case.xp, case.n_draws
    point, u = x[:1, ...], unit(xp, v[:1, ...])
    copies = xp.broadcast_to(point, (n, *case.event_shape)) + xp.zeros((n, *(1,) * (x.ndim - 1)))
    draws = case.prior.sample_given(copies, sigma, rng=case.key)
    mean = case.prior.denoise(point, sigma)
    deviation = flatten_events(draws - mean, xp)
    n_tests = 2 * len(case.noise_levels)
    gaps = [_mean_is_zero(case, host(deviation), sigma, "mean of draws minus denoise", n_tests)]
    if hasattr(case.prior, "denoise_vjp"):
        flat_u = flatten_events(u, xp)
        product = flatten_events(case.prior.denoise_vjp(point, sigma, u), xp)
        variance = sigma**2 * float(xp.sum(product * flat_u))
        square = xp.sum(deviation * flat_u, axis=1, keepdims=True) ** 2 - variance
        what = "mean square along v minus sigma^2 v' J v"
        gaps.append(_mean_is_zero(case, host(square), sigma**2, what, n_tests))
    return worst(gaps)


def _mean_is_zero(case: PriorCase, values: np.ndarray, size: float, what: str, n_tests: int) -> Gap:
    """A z-test of every column of (n, k), at the false alarm of all tests together.

    Bernstein's term allows for deviations up to six times `size` that are too rare to be seen.
    """
    n, k = values.shape
    quantile = normal_quantile(case.false_alarm / (n_tests * k))
    means, stds = values.mean(axis=0, dtype=float), values.std(axis=0, dtype=float)
    allowed = quantile * stds / np.sqrt(n) + quantile**2 * 6 * size / (3 * n)
    column = int(np.argmax(np.abs(means) / allowed))
    note = f"{what}, entry {column}: mean {means[column]:.4g} over {n} draws"
    return Gap(abs(float(means[column])), float(allowed[column]), note)
