"""DiscretizedGaussian: against sums over the lattice in 50 digits, and its own laws."""

import functools
import itertools

import mpmath
import numpy as np
import pytest
from accuracy import assert_accurate

import diffpost_np as dp

LEVELS = [1e-6, 0.02, 0.09, 0.11, 0.5, 3.0, 1e6]
POINTS = [(0.0, 1e-10), (3.4, 0.0625), (1e8, 2.0), (-9.0, 0.125)]
CASES = [
    (0.25, (0.0, 0.0), np.float64),
    (0.25, (0.5, 0.1), np.float64),
    (8.0, (0.5, 0.3), np.float64),
    (0.25, (0.0, 0.1), np.float32),
    (1.3, (0.0, 0.7), np.float32),
]


def values(x, sigma, spacing, offset):
    """Lattice values with the logarithm of weight times N(x; value, sigma^2)."""
    total = 1 + sigma**2
    width = sigma / mpmath.sqrt(total) / spacing
    centre = int(mpmath.nint(x / total / spacing - offset))
    reach = int(18 * width) + 3
    for k in range(centre - reach, centre + reach + 1):
        c = spacing * (k + offset)
        yield c, -(c**2) / 2 - ((x - c) / sigma) ** 2 / 2


@functools.lru_cache(maxsize=64)  # the oracles below ask for the same sums
def posterior(x, sigma, spacing, offset):
    """Mean and variance of an entry given x, and log of the sum of all weights."""
    c, logs = zip(*values(x, sigma, spacing, offset), strict=True)
    peak = max(logs)
    w = [mpmath.exp(v - peak) for v in logs]
    total = mpmath.fsum(w)
    mean = mpmath.fdot(w, c) / total
    variance = mpmath.fsum(a * (b - mean) ** 2 for a, b in zip(w, c, strict=True)) / total
    return mean, variance, mpmath.log(total) + peak


@functools.lru_cache(maxsize=64)
def mass(spacing, offset):
    reach = int(18 / spacing) + 3
    return mpmath.fsum(
        mpmath.exp(-((spacing * (k + offset)) ** 2) / 2) for k in range(-reach, reach + 1)
    )


def entries(x, sigma, spacing, offset):
    return [(xi, *posterior(xi, sigma, spacing, b)) for xi, b in zip(x, offset, strict=True)]


def score(x, sigma, spacing, offset):
    return [(m - xi) / sigma**2 for xi, m, _, _ in entries(x, sigma, spacing, offset)]


def denoise(x, sigma, spacing, offset):
    return [m for _, m, _, _ in entries(x, sigma, spacing, offset)]


def denoise_vjp(x, sigma, spacing, offset, v):
    found = entries(x, sigma, spacing, offset)
    return [variance / sigma**2 * vi for (_, _, variance, _), vi in zip(found, v, strict=True)]


def log_density(x, sigma, spacing, offset):
    found = entries(x, sigma, spacing, offset)
    return mpmath.fsum(
        log_sum - mpmath.log(2 * mpmath.pi * sigma**2) / 2 - mpmath.log(mass(spacing, b))
        for (_, _, _, log_sum), b in zip(found, offset, strict=True)
    )


def with_spare_digits(oracle):
    def spared(**inputs):
        with mpmath.workdps(90):
            return oracle(**inputs)

    return spared


@pytest.mark.parametrize(("spacing", "offset", "dtype"), CASES)
def test_accuracy_against_50_digits(spacing, offset, dtype):
    spacing, offset = float(dtype(spacing)), np.array(offset, dtype)
    prior = dp.priors.DiscretizedGaussian(spacing, offset, (2,))
    v = np.array([[0.8, -0.35]], dtype)
    for sigma, point in itertools.product(LEVELS, POINTS):
        x, level = np.array([point], dtype), dtype(sigma)
        given = {"x": x[0], "sigma": level, "spacing": spacing, "offset": offset}
        for computed, oracle, extra in (
            (prior.score(x, level), score, {}),
            (prior.denoise(x, level), denoise, {}),
            (prior.log_density(x, level), log_density, {}),
            (prior.denoise_vjp(x, level, v), denoise_vjp, {"v": v[0]}),
        ):
            assert computed.dtype == dtype
            exact = with_spare_digits(oracle)
            assert_accurate(computed[0], exact, what=oracle.__name__, **given, **extra)


def test_both_series_agree_at_their_crossover():
    v = 0.25**2 / (2 * np.pi)
    crossover = np.sqrt(v / (1 - v))
    prior = dp.priors.DiscretizedGaussian(0.25, 0.1, (1,))
    x, v = np.linspace(-1, 1, 41)[:, None], np.ones((41, 1))
    below, above = crossover * (1 - 1e-13), crossover * (1 + 1e-13)
    for name, extra in (("score", ()), ("denoise", ()), ("log_density", ()), ("denoise_vjp", (v,))):
        method = getattr(prior, name)
        np.testing.assert_allclose(
            method(x, below, *extra), method(x, above, *extra), rtol=1e-11, atol=1e-11
        )
    levels = np.where(np.arange(41) % 2 == 0, 0.05, 0.5)
    mixed, alone = prior.score(x, levels), (prior.score(x, 0.05), prior.score(x, 0.5))
    np.testing.assert_array_equal(mixed[::2], alone[0][::2])
    np.testing.assert_array_equal(mixed[1::2], alone[1][1::2])


@pytest.mark.parametrize(("sigma", "expected"), [(0.2, 2.563e-4), (0.3, 2.180e-10)])
def test_the_lattice_hides_behind_the_noise(sigma, expected):
    """The largest deviation from the score of a Gaussian is that of the first wave."""
    prior = dp.priors.DiscretizedGaussian(0.25, 0.0, (1,))
    x = np.linspace(0, 0.25 * (1 + sigma**2), 2001)[:, None]
    deviation = np.abs(prior.score(x, sigma) + x / (1 + sigma**2)).max()
    v = sigma**2 / (1 + sigma**2)
    wave = 4 * np.pi / (0.25 * (1 + sigma**2)) * np.exp(-2 * np.pi**2 * v / 0.25**2)
    np.testing.assert_allclose([deviation, wave], expected, rtol=2e-4)


@pytest.mark.parametrize("sigma", [0.0, 0.03, 0.2, 2.0])
def test_every_namespace(sigma, xp):
    offset = np.array([[0.0, 0.5, 0.25], [0.1, 0.2, 0.3]])
    prior = dp.priors.DiscretizedGaussian(0.4, xp.array(offset), (2, 3))
    plain = dp.priors.DiscretizedGaussian(0.4, offset, (2, 3))
    x, v = np.random.default_rng(0).normal(size=(2, 5, 2, 3))
    for name in ("denoise", "denoise_vjp", "score", "log_density"):
        if sigma == 0 and name in ("score", "log_density"):
            with pytest.raises(ValueError, match="no density at sigma = 0"):
                getattr(prior, name)(xp.array(x), sigma)
            continue
        extra = (xp.array(v),) if name == "denoise_vjp" else ()
        computed = getattr(prior, name)(xp.array(x), sigma, *extra)
        assert xp.owns(computed)
        expected = getattr(plain, name)(x, sigma, *([v] if extra else []))
        np.testing.assert_allclose(xp.numpy(computed), expected, rtol=1e-12, atol=1e-12)
    assert prior.denoise(xp.array(x, np.float32), sigma).dtype == xp.xp.float32
    draws, given = prior.sample(4, rng=1), prior.sample_given(xp.array(x), sigma, rng=1)
    assert xp.owns(draws) and xp.owns(given) and tuple(draws.shape) == (4, 2, 3)
    np.testing.assert_array_equal(xp.numpy(draws), plain.sample(4, rng=1))


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.4])
def test_derivatives_by_differences(sigma):
    prior = dp.priors.DiscretizedGaussian(0.3, 0.2, (2,))
    x, v = np.random.default_rng(1).normal(size=(2, 30, 2))
    h = 1e-6
    rise = (prior.log_density(x + h * v, sigma) - prior.log_density(x - h * v, sigma)) / (2 * h)
    score = prior.score(x, sigma)
    np.testing.assert_allclose(np.sum(score * v, 1), rise, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(prior.denoise(x, sigma), x + sigma**2 * score, rtol=1e-11)
    change = (prior.denoise(x + h * v, sigma) - prior.denoise(x - h * v, sigma)) / (2 * h)
    np.testing.assert_allclose(prior.denoise_vjp(x, sigma, v), change, rtol=1e-5, atol=1e-7)


def test_smoothing_composes():
    """The density at noise 0.5 is that at noise 0.3 convolved with N(0, 0.4^2)."""
    prior = dp.priors.DiscretizedGaussian(0.7, 0.2, (1,))
    grid = np.linspace(-9, 9, 3601)[:, None]
    density = np.exp(prior.log_density(grid, 0.3))
    np.testing.assert_allclose(density.sum() * 0.005, 1, rtol=1e-10)
    kernel = np.exp(-0.5 * ((0.35 - grid[:, 0]) / 0.4) ** 2) / (0.4 * np.sqrt(2 * np.pi))
    smoothed = np.exp(prior.log_density(np.array([[0.35]]), 0.5))
    np.testing.assert_allclose(smoothed, np.sum(density * kernel) * 0.005, rtol=1e-9)


def test_denoising_without_noise_is_the_nearest_point():
    prior = dp.priors.DiscretizedGaussian(0.5, 0.25, (2,))
    x = np.array([[0.7, -0.3], [0.625, 0.876]])
    exact = [[0.625, -0.375], [0.625, 1.125]]
    np.testing.assert_array_equal(prior.denoise(x, 0.0), exact)
    np.testing.assert_array_equal(prior.sample_given(x, 0.0, rng=0), exact)
    np.testing.assert_array_equal(prior.denoise_vjp(x, 0.0, x), np.zeros((2, 2)))


def probabilities(mean, variance, spacing, offset):
    k = np.arange(-200, 201)
    c = spacing * (k + offset)
    w = np.exp(-((c - mean) ** 2) / (2 * variance))
    return c, w / w.sum()


def assert_drawn_from(x, c, p):
    """Frequencies of the values within 4.5 standard errors of their probabilities."""
    counts = np.array([np.sum(np.isclose(x, value, rtol=0, atol=1e-9)) for value in c])
    assert counts.sum() == x.size
    error = np.abs(counts - x.size * p)
    assert np.all(error <= 4.5 * np.sqrt(x.size * p * (1 - p)) + 1)


@pytest.mark.parametrize(("spacing", "offset"), [(0.3, 0.25), (2.5, 0.5), (0.8, -7.6)])
def test_samples(spacing, offset):
    prior = dp.priors.DiscretizedGaussian(spacing, offset, 1)
    x = prior.sample(100_000, rng=5)[:, 0]
    assert_drawn_from(x, *probabilities(0, 1, spacing, offset))
    np.testing.assert_array_equal(prior.sample(6, rng=5, first_chain=30)[:, 0], x[30:36])


@pytest.mark.parametrize("sigma", [0.2, 1.5])
def test_sample_given(sigma):
    prior, n = dp.priors.DiscretizedGaussian(0.3, [0.0, 0.5], (2,)), 100_000
    levels = np.where(np.arange(n) % 2 == 0, sigma, 5.0)
    draws = prior.sample_given(np.tile([0.7, -1.2], (n, 1)), levels, rng=6)
    total = 1 + sigma**2
    for i, (x, offset) in enumerate(((0.7, 0.0), (-1.2, 0.5))):
        c, p = probabilities(x / total, sigma**2 / total, 0.3, offset)
        assert_drawn_from(draws[::2, i], c, p)
        mean = prior.denoise(np.array([[0.7, -1.2]]), sigma)[0, i]
        np.testing.assert_allclose(mean, np.sum(p * c), rtol=1e-12)
    place = {"rng": 6, "first_chain": 40}
    part = prior.sample_given(np.tile([0.7, -1.2], (5, 1)), levels[40:45], **place)
    np.testing.assert_array_equal(part, draws[40:45])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0.0, 0.0, (2,)), ValueError, "spacing must be greater than 0"),
        ((np.nan, 0.0, (2,)), ValueError, "spacing must be finite"),
        ((np.ones(2), 0.0, (2,)), TypeError, "spacing must be a real number"),
        ((0.5, np.inf, (2,)), ValueError, "offset must be finite"),
        ((0.5, "a", (2,)), TypeError, "offset must"),
        ((0.5, None, (2,)), TypeError, "offset must be a real number"),
        ((0.5, [0.1, np.nan], (2,)), ValueError, "offset must be finite"),
        ((0.5, [0.1, 0.2, 0.3], (2,)), ValueError, "offset must have shape"),
        ((0.5, 0.0, (2, 0)), ValueError, "event_shape must be at least 1"),
        ((0.5, 0.0, ()), ValueError, "event_shape must have an axis"),
        ((0.5, 0.0, 2.0), TypeError, "event_shape must be an integer"),
        ((0.5, 0.0, "ab"), TypeError, "event_shape must be an integer"),
    ],
)
def test_bad_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        dp.priors.DiscretizedGaussian(*arguments)


def test_bad_arguments():
    prior = dp.priors.DiscretizedGaussian(0.5, 0.0, (2,))
    for x, sigma, message in (
        (np.zeros((3, 3)), 1.0, "x must have shape"),
        (np.full((1, 2), np.inf), 1.0, "x must be finite"),
        (np.zeros((3, 2)), np.ones(2), "sigma must be a number or have shape"),
        (np.zeros((3, 2)), 0.0, "no density at sigma = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            prior.score(x, sigma)
    with pytest.raises(ValueError, match="first_chain must be at least 0"):
        prior.sample_given(np.zeros((3, 2)), 1.0, first_chain=-1)
    with pytest.raises(ValueError, match="n_samples must be at least 1"):
        prior.sample(0)
