"""The geometric mean over shifted grids: a score with its density at every level, no heat flow."""

import numpy as np
import pytest

import diffpost_np as dp

MEANS = np.array([[-0.5, 0.3, 0.1, 0.0], [1.0, 0.0, -0.2, 0.6]])
ROOTS = np.random.default_rng(0).normal(size=(2, 4, 4)) * 0.6
COVS = ROOTS @ ROOTS.transpose(0, 2, 1) + 0.1 * np.eye(4)
SQUARES = dp.priors.GaussianMixture([0.3, 0.7], MEANS, COVS)
POINTS = np.random.default_rng(1).normal(size=(3, 4, 6))


def prior(stride=1, xp=None, image_shape=(4, 6)):
    parts = [np.array([0.3, 0.7]), MEANS, COVS]
    mixture = dp.priors.GaussianMixture(*(parts if xp is None else map(xp.array, parts)))
    return dp.priors.PatchProduct(mixture, image_shape, (2, 2), stride)


def of_grids(name, x, *arguments, shifts=((0, 0), (0, 1), (1, 0), (1, 1))):
    """The mean over grids of what each of them answers."""
    grids = (dp.priors.PatchGrid(SQUARES, (4, 6), (2, 2), shift) for shift in shifts)
    return np.mean([getattr(grid, name)(x, *arguments) for grid in grids], axis=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_it_is_the_mean_over_grids(sigma, dtype, xp):
    x, v = POINTS.astype(dtype), POINTS[::-1].astype(dtype)
    found, tolerance = prior(xp=xp), {"rtol": 1e-4 if dtype == np.float32 else 1e-10, "atol": 1e-5}
    for name in ("score", "denoise"):
        got = getattr(found, name)(xp.array(x), sigma)
        assert xp.owns(got) and xp.numpy(got).dtype == dtype
        np.testing.assert_allclose(xp.numpy(got), of_grids(name, x, sigma), **tolerance)
    got = found.denoise_vjp(xp.array(x), sigma, xp.array(v))
    np.testing.assert_allclose(xp.numpy(got), of_grids("denoise_vjp", x, sigma, v), **tolerance)
    got = found.unnormalised_log_density(xp.array(x), sigma)
    np.testing.assert_allclose(xp.numpy(got), of_grids("log_density", x, sigma), **tolerance)


def test_fewer_grids_and_a_level_for_each_image():
    levels = np.array([0.2, 0.5, 1.0])
    expected = of_grids("score", POINTS, levels, shifts=((0, 0),))
    np.testing.assert_allclose(prior(2).score(POINTS, levels), expected, rtol=1e-10)
    one_by_one = [prior().score(POINTS[i : i + 1], levels[i])[0] for i in range(3)]
    np.testing.assert_allclose(prior().score(POINTS, levels), one_by_one, rtol=1e-10)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_the_score_is_the_gradient_of_the_density(sigma):
    v, h = np.random.default_rng(2).normal(size=POINTS.shape), 1e-5
    q = prior()
    ends = (q.unnormalised_log_density(POINTS + s * h * v, sigma) for s in (1, -1))
    slope = (next(ends) - next(ends)) / (2 * h)
    np.testing.assert_allclose(np.sum(q.score(POINTS, sigma) * v, axis=(1, 2)), slope, rtol=1e-6)


def test_the_laws_of_a_prior_but_for_the_heat_flow():
    report = dp.testing.check_prior(
        prior(), points=0.7 * np.random.default_rng(3).normal(size=(20, 4, 6))
    )
    assert {"jacobian_product", "denoiser"} <= set(report.kept)
    assert not any("heat" in law for law in report.kept)
    lying = prior()
    lying.heat_consistent = True
    with pytest.raises(dp.testing.BrokenLaw, match="'heat_flow'"):
        dp.testing.check_prior(lying, points=POINTS)


def test_a_draw_follows_its_grid():
    """Over all shifts alike: the mean of draws is that of the grids' denoisers."""
    n, q = 8000, prior()
    draws = q.grid_sample_given(np.tile(POINTS[:1], (n, 1, 1)), 0.6, rng=0)
    error = draws.mean(axis=0) - q.denoise(POINTS[:1], 0.6)[0]
    assert np.all(np.abs(error) < 4.5 * draws.std(axis=0) / n**0.5)
    single = prior(2)
    grid = dp.priors.PatchGrid(SQUARES, (4, 6), (2, 2))
    draws = single.grid_sample_given(np.tile(POINTS[:1], (n, 1, 1)), 0.6, rng=1)
    exact = grid.sample_given(np.tile(POINTS[:1], (n, 1, 1)), 0.6, rng=2)
    for f in (lambda a: a, lambda a: a * np.roll(a, 1, axis=2)):
        error = f(draws).mean(axis=0) - f(exact).mean(axis=0)
        assert np.all(np.abs(error) < 4.5 * f(exact).std(axis=0) * (2 / n) ** 0.5)


def test_draws_do_not_depend_on_the_batch(xp):
    q, x = prior(xp=xp), xp.array(np.concatenate([POINTS, POINTS]))
    draws = xp.numpy(q.grid_sample_given(x, 0.3, rng=0))
    part = q.grid_sample_given(x[2:, ...], 0.3, rng=0, first_chain=2)
    assert xp.owns(part)
    np.testing.assert_allclose(xp.numpy(part), draws[2:], rtol=1e-12)
    assert np.any(draws[:3] != draws[3:])


def test_lists_and_texts():
    q, x = prior(), POINTS[:2]
    drawn = q.grid_sample_given(x.tolist(), 0.3, rng=0)
    np.testing.assert_array_equal(drawn, q.grid_sample_given(x, 0.3, rng=0))
    np.testing.assert_array_equal(q.score(x.tolist()), q.score(x))
    text = "PatchProduct(GaussianMixture(2 components, event_shape=(4,), covs: full), "
    assert repr(q) == text + "(4, 6), (2, 2), stride=1)"


S = dp.sampling
SEEN = dp.LinearGaussian(np.ones((1, 24)), 1.0, event_shape=(4, 6))
REFUSED = {
    "sample": lambda q: S.sample(q, 2, n_steps=3),
    "noise_then_denoise": lambda q: S.noise_then_denoise(q, POINTS, 1.0),
    "noise_then_denoise ": lambda q: S.noise_then_denoise(q, POINTS, 1.0, method="exact"),
    "ode_log_density": lambda q: S.ode_log_density(q, POINTS),
    "probability_flow": lambda q: S.probability_flow(q),
    "localized_langevin": lambda q: dp.posterior.localized_langevin(
        q, SEEN, [1.0], x0=POINTS[0], x0_std=0.5, n_samples=2, alpha=1.0, smoothness=9.0
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_reverse_diffusions_refuse_it(name):
    with pytest.raises(
        TypeError, match=rf"heat_consistent = False.*{name.strip()}.*split_gibbs.*alpha= and"
    ):
        REFUSED[name](prior())


def test_samplers_that_need_no_heat_flow_take_it():
    q, p = prior(), dp.posterior
    start = np.random.default_rng(4).normal(size=(200, 4, 6))
    p.langevin(q, SEEN, [1.0], n_samples=2, step_size=0.01, n_steps=3, initial=start[:2])
    constants = {"alpha": 1.0, "smoothness": 30.0, "tolerance": 0.5}
    p.annealed_langevin(q, SEEN, [1.0], n_samples=2, initial=start[:2], rng=0, **constants)
    p.annealed_smc(q, SEEN, [1.0], n_samples=50, n_particles=200, initial=start, rng=0)
    with pytest.raises(TypeError, match=r"no \.sample,.*give initial=.*posterior\.split_gibbs"):
        p.annealed_smc(q, SEEN, [1.0], n_samples=50)
    with pytest.raises(TypeError, match=r"no posterior in closed form.*posterior\.split_gibbs"):
        p.exact(q, SEEN, [1.0])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (((4, 6), (2, 2), 3), ValueError, "stride must divide the sides of a patch"),
        (((4, 6), (2, 2), 0), ValueError, "stride must be at least 1"),
        (((4, 6), (2, 2), 1.0), TypeError, "stride must be an integer"),
        (((4, 5), (2, 2)), ValueError, "image_shape .* crop the image or pad it"),
    ],
)
def test_shapes_that_do_not_fit(arguments, error, text):
    with pytest.raises(error, match=text):
        dp.priors.PatchProduct(SQUARES, *arguments)
