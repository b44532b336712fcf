"""`sampling.log_concave`: exact laws on Gaussians, quadrature on one density that is none."""

import functools
import math

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest
from scipy import integrate, stats

import diffpost_np as dp
from diffpost_np.sampling._langevin.correctors import randomized_midpoint_step, underdamped
from diffpost_np.sampling._log_concave.run import planned

SAMPLE = dp.sampling.log_concave
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = (NODES[:, None] + 1) / 2, WEIGHTS / 2

MEAN = np.array([3.0, -1.0, 0.5])
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
CURVATURES = np.array([0.5, 2.0, 15.0])
PRECISION = (ROTATION * CURVATURES) @ ROTATION.T
COV = (ROTATION / CURVATURES) @ ROTATION.T


def gaussian(x):
    return (MEAN - x) @ PRECISION


class Slots:
    """Noises as unit vectors, random times as the nodes of a quadrature."""

    xp = numpy_namespace

    def __init__(self, like, first):
        self.like, self.next = like, first

    def uniform(self):
        return NODES

    def noise(self):
        unit = np.zeros_like(self.like)
        unit[:, self.next] = 1
        self.next += 1
        return unit


def state_of_slots(n_rows, n_noises):
    """Position and velocity as coefficients of themselves and of noises."""
    x, v = np.zeros((2, n_rows, 2 + n_noises))
    x[:, 0] = v[:, 1] = 1
    return x, v


def exact_law(curvature, plan, smoothness, start):
    """Mean and variance of a sample of N(0, 1 / curvature), by moments over the random times."""
    friction, force = 2 * math.sqrt(smoothness), lambda x: -curvature * x
    x, v = state_of_slots(len(NODES), 4)
    step = randomized_midpoint_step(Slots(x, 2), x, v, force, plan.step_size, friction)
    linear, noise = np.split(np.stack(step, axis=1), [2], axis=2)
    moments = np.zeros((5, 5))  # of (x x, x v, v x, v v, 1)
    moments[:4, :4] = np.einsum("q,qij,qkl->ikjl", WEIGHTS, linear, linear).reshape(4, 4)
    moments[:4, 4] = np.einsum("q,qin,qjn->ij", WEIGHTS, noise, noise).ravel()
    moments[4, 4] = 1
    second = np.linalg.matrix_power(moments, plan.n_steps) @ [start**2, 0, 0, 1, 1]
    average = np.einsum("q,qij->ij", WEIGHTS, linear)
    mean = (np.linalg.matrix_power(average, plan.n_steps) @ [start, 0])[0]
    x, _ = state_of_slots(1, 2 * plan.n_corrections + 1)
    c = underdamped(Slots(x, 1), x, force, 2 / friction, plan.n_corrections, friction)[0]
    return c[0] * mean, c[0] ** 2 * (second[0] - mean**2) + np.sum(c[1:] ** 2)


@pytest.mark.parametrize("eps", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("d", [1, 10, 1000])
@pytest.mark.parametrize("kappa", [1.0, 10.0, 100.0])
def test_the_plan_keeps_its_word_on_gaussians(kappa, d, eps):
    """All directions of the worst curvature, from half a standard deviation off the mode."""
    smoothness = 3.0
    plan = planned(eps, d, smoothness, smoothness / kappa, None, None)
    divergences = []
    for curvature in np.geomspace(smoothness / kappa, smoothness, 5):
        start = 0.5 / math.sqrt(smoothness / kappa)
        mean, variance = exact_law(curvature, plan, smoothness, start)
        ratio = variance * curvature
        divergences.append(0.5 * (ratio - 1 - math.log(ratio) + mean**2 * curvature))
    assert math.sqrt(d * max(divergences) / 2) < eps  # Pinsker


def test_the_law_of_the_short_run_is_that_of_the_library():
    """The moments above are those of samples."""
    n, smoothness = 40_000, 4.0
    options = {"n_samples": n, "step_size": 0.2, "n_steps": 3, "eps": 0.2, "rng": 0}
    found = SAMPLE(lambda x: -x, smoothness, 1.0, initial=[0.4], **options).samples[:, 0]
    mean, variance = exact_law(1.0, planned(0.2, 1, smoothness, 1.0, 0.2, 3), smoothness, 0.4)
    assert abs(np.mean(found) - mean) < 4 * math.sqrt(variance / n)
    assert abs(np.var(found) / variance - 1) < 4 * math.sqrt(2 / n)


def test_gaussian():
    n, eps = 5000, 0.5
    result = SAMPLE(gaussian, 15.0, 0.5, n_samples=n, eps=eps, event_shape=(3,), rng=0)
    plan = planned(eps, 3, 15.0, 0.5, None, None)
    starts = (result.stages["mode"][0] - MEAN) @ ROTATION
    laws = [exact_law(w, plan, 15.0, x) for w, x in zip(CURVATURES, starts, strict=True)]
    mean, variance = np.array(laws).T
    z = ((result.samples - MEAN) @ ROTATION - mean) / np.sqrt(variance)
    assert np.all(np.abs(z.mean(axis=0)) < 4 / math.sqrt(n))
    deviation = np.sqrt(np.ones((3, 3)) + np.eye(3))  # of products of normals
    assert np.all(np.abs(z.T @ z / n - np.eye(3)) < 4 * deviation / math.sqrt(n))
    assert np.max(np.abs(variance * CURVATURES - 1)) < 0.15
    assert result.finished
    assert not result.warnings


@pytest.mark.parametrize(
    "score",
    [dp.priors.Gaussian(MEAN, COV), lambda x, sigma: gaussian(x), lambda x, more=3: gaussian(x)],
    ids=["prior", "two arguments", "an option"],
)
def test_scores_of_all_kinds(score):
    options = {"n_samples": 9, "n_steps": 30, "event_shape": (3,), "rng": 0}
    found = SAMPLE(score, 15.0, 0.5, **options).samples
    np.testing.assert_allclose(found, SAMPLE(gaussian, 15.0, 0.5, **options).samples, rtol=1e-9)


def log_cosh_density(tilt=0.7, curvature=0.6):
    """p ~ exp(-log cosh(2 (x - 1)) - c x^2 / 2 + tilt x): curvature in [c, c + 4]."""

    def score(x):
        return -2 * np.tanh(2 * (x - 1)) - curvature * x + tilt

    def log_p(x):
        return -np.logaddexp(2 * (x - 1), -2 * (x - 1)) - curvature * x**2 / 2 + tilt * x

    grid = np.linspace(-12, 12, 20_001)
    density = np.exp(log_p(grid))
    return score, grid, density / integrate.simpson(density, x=grid)


@pytest.mark.parametrize("eps", [0.4, 0.1])
def test_a_density_that_is_not_gaussian(eps):
    score, grid, density = log_cosh_density()
    n = 40_000
    result = SAMPLE(score, 4.6, 0.6, n_samples=n, eps=eps, event_shape=(1,), rng=0)
    cdf = integrate.cumulative_simpson(density, x=grid, initial=0)
    x = result.samples[:, 0]
    # samples of a law within total variation t of p have KS distance t plus that of n draws
    distance = stats.ks_1samp(x, functools.partial(np.interp, xp=grid, fp=cdf)).statistic
    assert distance < eps / 10 + stats.kstwo.isf(1e-4, n)
    assert total_variation_above_noise(x, grid, density) < eps


def total_variation_above_noise(x, grid, density, n_bins=40):
    """Half the l1 distance on bins of equal probability, less what n draws have on average."""
    cdf = integrate.cumulative_simpson(density, x=grid, initial=0)
    edges = np.interp(np.arange(1, n_bins) / n_bins, cdf, grid)
    share = np.bincount(np.searchsorted(edges, x), minlength=n_bins) / len(x)
    noise = 0.5 * math.sqrt(2 * (n_bins - 1) / (math.pi * len(x)))
    return 0.5 * np.sum(np.abs(share - 1 / n_bins)) - noise


def test_the_mode_is_where_chains_start():
    score, grid, density = log_cosh_density()
    far = SAMPLE(score, 4.6, 0.6, n_samples=3, initial=[1000.0], n_steps=1, rng=0)
    assert abs(far.stages["mode"][0, 0] - grid[np.argmax(density)]) < 0.5 / math.sqrt(0.6)
    near = SAMPLE(score, 4.6, 0.6, n_samples=3, initial=far.stages["mode"][0], n_steps=1, rng=0)
    np.testing.assert_array_equal(near.stages["mode"], far.stages["mode"])
    np.testing.assert_array_equal(near.samples, far.samples)


def test_cost():
    n = 7
    result = SAMPLE(gaussian, 15.0, 0.5, n_samples=n, n_steps=10, initial=MEAN, eps=0.1, rng=0)
    n_corrections = math.ceil(0.29 * math.sqrt(3) / 0.1)
    assert result.n_rounds == 2 + 2 * 10 + n_corrections
    assert result.n_score_evals == 2 + n * (2 * 10 + n_corrections)


DRAW = functools.partial(SAMPLE, gaussian, 15.0, 0.5, event_shape=(3,), n_steps=60, eps=0.2)


def test_seeds_and_chains():
    whole = DRAW(n_samples=9, rng=0).samples
    np.testing.assert_array_equal(whole, DRAW(n_samples=9, rng=0).samples)
    tail = DRAW(n_samples=6, rng=0, first_chain=3).samples
    np.testing.assert_allclose(whole[3:], tail, rtol=1e-12)
    assert np.all(whole != DRAW(n_samples=9, rng=1).samples)


@pytest.mark.parametrize("stop", [1, 37, 60])
def test_a_stopped_run_goes_on_to_the_same_bits(stop):
    whole = DRAW(n_samples=9, rng=0)
    part = DRAW(n_samples=9, rng=0, progress=lambda p: p.step == stop)
    assert not part.finished
    rest = DRAW(resume=part)
    assert rest.finished
    np.testing.assert_array_equal(rest.samples, whole.samples)
    assert (rest.n_score_evals, rest.n_rounds) == (whole.n_score_evals, whole.n_rounds)
    with pytest.raises(ValueError, match="n_steps"):
        DRAW(resume=part, n_steps=61)
    with pytest.raises(ValueError, match="initial"):
        DRAW(resume=part, initial=MEAN)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_namespaces_and_precisions(xp, dtype):
    like = xp.array([0.0], dtype)
    precision = xp.array([1.0, 4.0], dtype)
    draw = functools.partial(SAMPLE, lambda x: -precision * x, 4.0, 1.0, n_samples=5, rng=0)
    for options in ({"like": like, "event_shape": (2,)}, {"initial": xp.array([0, 0], dtype)}):
        result = draw(n_steps=5, **options)
        assert xp.owns(result.samples)
        assert result.samples.dtype == getattr(xp.xp, dtype)
        plain = SAMPLE(
            lambda x: -np.array([1.0, 4.0], dtype) * x,
            4.0,
            1.0,
            n_samples=5,
            rng=0,
            n_steps=5,
            initial=np.zeros(2, dtype),
        )
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(xp.numpy(result.samples), plain.samples, atol=tolerance)


def test_images():
    result = SAMPLE(dp.priors.Gaussian(np.ones((2, 3)), 0.5), 2.0, 2.0, n_samples=4, rng=0)
    assert result.samples.shape == (4, 2, 3)
    assert result.stages["mode"].shape == (1, 2, 3)


class TestMistakes:
    def test_bounds_in_the_wrong_order(self):
        with pytest.raises(ValueError, match="smoothness must be at least strong_convexity, 15"):
            SAMPLE(gaussian, 0.5, 15.0, event_shape=(3,))

    @pytest.mark.parametrize(
        ("bounds", "reason"),
        [((4.0, 0.5), "faster than smoothness"), ((15.0, 5.0), "less convex")],
    )
    def test_bounds_that_do_not_hold_are_warned_about(self, bounds, reason):
        with pytest.warns(RuntimeWarning, match=reason):
            result = SAMPLE(
                gaussian, *bounds, initial=MEAN, n_samples=50, step_size=0.05, n_steps=9, rng=0
            )
        assert reason in result.warnings[0]

    def test_no_mode(self):
        with pytest.raises(ValueError, match=r"smoothness = 4 .* has not found the mode"):
            SAMPLE(lambda x: 1 + np.exp(-x), 4.0, 1.0, event_shape=(2,))

    def test_scores_that_are_not_finite_are_named_with_step_and_chain(self):
        def score(x):
            return np.where(np.arange(len(x))[:, None] == 2, np.nan, -x)

        with pytest.raises(ValueError, match=r"score returned NaN or infinity at step 1, chain 2"):
            SAMPLE(score, 1.0, 1.0, event_shape=(2,), n_samples=5)

    @pytest.mark.filterwarnings("ignore:.*smoothness allows:RuntimeWarning")
    def test_divergence_is_named_with_its_step_and_chain(self):
        def score(x):
            return -np.where(np.arange(len(x))[:, None] == 2, 1e6, 1.0) * x

        with pytest.raises(ValueError, match=r"log_concave diverged by step \d+, chain 2"):
            SAMPLE(score, 1.0, 1.0, event_shape=(2,), n_samples=5, n_steps=100, rng=0)

    def test_no_shape(self):
        with pytest.raises(TypeError, match="event_shape must be given"):
            SAMPLE(lambda x: -x, 1.0, 1.0)

    def test_no_score(self):
        with pytest.raises(TypeError, match="score must be a function of x, or a prior"):
            SAMPLE(3, 1.0, 1.0)
