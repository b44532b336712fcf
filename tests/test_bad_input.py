"""Bad input, one row each: a single clear error that names the argument, before any work.

`test_bad_arguments.py` goes through every argument of every function, one at a time; here is
what several arguments, or functions of the user, do together.
"""

from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp

NAN = np.array([[0.0, np.nan]])
PRIOR = dp.priors.GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 2.0]], [0.5, 1.0])
MEASUREMENT = dp.LinearGaussian(np.array([[1.0, 0.5]]), 0.3)
Y = np.array([0.5])
X = np.zeros((3, 2))
KEY = dp.random.key(0)
FACTORS = np.ones((2, 2, 1))
STRICT = array_api_strict.zeros((3, 2))
SCHEDULE = dp.posterior.AnnealingSchedule([2.0, 1.0], [0.01], [1])
LINE = dp.priors.Gaussian([0.0], 1.0), dp.LinearGaussian(np.eye(1), 1.0), [0.0]
SMALL = dp.posterior.langevin(*LINE, n_samples=4, step_size=0.1, n_steps=1, rng=0)
OTHER = dp.posterior.annealed_langevin(PRIOR, MEASUREMENT, Y, schedule=SCHEDULE, n_samples=4, rng=0)


def mixture(weights=(0.4, 0.6), means=((0.0, 0.0), (1.0, 1.0)), covs=1.0):
    return dp.priors.GaussianMixture(weights, means, covs)


PRIORS = [
    (mixture, {"weights": [-0.1, 1.1]}, ValueError, "weights must not be negative"),
    (mixture, {"weights": [0.5, 0.6]}, ValueError, "weights must sum to 1"),
    (mixture, {"weights": [1.0]}, ValueError, "weights must have shape"),
    (mixture, {"weights": [np.nan, 1.0]}, ValueError, "weights must be finite"),
    (mixture, {"weights": ["a", "b"]}, TypeError, "weights must hold numbers"),
    (mixture, {"weights": None}, TypeError, "weights"),
    (mixture, {"means": [0.0, 1.0]}, ValueError, "means must have shape"),
    (mixture, {"means": np.zeros((0, 2))}, ValueError, "means"),
    (mixture, {"means": [[0.0, np.inf], [0.0, 0.0]]}, ValueError, "means must be finite"),
    (mixture, {"means": np.zeros((2, 2), complex)}, TypeError, "means must be real"),
    (mixture, {"means": np.zeros((2, 2), object)}, TypeError, "means must hold numbers"),
    (mixture, {"means": np.ma.zeros((2, 2))}, TypeError, "means is a masked array"),
    (mixture, {"means": np.zeros((2, 2), np.float16)}, TypeError, "means must be float32"),
    (mixture, {"covs": 0.0}, ValueError, "covs must be positive"),
    (mixture, {"covs": [1.0, -1.0]}, ValueError, "covs must be positive"),
    (mixture, {"covs": np.ones((3, 2))}, ValueError, "covs must have shape"),
    (mixture, {"covs": np.ones((2, 3))}, ValueError, "covs must have 2 variances"),
    (mixture, {"covs": -np.ones((2, 2, 2))}, ValueError, "covs must be positive definite"),
    (mixture, {"covs": [[[1.0, 0.5], [0.0, 1.0]]] * 2}, ValueError, "covs must be symmetric"),
    (mixture, {"covs": np.full((2, 2), np.nan)}, ValueError, "covs must be finite"),
    (mixture, {"covs": array_api_strict.ones(2), "means": X[:2]}, TypeError, "mixed array types"),
    (dp.priors.Gaussian, {"mean": 1.0, "cov": 1.0}, ValueError, "mean must have shape"),
    (dp.priors.Gaussian, {"mean": [0.0], "cov": -1.0}, ValueError, "must be positive"),
    (dp.priors.Gaussian, {"mean": [0.0], "cov": np.ones((1, 1, 1))}, ValueError, "cov must be"),
    (dp.priors.LowRank, {"factor": np.ones(3), "diag": 1.0}, ValueError, "factor must have shape"),
    (dp.priors.LowRank, {"factor": np.ones((3, 1)), "diag": 0.0}, ValueError, "diag must be posit"),
    (dp.priors.LowRank, {"factor": NAN, "diag": 1.0}, ValueError, "factor must be finite"),
    (dp.priors.LowRank, {"factor": FACTORS, "diag": np.ones((3, 2))}, ValueError, "diag must have"),
    (dp.priors.LowRank, {"factor": FACTORS, "diag": np.ones((2, 3))}, ValueError, "diag must have"),
    (mixture, {"covs": dp.priors.LowRank(FACTORS[:, :1], 1.0)}, ValueError, "covs must have shape"),
    (mixture, {"covs": dp.priors.LowRank(FACTORS[:1], [[1.0]] * 3)}, ValueError, "diag of covs"),
    (dp.priors.Gaussian, {"mean": [0.0], "cov": np.eye(2)}, ValueError, "cov must have shape"),
    (dp.priors.Gaussian, {"mean": [0.0, 0.0], "cov": -np.eye(2)}, ValueError, "cov must be posit"),
    (dp.priors.Ring, {"radius": 0.0, "width": 0.1}, ValueError, "radius"),
    (dp.priors.Ring, {"radius": 1.0, "width": -0.1}, ValueError, "width"),
    (dp.priors.Empirical, {"points": np.zeros((0, 2))}, ValueError, "points"),
    (dp.priors.Empirical, {"points": NAN}, ValueError, "points must be finite"),
    (dp.priors.Empirical, {"points": X, "bandwidth": -1.0}, ValueError, "bandwidth"),
    (
        dp.priors.DiscretizedGaussian,
        {"spacing": 0.0, "offset": 0.0, "event_shape": (2,)},
        ValueError,
        "spacing",
    ),
    (dp.priors.Smoothed, {"prior": PRIOR, "width": 0.0}, ValueError, "width"),
    (
        dp.priors.PatchGrid,
        {"mixture": PRIOR, "image_shape": (3, 3), "patch_shape": (2, 1)},
        ValueError,
        "image_shape must have sides that are multiples",
    ),
    (
        dp.priors.PatchProduct,
        {"mixture": PRIOR, "image_shape": (2, 3), "patch_shape": (2, 1), "stride": 2},
        ValueError,
        "stride must divide",
    ),
    (PRIOR.score, {"x": np.zeros(2)}, ValueError, "x must have shape"),
    (PRIOR.score, {"x": np.zeros((3, 5))}, ValueError, "x must have shape"),
    (PRIOR.score, {"x": np.zeros((0, 2))}, ValueError, "x is an empty batch"),
    (PRIOR.score, {"x": NAN}, ValueError, "x must be finite"),
    (PRIOR.score, {"x": X + 1j}, TypeError, "x must be real"),
    (PRIOR.score, {"x": STRICT}, TypeError, "mixed array types"),
    (PRIOR.score, {"x": X, "sigma": -1.0}, ValueError, "sigma must not be negative"),
    (PRIOR.score, {"x": X, "sigma": np.inf}, ValueError, "sigma must be finite"),
    (PRIOR.score, {"x": X, "sigma": np.ones(2)}, ValueError, "sigma must be a number or"),
    (PRIOR.score, {"x": X, "sigma": "a"}, TypeError, "sigma must hold numbers"),
    (PRIOR.denoise_vjp, {"x": X, "sigma": 1.0, "v": X[:2]}, ValueError, "v must have shape"),
    (PRIOR.log_density, {"x": [["a", "b"]]}, TypeError, "x must hold numbers"),
    (PRIOR.sample, {"n_samples": 0}, ValueError, "n_samples must be at least 1"),
    (PRIOR.sample, {"n_samples": 2.5}, TypeError, "n_samples must be an integer"),
    (PRIOR.sample, {"n_samples": 2, "rng": "seed"}, TypeError, "rng must be"),
    (PRIOR.sample, {"n_samples": 2, "rng": -1}, ValueError, "rng is not a usable seed"),
    (PRIOR.sample, {"n_samples": 2, "first_chain": -1}, ValueError, "first_chain"),
    (PRIOR.posterior, {"measurement": MEASUREMENT, "y": [1.0, 2.0]}, ValueError, "y must have sh"),
    (PRIOR.posterior, {"measurement": None, "y": Y}, TypeError, "measurement must be"),
    (dp.priors.Empirical(X).score, {"x": X}, ValueError, "no density at sigma = 0"),
]

RANDOM = [
    (dp.random.normal, {"key": 3, "shape": (2, 2)}, TypeError, "key must be a Key"),
    (dp.random.normal, {"key": KEY, "shape": 3}, TypeError, "shape must be"),
    (dp.random.normal, {"key": KEY, "shape": (-1, 2)}, ValueError, "shape must be"),
    (dp.random.uniform, {"key": KEY, "shape": (2,), "step": 2**32}, ValueError, "step must be bel"),
    (dp.random.bits, {"key": KEY, "shape": (2,), "purpose": 256}, ValueError, "purpose must be"),
    (dp.random.bits, {"key": KEY, "shape": (2,), "first_chain": 2**32}, ValueError, "first_chain"),
    (dp.random.normal, {"key": KEY, "shape": (2,), "like": X + 1j}, TypeError, "like must be"),
    (dp.random.key, {"rng": 1.5}, TypeError, "rng must be"),
    (dp.random.key, {"rng": object()}, TypeError, "rng must be"),
    (dp.random.Key, {"word0": -1, "word1": 0}, ValueError, "word0"),
]

SAMPLERS = {
    dp.posterior.sample: {},
    dp.posterior.annealed_smc: {},
    dp.posterior.langevin: {"step_size": 0.01, "n_steps": 2},
    dp.posterior.annealed_langevin: {"schedule": SCHEDULE},
    dp.posterior.localized_langevin: {"schedule": SCHEDULE, "x0": [0.0, 0.0], "x0_std": 0.5},
    dp.posterior.compressed_sensing: {"schedule": SCHEDULE, "radius": 0.5},
}
EVERY = {**SAMPLERS, dp.posterior.rejection: {}, dp.posterior.split_gibbs: {}}
"""Those that take no scores, too."""


def score_of(result):
    """A prior whose score returns this and whose draws are right."""

    class Broken:
        event_shape = (2,)

        def score(self, x, sigma=0.0):
            return result(x)

        def sample(self, n_samples, rng=None):
            return PRIOR.sample(n_samples, rng=rng)

    return Broken()


def draws_of(result):
    """A prior whose score is right and whose draws are this."""

    class Broken:
        event_shape = (2,)

        def score(self, x, sigma=0.0):
            return PRIOR.score(x, sigma)

        def sample(self, n_samples, rng=None):
            return result(n_samples)

    return Broken()


def likelihood_of(value, gradient):
    """A measurement of one's own, whose functions return these."""

    class Own:
        event_shape = (2,)

        def log_likelihood(self, x, y):
            return value(x)

        def log_likelihood_grad(self, x, y):
            return gradient(x)

    return {"measurement": Own()}


def nan_in_row_two(x, sigma):
    return np.where(np.arange(len(x))[:, None] == 2, np.nan, -x)


COMMON = [
    ({"y": [1.0, 2.0]}, ValueError, "y must have shape"),
    ({"y": [np.nan]}, ValueError, "y must be finite"),
    ({"y": [1j]}, TypeError, "y must be real"),
    ({"y": ["a"]}, TypeError, "y must hold numbers"),
    ({"y": None}, TypeError, "y must be an array"),
    ({"y": np.array([object()])}, TypeError, "y must hold numbers"),
    ({"y": array_api_strict.zeros(1)}, TypeError, "mixed array types"),
    ({"measurement": object()}, TypeError, "measurement"),
    (
        {"prior": MEASUREMENT, "measurement": PRIOR},
        TypeError,
        "no .log_likelihood: GaussianMixture; the order of arguments is prior, measurement, y",
    ),
    ({"measurement": dp.LinearGaussian(np.eye(3), 1.0), "y": np.zeros(3)}, ValueError, "measurem"),
    ({"n_samples": 0}, ValueError, "n_samples must be at least 1"),
    ({"n_samples": "many"}, TypeError, "n_samples must be an integer"),
    ({"rng": "seed"}, TypeError, "rng must be"),
    ({"rng": -1}, ValueError, "rng is not a usable seed"),
    ({"progress": "yes"}, TypeError, "progress must be"),
    ({"prior": 3}, TypeError, "prior (must have .score|has no .sample)"),
]
SCORES = [
    ({"prior": score_of(lambda x: x[:, :1])}, ValueError, "prior.score must return shape"),
    ({"prior": score_of(lambda x: x * np.nan)}, ValueError, "prior.score returned NaN"),
    ({"prior": score_of(lambda x: array_api_strict.zeros(x.shape))}, TypeError, "prior.score"),
    ({"prior": score_of(lambda x: None)}, TypeError, "prior.score must return an array"),
    ({"prior": score_of(lambda x: 1.0)}, TypeError, "prior.score must return an array"),
    ({"prior": score_of(lambda x: x.tolist())}, TypeError, "prior.score must return an array"),
    ({"prior": score_of(lambda x: x + 1j)}, TypeError, "prior.score must return real"),
    ({"prior": score_of(lambda x: x[:-1])}, ValueError, "prior.score must return shape"),
]
DRAWN = (dp.posterior.sample, dp.posterior.langevin, dp.posterior.annealed_smc)
DRAWN += (dp.posterior.annealed_langevin, dp.posterior.rejection)
DRAWS = [
    (draws_of(lambda n: np.zeros((n, 3))), ValueError, "prior.sample returns must have shape"),
    (draws_of(lambda n: np.zeros((1, 2))), ValueError, "prior.sample returns must have"),
    (draws_of(lambda n: np.full((n, 2), np.inf)), ValueError, "prior.sample returns must be fin"),
    (draws_of(lambda n: None), TypeError, "prior.sample returns must be an array"),
    (draws_of(lambda n: array_api_strict.zeros((n, 2))), TypeError, "prior.sample returns is a"),
    (lambda x, sigma: -x, TypeError, "prior has no .sample, .* give (initial|draw)="),
]
OWN = (dp.posterior.sample, dp.posterior.langevin, dp.posterior.annealed_smc)
VALUES = [
    (likelihood_of(lambda x: x, lambda x: x), ValueError, "log_likelihood must return shape"),
    (likelihood_of(lambda x: 0.0, lambda x: x), TypeError, "log_likelihood must return an array"),
    (likelihood_of(lambda x: x[:, 0] * np.nan, lambda x: x), ValueError, "log_likelihood returned"),
    (likelihood_of(lambda x: x[:, 0] + np.inf, lambda x: x), ValueError, r"returned .*\+infinity"),
]
LIKELIHOODS = [
    *VALUES,
    (likelihood_of(lambda x: x[:, 0], lambda x: x[:, 0]), ValueError, "log_likelihood_grad must"),
    (likelihood_of(lambda x: x[:, 0], lambda x: None), TypeError, "log_likelihood_grad must"),
    (likelihood_of(lambda x: x[:, 0], lambda x: x * np.nan), ValueError, "log_likelihood_grad ret"),
    ({"measurement": SimpleNamespace(log_likelihood=len)}, TypeError, "measurement has no .log_l"),
]
DENSITIES = [
    (lambda x: x[:, 0] * np.nan, ValueError, "prior.log_density returned NaN"),
    (lambda x: x[:, 0] + np.inf, ValueError, r"prior.log_density returned .*\+infinity at chain 0"),
    (lambda x: x[:, :1], ValueError, "prior.log_density must return shape"),
    (lambda x: x[:, 0].tolist(), TypeError, "prior.log_density must return an array"),
    (lambda x: x[:, 0] + 1j, TypeError, "prior.log_density must return real"),
]
OPTIONS = [
    (dp.posterior.langevin, {"step_size": 0.0}, ValueError, "step_size must be greater"),
    (dp.posterior.langevin, {"step_size": np.nan}, ValueError, "step_size must be finite"),
    (dp.posterior.langevin, {"n_steps": 0}, ValueError, "n_steps must be at least"),
    (dp.posterior.langevin, {"initial": np.zeros((3, 2))}, ValueError, "initial must have 4"),
    (dp.posterior.langevin, {"initial": np.zeros((4, 3))}, ValueError, "initial must have shape"),
    (dp.posterior.langevin, {"bandwidth": -1.0}, ValueError, "bandwidth"),
    (dp.posterior.langevin, {"preconditioner": np.ones(3)}, ValueError, "preconditioner must hav"),
    (dp.posterior.langevin, {"preconditioner": -np.eye(2)}, ValueError, "preconditioner must be"),
    (dp.posterior.langevin, {"first_chain": -1}, ValueError, "first_chain"),
    (
        dp.posterior.langevin,
        {"first_chain": 5, "prior": score_of(lambda x: -x)},
        TypeError,
        "prior.sample must take first_chain=",
    ),
    (
        dp.posterior.langevin,
        {"first_chain": 100, "initial": X, "n_samples": 3, "prior": nan_in_row_two},
        ValueError,
        "prior.score returned NaN or infinity at step 0, chain 102",
    ),
    (dp.posterior.langevin, {"resume": 3}, TypeError, "resume must be"),
    (dp.posterior.langevin, {"resume": OTHER}, TypeError, "resume must be a result of langevin"),
    (
        dp.posterior.annealed_smc,
        {"initial": np.zeros((1, 2))},
        ValueError,
        "initial must have at l",
    ),
    (
        dp.posterior.annealed_smc,
        {"initial": np.zeros((4, 2)), "n_initial": 3},
        ValueError,
        "n_initial must be the 4 points of initial, got 3",
    ),
    (dp.posterior.annealed_smc, {"resume": OTHER}, TypeError, "resume must be a result of anneal"),
    (
        dp.posterior.langevin,
        {"resume": SMALL},
        ValueError,
        r"resume.samples must have shape \(any, 2\), got \(4, 1\)",
    ),
    (
        dp.posterior.langevin,
        {"preconditioner": [[1.0, 0.5], [0.0, 1.0]]},
        ValueError,
        "preconditioner must be symmetric",
    ),
    (
        dp.posterior.langevin,
        {"prior": SimpleNamespace(score=len, event_shape=2)},
        TypeError,
        "prior.event_shape must be",
    ),
    (dp.posterior.langevin, {"prior": lambda x, sigma: -x}, TypeError, "initial"),
    (dp.posterior.langevin, {"step_size": 1e200}, ValueError, "diverged by step 2, chain 0"),
    (dp.posterior.annealed_langevin, {"schedule": "fast"}, TypeError, "schedule must be"),
    (
        dp.posterior.annealed_langevin,
        {"prior": dp.priors.Empirical(X), "schedule": "auto"},
        ValueError,
        "bandwidth must be positive",
    ),
    (
        dp.posterior.annealed_langevin,
        {"schedule": "auto", "tolerance": 2.0},
        ValueError,
        "tolerance must",
    ),
    (dp.posterior.localized_langevin, {"x0": [0.0]}, ValueError, "x0 must have shape"),
    (dp.posterior.localized_langevin, {"x0_std": 0.0}, ValueError, "x0_std must be greater"),
    (dp.posterior.compressed_sensing, {"radius": -1.0}, ValueError, "radius must be greater"),
    (dp.posterior.compressed_sensing, {"delta": 0.0}, ValueError, "delta must be greater"),
    (dp.posterior.compressed_sensing, {"warm_start": [1.0]}, ValueError, "warm_start must have"),
    (dp.posterior.annealed_smc, {"n_particles": 3}, ValueError, "n_particles must be at least"),
    (dp.posterior.annealed_smc, {"n_initial": 0}, ValueError, "n_initial must be at least"),
    (dp.posterior.annealed_smc, {"ess_threshold": 0.0}, ValueError, "ess_threshold"),
    (dp.posterior.annealed_smc, {"kernel": "gibbs"}, ValueError, "kernel must be one of"),
    (dp.posterior.annealed_smc, {"acceptance": 1.5}, ValueError, "acceptance"),
    (dp.posterior.annealed_smc, {"stop": 0.0}, ValueError, "stop"),
    (dp.posterior.annealed_smc, {"max_moves": 1}, ValueError, "max_moves"),
    (dp.posterior.annealed_smc, {"waste_free": 7}, ValueError, "waste_free must divide"),
    (dp.posterior.annealed_smc, {"initial": lambda n: np.zeros((n, 5))}, ValueError, "initial"),
    (
        dp.posterior.annealed_smc,
        {"kernel": "prior_local", "prior": score_of(lambda x: -x)},
        TypeError,
        "prior_local",
    ),
]
SCHEDULES = [
    ({"noise_ratio": [1.0], "step_size": [], "n_steps": []}, "noise_ratio must decrease"),
    ({"noise_ratio": [1.0, 2.0], "step_size": [1.0], "n_steps": [1]}, "noise_ratio must decrease"),
    ({"noise_ratio": [3.0, 2.0], "step_size": [1.0], "n_steps": [1]}, "noise_ratio must end at 1"),
    ({"noise_ratio": [2.0, 1.0], "step_size": [0.0], "n_steps": [1]}, "step_size must be positive"),
    ({"noise_ratio": [2.0, 1.0], "step_size": [1.0], "n_steps": [1, 2]}, "must have 1 entries"),
    ({"noise_ratio": [2.0, 1.0], "step_size": [1.0], "n_steps": [0]}, "n_steps must be at least"),
]


@pytest.mark.parametrize("function, arguments, error, text", PRIORS + RANDOM)
def test_priors_and_random_numbers(function, arguments, error, text):
    with pytest.raises(error, match=text):
        function(**arguments)


def call(sampler, changes):
    arguments = {"prior": PRIOR, "measurement": MEASUREMENT, "y": Y, "n_samples": 4, "rng": 0}
    sampler(**{**arguments, **EVERY[sampler], **changes})


@pytest.mark.parametrize("sampler", EVERY, ids=lambda s: s.__name__)
@pytest.mark.parametrize("changes, error, text", COMMON)
def test_every_sampler(sampler, changes, error, text):
    with pytest.raises(error, match=text):
        call(sampler, changes)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("changes, error, text", SCORES)
def test_scores_of_a_user(sampler, changes, error, text):
    with pytest.raises(error, match=text):
        call(sampler, changes)


@pytest.mark.parametrize("sampler, changes, error, text", OPTIONS)
def test_options_of_samplers(sampler, changes, error, text):
    with pytest.raises(error, match=text):
        call(sampler, changes)


@pytest.mark.parametrize("sampler", DRAWN, ids=lambda s: s.__name__)
@pytest.mark.parametrize("prior, error, text", DRAWS)
def test_draws_of_a_users_prior(sampler, prior, error, text):
    with pytest.raises(error, match=text):
        call(sampler, {"prior": prior})


@pytest.mark.parametrize("sampler", OWN, ids=lambda s: s.__name__)
@pytest.mark.parametrize("changes, error, text", LIKELIHOODS)
def test_likelihoods_of_a_user(sampler, changes, error, text):
    with pytest.raises(error, match=text):
        call(sampler, changes)


@pytest.mark.parametrize("changes, error, text", VALUES)
def test_likelihoods_without_a_gradient(changes, error, text):
    with pytest.raises(error, match=text):
        call(dp.posterior.rejection, {**changes, "log_bound": 0.0})


@pytest.mark.parametrize("density, error, text", DENSITIES)
def test_densities_of_a_user(density, error, text):
    prior = score_of(lambda x: -x)
    prior.log_density = lambda x, sigma=0.0: density(x)
    with pytest.raises(error, match=text):
        call(dp.posterior.annealed_smc, {"prior": prior})


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.__name__)
def test_a_score_that_writes_to_its_input_is_told_so(sampler):
    def forgetful(x):
        x -= 1.0
        return -x

    with pytest.raises(ValueError, match="read-only"):
        call(sampler, {"prior": score_of(forgetful)})


def test_a_log_density_that_writes_to_its_input_is_told_so():
    prior = score_of(lambda x: -x)
    prior.log_density = lambda x, sigma=0.0: x.__imul__(2.0)[:, 0]
    with pytest.raises(ValueError, match="read-only"):
        call(dp.posterior.annealed_smc, {"prior": prior})


def test_a_likelihood_that_writes_to_its_input_is_told_so():
    writes = (
        likelihood_of(lambda x: x.__isub__(1.0)[:, 0], lambda x: -x),
        likelihood_of(lambda x: -x[:, 0], lambda x: x.__isub__(1.0)),
    )
    for own in writes:
        with pytest.raises(ValueError, match="read-only"):
            call(dp.posterior.annealed_smc, own)
    with pytest.raises(ValueError, match="read-only"):
        call(dp.posterior.rejection, {**writes[0], "log_bound": 0.0})


@pytest.mark.parametrize("wrap", [dp.scores.from_denoiser, dp.scores.perturbed])
@pytest.mark.parametrize("answer", [lambda x: x * np.nan, lambda x: x[:1], lambda x: None])
def test_networks_of_a_user(wrap, answer):
    options = (PRIOR,) if wrap is dp.scores.perturbed else ()
    score = wrap(*options, lambda x, t: answer(x))
    with pytest.raises((ValueError, TypeError), match=r"(denoiser|error) (must )?return"):
        score(X, 1.0)


@pytest.mark.parametrize("arguments, text", SCHEDULES)
def test_schedules_of_annealing(arguments, text):
    with pytest.raises(ValueError, match=text):
        dp.posterior.AnnealingSchedule(**arguments)


def test_exact_says_what_has_no_closed_form():
    with pytest.raises(TypeError, match="closed form"):
        dp.posterior.exact(dp.priors.Ring(1.0, 0.1), MEASUREMENT, Y)


def test_the_table_is_complete():
    """Every public sampler and prior stands in it."""
    samplers = {getattr(dp.posterior, name) for name in dp.posterior.__all__}
    samplers -= {dp.posterior.Result, dp.posterior.AnnealingSchedule, dp.posterior.exact}
    samplers -= {dp.posterior.RejectionCost, dp.posterior.rejection_cost}
    assert samplers == set(EVERY)
    named = {row[0] for row in PRIORS} | {mixture, dp.priors.GaussianMixture}
    named |= {dp.priors.photograph_patches}  # which takes no numbers
    assert {getattr(dp.priors, name) for name in dp.priors.__all__} <= named
