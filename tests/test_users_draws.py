"""Draws that a user's prior or function makes: their seed, their place, what may come back."""

import numpy as np
import pytest

import diffpost_np as dp

MEASUREMENT, Y = dp.LinearGaussian(np.array([[1.0, 2.0]]), 1.0), np.array([1.0])
SCHEDULE = dp.posterior.AnnealingSchedule([2.0, 1.0], [0.05], [1])
N = 2000


class Drawn:
    """N(0, I) whose draws are the noise of the key it is given."""

    event_shape = (2,)

    def __init__(self):
        self.drawn = []

    def score(self, x, sigma=0.0):
        return -x / (1 + sigma**2)

    def sample(self, n, rng=None):
        self.drawn.append(dp.random.normal(dp.random.key(rng), (n, 2)))
        return self.drawn[-1]


class DrawnGiven(Drawn):
    def sample_given(self, x, sigma, rng=None):
        return x / (1 + sigma**2) + sigma / np.sqrt(1 + sigma**2) * self.sample(len(x), rng)


def langevin(prior, step_size=0.05, **options):
    options = {"n_samples": N, "rng": 0, **options}
    return dp.posterior.langevin(prior, MEASUREMENT, Y, step_size=step_size, n_steps=1, **options)


def localized(prior, **options):
    options = {"x0": [0.0, 0.0], "x0_std": 1.0, "schedule": SCHEDULE, "rng": 0, **options}
    return dp.posterior.localized_langevin(prior, MEASUREMENT, Y, n_samples=N, **options)


def sensed(prior, **options):
    options = {"radius": 0.5, "schedule": SCHEDULE, "rng": 0, **options}
    return dp.posterior.compressed_sensing(prior, MEASUREMENT, Y, n_samples=N, **options)


@pytest.mark.parametrize(
    "run, prior", [(langevin, Drawn()), (localized, DrawnGiven()), (sensed, DrawnGiven())]
)
def test_draws_of_a_users_prior_share_nothing_with_the_noise(run, prior):
    """They would be the noise of step 0 itself under the key of the run."""
    noise = dp.random.normal(run(prior).key, (N, 2))
    assert prior.drawn
    for drawn in prior.drawn:
        assert abs(np.corrcoef(drawn[:N].ravel(), noise.ravel())[0, 1]) < 4.5 / np.sqrt(2 * N)


def test_draws_of_the_librarys_priors_keep_their_bits():
    prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    result = langevin(prior, 1e-300)
    np.testing.assert_allclose(result.samples, prior.sample(N, rng=result.key))


def of_number(n, first_chain=0):
    return dp.random.normal(dp.random.key(3), (n, 2), first_chain=first_chain)


def unplaced(n):
    return np.zeros((n, 2))


def test_blocks_of_chains_from_a_function_make_up_the_whole():
    whole = langevin(Drawn(), initial=of_number)
    block = langevin(Drawn(), initial=of_number, n_samples=30, first_chain=70)
    np.testing.assert_array_equal(block.samples, whole.samples[70:100])


@pytest.mark.parametrize("function", [unplaced, max])
def test_a_function_that_cannot_place_its_draws(function):
    """Nor can one in C, which has no signature."""
    with pytest.raises(TypeError, match=r"^initial must take first_chain= .*be an array"):
        langevin(Drawn(), initial=function, first_chain=70)


def labelled(n, rng=None):
    return np.zeros((n, 2)), np.zeros(n)


@pytest.mark.parametrize(
    "sample, text",
    [
        (unplaced, r"prior\.sample must be callable as prior\.sample\(n, rng=\)"),
        (labelled, r"prior\.sample returns must be one array, got a tuple of 2"),
    ],
)
def test_draws_of_another_form(sample, text):
    prior = Drawn()
    prior.sample = sample
    with pytest.raises(TypeError, match=text):
        langevin(prior)


@pytest.mark.parametrize("run", [localized, sensed])
@pytest.mark.parametrize(
    "given, error, text",
    [
        (lambda x, sigma, rng: x[:, :1], ValueError, "returns must have shape"),
        (lambda x, sigma, rng: x[:5], ValueError, "returns must have"),
        (lambda x, sigma, rng: x * np.nan, ValueError, "returns must be finite"),
        (lambda x, sigma: x, TypeError, r"must be callable as .*\(x, sigma, rng=\)"),
    ],
)
def test_draws_near_a_point_are_checked(run, given, error, text):
    prior = Drawn()
    prior.sample_given = given
    with pytest.raises(error, match=rf"prior\.sample_given {text}"):
        run(prior)


def test_seconds_count_the_whole_of_compressed_sensing(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert sensed(Drawn()).seconds > localized(Drawn()).seconds
