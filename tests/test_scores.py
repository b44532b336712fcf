"""Networks of every parametrisation give the one score, on a mixture with nothing symmetric."""

from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np import priors, schedules, scores

WEIGHTS = [0.5, 0.2, 0.3]
MEANS = [[-1.3, 0.5], [0.4, 1.7], [2.1, -0.6]]
VARIANCES = [0.25, 0.04, 0.8]
TABLE = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))


def mixture_score(x, scale, noise):
    """Gradient of the log density of scale * x_0 + noise * eps, by the textbook."""
    z = x[:, None, :] - scale[:, None, None] * np.array(MEANS)
    var = (scale[:, None] ** 2) * np.array(VARIANCES) + noise[:, None] ** 2
    density = np.array(WEIGHTS) / var * np.exp(-0.5 * np.sum(z**2, axis=2) / var)
    share = density / np.sum(density, axis=1, keepdims=True)
    return -np.sum((share / var)[:, :, None] * z, axis=1)


# Every clock once more, written out: alpha(t), sigma(t), whether velocities are eps - x_0.
CLOCKS = {
    "VE": (schedules.VE(0.02, 20.0), lambda t: (1 + 0 * t, 0.02 * 1000.0**t)),
    "EDM": (schedules.EDM(), lambda t: (1 + 0 * t, t)),
    "Flow": (schedules.Flow(), lambda t: (1 - t, t)),
    "OU": (schedules.OU(), lambda t: (np.exp(-t), np.sqrt(1 - np.exp(-2 * t)))),
    "VPLinear": (
        schedules.VPLinear(0.1, 20.0),
        lambda t: (
            np.exp(-0.25 * t**2 * 19.9 - 0.5 * t * 0.1),
            np.sqrt(1 - np.exp(-0.5 * t**2 * 19.9 - t * 0.1)),
        ),
    ),
    "VPCosine": (
        schedules.VPCosine(0.0),
        lambda t: (np.cos(math.pi / 2 * t), np.sin(math.pi / 2 * t)),
    ),
    "VPTable": (
        schedules.VPTable(TABLE),
        lambda t: tuple(np.sqrt(np.interp(t, np.arange(1000), c)) for c in (TABLE, 1 - TABLE)),
    ),
}
FORMS = {
    "denoiser": scores.from_denoiser,
    "noise": scores.from_noise_predictor,
    "velocity": scores.from_velocity,
    "score": scores.from_score_vp,
}
PAIRS = [(c, f) for c in CLOCKS for f in FORMS if f != "velocity" or c not in ("VE", "EDM")]


def network(form, clock, xp=None):
    """The exact network of a parametrisation, at x_t and at its own time."""

    def answer(x_t, t):
        to_numpy = np.asarray if xp is None else xp.numpy
        x = to_numpy(x_t).astype(float)
        t = np.broadcast_to(np.asarray(t if np.isscalar(t) else to_numpy(t), float), x.shape[:1])
        alpha, sigma = CLOCKS[clock][1](t)
        score = mixture_score(x, alpha, sigma)
        a, s = alpha[:, None], sigma[:, None]
        noise = -s * score
        clean = (x - s * noise) / a
        velocity = noise - clean if clock == "Flow" else a * noise - s * clean
        out = {"score": score, "noise": noise, "denoiser": clean, "velocity": velocity}[form]
        return out if xp is None else xp.array(out, str(x_t.dtype).split(".")[-1])

    return answer


# Levels at entries of the table, between which interpolations of it may differ.
LEVELS = [math.sqrt((1 - TABLE[i]) / TABLE[i]) for i in (40, 200, 500, 720)]
X = 1.5 * np.random.default_rng(0).standard_normal((4, 2))


class TestConversions:
    @pytest.mark.parametrize("clock, form", PAIRS)
    def test_exact_network_gives_the_exact_score(self, clock, form):
        score = FORMS[form](network(form, clock), CLOCKS[clock][0])
        one = np.ones(4)
        for level in LEVELS:
            expected = mixture_score(X, one, level * one)
            np.testing.assert_allclose(score(X, level), expected, rtol=1e-9, atol=1e-9)
        expected = mixture_score(X, one, np.array(LEVELS))
        np.testing.assert_allclose(score(X, np.array(LEVELS)), expected, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_namespace_and_dtype_are_kept(self, xp, form, dtype):
        score = FORMS[form](network(form, "VPLinear", xp), CLOCKS["VPLinear"][0])
        expected = mixture_score(X, np.ones(4), np.array(LEVELS))
        for sigma in (xp.array(LEVELS, dtype=dtype), LEVELS[1], np.float64(LEVELS[1])):
            result = score(xp.array(X, dtype=dtype), sigma)
            assert xp.owns(result) and str(result.dtype).endswith(dtype)
        result = score(xp.array(X, dtype=dtype), xp.array(LEVELS, dtype=dtype))
        tolerance = 1e-9 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(xp.numpy(result), expected, rtol=tolerance, atol=tolerance)

    def test_denoiser_without_a_schedule_is_asked_at_the_noise_level(self):
        score = scores.from_denoiser(network("denoiser", "EDM"))
        np.testing.assert_allclose(score(X, 0.7), mixture_score(X, np.ones(4), 0.7 * np.ones(4)))

    def test_time_is_a_number_or_an_array_as_sigma_is(self):
        seen = []
        score = scores.from_score_vp(lambda x, t: seen.append(t) or x, schedules.OU())
        for sigma in (0.5, np.array([0.5]), np.array(0.5), np.full(4, 0.5)):
            score(X, sigma)
        assert type(seen[0]) is float
        assert [t.shape for t in seen[1:]] == [(4,)] * 3
        np.testing.assert_allclose(np.stack(seen[1:]), 0.5 * math.log1p(0.25))

    def test_events_may_be_images(self):
        x = np.random.default_rng(1).standard_normal((3, 2, 4, 5))
        score = scores.from_noise_predictor(lambda x, t: x, schedules.VPLinear())
        level = np.array([0.1, 1.0, 10.0])
        alpha = 1 / np.sqrt(1 + level**2)
        np.testing.assert_allclose(score(x, level), -x * (alpha / level)[:, None, None, None])

    def test_only_a_score_goes_to_zero(self):
        score = scores.from_score_vp(network("score", "OU"), schedules.OU())
        np.testing.assert_allclose(score(X, 0.0), mixture_score(X, np.ones(4), np.zeros(4)))
        for form in ("denoiser", "noise", "velocity"):
            score = FORMS[form](network(form, "Flow"), schedules.Flow())
            for sigma in (0.0, np.zeros(4)):
                with pytest.raises(ValueError, match=r"sigma = 0: .* pass min_level="):
                    score(X, sigma)

    @pytest.mark.parametrize("clock", ["VPTable", "VPLinear"])
    def test_min_level_stands_in_for_smaller_ones(self, clock):
        low = LEVELS[0]
        score = scores.from_noise_predictor(
            network("noise", clock), CLOCKS[clock][0], min_level=low
        )
        for sigma in (0.0, 0.5 * low, np.zeros(4)):
            np.testing.assert_array_equal(score(X, sigma), score(X, low))
        mixed = score(X, np.array([0.0, low, LEVELS[1], LEVELS[2]]))
        exact = score(X, np.array([low, low, LEVELS[1], LEVELS[2]]))
        np.testing.assert_array_equal(mixed, exact)

    def test_samplers_take_it_for_a_prior(self):
        prior = priors.GaussianMixture(WEIGHTS, MEANS, VARIANCES)
        run = {"initial": prior.sample(500, rng=1), "n_samples": 500, "rng": 0}
        measurement = dp.LinearGaussian(np.array([[1.0, 0.5]]), 0.3)
        score = scores.from_score_vp(network("score", "OU"), schedules.OU())
        samples, expected = (
            dp.posterior.annealed_smc(p, measurement, [0.4], **run).samples
            for p in (score, prior.score)
        )
        np.testing.assert_allclose(samples, expected, rtol=1e-6, atol=1e-6)

    def test_it_is_a_frozen_value_that_pickles(self):
        score = scores.from_noise_predictor(np.multiply, schedules.OU(), min_level=0.1)
        assert pickle.loads(pickle.dumps(score)) == score
        with pytest.raises(dataclasses.FrozenInstanceError):
            score.min_level = 0.0


PRIOR_SCORES = {
    "gaussian_score": ("Gaussian", ([0.3, -1.0], [[2.0, 0.3], [0.3, 1.0]])),
    "gaussian_mixture_score": ("GaussianMixture", (WEIGHTS, MEANS, VARIANCES)),
    "empirical_score": ("Empirical", (MEANS, 0.1)),
    "ring_score": ("Ring", (1.5, 0.2)),
    "discretized_gaussian_score": ("DiscretizedGaussian", (0.5, [0.25, 0.5])),
}


class TestPriorScores:
    @pytest.mark.parametrize("name", PRIOR_SCORES)
    def test_same_as_the_prior(self, xp, name):
        make, parameters = PRIOR_SCORES[name]
        function = getattr(scores, name)
        extra = ((2,),) if name == "discretized_gaussian_score" else ()
        as_numpy = [np.array(p) if isinstance(p, list) else p for p in parameters]
        expected = getattr(priors, make)(*as_numpy, *extra).score(X, 0.5)
        lists = function(xp.array(X), 0.5, *parameters)
        arrays = function(
            xp.array(X), 0.5, *(xp.array(p) if isinstance(p, list) else p for p in parameters)
        )
        for result in (lists, arrays):
            assert xp.owns(result)
            np.testing.assert_allclose(xp.numpy(result), expected, rtol=1e-12, atol=1e-12)

    def test_it_is_the_textbook_score(self):
        result = scores.gaussian_mixture_score(X, np.array(LEVELS), WEIGHTS, MEANS, VARIANCES)
        np.testing.assert_allclose(result, mixture_score(X, np.ones(4), np.array(LEVELS)))


class TestPerturbed:
    def test_adds_the_error(self, xp):
        prior = priors.GaussianMixture(*(xp.array(p) for p in (WEIGHTS, MEANS, VARIANCES)))
        x = xp.array(X)
        for score in (prior, prior.score):
            result = scores.perturbed(score, lambda x, sigma: sigma * x)(x, 0.5)
            assert xp.owns(result)
            exact = xp.numpy(prior.score(x, 0.5))
            np.testing.assert_allclose(xp.numpy(result), exact + 0.5 * X)

    def test_noise_level_defaults_to_none(self):
        attack = scores.perturbed(lambda x, sigma: -x, lambda x, sigma: x * (sigma == 0.0))
        np.testing.assert_array_equal(attack(X), 0.0)

    def test_dtype_of_the_score_is_kept(self):
        attack = scores.perturbed(lambda x, sigma: -x, lambda x, sigma: np.ones(x.shape))
        assert attack(X.astype(np.float32), 0.0).dtype == np.float32

    def test_it_hides_what_does_not_know_the_error(self):
        prior = priors.GaussianMixture(WEIGHTS, MEANS, VARIANCES)
        attack = scores.perturbed(prior, lambda x, sigma: x)
        for ability in ("sample", "log_density", "denoise", "posterior"):
            assert not hasattr(attack, ability)


OU = schedules.OU()
SAME = scores.from_noise_predictor(lambda x, t: x, OU)
VE = scores.from_noise_predictor(lambda x, t: x, schedules.VE(0.02, 20.0))
BAD = [
    (lambda: scores.from_denoiser(3), TypeError, r"denoiser must be a function of \(x_t, t\)"),
    (lambda: scores.from_noise_predictor(np.add, "OU"), TypeError, "schedule must be one of"),
    (lambda: scores.from_velocity(np.add, schedules.EDM()), TypeError, "schedule must be varia"),
    (lambda: scores.from_velocity(np.add, None), TypeError, "schedule must be one of"),
    (lambda: scores.from_score_vp(np.add, OU, min_level=-1.0), ValueError, "min_level must lie"),
    (
        lambda: scores.from_denoiser(np.add, schedules.VE(), min_level=0.001),
        ValueError,
        "min_level is outside the schedule: noise_level must lie",
    ),
    (lambda: SAME(X, -1.0), ValueError, "sigma must lie"),
    (lambda: SAME(X, np.array([1.0, -1.0, 1.0, 1.0])), ValueError, "sigma must not be negative"),
    (lambda: SAME(X, np.nan), ValueError, "sigma must be finite"),
    (lambda: SAME(X, np.ones(3)), ValueError, r"sigma must be a number or have shape \(4,\)"),
    (lambda: SAME(X[0], 1.0), ValueError, "x must have shape"),
    (lambda: SAME(np.nan * X, 1.0), ValueError, "x must be finite"),
    (lambda: VE(X, 0.01), ValueError, r"sigma is outside the schedule: .*\[0.02, 20\]"),
    (lambda: VE(X, np.full(4, 21.0)), ValueError, "sigma is outside the schedule: .* got 21"),
    (
        lambda: scores.from_noise_predictor(lambda x, t: x[:2], OU)(X, 1.0),
        ValueError,
        r"noise_predictor must return shape \(4, 2\), got \(2, 2\)",
    ),
    (
        lambda: scores.from_noise_predictor(lambda x, t: 1.0, OU)(X, 1.0),
        TypeError,
        "noise_predictor must return an array of the same type",
    ),
    (lambda: scores.perturbed(3, np.add), TypeError, "score must have .score"),
    (lambda: scores.perturbed(np.add, 3), TypeError, "error must be a function"),
    (
        lambda: scores.perturbed(lambda x, s: x, lambda x, s: x[:, 0])(X),
        ValueError,
        r"error must return shape \(4, 2\), got \(4,\)",
    ),
    (
        lambda: scores.perturbed(lambda x, s: x, lambda x, s: 0.0)(X),
        ValueError,
        "error must return shape .* got float",
    ),
    (lambda: scores.gaussian_score(X, 1.0, [0.0], 1.0), ValueError, "x must have shape"),
    (lambda: scores.gaussian_mixture_score(X, 1.0, [1.0], [[0.0, np.inf]], 1.0), ValueError,
     "means must be finite"),
    (lambda: scores.discretized_gaussian_score(X[0], 1.0, 0.5, 0.0), ValueError, "x must have"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, message", BAD, ids=[b[2] for b in BAD])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_mixed_namespaces(xp):
    if xp.name in ("numpy", "readonly"):
        pytest.skip("nothing to mix")
    with pytest.raises(TypeError, match="mixed array types"):
        SAME(xp.array(X), np.ones(4))
    with pytest.raises(TypeError, match="mixed array types"):
        scores.gaussian_score(xp.array(X), 1.0, np.zeros(2), 1.0)
    with pytest.raises(TypeError, match="same type as its input"):
        scores.from_noise_predictor(lambda x, t: X, OU)(xp.array(X), 1.0)
