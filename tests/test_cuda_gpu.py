"""The public functions on a CUDA device: same bits of noise, same numbers, arrays that stay."""

import cuda_host
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._xp import host, numpy_namespace
from diffpost_np.lewis._weights.gram import lewis_pass

pytestmark = pytest.mark.gpu
DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def gpu():
    return cuda_host.cupy_namespace()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (7, 3, 5), (100_003, 7), (3, 200_001)])
def test_one_key_gives_the_same_variates(gpu, dtype, shape):
    key, like = dp.random.key(7), np.zeros(1, dtype=dtype)
    place = {"step": 2**32 - 1, "purpose": 255, "first_chain": 2**31, "stage": 3, "cloud": 65535}
    for draw in (dp.random.bits, dp.random.uniform, dp.random.normal):
        expected = draw(key, shape, like=like, **place)
        ours = draw(key, shape, like=gpu.asarray(like), **place)
        assert isinstance(ours, gpu.ndarray)
        assert cuda_host.same_bits(ours.get(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_reference_gives_the_same_variates_there(gpu, dtype):
    key, like = dp.random.key(8), gpu.zeros(1, dtype=dtype)
    for draw in (dp.random.bits, dp.random.uniform, dp.random.normal):
        kernel = draw(key, (1000, 33), like=like)
        with dp.reference():
            assert cuda_host.same_bits(draw(key, (1000, 33), like=like).get(), kernel.get())


def problem(xp, form, dtype, d=64, n_components=25):
    """A mixture as users make it, one measurement of half its dimension, and points."""
    rng = np.random.default_rng(3)
    root = rng.standard_normal((n_components, d, d)) / np.sqrt(d) + np.eye(d)
    factor = rng.standard_normal((n_components, d, 3))
    arrays = {
        "scalar": np.array(0.5),
        "diagonal": rng.uniform(0.2, 2, (n_components, d)),
        "full": root @ root.swapaxes(1, 2) + 0.2 * np.eye(d),
    }
    if form == "low rank":
        covs = dp.priors.LowRank(xp.asarray(factor), xp.asarray(arrays["diagonal"]))
    else:
        covs = xp.asarray(arrays[form])
    means = 1.5 * rng.standard_normal((n_components, d)) / np.sqrt(d)
    weights = rng.dirichlet(np.ones(n_components))
    prior = dp.priors.GaussianMixture(xp.asarray(weights), xp.asarray(means.astype(dtype)), covs)
    matrix = rng.standard_normal((d // 2, d)) / np.sqrt(d)
    measurement = dp.LinearGaussian(xp.asarray(matrix.astype(dtype)), noise_std=0.5)
    y = xp.asarray(rng.standard_normal(d // 2).astype(dtype))
    x = xp.asarray(rng.standard_normal((1000, d)).astype(dtype))
    return prior, measurement, y, x


@pytest.mark.parametrize("form", ["scalar", "diagonal", "full", "low rank"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_priors_give_the_same_numbers(gpu, form, dtype):
    here, there = problem(np, form, dtype), problem(gpu, form, dtype)
    calls = {
        "score": lambda prior, x: prior.score(x, 0.3),
        "score at p": lambda prior, x: prior.score(x),
        "log density": lambda prior, x: prior.log_density(x, 0.3),
        "denoise": lambda prior, x: prior.denoise(x, 0.7),
        "denoise_vjp": lambda prior, x: prior.denoise_vjp(x, 0.7, x),
        "responsibilities": lambda prior, x: prior.responsibilities(x, 0.3),
    }
    for name, call in calls.items():
        expected, ours = call(here[0], here[3]), call(there[0], there[3])
        assert isinstance(ours, gpu.ndarray) and ours.dtype == expected.dtype, name
        scale = np.abs(expected).max()
        tolerance = 4 * np.sqrt(np.finfo(dtype).eps) * scale
        assert np.abs(ours.get() - expected).max() <= tolerance, name


@pytest.mark.parametrize("form", ["scalar", "diagonal", "full", "low rank"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_levels", [1, 1000])
def test_draws_given_noisy_points_agree(gpu, form, dtype, n_levels):
    """But for the few points whose uniform is within rounding of the end of a component."""
    here, there = problem(np, form, dtype), problem(gpu, form, dtype)
    sigma = np.linspace(0.2, 1, n_levels)
    levels = sigma, gpu.asarray(sigma)
    expected, ours = (
        p[0].sample_given(p[3], s, rng=4) for p, s in zip((here, there), levels, strict=True)
    )
    assert isinstance(ours, gpu.ndarray) and ours.dtype == expected.dtype
    tolerance = 4 * np.sqrt(np.finfo(dtype).eps) * np.abs(expected).max()
    same = np.all(np.abs(ours.get() - expected) <= tolerance, axis=1)
    assert np.mean(same) > (0.995 if dtype == np.float32 else 0.9999)


@pytest.mark.parametrize("form", ["scalar", "full", "low rank"])
def test_exact_posteriors_agree(gpu, form):
    here, there = problem(np, form, np.float64), problem(gpu, form, np.float64)
    expected, ours = (p.posterior(m, y) for p, m, y, _ in (here, there))
    np.testing.assert_allclose(ours.mean().get(), expected.mean(), atol=1e-8)
    np.testing.assert_allclose(ours.std().get(), expected.std(), atol=1e-8)
    assert abs(float(ours.log_evidence) - float(expected.log_evidence)) < 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
def test_langevin_runs_there_and_gives_the_same_chains(gpu, dtype):
    """A contraction: rounding does not grow beyond a few hundred times what one row makes."""
    here, there = problem(np, "scalar", dtype), problem(gpu, "scalar", dtype)
    runs = [
        dp.posterior.langevin(*p[:3], n_samples=500, rng=5, step_size=0.02, n_steps=50)
        for p in (here, there)
    ]
    expected, ours = runs[0].samples, runs[1].samples
    assert isinstance(ours, gpu.ndarray) and ours.dtype == expected.dtype
    assert np.abs(ours.get() - expected).max() <= 4 * np.sqrt(np.finfo(dtype).eps)


@pytest.mark.parametrize("form", ["scalar", "diagonal", "full", "low rank"])
@pytest.mark.parametrize(
    "method", ["dpm_solver_2m", "ddpm", "sa_solver", "stochastic_heun", "seeds_2"]
)
def test_integrators_run_there_and_give_the_same_points(gpu, form, method):
    def run(xp):
        prior = problem(xp, form, np.float64, n_components=5)[0]
        return dp.sampling.sample(prior, 300, method=method, n_steps=20, rng=5).samples

    expected, ours = run(np), run(gpu)
    assert isinstance(ours, gpu.ndarray) and ours.dtype == expected.dtype
    np.testing.assert_allclose(ours.get(), expected, atol=1e-9)


def test_split_gibbs_runs_there_and_gives_the_same_images(gpu):
    """In float64 no uniform is within rounding of the end of a component."""

    def run(xp):
        mixture = problem(xp, "full", np.float64, d=16, n_components=5)[0]
        prior = dp.priors.PatchProduct(mixture, (12, 12), (4, 4), 2)
        seen = xp.asarray(np.random.default_rng(4).random((12, 12)) < 0.6)
        measurement = dp.LinearGaussian(dp.operators.mask(seen), noise_std=0.3)
        y = xp.asarray(np.random.default_rng(5).standard_normal(int(seen.sum())))
        options = {"n_samples": 20, "rng": 6, "rho": 0.2, "n_levels": 3, "thin": 5}
        return dp.posterior.split_gibbs(prior, measurement, y, **options).samples

    expected, ours = run(np), run(gpu)
    assert isinstance(ours, gpu.ndarray)
    np.testing.assert_allclose(ours.get(), expected, atol=1e-8)


def test_annealed_smc_reaches_the_exact_posterior(gpu):
    """Means within five standard errors of a cloud whose effective size is a fifth of it."""
    prior, measurement, y, _ = problem(gpu, "full", np.float64, d=8, n_components=3)
    result = dp.posterior.annealed_smc(prior, measurement, y, n_samples=4000, rng=6)
    exact = prior.posterior(measurement, y)
    assert isinstance(result.samples, gpu.ndarray)
    error = gpu.abs(gpu.mean(result.samples, axis=0) - exact.mean())
    assert bool(gpu.all(error <= 5 * exact.std() / (4000 / 5) ** 0.5))


def regression(n, d, dtype=np.float64):
    """Rows of several sizes, and targets with heavy tails."""
    rng = np.random.default_rng(n + d)
    X = rng.standard_normal((n, d)).astype(dtype)
    X[::100] *= 100
    y = X @ rng.standard_normal(d).astype(dtype) + rng.standard_t(1.5, size=n).astype(dtype)
    return X, y


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "d"), [(1_000_003, 2), (200_003, 20), (50_001, 64), (20_011, 128)])
def test_passes_over_many_rows_repeat_and_give_the_same_numbers(gpu, dtype, n, d):
    X, M = regression(n, d, dtype)[0], np.eye(d)
    there = gpu.asarray(X), gpu.asarray(M)
    expected = lewis_pass(numpy_namespace, X, M, 1.0)
    ours, again = (lewis_pass(gpu, *there, 1.0) for _ in range(2))
    for a, b, c in zip(ours, again, expected, strict=True):
        assert cuda_host.same_bits(a.get(), b.get())
        assert np.abs(a.get() - c).max() <= 100 * np.finfo(dtype).eps * np.abs(c).max()


def labels(y):
    """What tells labels of rows."""
    return lambda rows: host(y)[rows]


LEWIS = {
    "leverage scores": lambda X, y: dp.lewis.leverage_scores(X),
    "by QR": lambda X, y: dp.lewis.leverage_scores(X, method="qr"),
    "weights": lambda X, y: dp.lewis.lewis_weights(X).weights,
    "weights of p = 3": lambda X, y: dp.lewis.lewis_weights(X, 3.0).weights,
    "sample": lambda X, y: dp.lewis.sample_rows(X[:, 0] ** 2, 100, 0).scales,
    "embedding": lambda X, y: dp.lewis.subspace_embedding(X, m=500, rng=0).rows,
    "lad": lambda X, y: dp.lewis.lad(X, y, intercept=True, rng=0).coef,
    "dual": lambda X, y: dp.lewis.lad(X, y, quantile=0.3, rng=0).dual,
    "active lad": lambda X, y: dp.lewis.active_lad(X, labels(y), m=500, rng=0).coef,
}


@pytest.mark.parametrize("name", LEWIS)
@pytest.mark.parametrize("dependent", [False, True])
def test_lewis_functions_give_the_same_numbers(gpu, name, dependent):
    X, y = regression(30_000, 7)
    if dependent:
        X[:, 6] = X[:, 0] - X[:, 1]
    ours, expected = LEWIS[name](*map(gpu.asarray, (X, y))), LEWIS[name](X, y)
    assert isinstance(ours, gpu.ndarray) and ours.shape == expected.shape
    assert np.abs(ours.get() - expected).max() <= 1e-6 * np.abs(expected).max()


def test_namespaces_do_not_mix(gpu):
    prior, _, _, x = problem(gpu, "scalar", np.float64)
    with pytest.raises(TypeError, match="mixed array types"):
        prior.score(x.get(), 0.3)
