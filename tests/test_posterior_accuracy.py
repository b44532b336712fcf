"""Conjugate posteriors of mixtures against dense formulas in 100 digits."""

import mpmath
import numpy as np
import pytest
from accuracy import assert_accurate, dot
from mixture_cases import (
    FORMS,
    MEANS,
    SPECTRA,
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

WIDE = np.array([[1.0, 0.5, -0.25], [0.25, -1.0, 2.0]])
TALL = np.concatenate([WIDE, [[0.5, 0.25, -1.0], [1.0, 1.0, 1.0]]])
KEEP = np.array([True, False, True])
BLUR = np.array([0.25, 0.5, 0.125])
CASES = {"wide": (1e-6, 0.5), "tall": (1e-6, 1e6), "mask": (1e-6, 1e6), "blur": (1e-6, 0.5)}
"""Operators, each at two noise levels."""


def matrix(kind, given):
    """The operator in the arithmetic of the inputs."""
    if kind == "mask":
        return np.eye(D, dtype=int)[KEEP].astype(object)
    if kind == "blur":
        h = given["kernel"]
        return np.array([[h[(i - j + 1) % 3] for j in range(3)] for i in range(3)], object)
    return given["A"]


def measurement(kind, noise):
    operator = {
        "wide": WIDE,
        "tall": TALL,
        "mask": dp.operators.mask(KEEP),
        "blur": dp.operators.convolution(BLUR, (D,)),
    }[kind]
    return dp.LinearGaussian(operator, noise)


def floats(kind):
    """What the operator is made of."""
    return {"wide": {"A": WIDE}, "tall": {"A": TALL}, "blur": {"kernel": BLUR}}.get(kind, {})


def conditioned(kind):
    def answers(form, given):
        a, x = matrix(kind, given), given["x"]
        m, s2 = len(a), given["sigma"][()] ** 2
        noise = np.eye(m, dtype=int) * (given["noise"] ** 2 * np.ones(m, dtype=int))
        logs, means, tilted, scores = [], [], [], []
        for w, mean, c in zip(given["weights"], given["means"], dense(form, given), strict=True):
            gain, r = c.dot(a.T), given["y"] - a.dot(mean)
            solved, det = solve(a.dot(gain) + noise, np.concatenate([r[:, None], gain.T], axis=1))
            logs.append(log_or_zero(w) - (dot(r, solved[:, 0]) + mpmath.log(det)) / 2)
            means.append(mean + gain.dot(solved[:, 0]))
            cov = c - gain.dot(solved[:, 1:]) + s2 * np.eye(D, dtype=int)
            away, det = solve(cov, (x - means[-1])[:, None])
            square = dot(x - means[-1], away[:, 0])
            tilted.append(logs[-1] - (square + mpmath.log(det)) / 2)
            scores.append(-away[:, 0])
        weights, evidence = softmax(logs)
        return {
            "weights": np.array(weights, object),
            "means": np.array(means, object),
            "log_evidence": evidence - m * mpmath.log(2 * mpmath.pi) / 2,
            "score": sum(r * s for r, s in zip(softmax(tilted)[0], scores, strict=True)),
        }

    return answers


ANSWERS = {kind: conditioned(kind) for kind in CASES}


def problems():
    """Noise, alike and unlike across outputs."""
    for kind, levels in CASES.items():
        m = {"wide": 2, "tall": 4, "mask": 2, "blur": 3}[kind]
        for i, noise in enumerate(levels):
            unlike = noise * np.array([1.0, 0.5, 3.0, 2.0])[:m]
            yield kind, unlike if i and kind != "blur" else np.float64(noise)


@pytest.mark.parametrize("spectrum", list(SPECTRA))
@pytest.mark.parametrize("form", FORMS)
def test_accuracy_against_100_digits(form, spectrum):
    parts = parameters(form, spectrum)
    prior = mixture(form, parts, MEANS)
    fixed = {"means": MEANS, "weights": WEIGHTS, **parts}
    for kind, noise in problems():
        seen = measurement(kind, noise)
        y = seen.operator(np.array([[0.4, 0.9, 1.7]]))[0] + 0.1
        with dp.reference():
            posterior = prior.posterior(seen, y)
            x = np.array([0.3, -0.2, 0.9])
            score = posterior.score(x[None])[0]
        given = {"x": x, "sigma": np.float64(0), "y": y, "noise": noise, **floats(kind), **fixed}
        values = {name: getattr(posterior, name) for name in ("weights", "means", "log_evidence")}
        for name, value in {**values, "score": score}.items():
            exact = oracle(ANSWERS[kind], form, name)
            assert_accurate(value, exact, what=f"{name}, {kind}", **given)


@pytest.mark.parametrize("kind", list(CASES))
@pytest.mark.parametrize("form", FORMS)
def test_smoothed_posteriors(form, kind):
    """At sigma > 0 a posterior under a matrix is as accurate as eps * std / noise."""
    parts, noise = parameters(form, "plain"), np.float64(1e-6)
    seen = measurement(kind, noise)
    y = seen.operator(np.array([[0.4, 0.9, 1.7]]))[0] + 0.1
    with dp.reference():
        posterior = mixture(form, parts, MEANS).posterior(seen, y)
        x, sigma = np.asarray(posterior.means)[2] + 0.3, np.float64(0.2)
        score = posterior.score(x[None], sigma)[0]
    given = {"x": x, "sigma": sigma, "y": y, "noise": noise, "means": MEANS, "weights": WEIGHTS}
    given |= {**floats(kind), **parts}
    factor = 100 if getattr(posterior.covs, "basis", None) is None else 1e6
    assert_accurate(score, oracle(ANSWERS[kind], form, "score"), factor=factor, **given)


def test_components_of_negligible_weight_are_not_lost():
    """exp(-800) is no float64, yet far on its side the component is all there is."""
    prior = dp.priors.GaussianMixture([0.5, 0.5], [[-20.0], [20.0]], 1.0)
    posterior = prior.posterior(dp.LinearGaussian(np.eye(1), 0.5), [-20.0])
    assert posterior.weights[1] < 1e-250
    x = np.array([[30.0]])
    centre = (20 / 1 - 20 / 0.25) / 5
    np.testing.assert_allclose(posterior.score(x), 5 * (centre - x), rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", list(CASES))
def test_float32_and_other_namespaces(form, kind, xp):
    """The posterior is computed in float64 and handed out in the prior's own precision."""
    parts = {name: np.float32(a) for name, a in parameters(form, "plain").items()}
    exact = mixture(form, {k: np.float64(a) for k, a in parts.items()}, MEANS)
    own = {name: xp.array(a) for name, a in parts.items()}
    prior = mixture(form, own, xp.array(MEANS, np.float32), xp.array(WEIGHTS, np.float32))
    make = {"wide": WIDE, "tall": TALL, "mask": KEEP, "blur": BLUR}[kind]
    operator = {
        "mask": lambda a: dp.operators.mask(a),
        "blur": lambda a: dp.operators.convolution(a, (D,)),
    }.get(kind, dp.operators.dense)(xp.array(make))
    y = measurement(kind, 0.3).operator(np.array([[0.4, 0.9, 1.7]]))[0].astype(np.float32)
    expected = exact.posterior(measurement(kind, 0.3), y)
    result = prior.posterior(dp.LinearGaussian(operator, 0.3), xp.array(y))
    assert xp.owns(result.means)
    assert xp.numpy(result.means).dtype == np.float32
    np.testing.assert_allclose(xp.numpy(result.weights), expected.weights, rtol=1e-5)
    np.testing.assert_allclose(xp.numpy(result.means), expected.means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.log_evidence, expected.log_evidence, rtol=1e-6)
