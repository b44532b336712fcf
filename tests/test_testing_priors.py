"""`check_prior`: correct priors pass, and every law catches an error planted for it."""

from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.testing import PRIOR_LAWS, BrokenLaw, check_prior

WEIGHTS = [0.5, 0.2, 0.3]
MEANS = [[-1.3, 0.5], [0.4, 1.7], [2.1, -0.6]]
MIXTURE = dp.priors.GaussianMixture(WEIGHTS, MEANS, [0.25, 0.04, 0.8])
ROOT2 = 2**0.5

ABILITIES = (
    "score",
    "denoise",
    "denoise_vjp",
    "log_density",
    "sample",
    "sample_given",
    "posterior",
)


def prior(**replaced):
    """The mixture as somebody's own class, some of its methods replaced (None: missing)."""
    methods = {name: getattr(MIXTURE, name) for name in ABILITIES} | replaced
    return SimpleNamespace(
        event_shape=(2,), **{name: m for name, m in methods.items() if m is not None}
    )


def score_only(score):
    return SimpleNamespace(event_shape=(2,), score=score)


def in_double(x, sigma):
    return MIXTURE.score(x.astype(np.float64), sigma)


def in_place(x, sigma):
    score = MIXTURE.score(x, sigma)
    x += 1.0
    return score


def clipped_over_the_batch(x, sigma):
    score = MIXTURE.score(x, sigma)
    return score * min(1.0, 1.0 / np.linalg.norm(score))


def first_noise_level(x, sigma):
    return MIXTURE.score(x, np.ravel(sigma)[0])


def without_logsumexp(x, sigma):
    """Densities underflow far away, and 0 / 0 is NaN."""
    variances = np.array([0.25, 0.04, 0.8])[:, None] + np.square(sigma)
    delta = np.asarray(MEANS, x.dtype)[:, None, :] - x
    with np.errstate(all="ignore"):
        p = np.exp(-0.5 * np.sum(delta**2, axis=2) / variances) / variances
        p = np.asarray(WEIGHTS)[:, None] * p
        score = np.einsum("kn,kni->ni", p / variances / np.sum(p, axis=0), delta)
    return score.astype(x.dtype)


def swirling(x, sigma):
    return MIXTURE.score(x, sigma) + 0.1 * np.stack([-x[:, 1], x[:, 0]], axis=1)


def column(sigma, x):
    return np.reshape(sigma, (-1, 1)).astype(x.dtype)


def twice_the_correction(x, sigma):
    return x + 2 * column(sigma, x) ** 2 * MIXTURE.score(x, sigma)


def covariance_product(x, sigma, v):
    """Cov(x0 | x) v, without the division by sigma^2."""
    return column(sigma, x) ** 2 * MIXTURE.denoise_vjp(x, sigma, v)


def twice_the_variance(x, sigma):
    return MIXTURE.score(x, ROOT2 * sigma)


def density_off_by_the_volume(x, sigma=0.0):
    """Forgets how the noise level enters the normaliser; the slopes are right."""
    return MIXTURE.log_density(x, sigma) + np.log(1 + np.square(sigma)).astype(x.dtype)


def narrow_draws(n, rng=None):
    """Noise divided by sqrt 2."""
    return dp.priors.GaussianMixture(WEIGHTS, MEANS, [0.125, 0.02, 0.4]).sample(n, rng=rng)


def unseeded(x, sigma, rng=None):
    return MIXTURE.sample_given(x, sigma, rng=None)


def posterior_of_noisier_data(measurement, y):
    noisier = dp.LinearGaussian(measurement.operator, ROOT2 * measurement.noise_std)
    return MIXTURE.posterior(noisier, y)


PLANTED = {
    "shapes": prior(score=lambda x, s: MIXTURE.score(x, s)[:, :1]),
    "dtype_and_namespace": prior(score=in_double),
    "inputs_untouched": prior(score=in_place),
    "rows_are_independent": prior(score=clipped_over_the_batch),
    "noise_level_per_point": prior(score=first_noise_level),
    "finite_far_away": score_only(without_logsumexp),
    "denoiser": prior(denoise=twice_the_correction),
    "score_of_density": prior(log_density=lambda x, s=0.0: MIXTURE.log_density(x, ROOT2 * s)),
    "score_is_a_gradient": score_only(swirling),
    "heat_flow": score_only(twice_the_variance),
    "heat_flow_of_density": prior(log_density=density_off_by_the_volume),
    "jacobian_product": prior(denoise_vjp=covariance_product),
    "bayes": prior(posterior=posterior_of_noisier_data),
    "sample_obeys_rng": prior(sample=lambda n, rng=None: MIXTURE.sample(n)),
    "score_of_draws": prior(sample=narrow_draws),
    "sample_given_obeys_rng": prior(sample_given=unseeded),
    "draws_given_noisy_point": prior(
        sample_given=lambda x, s, rng=None: MIXTURE.sample_given(x, s / ROOT2, rng=rng)
    ),
}


def test_every_law_has_a_planted_error():
    assert set(PLANTED) == set(PRIOR_LAWS)
    assert all(law.statement.endswith(".") for law in PRIOR_LAWS.values())


@pytest.mark.parametrize("name", list(PLANTED))
def test_planted_error_is_caught_by_its_law(name):
    with pytest.raises(BrokenLaw, match=f"breaks the law '{name}'") as caught:
        check_prior(PLANTED[name])
    assert caught.value.law.name == name and caught.value.gap.is_broken
    first = caught.value.inputs.get("x", np.zeros((1, 2)))
    assert first.shape[0] == (2 if name.startswith(("rows", "noise")) else 1)


WRONG_NOISE = {
    "twice the variance": lambda x, s: MIXTURE.score(x, ROOT2 * s),
    "half the variance": lambda x, s: MIXTURE.score(x, s / ROOT2),
    "squared level": lambda x, s: MIXTURE.score(x, s**2),
    "no noise": lambda x, s: MIXTURE.score(x, 0 * s),
    "twice the score": lambda x, s: 2 * MIXTURE.score(x, s),
    "wrong sign": lambda x, s: -MIXTURE.score(x, s),
    "of eps": lambda x, s: -column(s, x) * MIXTURE.score(x, s),
    "one per cent": lambda x, s: 1.01 * MIXTURE.score(x, s),
}


@pytest.mark.parametrize("name", list(WRONG_NOISE))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_heat_flow_alone_finds_errors_of_the_score(name, dtype):
    """Also in float32, where second differences are worth three digits."""
    with pytest.raises(BrokenLaw, match="'heat_flow'"):
        check_prior(
            WRONG_NOISE[name],
            event_shape=(2,),
            points=MIXTURE.sample(50, rng=0),
            like=np.zeros(0, dtype),
            rtol=1e-3,
        )


def test_the_error_is_that_of_the_failing_input():
    with pytest.raises(BrokenLaw) as caught:
        check_prior(PLANTED["denoiser"])
    x, sigma = caught.value.inputs["x"], caught.value.inputs["sigma"]
    assert np.all(x == np.round(x)) and sigma == 1.0
    exact = sigma**2 * np.max(np.abs(MIXTURE.score(x, sigma)))
    np.testing.assert_allclose(caught.value.gap.error, exact, rtol=1e-10)
    assert f"error {exact:.3g}" in str(caught.value)


rng = np.random.default_rng(0)
FACTORS = rng.normal(size=(3, 5, 5))
CORRECT = {
    "mixture": MIXTURE,
    "narrow and far": dp.priors.GaussianMixture(
        WEIGHTS,
        rng.normal(size=(3, 5)) + 100,
        1e-2 * FACTORS @ FACTORS.transpose(0, 2, 1) + 1e-3 * np.eye(5),
    ),
    "low rank": dp.priors.GaussianMixture(
        [0.4, 0.6], rng.normal(size=(2, 6)), dp.priors.LowRank(rng.normal(size=(2, 6, 2)), 0.3)
    ),
    "many dimensions": dp.priors.Gaussian(rng.normal(size=64), np.linspace(0.1, 2, 64)),
    "image": dp.priors.GaussianMixture([0.4, 0.6], rng.normal(size=(2, 2, 3)), 0.5),
    "ring": dp.priors.Ring(1.0, 0.2),
    "thin ring": dp.priors.Ring(1.0, 0.0),
    "lattice": dp.priors.DiscretizedGaussian(0.5, 0.2, (3,)),
    "points": dp.priors.Empirical(rng.normal(size=(50, 2, 3))),
    "blurred points": dp.priors.Empirical(rng.normal(size=(50, 2, 3)), 0.3),
}


@pytest.mark.parametrize("name", list(CORRECT))
def test_priors_of_the_library_pass(name):
    report = check_prior(CORRECT[name])
    assert {*report.kept, *report.skipped} == set(PRIOR_LAWS)
    assert not any(gap.is_broken for gap in report.kept.values())


def test_heat_flow_is_resolved_far_below_its_tolerance():
    """What the check cannot resolve passes: that is to be an exception."""
    kept = check_prior(MIXTURE).kept
    for name in ("score_of_density", "heat_flow", "heat_flow_of_density", "jacobian_product"):
        assert kept[name].error < 1e-3 * kept[name].tolerance


def test_posteriors_and_float32_pass():
    measurement = dp.LinearGaussian([[1.0, 0.5]], 0.3)
    check_prior(MIXTURE.posterior(measurement, [0.4]))
    check_prior(MIXTURE, like=np.zeros(0, np.float32))


def test_other_namespaces_pass():
    xp = array_api_strict
    weights, means, covs = (xp.asarray(np.array(a)) for a in (WEIGHTS, MEANS, [0.25, 0.04, 0.8]))
    strict = dp.priors.GaussianMixture(weights, means, covs)
    assert "dtype_and_namespace" in check_prior(strict).kept


def test_a_bare_score_passes_and_the_report_says_what_was_skipped():
    report = check_prior(MIXTURE.score, event_shape=(2,), skip=["finite_far_away"])
    assert "heat_flow" in report.kept
    assert report.skipped["denoiser"] == "no .denoise"
    assert report.skipped["finite_far_away"] == "as asked"
    assert "denoiser: skipped, no .denoise" in repr(report)


def test_a_prior_may_declare_that_its_levels_do_not_belong_together():
    loose = score_only(twice_the_variance)
    loose.heat_consistent = False
    assert "heat_flow" in check_prior(loose).skipped


def test_false_alarms_are_as_rare_as_promised():
    """20 seeds, each with a probability of at most 0.05: more than 5 alarms, 3 in 10,000."""
    deterministic = [name for name in PRIOR_LAWS if "draws" not in name]
    alarms = 0
    for seed in range(20):
        try:
            check_prior(MIXTURE, false_alarm=0.05, n_draws=500, rng=seed, skip=deterministic)
        except BrokenLaw:
            alarms += 1
    assert alarms <= 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": 3.0}, "prior must have .score"),
        ({"prior": MIXTURE.score}, "event_shape is missing"),
        ({"prior": MIXTURE, "noise_levels": [0.0]}, "noise_levels must be greater"),
        ({"prior": MIXTURE, "points": np.zeros((3, 5))}, "points must have shape"),
        ({"prior": MIXTURE, "rtol": -1.0}, "rtol must be greater"),
        ({"prior": MIXTURE, "skip": ["nonsense"]}, "skip must be one of 'shapes'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_prior(**arguments)
