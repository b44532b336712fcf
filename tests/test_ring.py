"""Ring: against Bessel functions in 50 digits, quadrature, and its own samples."""

import itertools

import mpmath
import numpy as np
import pytest
from accuracy import assert_accurate
from scipy.special import ive

import diffpost_np as dp

LEVELS = [0.0, 1e-6, 1e-3, 0.3, 40.0, 1e6]
SHAPES = [
    (1.0, 0.1, np.float64),
    (1.0, 1e-8, np.float64),
    (3.7, 0.0, np.float64),
    (1e8, 1.0, np.float64),
    (1e-3, 5.0, np.float32),
    (3.7, 0.0, np.float32),
]
POINTS = [(0.6, 0.8), (1.0, 0.0), (0.0, 0.0), (-1e-9, 2e-9), (0.3, -0.2), (1e8, 3.0), (-2.0, 5.0)]


def variance(sigma, width):
    return sigma**2 + width**2


def ratios(z):
    """I1/I0, its derivative, and log I0."""
    i0 = mpmath.besseli(0, z)
    q = mpmath.besseli(1, z) / i0
    slope = 1 - q / z - q**2 if z else mpmath.mpf("0.5")
    return q, slope, mpmath.log(i0)


def polar(x, sigma, radius, width):
    r, v = mpmath.hypot(x[0], x[1]), variance(sigma, width)
    return r, v, ratios(radius * r / v)


def score(x, sigma, radius, width):
    r, v, (q, _, _) = polar(x, sigma, radius, width)
    return x * ((radius * q / r if r else 0) - 1) / v if r else 0 * x


def denoise(x, sigma, radius, width):
    if variance(sigma, width) == 0:
        return radius * x / mpmath.hypot(x[0], x[1])
    return x + sigma**2 * score(x, sigma, radius, width)


def denoise_vjp(x, sigma, v, radius, width):
    r, s2, (q, slope, _) = polar(x, sigma, radius, width)
    across = (radius * q / r - 1) / s2 if r else (radius**2 / (2 * s2) - 1) / s2
    along = (radius**2 * slope / s2 - 1) / s2
    unit = x / r if r else np.array([mpmath.mpf(1), mpmath.mpf(0)])
    part = unit * sum(unit * v)
    return v + sigma**2 * (along * part + across * (v - part))


def log_density(x, sigma, radius, width):
    r, v, (_, _, log_i0) = polar(x, sigma, radius, width)
    return log_i0 - (r**2 + radius**2) / (2 * v) - mpmath.log(2 * mpmath.pi * v)


def with_spare_digits(oracle):
    """The oracle with digits to lose in its plain formulas: z reaches 1e30."""

    def spared(**inputs):
        with mpmath.workdps(150):
            return oracle(**inputs)

    return spared


@pytest.mark.parametrize(("radius", "width", "dtype"), SHAPES)
def test_accuracy_against_50_digits(radius, width, dtype):
    radius, width = float(dtype(radius)), float(dtype(width))
    ring = dp.priors.Ring(radius, width)
    v = np.array([[0.8, -0.35]], dtype)
    for sigma, point in itertools.product(LEVELS, POINTS):
        if variance(sigma, width) == 0:
            continue
        x, level = np.array([point], dtype) * dtype(min(radius, 10.0)), dtype(sigma)
        given = {"x": x[0], "sigma": level, "radius": radius, "width": width}
        for computed, oracle, extra in (
            (ring.score(x, level), score, {}),
            (ring.denoise(x, level), denoise, {}),
            (ring.log_density(x, level), log_density, {}),
            (ring.denoise_vjp(x, level, v), denoise_vjp, {"v": v[0]}),
        ):
            exact = with_spare_digits(oracle)
            assert_accurate(computed[0], exact, what=oracle.__name__, factor=10, **given, **extra)


@pytest.mark.parametrize("ulps", [0, 1, -3, 1000])
def test_score_beside_a_sharp_ring_has_its_digits(ulps):
    """What rounding |x| or I1/I0 to its last place would destroy: |x| - radius ~ 1e-16."""
    x = np.array([[1 + ulps * 2.0**-52, 0.0]])
    with mpmath.workdps(80):
        exact = score(np.vectorize(mpmath.mpf)(x[0]), mpmath.mpf(1e-8), 1, 0)[0]
    computed = dp.priors.Ring(1.0, 0.0).score(x, 1e-8)[0, 0]
    np.testing.assert_allclose(computed, float(exact), rtol=1e-14)


@pytest.mark.parametrize(
    ("scale", "r", "across", "along"),
    [
        (0.1, 1.0, -0.50126, -99.497),
        (0.1, 0.9, 10.4921, None),
        (0.1, 0.0, 4900, 4900),
        (0.05, 1.0, -0.50031, None),
        (0.05, 0.95, 20.498, None),
        (0.05, 0.0, 79600, 79600),
        (0.01, 0.99, 100.50, None),
        (0.01, 0.0, 4.999e7, 4.999e7),
    ],
)
def test_curvatures_of_the_unit_ring(scale, r, across, along):
    """The Jacobian of the denoiser is I + sigma^2 H with H the Hessian of log p_sigma."""
    ring, sigma = dp.priors.Ring(1.0, 0.6 * scale), 0.8 * scale
    x, v = np.full((2, 2), [0.6 * r, 0.8 * r]), np.array([[-0.8, 0.6], [0.6, 0.8]])
    product = ring.denoise_vjp(x, sigma, v)
    factors = np.sum(product * v, axis=1)
    np.testing.assert_allclose(product, factors[:, None] * v, rtol=1e-12, atol=1e-12)
    values = (factors - 1) / sigma**2
    np.testing.assert_allclose(values[0], across, rtol=2e-5)
    if along is not None:
        np.testing.assert_allclose(values[1], along, rtol=2e-5)


def test_against_scipy_and_every_namespace(xp):
    ring, rng = dp.priors.Ring(2.0, 0.3), np.random.default_rng(0)
    x, sigma = rng.normal(size=(40, 2)) * 2, rng.uniform(0, 2, 40)
    r, v = np.hypot(*x.T), sigma**2 + 0.09
    z = 2 * r / v
    log_p = np.log(ive(0, z) / (2 * np.pi * v)) - (r - 2) ** 2 / (2 * v)
    gradient = x * ((2 * ive(1, z) / ive(0, z) / r - 1) / v)[:, None]
    for name, expected in (("log_density", log_p), ("score", gradient)):
        computed = getattr(ring, name)(xp.array(x), xp.array(sigma))
        assert xp.owns(computed)
        np.testing.assert_allclose(xp.numpy(computed), expected, rtol=1e-10)
    denoised = xp.numpy(ring.denoise(xp.array(x), xp.array(sigma)))
    np.testing.assert_allclose(denoised, x + sigma[:, None] ** 2 * gradient, rtol=1e-10)
    single = ring.denoise_vjp(xp.array(x, np.float32), 0.5, xp.array(x, np.float32))
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), ring.denoise_vjp(x, 0.5, x), rtol=1e-4)


@pytest.mark.parametrize(("sigma", "width"), [(0.0, 0.2), (0.4, 0.2), (5.0, 0.0)])
def test_derivatives_by_differences(sigma, width):
    ring, rng = dp.priors.Ring(1.5, width), np.random.default_rng(1)
    x, v, u = rng.normal(size=(3, 30, 2))
    h = 1e-5
    rise = (ring.log_density(x + h * v, sigma) - ring.log_density(x - h * v, sigma)) / (2 * h)
    np.testing.assert_allclose(np.sum(ring.score(x, sigma) * v, 1), rise, rtol=1e-6, atol=1e-6)
    change = (ring.denoise(x + h * v, sigma) - ring.denoise(x - h * v, sigma)) / (2 * h)
    product = ring.denoise_vjp(x, sigma, v)
    np.testing.assert_allclose(product, change, rtol=1e-6, atol=1e-7)
    other = ring.denoise_vjp(x, sigma, u)
    np.testing.assert_allclose(np.sum(product * u, 1), np.sum(other * v, 1), rtol=1e-12)


def test_smoothing_adds_widths_and_keeps_the_mass():
    x = np.random.default_rng(2).normal(size=(20, 2))
    narrow, wide = dp.priors.Ring(1.0, 0.3), dp.priors.Ring(1.0, 0.5)
    np.testing.assert_allclose(narrow.score(x, 0.4), wide.score(x), rtol=1e-12)
    np.testing.assert_allclose(narrow.log_density(x, 0.4), wide.log_density(x), rtol=1e-12)
    r = (np.arange(4000) + 0.5) * 1e-3
    density = np.exp(wide.log_density(np.stack([0.6 * r, -0.8 * r], axis=1)))
    np.testing.assert_allclose(np.sum(2 * np.pi * r * density) * 1e-3, 1, rtol=1e-6)


def test_samples_have_the_closed_form_moments():
    radius, width, n = 2.0, 0.7, 200_000
    x = dp.priors.Ring(radius, width).sample(n, rng=3)
    square = np.sum(x**2, axis=1)
    moments = {
        "radial": (square, radius**2 + 2 * width**2),
        "fourth": (square**2, radius**4 + 8 * radius**2 * width**2 + 8 * width**4),
        "first": (x[:, 0], 0),
        "second": (x[:, 1] ** 2, radius**2 / 2 + width**2),
        "cross": (x[:, 0] * x[:, 1], 0),
    }
    for values, expected in moments.values():
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(n)
    part = dp.priors.Ring(radius, width).sample(5, rng=3, first_chain=70)
    np.testing.assert_array_equal(part, x[70:75])
    thin = dp.priors.Ring(radius, 0.0).sample(50, rng=3)
    np.testing.assert_allclose(np.hypot(*thin.T), radius, rtol=1e-14)


def test_without_noise_and_width_the_denoiser_projects(xp):
    circle = dp.priors.Ring(2.0, 0.0)
    x = xp.array([[3.0, 4.0], [0.0, -1e-3], [0.0, 0.0]])
    expected = [[1.2, 1.6], [0, -2], [0, 0]]
    np.testing.assert_allclose(xp.numpy(circle.denoise(x, 0.0)), expected, rtol=1e-15)
    with pytest.raises(ValueError, match="no density at sigma = 0"):
        circle.score(x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0.0, 0.1), ValueError, "radius must be greater than 0"),
        ((-1.0, 0.1), ValueError, "radius must be greater than 0"),
        ((np.nan, 0.1), ValueError, "radius must be finite"),
        (("1", 0.1), TypeError, "radius must be a real number"),
        (([1.0, 2.0], 0.1), TypeError, "radius must be a real number"),
        ((1.0, -0.1), ValueError, "width must lie in"),
        ((1.0, np.inf), ValueError, "width must be finite"),
        ((1.0, None), TypeError, "width must be a real number"),
        ((1.0, 1j), TypeError, "width must be a real number"),
    ],
)
def test_bad_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        dp.priors.Ring(*arguments)


@pytest.mark.parametrize(
    ("x", "sigma", "message"),
    [
        (np.zeros((3, 3)), 1.0, "x must have shape"),
        (np.zeros((0, 2)), 1.0, "empty batch"),
        (np.full((1, 2), np.nan), 1.0, "x must be finite"),
        (np.zeros((3, 2)), -1.0, "sigma must not be negative"),
        (np.zeros((3, 2)), np.ones(2), "sigma must be a number or have shape"),
    ],
)
def test_bad_points(x, sigma, message):
    with pytest.raises(ValueError, match=message):
        dp.priors.Ring(1.0, 0.1).score(x, sigma)
