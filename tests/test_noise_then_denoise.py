"""Noise, then denoise: which component a point comes back to, against exact probabilities."""

import functools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, ndtr
from scipy.stats import norm

import diffpost_np as dp
from diffpost_np.sampling import noise_then_denoise

METHODS = dp.sampling.methods()
MIXTURE = dp.priors.GaussianMixture(
    [0.2, 0.5, 0.3], [[-2.0, 0.5], [1.0, 2.0], [3.0, -1.0]], [[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]]
)
X = MIXTURE.sample(7, rng=3)
WINDOWS = np.append(dp.schedules.exponential_windows(np.log(5) / 2, 1e-3, 0.125), 0.0)


def noise_level(time):
    return dp.schedules.OU().noise_level(time)


def returned(r, weight=0.5):
    """Probability that the reverse SDE leads N(r, 1) back; the other component is N(-r, 1)."""
    odds = np.log(weight / (1 - weight))
    return quad(lambda z: norm.pdf(z) * expit(2 * r * (r + z) + odds), -12, 12, epsabs=1e-12)[0]


def two_components(mu, weight=0.5):
    return dp.priors.GaussianMixture([1 - weight, weight], [[-mu, 0.5], [mu, 0.5]], 1.0)


def submixture(prior, subset):
    subset = list(subset)
    weights = prior.weights[subset]
    covs = prior.covs.values[subset] if len(prior.covs.values) > 1 else prior.covs.values
    return dp.priors.GaussianMixture(weights / weights.sum(), prior.means[subset], covs)


def agree(fraction, probability, n):
    """Within 4.5 standard errors."""
    return abs(fraction - probability) < 4.5 * np.sqrt(probability * (1 - probability) / n)


TABLE = {  # r: reverse SDE, probability flow
    0.25: (0.529473, 0.598706),
    0.5: (0.602027, 0.691462),
    1.0: (0.775200, 0.841345),
    1.5: (0.901379, 0.933193),
    2.0: (0.965701, 0.977250),
    3.0: (0.997924, 0.998650),
}


def test_table_of_probabilities_to_return():
    found = {r: (returned(r), ndtr(r)) for r in TABLE}
    np.testing.assert_allclose([*found.values()], [*TABLE.values()], atol=5.1e-7)


class TestTwoComponents:
    """Means +-4, unit covariances; at time T they are +-r apart, r = 4 e^-T."""

    N, MU = 60_000, 4.0

    def kept(self, r, method, weight=0.5, mu=MU, **options):
        prior = two_components(mu, weight)
        x = submixture(prior, [1]).sample(self.N, rng=1)
        sigma = noise_level(np.log(mu / r))
        result = noise_then_denoise(prior, x, sigma, method=method, rng=2, **options)
        return np.mean(result.samples[:, 0] > 0)

    @pytest.mark.parametrize("r", TABLE)
    def test_exact(self, r):
        assert agree(self.kept(r, "exact"), TABLE[r][0], self.N)

    @pytest.mark.parametrize("method", ["exponential_euler_maruyama", "ddpm"])
    def test_first_order_methods(self, method):
        assert agree(self.kept(1.0, method, n_steps=400), TABLE[1.0][0], self.N)

    @pytest.mark.parametrize("r", [0.5, 1.0, 2.0])
    def test_reverse_sde(self, r):
        assert agree(self.kept(r, "sra1", n_steps=50), TABLE[r][0], self.N)

    @pytest.mark.parametrize("method", ["dpm_solver_2m", "heun"])
    @pytest.mark.parametrize("r", [0.5, 1.0, 2.0])
    def test_probability_flow_keeps_the_side(self, method, r):
        assert agree(self.kept(r, method), TABLE[r][1], self.N)

    @pytest.mark.parametrize("weight", [0.1, 0.9])
    def test_unequal_weights(self, weight):
        assert agree(self.kept(1.0, "exact", weight), returned(1.0, weight), self.N)
        assert agree(self.kept(1.0, "sra1", weight, n_steps=50), returned(1.0, weight), self.N)

    def test_larger_means_need_a_longer_time_by_the_logarithm(self):
        for mu in (4.0, 12.0, 60.0):
            assert agree(self.kept(1.0, "exact", 0.3, mu), returned(1.0, 0.3), self.N)

    def test_more_noise_keeps_less(self):
        kept = [self.kept(r, "exact", 0.3) for r in (3.9, 2.0, 1.0, 0.5, 0.25, 0.001)]
        assert np.all(np.diff(kept) < 0)
        assert kept[0] > 0.999
        assert agree(kept[-1], returned(0.001, 0.3), self.N)
        assert abs(returned(0.001, 0.3) - 0.3) < 1e-5


def components(samples):
    return np.argmax(MIXTURE.responsibilities(samples), axis=1)


@pytest.mark.parametrize("time", [0.3, 1.0, 2.0])
def test_stochastic_methods_draw_the_exact_law(time):
    """Unequal weights and covariances, from one component; the law and the shares."""
    n, sigma = 20_000, noise_level(time)
    x = submixture(MIXTURE, [0]).sample(n, rng=1)
    exact = noise_then_denoise(MIXTURE, x, sigma, method="exact", rng=2).samples
    steps = noise_then_denoise(MIXTURE, x, sigma, method="sra1", n_steps=100, rng=3).samples
    shares = [np.mean(components(s)[:, None] == np.arange(3), axis=0) for s in (exact, steps)]
    error = np.sqrt(shares[0] * (1 - shares[0]) * 2 / n)
    assert np.all(np.abs(shares[0] - shares[1]) < 4.5 * error)
    assert dp.diagnostics.sliced_wasserstein(steps[:3000], exact[:3000], rng=0).ratio < 1.5


@pytest.mark.parametrize("time", [0.3, 2.0, 5.0])
@pytest.mark.parametrize("method", ["exact", "sra1", "dpm_solver_2m"])
def test_the_score_of_a_part_gives_the_part_back(method, time):
    part = submixture(MIXTURE, [0, 2])
    x = part.sample(2000, rng=1)
    result = noise_then_denoise(part, x, noise_level(time), method=method, rng=2)
    assert dp.diagnostics.sliced_wasserstein(result.samples, part, rng=0).ratio < 1.5


def test_much_noise_gives_draws_of_the_prior():
    x = np.tile([[3.0, -1.0]], (2000, 1))
    for method in ("exact", "sra1", "dpm_solver_2m"):
        result = noise_then_denoise(MIXTURE, x, 80.0, method=method, rng=2)
        assert dp.diagnostics.sliced_wasserstein(result.samples, MIXTURE, rng=0).ratio < 1.5


def test_little_noise_gives_the_points_back():
    for method in ("exact", "ddpm", "heun"):
        result = noise_then_denoise(MIXTURE, X, 0.003, method=method, rng=2)
        assert np.max(np.abs(result.samples - X)) < 6 * 0.003


def arguments(name):
    """Steps on which every method can run."""
    if name == "exact":
        return {"method": name}
    return {"method": name, **({"n_steps": 8} if METHODS[name].traced else {"schedule": WINDOWS})}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs(name):
    result = noise_then_denoise(MIXTURE, X, 2.0, rng=0, **arguments(name))
    assert result.samples.shape == X.shape
    assert result.n_score_evals >= len(X) * result.n_rounds > 0


@pytest.mark.parametrize("name", ["exact", "ddpm", "heun", "dpom"])
def test_one_seed_one_result(name, xp):
    for dtype in ("float32", "float64"):
        prior = dp.priors.Gaussian(xp.array([1.0, 2.0], dtype), 0.5)
        x = xp.array(X, dtype)
        draw = functools.partial(noise_then_denoise, prior, sigma=2.0, rng=0, **arguments(name))
        whole = draw(x=x).samples
        assert xp.owns(whole) and whole.dtype == x.dtype and whole.shape == x.shape
        np.testing.assert_array_equal(xp.numpy(draw(x=x).samples), xp.numpy(whole))
        tail = xp.numpy(draw(x=x[3:, ...], first_chain=3).samples)
        close = np.finfo(dtype).eps * 50 if xp.name == "strict" else 0.0
        np.testing.assert_allclose(tail, xp.numpy(whole)[3:], rtol=close, atol=close)


@pytest.mark.parametrize("name", ["ddpm", "heun", "randomized_midpoint"])
def test_a_stopped_run_goes_on_to_the_same_bits(name):
    draw = functools.partial(noise_then_denoise, MIXTURE, X, 2.0, **arguments(name))
    whole = draw(rng=0, keep_every=2)
    part = draw(rng=0, keep_every=2, progress=lambda p: p.step >= 3)
    assert not part.finished
    rest = draw(resume=part, keep_every=2)
    np.testing.assert_array_equal(rest.samples, whole.samples)
    np.testing.assert_array_equal(rest.trajectory, whole.trajectory)
    for change in ({"x": X + 1}, {"x": X[:3]}, {"sigma": 2.5}, {"rng": 1}):
        (changed,) = change
        with pytest.raises(ValueError, match=rf"\b(schedule|{changed})\b"):
            noise_then_denoise(
                **{"prior": MIXTURE, "x": X, "sigma": 2.0, **arguments(name), **change}, resume=part
            )


def test_all_methods_start_from_the_same_noise():
    starts = [
        noise_then_denoise(MIXTURE, X, 2.0, method=m, n_steps=3, keep_every=1, rng=0).trajectory[0]
        for m in ("ddpm", "heun")
    ]
    np.testing.assert_array_equal(*starts)
    draws = dp.sampling.sample(MIXTURE, 7, initial="marginal", keep_every=1, rng=0).trajectory[0]
    assert not np.any(np.isclose(starts[0] - X, draws))


def test_images_and_functions():
    image = dp.priors.Gaussian(np.arange(12.0).reshape(4, 3), 1.0)
    assert noise_then_denoise(image, image.sample(5, rng=1), 2.0, rng=0).samples.shape == (5, 4, 3)

    def score(x, sigma):
        return -x / (1 + sigma**2)

    result = noise_then_denoise(score, X, 2.0, event_shape=(2,), rng=0)
    assert result.n_score_evals == 51 * len(X)


class Given:
    """A prior of a user that draws x given its noisy copy."""

    event_shape = (2,)

    def sample_given(self, x, sigma, rng=None):
        return x + 0 * sigma

    def score(self, x, sigma=0.0):
        return -x


class TestMistakes:
    def test_noise_below_the_last_level(self):
        for sigma in (0.0, 0.002, -1.0):
            with pytest.raises(ValueError, match=r"^sigma must be greater than 0.002"):
                noise_then_denoise(MIXTURE, X, sigma)

    def test_levels_that_begin_elsewhere(self):
        with pytest.raises(ValueError, match="schedule must begin at sigma, 2, got 3"):
            noise_then_denoise(MIXTURE, X, 2.0, schedule=[3.0, 0.0])
        with pytest.raises(ValueError, match=r"^sigma is outside the schedule"):
            clock = dp.schedules.VE(sigma_max=1.0, sigma_min=0.001)
            noise_then_denoise(MIXTURE, X, 2.0, schedule=clock)

    def test_exact_takes_no_options(self):
        with pytest.raises(TypeError, match="method 'exact' has no option 'eta'"):
            noise_then_denoise(MIXTURE, X, 2.0, method="exact", eta=0.5)

    def test_exact_needs_draws(self):
        with pytest.raises(TypeError, match=r"no \.sample_given"):
            noise_then_denoise(lambda x, s: -x, X, 2.0, method="exact", event_shape=(2,))

    def test_draws_of_users(self):
        draw = functools.partial(noise_then_denoise, Given(), X, 2.0, method="exact", rng=0)
        assert draw().samples.shape == X.shape
        with pytest.raises(TypeError, match=r"sample_given must take first_chain=.*another method"):
            draw(first_chain=3)

    def test_points_of_another_library(self):
        strict = pytest.importorskip("array_api_strict")
        with pytest.raises(TypeError, match="mixed array types: x is"):
            noise_then_denoise(MIXTURE, strict.asarray(X), 2.0)
