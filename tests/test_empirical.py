"""Empirical: against sums over the data set in 50 digits, and its own laws."""

import functools
import itertools
import tracemalloc

import array_api_strict
import mpmath
import numpy as np
import pytest
from accuracy import assert_accurate, dot

import diffpost_np as dp

LEVELS = [1e-6, 1e-3, 0.05, 0.3, 5.0, 1e3, 1e6]


def clouds():
    """Data sets by name, with what floating point finds hard about them."""
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(7, 3))
    return {
        "plain": unit,
        "single": unit[:1],
        "shifted far from the origin": unit + 1e8,
        "two groups far apart": np.concat([unit[:4] * 1e-2, unit[4:] + [1e8, 0, 0]]),
        "a tight group": np.concat([unit[:3] * 1e-4, 10 * unit[3:]]),
        "duplicates and zeros": np.stack([unit[0], unit[0], 0 * unit[0], [0, 0, 3], [0, 0, 3.1]]),
        "a fine line": np.stack([np.r_[np.arange(7) * 2e-3, 10], np.ones(8), np.zeros(8)], axis=1),
        "lattice": np.array(list(itertools.product([0.0, 1.0], repeat=3))),
    }


def weights_for(points):
    w = 1.0 + np.arange(len(points)) ** 2
    w[len(w) // 2] *= len(w) == 1
    return w / w.sum()


def places(points):
    """A data point, its neighbourhood, between two points, elsewhere, far away."""
    return np.stack(
        [
            points[0],
            points[0] + [1e-3, -2e-3, 1e-4],
            0.5001 * points[0] + 0.4999 * points[-1],
            [0.3, -0.2, 0.9],
            [1e8, 2.0, -3.0],
        ]
    )


def given(x, sigma, points, weights, bandwidth):
    """Probabilities of the points given x, log of their sum, and the variance."""
    return _given(tuple(x), sigma, tuple(map(tuple, points)), tuple(weights), bandwidth)


@functools.lru_cache(maxsize=16)  # the four oracles below ask for the same sums
def _given(x, sigma, points, weights, bandwidth):
    s2 = sigma**2 + bandwidth**2
    logs = [
        mpmath.log(w) - mpmath.fsum((a - b) ** 2 for a, b in zip(x, p, strict=True)) / (2 * s2)
        for w, p in zip(weights, points, strict=True)
        if w
    ]
    peak = max(logs)
    total = mpmath.fsum(mpmath.exp(v - peak) for v in logs)
    likely = iter(mpmath.exp(v - peak) / total for v in logs)
    return [next(likely) if w else w for w in weights], mpmath.log(total) + peak, s2


def average(p, vectors):
    return sum(b * a for a, b in zip(p, vectors, strict=True))


def score(x, sigma, points, weights, bandwidth):
    p, _, s2 = given(x, sigma, points, weights, bandwidth)
    return (average(p, points) - x) / s2


def denoise(x, sigma, points, weights, bandwidth):
    p, _, s2 = given(x, sigma, points, weights, bandwidth)
    return (x * bandwidth**2 + average(p, points) * sigma**2) / s2


def denoise_vjp(x, sigma, points, weights, bandwidth, v):
    p, _, s2 = given(x, sigma, points, weights, bandwidth)
    centred = points - average(p, points)
    product = average(p, [c * dot(c, v) for c in centred])
    return (v * bandwidth**2 + product * (sigma**2 / s2)) / s2


def log_density(x, sigma, points, weights, bandwidth):
    _, log_sum, s2 = given(x, sigma, points, weights, bandwidth)
    return log_sum - len(x) * mpmath.log(2 * mpmath.pi * s2) / 2


def with_spare_digits(oracle):
    def spared(**inputs):
        with mpmath.workdps(90):
            return oracle(**inputs)

    return spared


CASES = [
    *itertools.product(clouds(), [0.0, 0.1], [np.float64]),
    *itertools.product(clouds(), [0.0], [np.float32]),
]


@pytest.mark.parametrize(("name", "bandwidth", "dtype"), CASES)
def test_accuracy_against_50_digits(name, bandwidth, dtype):
    points = clouds()[name].astype(dtype)
    weights = weights_for(points)
    prior = dp.priors.Empirical(points, bandwidth, weights=weights)
    v = np.array([[0.8, -0.35, 0.5]], dtype)
    fixed = {"points": points, "weights": weights, "bandwidth": bandwidth}
    for sigma, place in itertools.product(LEVELS, places(points).astype(dtype)):
        x, level = place[None], dtype(sigma)
        inputs = {"x": place, "sigma": level, **fixed}
        for computed, oracle, extra in (
            (prior.score(x, level), score, {}),
            (prior.denoise(x, level), denoise, {}),
            (prior.log_density(x, level), log_density, {}),
            (prior.denoise_vjp(x, level, v), denoise_vjp, {"v": v[0]}),
        ):
            assert computed.dtype == dtype
            exact = with_spare_digits(oracle)
            assert_accurate(computed[0], exact, what=oracle.__name__, factor=10, **inputs, **extra)


def problem(bandwidth=0.3, n_points=30, event=(2, 2)):
    rng = np.random.default_rng(3)
    points = rng.normal(size=(n_points, *event))
    return dp.priors.Empirical(points, bandwidth, weights=weights_for(points)), rng


def plain_score(x, sigma, prior):
    """The formula in three lines of NumPy, for noise that is not small."""
    delta = prior.points[None] - x[:, None]
    s2 = (np.ravel(sigma) ** 2 + prior.bandwidth**2).reshape(-1, 1)
    with np.errstate(divide="ignore"):
        log_weights = np.log(prior.weights)
    logs = log_weights - np.sum(delta**2, axis=tuple(range(2, delta.ndim))) / (2 * s2)
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return np.einsum("nk,nk...->n...", p / s2, delta)


@pytest.mark.parametrize("sigma", [0.0, 0.5, np.linspace(0, 3, 9)])
def test_every_namespace(sigma, xp):
    plain, rng = problem()
    prior = dp.priors.Empirical(
        xp.array(plain.points), 0.3, weights=xp.array(plain.weights, np.float64)
    )
    x = rng.normal(size=(9, 2, 2))
    level = sigma if np.ndim(sigma) == 0 else xp.array(sigma)
    score = prior.score(xp.array(x), level)
    expected = plain_score(x, sigma, plain)
    assert xp.owns(score)
    np.testing.assert_allclose(xp.numpy(score), expected, rtol=1e-11)
    denoised = xp.numpy(prior.denoise(xp.array(x), level))
    s2 = np.reshape(np.ravel(sigma) ** 2, (-1, 1, 1))
    np.testing.assert_allclose(denoised, x + s2 * expected, rtol=1e-11)
    for name, extra in (("log_density", ()), ("denoise_vjp", (x,)), ("sample_given", (1,))):
        arguments = (xp.array(x), level, *(xp.array(e) if e is x else e for e in extra))
        value = getattr(prior, name)(*arguments)
        assert xp.owns(value)
        same = getattr(plain, name)(x, sigma, *extra)
        np.testing.assert_allclose(xp.numpy(value), same, rtol=1e-11)
    np.testing.assert_array_equal(xp.numpy(prior.sample(5, rng=1)), plain.sample(5, rng=1))


def test_sharp_rows_in_every_namespace(xp):
    """Rows that need differences beside rows that do not, with and without zero weights."""
    points = np.array([[0.0, 0.0], [1e-3, 0.0], [0.0, 2.0], [1e8, 1.0], [7.0, 7.0]])
    weights = np.array([0.3, 0.2, 0.4, 0.1, 0.0])
    prior = dp.priors.Empirical(xp.array(points), weights=xp.array(weights))
    x, sigma = np.array([[4e-4, 1e-3], [0.5, 1.0], [1e8, 0.0]]), np.array([1e-3, 1e15, 2.0])
    computed = xp.numpy(prior.denoise(xp.array(x), xp.array(sigma)))
    logs = np.array([np.log(0.3) - 0.5 * 1.16, np.log(0.2) - 0.5 * 1.36])
    first = 1e-3 / (1 + np.exp(logs[0] - logs[1]))
    exact = [[first, 0], weights @ points, points[3]]
    np.testing.assert_allclose(computed, exact, rtol=1e-9)
    assert np.all(prior.sample_given(xp.array(x[:1]), 1e-6, rng=0) == xp.array(points[:1]))


@pytest.mark.parametrize(("sigma", "bandwidth"), [(0.0, 0.4), (0.3, 0.2), (1.0, 0.0)])
def test_derivatives_by_differences(sigma, bandwidth):
    prior, rng = problem(bandwidth, event=(3,))
    x, v, u = rng.normal(size=(3, 20, 3))
    h = 1e-6
    rise = (prior.log_density(x + h * v, sigma) - prior.log_density(x - h * v, sigma)) / (2 * h)
    np.testing.assert_allclose(np.sum(prior.score(x, sigma) * v, 1), rise, rtol=1e-6, atol=1e-7)
    change = (prior.denoise(x + h * v, sigma) - prior.denoise(x - h * v, sigma)) / (2 * h)
    product, other = prior.denoise_vjp(x, sigma, v), prior.denoise_vjp(x, sigma, u)
    np.testing.assert_allclose(product, change, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.sum(product * u, 1), np.sum(other * v, 1), rtol=1e-9)


def test_it_is_a_mixture_and_smoothing_adds_variances():
    prior, rng = problem(0.3)
    wide = dp.priors.Empirical(prior.points, 0.5, weights=prior.weights)
    mixture = dp.priors.GaussianMixture(prior.weights, prior.points, 0.25)
    x = rng.normal(size=(10, 2, 2))
    for name in ("score", "log_density"):
        value = getattr(prior, name)(x, 0.4)
        np.testing.assert_allclose(value, getattr(wide, name)(x), rtol=1e-10)
        np.testing.assert_allclose(value, getattr(mixture, name)(x), rtol=1e-10)


def test_blocks_do_not_show():
    """Blocks of rows of the product, and of pairs formed from differences."""
    rng = np.random.default_rng(4)
    prior = dp.priors.Empirical(rng.normal(size=(2000, 2)))
    x = rng.normal(size=(5000, 2))
    together = prior.score(x, 0.5)
    for rows in (slice(0, 30), slice(2080, 2110), slice(4990, 5000)):
        np.testing.assert_allclose(prior.score(x[rows], 0.5), together[rows], rtol=1e-12)
    points = rng.normal(size=(300, 300))
    points[-1, 0] = 1e8
    far = dp.priors.Empirical(points)
    x = points[:60] + rng.normal(size=(60, 300))
    np.testing.assert_allclose(far.score(x, 4.0), plain_score(x, 4.0, far), rtol=1e-11, atol=1e-15)


def test_memory_of_a_large_data_set():
    rng = np.random.default_rng(5)
    prior = dp.priors.Empirical(rng.uniform(size=(60_000, 784)))
    x = prior.points[:100] + 0.1
    tracemalloc.start()
    prior.score(x, np.linspace(1e-3, 3, 100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5e9


def test_without_noise_the_denoiser_finds_the_nearest_point(xp):
    rng = np.random.default_rng(6)
    points = np.concat([rng.normal(size=(40, 3)), 1e8 + rng.normal(size=(40, 3))])
    prior = dp.priors.Empirical(xp.array(points))
    x = points[::7] + 1e-3 * rng.normal(size=(12, 3))
    for sigma in (0.0, 1e-300, 1e-6):
        np.testing.assert_array_equal(xp.numpy(prior.denoise(xp.array(x), sigma)), points[::7])
    tie = dp.priors.Empirical([[0.0], [1.0], [3.0]], weights=[0.25, 0.75, 0.0])
    np.testing.assert_allclose(tie.denoise(np.array([[0.5], [9.0]]), 0.0), [[0.75], [1.0]])
    vjp = prior.denoise_vjp(xp.array(x), 0.0, xp.array(x))
    np.testing.assert_array_equal(xp.numpy(vjp), 0 * x)
    with pytest.raises(ValueError, match="no density at sigma = 0"):
        prior.score(xp.array(x))


def assert_frequencies(chosen, p):
    counts, n = np.bincount(chosen, minlength=len(p)), len(chosen)
    assert np.all(np.abs(counts - n * p) <= 4.5 * np.sqrt(n * p * (1 - p)))


def test_samples():
    points, p = np.array([[-1.0, 2.0], [0.5, 5.0], [4.0, 0.0]]), np.array([0.2, 0.0, 0.8])
    bare, n = dp.priors.Empirical(points, weights=p), 50_000
    x = bare.sample(n, rng=7)
    assert_frequencies(np.searchsorted(points[:, 0], x[:, 0]), p)
    np.testing.assert_array_equal(bare.sample(9, rng=7, first_chain=25), x[25:34])
    blurred = dp.priors.Empirical(points, 0.7, weights=p).sample(n, rng=7)
    noise = blurred - x
    assert np.all(np.abs(noise.mean(axis=0)) < 4.5 * 0.7 / np.sqrt(n))
    assert np.all(np.abs(noise.var(axis=0) / 0.49 - 1) < 4.5 * np.sqrt(2 / n))


def test_sample_given():
    points, n = np.array([[-1.0, 2.0], [0.5, 1.0], [1.0, 0.0]]), 50_000
    x, sigma, bandwidth = np.array([0.2, 0.8]), 0.9, 0.4
    bare = dp.priors.Empirical(points, weights=[0.5, 0.2, 0.3])
    draws = bare.sample_given(np.tile(x, (n, 1)), sigma, rng=8)
    p = np.array([0.5, 0.2, 0.3]) * np.exp(-np.sum((points - x) ** 2, axis=1) / (2 * sigma**2))
    assert_frequencies(np.searchsorted(points[:, 0], draws[:, 0]), p / p.sum())
    part = bare.sample_given(np.tile(x, (5, 1)), sigma, rng=8, first_chain=60)
    np.testing.assert_array_equal(part, draws[60:65])
    blurred = dp.priors.Empirical(points, bandwidth, weights=[0.5, 0.2, 0.3])
    draws = blurred.sample_given(np.tile(x, (n, 1)), sigma, rng=8)
    mean = blurred.denoise(x[None], sigma)[0]
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4.5 * draws.std(axis=0) / np.sqrt(n))
    cov = sigma**2 * np.concat([blurred.denoise_vjp(x[None], sigma, e[None]) for e in np.eye(2)])
    for i, j in ((0, 0), (0, 1), (1, 1)):
        products = (draws - mean)[:, i] * (draws - mean)[:, j]
        assert abs(products.mean() - cov[i, j]) < 4.5 * products.std() / np.sqrt(n)


def test_posterior_of_bare_points_reweights_them(xp):
    rng = np.random.default_rng(9)
    points, weights = rng.normal(size=(6, 2, 2)), np.array([0.1, 0.2, 0.0, 0.3, 0.15, 0.25])
    a, y, std = rng.normal(size=(3, 4)), rng.normal(size=3), np.array([0.5, 1.0, 2.0])
    prior = dp.priors.Empirical(xp.array(points), weights=xp.array(weights))
    measurement = dp.LinearGaussian(xp.array(a), xp.array(std), event_shape=(2, 2))
    posterior = prior.posterior(measurement, xp.array(y))
    misfit = (y - points.reshape(6, 4) @ a.T) / std
    likelihood = np.exp(-0.5 * np.sum(misfit**2, axis=1)) / np.prod(np.sqrt(2 * np.pi) * std)
    evidence = np.sum(weights * likelihood)
    assert isinstance(posterior, dp.priors.Empirical)
    expected = weights * likelihood / evidence
    np.testing.assert_allclose(xp.numpy(posterior.weights), expected, rtol=1e-12)
    np.testing.assert_allclose(posterior.log_evidence, np.log(evidence), rtol=1e-12)


def test_posterior_with_a_bandwidth_is_bayes():
    prior, rng = problem(0.4)
    measurement = dp.LinearGaussian(rng.normal(size=(3, 4)), 0.3, event_shape=(2, 2))
    y, x = rng.normal(size=3), rng.normal(size=(8, 2, 2))
    posterior = prior.posterior(measurement, y)
    log_joint = prior.log_density(x) + measurement.log_likelihood(x, y)
    expected = log_joint - posterior.log_evidence
    np.testing.assert_allclose(posterior.log_density(x), expected, rtol=1e-9)


POINTS = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("points", "options", "error", "message"),
    [
        (np.zeros(3), {}, ValueError, "points must have shape"),
        (np.zeros((0, 2)), {}, ValueError, "points must have shape"),
        (np.zeros((3, 0)), {}, ValueError, "points must have shape"),
        (np.full((3, 2), np.nan), {}, ValueError, "points must be finite"),
        (np.full((3, 2), 1j), {}, TypeError, "points must be real"),
        (np.array([["a", "b"]]), {}, TypeError, "points must hold numbers"),
        (None, {}, TypeError, "points must be an array"),
        (POINTS, {"bandwidth": -0.1}, ValueError, "bandwidth must lie in"),
        (POINTS, {"bandwidth": np.inf}, ValueError, "bandwidth must be finite"),
        (POINTS, {"bandwidth": "wide"}, TypeError, "bandwidth must be a real number"),
        (POINTS, {"weights": np.ones(2) / 2}, ValueError, "weights must have shape"),
        (POINTS, {"weights": [0.5, 0.6, -0.1]}, ValueError, "weights must not be negative"),
        (POINTS, {"weights": [0.5, 0.6, 0.1]}, ValueError, "weights must sum to 1"),
        (POINTS, {"weights": [0.5, np.nan, 0.5]}, ValueError, "weights must be finite"),
        (POINTS, {"weights": array_api_strict.ones(3) / 3}, TypeError, "mixed array types"),
    ],
)
def test_bad_parameters(points, options, error, message):
    with pytest.raises(error, match=message):
        dp.priors.Empirical(points, **options)


def test_bad_arguments():
    prior = dp.priors.Empirical(POINTS)
    good, strict = dp.LinearGaussian(np.eye(2), 0.1), array_api_strict.ones((3, 2))
    for call, error, message in (
        (lambda: prior.score(np.zeros((3, 3)), 1.0), ValueError, "x must have shape"),
        (lambda: prior.score(strict, 1.0), TypeError, "mixed array types"),
        (lambda: prior.score(POINTS, -1.0), ValueError, "sigma must not be negative"),
        (lambda: prior.log_density(POINTS), ValueError, "no density at sigma = 0"),
        (lambda: prior.denoise_vjp(POINTS, 1.0, POINTS[:2]), ValueError, "v must have shape"),
        (lambda: prior.sample_given(POINTS[:0], 1.0), ValueError, "empty batch"),
        (lambda: prior.sample(0), ValueError, "n_samples must be at least 1"),
        (lambda: prior.posterior(None, [0.0]), TypeError, "measurement must be a LinearGauss"),
        (lambda: prior.posterior(good, np.zeros(3)), ValueError, "y must have shape"),
        (
            lambda: prior.posterior(dp.LinearGaussian(np.eye(3), 0.1), np.zeros(3)),
            ValueError,
            "measurement takes events of shape",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
