"""Images of disjoint patches: against the mixture over whole images that they amount to."""

import itertools

import numpy as np
import pytest

import diffpost_np as dp

WEIGHTS, MEANS = np.array([0.3, 0.7]), np.array([[-1.0, 0.5], [2.0, 0.0]])
COVS = np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.1, -0.05], [-0.05, 0.6]]])
PAIR = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS)


def whole(image_shape=(2, 2), patch_shape=(2, 1), shift=(1, 0), pair=PAIR):
    """A grid of two patches, and the mixture of four components on the four pixels."""
    grid = dp.priors.PatchGrid(pair, image_shape, patch_shape, shift)
    index = np.arange(4.0)[None]
    where = grid.tiling.split(np, index, grid.shift).astype(int)
    weights, means, covs = [], [], []
    for k in itertools.product(range(2), repeat=2):
        mean, cov = np.zeros(4), np.zeros((4, 4))
        for patch, component in zip(where, k, strict=True):
            mean[patch], cov[np.ix_(patch, patch)] = MEANS[component], COVS[component]
        weights.append(np.prod(WEIGHTS[list(k)])), means.append(mean), covs.append(cov)
    means = np.reshape(means, (4, *image_shape))
    return grid, dp.priors.GaussianMixture(weights, means, np.array(covs))


GRIDS = [((2, 2), (2, 1), (1, 0)), ((2, 2), (1, 2), (0, 1)), ((1, 4), (1, 2), (0, 1))]
GRIDS += [((2, 1, 2), (1, 2), (0, 0))]


def test_patches_are_where_the_shift_says():
    image = np.arange(16.0).reshape(4, 4)
    single = dp.priors.GaussianMixture([1.0], np.zeros((1, 4)), 1.0)
    tiling = dp.priors.PatchGrid(single, (4, 4), (2, 2), (1, 0)).tiling
    patches = tiling.split(np, image.reshape(1, -1), (1, 0))
    np.testing.assert_array_equal(patches[0], image[1:3, :2].ravel())
    np.testing.assert_array_equal(patches[3], np.roll(image, -1, axis=0)[2:, 2:].ravel())
    np.testing.assert_array_equal(tiling.join(np, patches, (1, 0)), image.reshape(1, -1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shapes", GRIDS, ids=str)
def test_every_ability_is_that_of_the_whole_mixture(shapes, dtype, xp):
    pair = dp.priors.GaussianMixture(*map(xp.array, (WEIGHTS, MEANS, COVS)))
    grid, (_, exact) = whole(*shapes, pair)[0], whole(*shapes)
    x, v = np.random.default_rng(0).normal(size=(2, 5, *shapes[0])).astype(dtype)
    tolerance = {"rtol": 1e-9 if dtype == np.float64 else 1e-4, "atol": 1e-5}
    for sigma in (0.0, 0.4, xp.array(np.linspace(0.1, 2, 5).astype(dtype))):
        level = sigma if isinstance(sigma, float) else xp.numpy(sigma)
        for name in ("score", "log_density", "denoise"):
            found = getattr(grid, name)(xp.array(x), sigma)
            assert xp.owns(found) and xp.numpy(found).dtype == dtype
            np.testing.assert_allclose(
                xp.numpy(found), getattr(exact, name)(x, level), **tolerance, err_msg=name
            )
        found = grid.denoise_vjp(xp.array(x), sigma, xp.array(v))
        np.testing.assert_allclose(xp.numpy(found), exact.denoise_vjp(x, level, v), **tolerance)
    np.testing.assert_allclose(xp.numpy(grid.mean()), exact.mean())
    np.testing.assert_allclose(xp.numpy(grid.std()), exact.std())


KEEP = np.array([[True, False], [True, True]])
REPEATED = np.array([[1.0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 2.0]])
STD = np.array([0.3, 0.6, 0.2])
COLUMNS = np.array([[1.0, 0, 0.5, 0], [0, -1.0, 0, 2.0], [1, 0, 1, 0]])
MEASUREMENTS = {
    "mask": dp.LinearGaussian(dp.operators.mask(KEEP), STD),
    "one patch": dp.LinearGaussian(dp.operators.mask([[True, False], [True, False]]), 0.5),
    "repeated pixels": dp.LinearGaussian(REPEATED, 0.4, event_shape=(2, 2)),
    "rows within patches": dp.LinearGaussian(
        COLUMNS, np.array([0.3, 0.6, 0.2]), event_shape=(2, 2)
    ),
    "seen twice": dp.LinearGaussian(
        dp.operators.stack(dp.operators.mask(KEEP), dp.operators.mask(KEEP)), 0.4
    ),
    "complex": dp.LinearGaussian(
        COLUMNS[:2] * np.array([[1 + 2j], [0.5 - 1j]]), 0.4, event_shape=(2, 2)
    ),
    "means": dp.LinearGaussian(dp.operators.downsample((2, 2), (2, 1)), 0.2),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_the_posterior_is_that_of_the_whole_mixture(name):
    measurement = MEASUREMENTS[name]
    grid, exact = whole()
    y = measurement.simulate(exact.sample(1, rng=3), rng=4)[0]
    found, expected = grid.posterior(measurement, y), exact.posterior(measurement, y)
    x = np.random.default_rng(1).normal(size=(6, 2, 2))
    assert found.log_evidence == pytest.approx(expected.log_evidence, abs=1e-8)
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=1e-8)
    np.testing.assert_allclose(found.std(), expected.std(), rtol=1e-8)
    for sigma in (0.0, 0.5):
        for ability in ("score", "log_density", "denoise"):
            got, want = (getattr(p, ability)(x, sigma) for p in (found, expected))
            np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)
        got, want = (p.denoise_vjp(x, sigma, x[::-1]) for p in (found, expected))
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)
    again = found.posterior(measurement, y), expected.posterior(measurement, y)
    np.testing.assert_allclose(*(p.score(x, 0.3) for p in again), rtol=1e-7, atol=1e-9)


def test_a_complex_measurement_is_one_of_its_real_and_imaginary_parts():
    grid, a = whole()[0], COLUMNS[:2] * np.array([[1 + 2j], [0.5 - 1j]])
    y = np.array([0.3 - 0.8j, 1.1 + 0.4j])
    parts = np.concatenate([a.real, a.imag]), np.concatenate([y.real, y.imag])
    found, expected = (
        grid.posterior(dp.LinearGaussian(matrix, 0.4, event_shape=(2, 2)), data)
        for matrix, data in ((a, y), parts)
    )
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=1e-10)
    assert found.log_evidence == pytest.approx(expected.log_evidence)


def test_the_laws_of_a_prior():
    grid, _ = whole()
    kept = dp.testing.check_prior(grid, skip=["bayes"]).kept
    laws = {"heat_flow", "heat_flow_of_density", "score_of_draws", "draws_given_noisy_point"}
    assert laws | {"jacobian_product"} <= set(kept)
    given = grid.posterior(MEASUREMENTS["mask"], [0.5, -1.0, 0.2])
    assert laws <= set(dp.testing.check_prior(given, skip=["bayes"]).kept)


@pytest.mark.parametrize("kind", ["prior", "given a noisy point", "posterior"])
def test_draws_are_those_of_the_whole_mixture(kind):
    grid, exact = whole()
    n, x = 4000, np.array([[0.5, -0.2], [0.8, 1.0]])
    noisy = dp.LinearGaussian(np.eye(4), 0.7, event_shape=(2, 2))
    draws, expected = {
        "prior": lambda: (grid.sample(n, rng=0), exact),
        "given a noisy point": lambda: (
            grid.sample_given(np.tile(x, (n, 1, 1)), 0.7, rng=0),
            exact.posterior(noisy, x.ravel()),
        ),
        "posterior": lambda: (
            grid.posterior(noisy, x.ravel()).sample(n, rng=0),
            exact.posterior(noisy, x.ravel()),
        ),
    }[kind]()
    truth = expected.sample(100_000, rng=1).reshape(-1, 4)
    flat = draws.reshape(n, 4)
    pairs = [lambda a, k=k: a * np.roll(a, k, axis=1) for k in (1, 2)]
    for f in (lambda a: a, lambda a: a**2, *pairs, lambda a: a**3):
        error = f(flat).mean(axis=0) - f(truth).mean(axis=0)
        assert np.all(np.abs(error) < 4.5 * f(truth).std(axis=0) * (1 / n + 1e-5) ** 0.5)


def test_a_draw_does_not_depend_on_the_batch():
    mixture = dp.priors.photograph_patches() if hasattr(dp.priors, "photograph_patches") else PAIR
    side = (8, 8) if mixture is not PAIR else (2, 1)
    grid = dp.priors.PatchGrid(mixture, (64, 64), side)
    x = grid.sample(5, rng=0, like=np.zeros(1, np.float32))
    np.testing.assert_array_equal(x[3:], grid.sample(2, rng=0, first_chain=3, like=x))
    draws = grid.sample_given(x, 0.1, rng=1)
    np.testing.assert_array_equal(draws[:4], grid.sample_given(x[:4], 0.1, rng=1))
    np.testing.assert_array_equal(draws[2:], grid.sample_given(x[2:], 0.1, rng=1, first_chain=2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_draw_what_the_reference_draws(dtype):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(7, 9, 9))
    wide = root @ root.transpose(0, 2, 1) * np.geomspace(1e-3, 1, 7)[:, None, None] + 1e-4 * np.eye(
        9
    )
    weights = np.array([0.1, 0.0, 0.2, 0.3, 0.1, 0.2, 0.1])
    mixture = dp.priors.GaussianMixture(weights, rng.normal(size=(7, 9)), wide)
    for n, sigma in ((700, 0.2), (5, 0.2), (700, 0.01), (3, 0.0)):
        x = (mixture.sample(n, rng=1) + sigma * rng.normal(size=(n, 9))).astype(dtype)
        fast = mixture.sample_given(x, sigma, rng=2)
        with dp.reference():
            slow = mixture.sample_given(x, sigma, rng=2)
        close = np.isclose(fast, slow, rtol=1e-3, atol=1e-4 if dtype == np.float32 else 1e-9)
        assert np.mean(np.all(close, axis=1)) > (0.995 if dtype == np.float32 else 0.9999)


def test_a_shift_may_be_an_array():
    grid = dp.priors.PatchGrid(PAIR, (2, 2), (2, 1), np.array([1, 0]))
    assert grid.shift == (1, 0)
    text = "PatchGrid(GaussianMixture(2 components, event_shape=(2,), covs: full), "
    assert repr(grid) == text + "(2, 2), (2, 1), shift=(1, 0))"


def test_lists_are_batches():
    grid, x = whole()[0], np.random.default_rng(0).normal(size=(3, 2, 2))
    for name in ("score", "denoise", "log_density"):
        np.testing.assert_array_equal(
            getattr(grid, name)(x.tolist(), 0.3), getattr(grid, name)(x, 0.3)
        )
    found = grid.denoise_vjp(x.tolist(), 0.3, x.tolist())
    np.testing.assert_array_equal(found, grid.denoise_vjp(x, 0.3, x))


@pytest.mark.parametrize("sampler", [dp.posterior.exact, dp.posterior.sample])
def test_large_images_are_left_to_split_gibbs(sampler):
    grid = dp.priors.PatchGrid(dp.priors.photograph_patches(), (128, 128), (8, 8))
    seen = dp.LinearGaussian(dp.operators.mask(np.ones((128, 128), bool)), 0.1)
    with pytest.raises(ValueError, match=r"256 patches, .* sample by posterior\.split_gibbs"):
        sampler(grid, seen, np.full(128 * 128, 0.5))


@pytest.mark.parametrize("method", ["exact", "split_gibbs"])
def test_ranks_of_truths_are_uniform(method):
    """Simulation-based calibration: pixels, and a square that no mean and variance would tell."""
    grid = dp.priors.PatchGrid(PAIR, (4, 4), (1, 2), (0, 1))
    keep = np.random.default_rng(0).random((4, 4)) < 0.6
    measurement = dp.LinearGaussian(dp.operators.mask(keep), 0.3)
    truths = grid.sample(200, rng=1)
    ys, samples = measurement.simulate(truths, rng=2), []
    for k, y in enumerate(ys):
        if method == "exact":
            samples.append(grid.posterior(measurement, y).sample(39, rng=k))
            continue
        options = {"n_samples": 39, "rho_max": 1.0, "n_levels": 4, "thin": 1, "rng": k}
        found = dp.posterior.split_gibbs(grid, measurement, y, sweeps_per_level=10, **options)
        samples.append(found.samples)
    for statistic in (None, lambda x: x[:, :2, :2].sum(axis=(1, 2)) ** 2):
        ranks = dp.diagnostics.sbc_ranks(samples, truths, statistic=statistic, rng=0)
        assert np.min(ranks.p_values(10)) > 1e-3 / ranks.ranks[0].size


@pytest.mark.parametrize("sigma", [0.3, 0.05])
def test_draws_do_not_depend_on_the_batch(sigma):
    """To the bit: logits that round otherwise choose another component once in a while."""
    patches = dp.priors.photograph_patches()
    x = patches.sample(60_000, rng=0, like=np.zeros(1, np.float32))
    x = x + np.float32(sigma) * dp.random.normal(dp.random.key(1), x.shape, like=x)
    whole, n = patches.sample_given(x, sigma, rng=2), 300
    for first in range(0, len(x), n):
        part = patches.sample_given(x[first : first + n], sigma, rng=2, first_chain=first)
        np.testing.assert_array_equal(part, whole[first : first + n])


def test_samplers_that_ask_are_told():
    grid, exact = whole()
    blur = dp.LinearGaussian(np.ones((1, 4)), 0.5, event_shape=(2, 2))
    with pytest.raises(ValueError, match=r"must not mix patches.*split_gibbs"):
        grid.posterior(blur, [1.0])
    result = dp.posterior.sample(grid, MEASUREMENTS["mask"], [0.5, -1.0, 0.2], n_samples=5, rng=0)
    assert result.method == "exact"
    result = dp.posterior.sample(grid, blur, [1.0], n_samples=400, n_initial=2000, rng=0)
    assert result.method == "annealed_smc"
    distance = dp.diagnostics.sliced_wasserstein(
        result.samples, exact.posterior(blur, [1.0]), rng=0
    )
    assert distance.ratio < 2


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (((5, 2), (2, 1)), ValueError, r"image_shape .* wraps around, so crop .* or pad"),
        (((1, 2), (2, 1)), ValueError, r"image_shape must be at least a patch, \(2, 1\), got"),
        (((4, 4, 1), (1, 2)), ValueError, r"must have its channels first, \(1, 4, 4\), got"),
        (((4,), (2, 1)), ValueError, r"image_shape must be \(h, w\) or \(c, h, w\)"),
        (((4, 4), (2, 2)), ValueError, "patch_shape must have the 2 entries"),
        (((4, 4), (2,)), ValueError, r"patch_shape must be \(h, w\)"),
        (((4, 4), (2, 1), (2, 0)), ValueError, "shift must be at most 1"),
        (((4, 4), (2, 1), (0,)), TypeError, "shift must be two integers"),
        (((4, 4), (2, 1), 3), TypeError, "shift must be two integers"),
    ],
)
def test_shapes_that_do_not_fit(arguments, error, text):
    with pytest.raises(error, match=text):
        dp.priors.PatchGrid(PAIR, *arguments)
    with pytest.raises(TypeError, match="mixture must be a GaussianMixture"):
        dp.priors.PatchGrid(dp.priors.Ring(1.0, 0.1), (4, 4), (2, 1))
