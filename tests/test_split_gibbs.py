"""`split_gibbs`: its law where that is known, its bits, and what it refuses."""

from functools import partial

import numba
import numpy as np
import pytest
import scipy.sparse
from scipy.sparse import linalg

import diffpost_np as dp
from diffpost_np.operators import _base, as_operator
from diffpost_np.posterior import _given_latent
from diffpost_np.posterior._given_latent import conjugate_gradients, given_latent
from diffpost_np.posterior._problem import Problem
from diffpost_np.posterior._running_moments import Moments
from diffpost_np.posterior._split_start import explaining_constant, start

WEIGHTS, MEANS = np.array([0.3, 0.7]), np.array([[-0.6, 0.5], [0.8, 0.0]])
COVS = np.array([[[0.5, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.6]]])
PAIR = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS)
A, STD, Y = (
    np.array([[1.0, 0.5], [0.3, -1.0], [0.5, 0.2]]),
    np.array([0.6, 0.8, 1.0]),
    [0.2, 0.4, 1],
)
N = 3000
STATISTICS = (lambda a: a, lambda a: a**2, lambda a: a * np.roll(a, 1, axis=-1), lambda a: a**3)


def assert_same_law(samples, truth, n_effective=N):
    """Moments agree within their Monte Carlo error; the truth is a large sample."""
    a, b = (s.reshape(len(s), -1) for s in (samples, truth))
    for f in STATISTICS:
        error = f(a).mean(axis=0) - f(b).mean(axis=0)
        allowed = 4.5 * f(b).std(axis=0) * (1 / n_effective + 1 / len(b)) ** 0.5
        assert np.all(np.abs(error) < allowed), (error / allowed).round(2)


def with_noise(extra, a=A):
    """The measurement with a multiple of A A' added to its noise."""
    return dp.LinearGaussian(a, noise_cov=np.diag(STD**2) + extra * a @ a.T)


def test_without_bias_it_is_the_posterior():
    measurement = dp.LinearGaussian(A, STD)
    result = dp.posterior.split_gibbs(
        PAIR, measurement, Y, n_samples=N, rho_max=2.0, thin=60, unbiased=True, rng=0
    )
    assert_same_law(result.samples, PAIR.posterior(measurement, Y).sample(200_000, rng=1))
    np.testing.assert_array_equal(result.stages["mean"], result.stages["mean_z"])
    assert result.n_score_evals == N * 140 and result.trace["rho"].shape == (140,)


def test_the_laws_of_a_sampler():
    sampler = partial(dp.posterior.split_gibbs, thin=20, rho_max=2.0, n_levels=2)
    given = {"n_samples": 500, "log_concave": True, "skip": ["ranks_of_truths"]}
    kept = dp.testing.check_sampler(sampler, **given).kept
    assert {"calibration", "chains_are_independent", "same_seed_same_samples"} <= set(kept)


def test_with_bias_the_latent_sees_more_noise():
    measurement, rho = dp.LinearGaussian(A, STD), 0.6
    result = dp.posterior.split_gibbs(
        PAIR, measurement, Y, n_samples=N, rho=rho, thin=25, unbiased=False, rng=0
    )
    truth = PAIR.posterior(with_noise(rho**2), Y)
    assert_same_law(result.samples, truth.sample(200_000, rng=1))
    wider = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS + rho**2 * np.eye(2))
    of_x = wider.posterior(measurement, Y)
    allowed = 4.5 * of_x.std() / N**0.5
    for name, law, other in (("mean", of_x, truth), ("mean_z", truth, of_x)):
        assert np.all(np.abs(result.stages[name] - law.mean()) < allowed)
        assert np.all(np.abs(result.stages[name] - other.mean()) > 2 * allowed / 4.5)
    assert not result.trace["unbiased"].any()


NOISES = {
    "one": {"noise_std": 0.7},
    "each": {"noise_std": STD},
    "correlated": {"noise_cov": np.diag(STD**2) + 0.3 * A @ A.T},
}


def covariance(noise):
    return noise["noise_cov"] if "noise_cov" in noise else noise["noise_std"] ** 2 * np.eye(3)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_by_conjugate_gradients(noise, monkeypatch):
    monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    measurement = dp.LinearGaussian(A, **noise)
    assert measurement.gram() is None
    result = dp.posterior.split_gibbs(PAIR, measurement, Y, n_samples=N, rho=0.6, thin=25, rng=0)
    more = dp.LinearGaussian(A, noise_cov=covariance(noise) + 0.36 * A @ A.T)
    truth = PAIR.posterior(more, Y)
    assert_same_law(result.samples, truth.sample(200_000, rng=1))
    with pytest.raises(ValueError, match="unbiased must be False: the operator has no eigenform"):
        dp.posterior.split_gibbs(PAIR, measurement, Y, rho=0.6, unbiased=True)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("solver", [False, True])
@pytest.mark.parametrize("unbiased", [False, True])
def test_the_step_of_x(unbiased, solver, noise, monkeypatch):
    """Mean and covariance of x given z and y, where the second kind leaves noise to z."""
    if solver:
        monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    measurement, rho, n = dp.LinearGaussian(A, **noise), 0.4, 40_000
    problem = Problem("split_gibbs", PAIR, measurement, Y, 0, scored=False)
    z = np.array([0.7, -0.4])
    x, _ = given_latent(problem).draw(np.tile(z, (n, 1)), rho, 3, unbiased and not solver, 0)
    seen = covariance(noise) - (unbiased and not solver) * rho**2 * A @ A.T
    cov = np.linalg.inv(np.eye(2) / rho**2 + A.T @ np.linalg.solve(seen, A))
    mean = cov @ (z / rho**2 + A.T @ np.linalg.solve(seen, Y))
    truth = np.random.default_rng(0).multivariate_normal(mean, cov, 400_000)
    assert_same_law(x, truth, n)


def test_couplings_up_to_the_limit_are_without_bias(monkeypatch):
    measurement = dp.LinearGaussian(A, STD)
    limit = 1 / np.linalg.norm(A / STD[:, None], 2)
    run = partial(dp.posterior.split_gibbs, PAIR, measurement, Y, n_samples=4, thin=1, rng=0)
    default = run().trace
    assert default["rho"][-1] == pytest.approx(limit) and default["unbiased"][-1]
    np.testing.assert_array_equal(default["unbiased"], default["rho"] <= limit * (1 + 1e-5))
    wide = run(rho=1.2 * limit)
    assert not wide.trace["unbiased"].any()
    assert np.all(wide.stages["mean"] != wide.stages["mean_z"])
    with pytest.raises(ValueError, match="rho must be at most"):
        run(rho=1.2 * limit, unbiased=True)
    assert run(unbiased=False).trace["rho"][-1] == pytest.approx(limit / 2)
    monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    solved = dp.posterior.split_gibbs(
        PAIR, dp.LinearGaussian(A, STD), Y, n_samples=4, thin=1, rng=0
    ).trace
    assert solved["rho"][-1] == pytest.approx(limit / 2) and not solved["unbiased"].any()


def test_conjugate_gradients_solve():
    rng = np.random.default_rng(0)
    root, right = rng.normal(size=(40, 30)), rng.normal(size=(3, 30))
    matrix = root.T @ root + 0.1 * np.eye(30)
    x = conjugate_gradients(np, lambda x: x @ matrix, right, np.zeros((3, 30)))
    np.testing.assert_allclose(x, np.linalg.solve(matrix, right.T).T, rtol=1e-7, atol=1e-9)


def test_chains_that_are_solved_for_have_a_place(monkeypatch):
    monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    problem = PAIR, dp.LinearGaussian(A, STD), Y
    full = dp.posterior.split_gibbs(*problem, n_samples=6, rho=0.3, rng=0)
    part = dp.posterior.split_gibbs(*problem, n_samples=3, rho=0.3, first_chain=3, rng=0)
    np.testing.assert_allclose(part.samples, full.samples[3:], rtol=1e-7)


def test_solving_in_float32_takes_any_coupling(monkeypatch):
    monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    measurement, y = dp.LinearGaussian(A, 0.1), np.array(Y, np.float32)
    tiny = dp.posterior.split_gibbs(PAIR, measurement, y, n_samples=4, rho=1e-30, rng=0)
    assert tiny.samples.dtype == np.float32 and np.all(np.isfinite(tiny.samples))
    monkeypatch.setattr(_given_latent, "_MOST_ITERATIONS", 1)
    with pytest.raises(ValueError, match=r"1 steps at a coupling of 0\.5: lower rho_max, or rho"):
        dp.posterior.split_gibbs(PAIR, measurement, y, rho=0.1, rho_max=0.5)


@pytest.mark.parametrize("way", ["eigenform", "solving"])
def test_a_measurement_of_nothing(way, monkeypatch):
    """The posterior is the prior, at any coupling that the user gives."""
    if way == "solving":
        monkeypatch.setattr(_base, "CHEAP_SVD", 0)
    problem = PAIR, dp.LinearGaussian(0 * A, STD), Y
    with pytest.raises(ValueError, match="rho must be given: the measurement does not depend on x"):
        dp.posterior.split_gibbs(*problem)
    result = dp.posterior.split_gibbs(*problem, n_samples=N, rho=0.7, thin=20, rng=0)
    assert_same_law(result.samples, PAIR.sample(200_000, rng=1))
    assert result.trace["unbiased"].all() == (way == "eigenform")


def blurred_and_masked(shape):
    blur = dp.operators.convolution(dp.operators.gaussian_kernel(1.6), shape)
    keep = np.random.default_rng(0).random(shape) < 0.5
    return dp.operators.compose(dp.operators.mask(keep), blur)


LARGE = {
    "blurred and masked": lambda: blurred_and_masked((64, 64)),
    "sparse": lambda: scipy.sparse.random(1500, 4096, 0.01, "csr", rng=0),
}


@pytest.mark.parametrize("noise", [0.1, [0.1, 0.2]], ids=["one", "each"])
@pytest.mark.parametrize("name", LARGE)
def test_the_step_of_x_for_a_large_operator(name, noise):
    """The squared error of a draw in units of its covariance, and that of their mean, is chi^2."""
    a, d, n, rho = as_operator(LARGE[name](), event_shape=(64, 64)), 4096, 20, 0.05
    m = a.output_shape[0]
    std = np.linspace(*noise, m) if isinstance(noise, list) else noise
    measurement = dp.LinearGaussian(a, std)
    assert measurement.gram() is None
    z = np.random.default_rng(1).random((1, d))
    y = measurement.simulate(z.reshape(1, 64, 64), rng=2)
    grid = dp.priors.PatchGrid(dp.priors.photograph_patches(), (64, 64), (8, 8))
    step = given_latent(Problem("split_gibbs", grid, measurement, y[0], 0, scored=False))
    x, _ = step.draw(np.repeat(z, n, axis=0), rho, 0, False, 0)

    def back(r):
        return a.adjoint(r / std**2).reshape(-1, d)

    def gram(x):
        return back(a(x.reshape(-1, 64, 64)))

    precision = linalg.LinearOperator((d, d), lambda v: v.ravel() / rho**2 + gram(v)[0])
    mean, failed = linalg.cg(precision, (z / rho**2 + back(y))[0], rtol=1e-12)
    assert not failed
    off = np.concatenate([x - mean, x.mean(axis=0, keepdims=True) - mean])
    square = np.sum(off * (off / rho**2 + gram(off)), axis=1)
    assert abs(square[:n].sum() - d * n) < 4.5 * (2 * d * n) ** 0.5
    assert abs(n * square[n] - d) < 4.5 * (2 * d) ** 0.5
    (largest,) = linalg.eigsh(linalg.LinearOperator((d, d), gram), k=1, return_eigenvectors=False)
    assert step.largest == pytest.approx(largest, rel=1e-4)


def test_complex_measurements():
    keep = np.array([True, True, False, False])
    measurement = dp.LinearGaussian(dp.operators.subsampled_fourier(keep), 0.7)
    four = dp.priors.PatchGrid(PAIR, (1, 4), (1, 2))
    measurement = dp.LinearGaussian(dp.operators.subsampled_fourier(keep, (1, 4)), 0.7)
    big = dp.priors.GaussianMixture(
        np.outer(WEIGHTS, WEIGHTS).ravel(),
        [[[*a, *b]] for a in MEANS for b in MEANS],
        [np.block([[a, 0 * a], [0 * a, b]]) for a in COVS for b in COVS],
    )
    y = measurement.simulate(big.sample(1, rng=5), rng=6)[0]
    result = dp.posterior.split_gibbs(
        four, measurement, y, n_samples=N, rho_max=2.0, thin=40, rng=0
    )
    assert_same_law(result.samples, big.posterior(measurement, y).sample(200_000, rng=1))


def test_all_grids_of_one_gaussian_tend_to_the_geometric_mean():
    """Its precision is the mean of those of the grids, so the posterior is known."""
    cov = np.array([[1.0, 0.7], [0.7, 0.8]])
    single = dp.priors.GaussianMixture([1.0], np.array([[0.5, 0.2]]), cov[None])
    q = dp.priors.PatchProduct(single, (1, 4), (1, 2))
    pull = q.score(np.zeros((1, 1, 4)))[0, 0]
    precision = pull - q.score(np.eye(4)[:, None, :])[:, 0, :]
    a, noise = np.array([[1.0, 0.5, 0.0, -0.5]]), 0.5
    total = precision + a.T @ a / noise**2
    mean = np.linalg.solve(total, pull + a[0] * 0.8 / noise**2)
    measurement = dp.LinearGaussian(a, noise, event_shape=(1, 4))
    result = dp.posterior.split_gibbs(
        q, measurement, [0.8], n_samples=N, rho=0.1, rho_max=1.0, thin=600, rng=0
    )
    truth = np.random.default_rng(0).multivariate_normal(mean, np.linalg.inv(total), 200_000)
    assert_same_law(result.samples, truth)


def test_intervals_of_data_from_a_grid_cover():
    """Denoising at the level of the noise: each chain is one exact draw."""
    grid = dp.priors.PatchGrid(dp.priors.photograph_patches(), (32, 32), (8, 8), (3, 5))
    measurement = dp.LinearGaussian(dp.operators.mask(np.ones((32, 32), bool)), 0.1)
    inside, options = [], {"thin": 1, "n_levels": 1, "sweeps_per_level": 1, "rho_max": 0.1}
    for i, truth in enumerate(grid.sample(20, rng=0)):
        y = measurement.simulate(truth, rng=i)
        result = dp.posterior.split_gibbs(grid, measurement, y, n_samples=99, rng=i, **options)
        low, high = np.sort(result.samples, axis=0)[[4, 94]]  # 90 of 100 places
        inside.append(np.mean((low <= truth) & (truth <= high)))
    error = np.std(inside, ddof=1) / len(inside) ** 0.5
    assert abs(np.mean(inside) - 0.9) < 4 * error < 0.04


def photograph(dtype=np.float32, shape=(32, 32)):
    """A small problem of each kind, on the patches that come with the library."""
    prior = dp.priors.PatchProduct(dp.priors.photograph_patches(), shape, (8, 8))
    blur = dp.operators.convolution(dp.operators.gaussian_kernel(1.6), shape)
    measurement = dp.LinearGaussian(blur, 0.02)
    y = measurement.simulate(0.3 + 0.4 * (np.indices(shape).sum(axis=0) % 16 > 7), rng=0)
    return prior, measurement, y.astype(dtype)


OPTIONS = {"n_levels": 3, "sweeps_per_level": 2, "thin": 2, "rho": 0.03, "rho_max": 0.3, "rng": 0}


def test_bits_depend_on_no_threads_and_no_batch():
    problem = photograph(shape=(64, 64))  # large enough for chains to run beside each other
    full = dp.posterior.split_gibbs(*problem, n_samples=8, n_chains=4, **OPTIONS)
    assert full.samples.dtype == np.float32 and full.samples.shape == (8, 64, 64)
    few = dp.posterior.split_gibbs(*problem, n_samples=4, n_chains=2, **OPTIONS)
    np.testing.assert_array_equal(few.samples, full.samples[[0, 1, 4, 5]])
    part = dp.posterior.split_gibbs(*problem, n_samples=4, n_chains=2, first_chain=2, **OPTIONS)
    np.testing.assert_array_equal(part.samples, full.samples[[2, 3, 6, 7]])
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        alone = dp.posterior.split_gibbs(*problem, n_samples=8, n_chains=4, **OPTIONS)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(alone.samples, full.samples)
    np.testing.assert_array_equal(alone.stages["mean"], full.stages["mean"])


@pytest.mark.parametrize("stop", [2, 9])
def test_resume_goes_on_to_the_same_bits(stop):
    problem, given = photograph(), {"n_samples": 8, "n_chains": 4, **OPTIONS}
    whole = dp.posterior.split_gibbs(*problem, **given)
    first = dp.posterior.split_gibbs(*problem, progress=lambda p: p.step == stop, **given)
    assert not first.finished and len(first.samples) == (0 if stop == 2 else 4)
    rest = dp.posterior.split_gibbs(*problem, resume=first, **given)
    np.testing.assert_array_equal(rest.samples, whole.samples)
    np.testing.assert_array_equal(rest.stages["mean"], whole.stages["mean"])
    np.testing.assert_array_equal(rest.trace["rhat"], whole.trace["rhat"])
    with pytest.raises(ValueError, match=r"rho must be 0\.03"):
        dp.posterior.split_gibbs(*problem, resume=first, **{**given, "rho": 0.02})


def test_other_namespaces(xp):
    pair = dp.priors.GaussianMixture(*map(xp.array, (WEIGHTS, MEANS, COVS)))
    prior = dp.priors.PatchProduct(pair, (2, 4), (1, 2))
    keep = np.arange(8).reshape(2, 4) % 3 > 0
    measurement = dp.LinearGaussian(dp.operators.mask(xp.array(keep)), 0.5)
    y = xp.array(np.linspace(-1, 1, 5))
    given = {"n_samples": 4, "n_chains": 2, **OPTIONS}
    result = dp.posterior.split_gibbs(prior, measurement, y, **given)
    assert xp.owns(result.samples) and xp.owns(result.stages["mean"])
    plain = dp.priors.PatchProduct(PAIR, (2, 4), (1, 2))
    seen = dp.LinearGaussian(dp.operators.mask(keep), 0.5)
    expected = dp.posterior.split_gibbs(plain, seen, xp.numpy(y), **given)
    np.testing.assert_allclose(xp.numpy(result.samples), expected.samples, rtol=1e-6)


def test_rhat_is_that_of_gelman_and_rubin():
    chains = np.random.default_rng(0).normal(size=(7, 4, 3)) + [[0.0], [1.0], [0.0], [2.0]]
    moments = Moments.zero(np, chains[0])
    for z in chains:
        moments = moments.add(z, z)
    within = chains.var(axis=0, ddof=1).mean(axis=0)
    between = 7 * chains.mean(axis=0).var(axis=0, ddof=1)
    expected = np.sqrt((6 / 7 * within + between / 7) / within)
    np.testing.assert_allclose(moments.rhat(), expected, rtol=1e-12)


def test_rhat_of_chains_that_never_move():
    """Points apart, of which the first entry is the same for all."""
    points = np.array([[1 / 3, -9.0], [1 / 3, 9.0], [1 / 3, 9.0]])
    moments = Moments.zero(np, points).add(points, points).add(points, points)
    np.testing.assert_array_equal(moments.rhat(), [1.0, np.inf])


def test_rhat_tells_chains_that_do_not_mix():
    apart = dp.priors.GaussianMixture([0.5, 0.5], [[-9.0], [9.0]], 0.1)
    measurement = dp.LinearGaussian(np.eye(1), 1.0)
    start = np.array([[-9.0], [9.0]])
    given = {"n_samples": 40, "n_chains": 2, "rho": 0.5, "n_levels": 1, "rng": 0}
    with pytest.warns(RuntimeWarning, match="chains disagree: R-hat is 3"):
        stuck = dp.posterior.split_gibbs(apart, measurement, [0.0], initial=start, **given)
    assert "R-hat" in stuck.warnings[0]
    agreed = dp.posterior.split_gibbs(apart, measurement, [9.0], initial=start + 9, **given)
    assert stuck.trace["rhat"][0] > 3 and abs(agreed.trace["rhat"][0] - 1) < 0.05


def test_large_events_have_few_chains():
    given = {"n_samples": 6, **OPTIONS}
    assert dp.posterior.split_gibbs(*photograph(shape=(64, 64)), **given).state.x.shape[0] == 4
    assert dp.posterior.split_gibbs(*photograph(), **given).state.x.shape[0] == 6


def test_a_run_that_was_stopped_at_once_says_so():
    records = []
    stopped = dp.posterior.split_gibbs(
        PAIR, dp.LinearGaussian(A, STD), Y, rng=0, progress=lambda p: records.append(p) or True
    )
    for summary in (stopped.mean, stopped.std, partial(stopped.quantile, 0.5)):
        with pytest.raises(ValueError, match="is empty: the run was stopped before the first"):
            summary()
    misfit = np.mean(((Y - stopped.state.x @ A.T) / STD) ** 2)
    assert records[0].numbers["misfit"] == pytest.approx(misfit)


class Users:
    """A prior of a user's own, which knows nothing of chains."""

    event_shape = (2,)

    def sample_given(self, x, sigma, rng=None):
        gain = 1 / (1 + sigma**2)
        z = np.random.default_rng(rng).normal(size=x.shape)
        return gain * x + sigma * gain**0.5 * z


def test_a_prior_of_a_user():
    measurement = dp.LinearGaussian(A, STD)
    result = dp.posterior.split_gibbs(Users(), measurement, Y, n_samples=N, thin=20, rng=0)
    truth = dp.priors.Gaussian(np.zeros(2), 1.0).posterior(measurement, Y)
    assert_same_law(result.samples, truth.sample(200_000, rng=1))


def refused(prior=PAIR, measurement=None, y=Y, **options):
    measurement = dp.LinearGaussian(A, STD) if measurement is None else measurement
    dp.posterior.split_gibbs(prior, measurement, y, **{"n_samples": 4, **options})


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"y": [0.1, np.nan, 0.0]}, ValueError, r"y must be finite.*operators\.mask"),
        ({"prior": dp.priors.Ring(1.0, 0.1)}, TypeError, r"no \.sample_given, which split_gibbs"),
        ({"rho": 3.0, "unbiased": True}, ValueError, "rho must be at most"),
        ({"rho": 0.5, "rho_max": 0.1}, ValueError, "rho_max must lie in"),
        ({"unbiased": True, "rho": -1.0}, ValueError, "rho must be greater than 0"),
        ({"n_chains": 5}, ValueError, "n_chains must be at most 4"),
        ({"initial": np.zeros((3, 2))}, ValueError, "initial must have 4 points"),
        ({"measurement": PAIR}, TypeError, "measurement has no .log_likelihood"),
    ],
)
def test_what_it_refuses(options, error, text):
    with pytest.raises(error, match=text):
        refused(**options)


class OfImages(Users):
    event_shape = (4, 4)


ONES = np.ones((1, 16))


@pytest.mark.parametrize(
    "a", [2 * ONES, 2j * ONES, (1 + 2j) * ONES], ids=["real", "imaginary", "complex"]
)
def test_the_start_is_the_constant_behind_y(a):
    """Of all constants; of a prior on patches, the likeliest."""
    measurement = dp.LinearGaussian(a, 0.5, event_shape=(4, 4))
    y = measurement.operator(np.full((1, 4, 4), 5.5))[0]
    problem = Problem("split_gibbs", OfImages(), measurement, y, 0, scored=False)
    assert explaining_constant(problem, 1.0) == pytest.approx(5.5)
    pixels = dp.priors.GaussianMixture([0.5, 0.5], [[3.0, 5.0], [5.0, 7.0]], 1.0)
    prior = dp.priors.PatchProduct(pixels, (4, 4), (1, 2))
    problem = Problem("split_gibbs", prior, measurement, y, 0, scored=False)
    seen, of_pixels = np.sum(np.abs(a)) ** 2 / 0.25, 1 / 3.0  # within, of components, of pixels
    expected = (5.5 * seen + 5 * of_pixels) / (seen + of_pixels)
    assert explaining_constant(problem, 1.0) == pytest.approx(expected)


EDGES = np.array([[0, -1, 0], [-1, 4.0000001, -1], [0, -1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("prior", [OfImages, lambda: dp.priors.PatchProduct(HIGH, (4, 4), (2, 2))])
def test_a_measurement_blind_to_constants_says_nothing_of_them(prior, dtype):
    prior, measurement = prior(), dp.LinearGaussian(dp.operators.convolution(EDGES, (4, 4)), 0.1)
    y = np.random.default_rng(0).normal(scale=0.1, size=(4, 4)).astype(dtype)
    problem = Problem("split_gibbs", prior, measurement, y, 0, scored=False)
    x = start(problem, None, 2, given_latent(problem).largest)
    expected = 0.0 if isinstance(prior, OfImages) else 10.5
    np.testing.assert_allclose(x, np.full((2, 16), expected), rtol=1e-6)


HIGH = dp.priors.GaussianMixture([0.5, 0.5], np.full((2, 4), 10.5) + [[-0.5], [0.5]], 0.1)


@pytest.mark.parametrize(
    "form",
    [lambda x: x, lambda x: x[None], lambda x: [x], lambda x: x.tolist()],
    ids=["array", "batch", "list of an array", "list"],
)
def test_one_image_is_a_start_for_all_chains(form):
    prior, measurement, y = photograph()
    x = np.full((32, 32), 0.4, np.float32)
    problem = Problem("split_gibbs", prior, measurement, y, 0, scored=False)
    np.testing.assert_array_equal(start(problem, form(x), 3, 1.0), np.tile(x.ravel(), (3, 1)))


def test_a_strange_start_is_noticed():
    prior, measurement, y = photograph()
    given = {"n_samples": 1, **OPTIONS}
    text = "initial has values from -255 to -255, and the prior expects 0.5"
    with pytest.warns(RuntimeWarning, match=text):
        start = np.full((32, 32), -255.0)
        found = dp.posterior.split_gibbs(prior, measurement, y, initial=start, **given)
    assert len(found.warnings) == 1 and text in found.warnings[0]
    assert not dp.posterior.split_gibbs(prior, measurement, y, **given).warnings
