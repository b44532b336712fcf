"""Smoothed mixtures against dense formulas in 100 digits: every form, where floats find it hard."""

import itertools

import mpmath
import numpy as np
import pytest
from accuracy import assert_accurate, dot
from mixture_cases import (
    FORMS,
    MEANS,
    WEIGHTS,
    D,
    dense,
    log_or_zero,
    mixture,
    oracle,
    parameters,
    softmax,
    solve,
)

import diffpost_np as dp

LEVELS = [0.0, 1e-6, 1e-3, 0.3, 40.0, 1e4, 1e6]
V = np.array([0.8, -0.35, 0.5])
FAR = 1e8
CASES = [
    *itertools.product(["plain", "graded", "tight", "wide"], [0.0]),
    ("plain", FAR),
    ("graded", FAR),
]
"""Spectra of the covariances, and how far from the origin the means are."""


def places(means):
    """Near a mean, between two, beside them and anywhere far away, near the origin."""
    a, b = means[1:]
    return np.stack(
        [
            a + [0.4, -0.3, 0.1],
            a + 0.45 * (b - a),
            a + 0.45 * (b - a) + [FAR, 0, 0],
            [0.3 * FAR, -FAR, 0.5 * FAR],
            [1e-3, 2e-3, -1e-3],
        ]
    )


def visits(dtype=np.float64):
    """Every noise level at two places of the five, in float32 at one."""
    steps = (0, 2) if dtype == np.float64 else (2,)
    return [(sigma, (i + j) % 5) for i, sigma in enumerate(LEVELS) for j in steps]


def smoothed(form, given):
    """Score, denoiser, its Jacobian's product with v, and log density at one point."""
    x, v, s2 = given["x"], given["v"], given["sigma"][()] ** 2
    logs, scores, within = [], [], []
    for w, mean, c in zip(given["weights"], given["means"], dense(form, given), strict=True):
        both = np.stack([x - mean, v], axis=1)
        solved, det = solve(c + s2 * np.eye(D, dtype=int), both)
        logs.append(log_or_zero(w) - (dot(x - mean, solved[:, 0]) + mpmath.log(det)) / 2)
        scores.append(-solved[:, 0])
        within.append(c.dot(solved[:, 1]))
    r, log_sum = softmax(logs)
    score = sum(a * b for a, b in zip(r, scores, strict=True))
    gaps = [s - score for s in scores]
    return {
        "score": score,
        "denoise": x + s2 * score,
        "denoise_vjp": sum(
            a * (g + s2 * gap * dot(gap, v)) for a, g, gap in zip(r, within, gaps, strict=True)
        ),
        "log_density": log_sum - D * mpmath.log(2 * mpmath.pi) / 2,
    }


def computed(prior, name, x, sigma, v):
    arguments = (x[None], sigma, v[None]) if name == "denoise_vjp" else (x[None], sigma)
    return getattr(prior, name)(*arguments)[0]


def turns_on_the_last_bit(name, x, means):
    """In float32, which component a point far from all belongs to, and the Jacobian with it."""
    return name == "denoise_vjp" and x.dtype == np.float32 and abs(x - means[1]).max() > 1e6


def inputs(form, spectrum, shift, dtype):
    """A mixture, and what it is made of."""
    means, weights = (MEANS + shift).astype(dtype), WEIGHTS.astype(dtype)
    parts = parameters(form, spectrum, dtype)
    given = {"means": means, "weights": weights, "v": V.astype(dtype), **parts}
    return mixture(form, parts, means, weights), given


@pytest.mark.parametrize(("spectrum", "shift"), CASES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_accuracy_against_100_digits(form, spectrum, shift, dtype):
    if dtype == np.float32 and form in ("full", "tied") and spectrum != "plain":
        pytest.skip("rounded to float32 the matrix is not positive definite")
    prior, given = inputs(form, spectrum, shift, dtype)
    for sigma, place in visits(dtype):
        x, level = places(given["means"])[place].astype(dtype), dtype(sigma)
        for name in ("score", "denoise", "log_density", "denoise_vjp"):
            if turns_on_the_last_bit(name, x, given["means"]):
                continue
            with dp.reference():
                value = computed(prior, name, x, level, given["v"])
            assert value.dtype == dtype
            exact, what = oracle(smoothed, form, name), f"{name} at place {place}"
            assert_accurate(value, exact, what=what, x=x, sigma=level, **given)


@pytest.mark.parametrize("spectrum", ["plain", "tight", "wide"])
@pytest.mark.parametrize("form", FORMS)
def test_kernels_are_as_accurate(form, spectrum):
    """Within twice the bar where terms of very different size meet, for speed."""
    prior, given = inputs(form, spectrum, 0.0, np.float64)
    for sigma, place in visits():
        x = places(given["means"])[place]
        for name in ("score", "log_density"):
            value, exact = computed(prior, name, x, sigma, V), oracle(smoothed, form, name)
            assert_accurate(value, exact, what=name, factor=200, x=x, sigma=sigma, **given)


def test_one_component_is_the_gaussian():
    given = inputs("full", "plain", 0.0, np.float64)[1]
    gaussian = dp.priors.Gaussian(given["means"][1], given["covs"][1])
    alone = dp.priors.GaussianMixture([0.0, 1.0, 0.0], given["means"], given["covs"])
    x = places(given["means"])[[0, 1, 4]]
    for name in ("score", "denoise", "log_density"):
        for sigma in LEVELS:
            expected, value = (getattr(p, name)(x, sigma) for p in (alone, gaussian))
            np.testing.assert_allclose(value, expected, atol=1e-13 * abs(expected).max())
