"""Instances of posterior sampling that hide a one-way function, against sums over all signs."""

import itertools
import math

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest
from scipy.special import logsumexp

import diffpost_np as dp
from diffpost_np.hardness._one_way import phase_of
from diffpost_np.hardness._separation import Size, error_bound
from diffpost_np.hardness._vertices import Vertices
from diffpost_np.priors._lattice import Lattice

N, M, SPACING, RADIUS = 6, 6, 0.4, 8.0
LEVELS = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0]
TABLE = np.random.default_rng(5).permutation(2**N)


def permutation(signs):
    """A random permutation of six bits, for NumPy."""
    number = (signs > 0).astype(int) @ 2 ** np.arange(N)
    return (TABLE[number][:, None] >> np.arange(M) & 1) > 0


@pytest.fixture(scope="module", params=["arx", permutation], ids=["arx", "permutation"])
def instance(request):
    return dp.hardness.one_way_instance(N, M, one_way=request.param)


def oracle(prior, x, sigma):
    """Log density and score at one point, by direct sums over signs and lattice points."""
    x, sigma = np.asarray(x, np.longdouble), np.longdouble(sigma)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=prior.n_bits)))
    bits = (np.asarray(prior._image(signs, numpy_namespace)) > 0).astype(int)
    front, back = x[: prior.n_bits], x[prior.n_bits :]
    total = 1 + sigma**2
    away = front - prior.radius * signs
    logs = -0.5 * np.sum(away**2 / total + np.log(2 * np.pi * total), axis=1)
    k = np.arange(-60, 61)
    values = prior.spacing * (k + 0.5 * np.arange(2)[:, None]).astype(np.longdouble)
    weights = -0.5 * values**2 - logsumexp(-0.5 * values**2, axis=1, keepdims=True)
    gaps = back[:, None, None] - values
    terms = weights - 0.5 * (gaps / sigma) ** 2 - 0.5 * np.log(2 * np.pi * sigma**2)
    mass = logsumexp(terms, axis=2)
    pulls = -np.sum(np.exp(terms - mass[..., None]) * gaps, axis=2) / sigma**2
    which = np.arange(prior.m_bits)
    logs = logs + np.sum(mass[which, bits], axis=1)
    own = np.exp(logs - logsumexp(logs))
    score = np.concatenate([own @ (-away / total), own @ pulls[which, bits]])
    return float(logsumexp(logs) - prior.n_bits * np.log(2)), score.astype(float)


def smoothed(prior, sigma, n, seed=1):
    x = prior.sample(n, rng=seed)
    return x + sigma * np.random.default_rng(seed).normal(size=x.shape)


@pytest.mark.parametrize("sigma", LEVELS)
def test_scores_against_sums_over_everything(instance, sigma):
    for prior in (instance.prior, instance.prior.enumerated()):
        x = smoothed(instance.prior, sigma, 6)
        found = zip(x, prior.score(x, sigma), prior.log_density(x, sigma), strict=True)
        for point, score, log_density in found:
            expected_density, expected = oracle(instance.prior, point, sigma)
            np.testing.assert_allclose(score, expected, atol=1e-12 * np.linalg.norm(expected))
            np.testing.assert_allclose(log_density, expected_density, rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.2, 0.35, 0.6])
def test_the_enumerated_score_where_a_sign_is_open(instance, sigma):
    """Near 0 a sign is told by the lattices, and only the sum over signs sees that."""
    x = smoothed(instance.prior, sigma, 4)
    x[:, 2] = [0.3, -0.1, 0.02, -0.2]
    score = instance.prior.enumerated().score(x, sigma)
    for point, own in zip(x, score, strict=True):
        expected = oracle(instance.prior, point, sigma)[1]
        np.testing.assert_allclose(own, expected, atol=1e-11 * np.linalg.norm(expected))


@pytest.mark.parametrize("law", ["prior", "enumerated", "posterior"])
def test_the_laws_of_a_prior(law):
    instance = dp.hardness.one_way_instance(4, 5)
    prior = instance.prior
    if law != "prior":
        prior = prior.enumerated()
    if law == "posterior":
        prior = prior.posterior(instance.measurement, instance.challenge(rng=3).y)
    kept = dp.testing.check_prior(prior).kept
    assert {"heat_flow", "draws_given_noisy_point", "jacobian_product", "score_of_draws"} <= set(
        kept
    )


def quadrature(function, low, high, n=20001):
    x = np.linspace(low, high, n)
    return np.sum(function(x)) * (x[1] - x[0])


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, 7.96e-4), (2.0, 0.0978), (4.0, 0.741)])
def test_signs_taken_as_certain_fail_at_large_noise(sigma, expected):
    """The paper's score at small noise, sigma times its root mean square error.

    At sigma = 1 that comes from points so rare that samples do not show them.
    """
    cube, level = Vertices(RADIUS), np.full((1, 1), sigma)

    def error(x):
        x = x[:, None]
        odds = cube.given(x, level).half_odds()
        density = np.exp(cube.log_density(numpy_namespace, x, level) + np.log(np.cosh(odds)))
        gap = cube.score(x, level, np.tanh(odds)) - cube.score(x, level, np.sign(x))
        return (density * gap**2)[:, 0]

    rms = math.sqrt(N * quadrature(error, -60, 60))
    np.testing.assert_allclose(sigma * rms, expected, rtol=0.02)


@pytest.mark.parametrize(
    ("sigma", "expected"), [(0.05, 2.45), (0.1, 1.66), (0.2, 0.091), (0.3, 5.6e-4), (0.5, 4e-10)]
)
def test_lattices_left_away_fail_at_small_noise(sigma, expected):
    """The paper's score at large noise, sigma times its root mean square error."""
    lattice, total, level = Lattice(SPACING, 0.0), 1 + sigma**2, np.full((1, 1), sigma)

    def error(x):
        x = x[:, None]
        density = np.exp(lattice.log_density(numpy_namespace, x, level))
        return (density * (lattice.score(numpy_namespace, x, level) + x / total) ** 2)[:, 0]

    rms = math.sqrt(M * quadrature(error, -12, 12))
    np.testing.assert_allclose(sigma * rms, expected, rtol=0.1)


@pytest.mark.parametrize("sigma", LEVELS)
def test_the_score_is_within_its_bound(instance, sigma):
    prior = instance.prior
    x = smoothed(prior, sigma, 3000)
    error = np.sum((prior.score(x, sigma) - prior.enumerated().score(x, sigma)) ** 2, axis=1)
    rounding = (1e-13 * (1 + 1 / sigma)) ** 2 * (N + M)
    assert np.mean(error) <= prior.score_error(sigma) + rounding
    assert sigma * np.sqrt(prior.score_error(sigma)) < 2e-6


def test_the_bound_holds_where_signs_are_turned():
    """With a radius that a prior would refuse, many points show a wrong sign."""
    prior = dp.hardness.one_way_instance(4).prior
    prior.radius = 2.0
    exact = prior.enumerated()
    for sigma in (0.1, 0.2, 0.4, 1.0):
        x = smoothed(prior, sigma, 4000)
        error = np.sum((prior.score(x, sigma) - exact.score(x, sigma)) ** 2, axis=1)
        bound = error_bound(Size(4, 4, prior.spacing, 2.0), sigma)
        assert np.mean(error) <= bound + 1e-20
        if sigma < 0.4:
            assert np.mean(error) > 1e-4 * bound  # and it does err


@pytest.mark.parametrize(
    ("ratio", "expected"), [(4, 0.3173), (8, 0.0455), (12, 2.7e-3), (16, 6.334e-5)]
)
def test_bits_that_noise_turns(ratio, expected):
    n_bits = 5000
    instance = dp.hardness.one_way_instance(4, n_bits)
    noisier = dp.LinearGaussian(instance.measurement.operator, SPACING / ratio)
    object.__setattr__(instance, "measurement", noisier)
    np.testing.assert_allclose(instance.turned, expected, rtol=2e-3)
    posed = instance.challenge(rng=0)
    turned = instance.decode(posed.y) != posed.image
    error = 4.5 * math.sqrt(expected * (1 - expected) / n_bits)
    wrapped = math.erfc(3 * ratio / (4 * math.sqrt(2)))  # noise beyond the next lattice point
    assert abs(np.mean(turned) - (expected - wrapped)) < error + wrapped


def test_a_default_instance_can_be_decoded():
    for m_bits in (1, 6, 64):
        instance = dp.hardness.one_way_instance(6, m_bits)
        np.testing.assert_allclose(m_bits * instance.turned, 0.01, rtol=1e-9)


def test_challenges(xp):
    instance = dp.hardness.one_way_instance(5, 7)
    like = xp.array([0.0], np.float32)
    posed = instance.challenge(rng=2, like=like)
    assert xp.owns(posed.y) and posed.y.dtype == xp.xp.float32
    assert bool(instance.check(posed.preimage[None, :], posed.image)[0])
    again = instance.challenge(rng=2, image=xp.xp.astype(posed.image, xp.xp.float64))
    assert again.preimage is None and tuple(again.y.shape) == (7,)
    assert bool(xp.xp.all(instance.decode(again.y) == again.image))


def test_draws_show_what_they_hide(xp):
    instance = dp.hardness.one_way_instance(5, 7)
    x = instance.prior.sample(200, rng=0, like=xp.array([0.0]))
    signs = xp.numpy(instance.invert(x))
    image = np.stack([xp.numpy(instance.decode(row)) for row in (x[i, 5:] for i in range(200))])
    np.testing.assert_array_equal(image, dp.hardness.arx(signs, 7))
    halves = xp.numpy(x)[:, 5:] / (SPACING / 2)
    np.testing.assert_allclose(halves, np.round(halves), atol=1e-9)
    assert abs(signs.mean()) < 4.5 / math.sqrt(signs.size)
    later = instance.prior.sample(50, rng=0, like=xp.array([0.0]), first_chain=150)
    np.testing.assert_array_equal(xp.numpy(later), xp.numpy(x)[150:])


@pytest.mark.parametrize("name", ["score", "denoise", "log_density"])
@pytest.mark.parametrize("sigma", [0.08, 0.3, 2.0])
def test_every_namespace(name, sigma, xp):
    prior = dp.hardness.one_way_instance(3, 4).prior
    x = smoothed(prior, sigma, 9)
    for own in (prior, prior.enumerated()):
        computed = getattr(own, name)(xp.array(x), sigma)
        assert xp.owns(computed)
        np.testing.assert_allclose(
            xp.numpy(computed), getattr(own, name)(x, sigma), rtol=1e-10, atol=1e-10
        )
        assert getattr(own, name)(xp.array(x, np.float32), sigma).dtype == xp.xp.float32


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sigma", [1e-3, 0.05, 0.17, 0.4, 1.0, 6.0])
@pytest.mark.parametrize("n", [1, 31, 200])
def test_kernel_and_reference_agree(dtype, sigma, n):
    prior = dp.hardness.one_way_instance(5, 3).prior
    x = smoothed(prior, sigma, n).astype(dtype)
    x[0] *= 1e4
    with dp.reference():
        expected = prior.score(x, sigma)
    found = prior.score(x, sigma)
    assert found.dtype == dtype
    close = 64 * np.finfo(dtype).eps * max(1.0, 0.1 / sigma**2)  # exponents are x / sigma^2
    largest = np.max(np.abs(found - expected), axis=1)
    assert np.all(largest <= close * np.linalg.norm(expected, axis=1))
    alone = np.concatenate([prior.score(row[None, :], sigma) for row in x])
    np.testing.assert_array_equal(found, alone)


def test_points_far_away_stay_finite():
    prior = dp.hardness.one_way_instance(3, 3).prior
    for dtype, size in ((np.float32, 1e9), (np.float64, 1e20)):
        x = np.full((2, 6), size, dtype)
        for sigma in (0.01, 0.3, 3.0):
            assert np.all(np.isfinite(prior.score(x, sigma)))
            np.testing.assert_allclose(prior.denoise(x, sigma), x / (1 + sigma**2), rtol=1e-6)


def test_one_evaluation_of_f_a_draw_and_a_score():
    calls = []

    def counted(signs):
        calls.append(len(signs))
        return permutation(signs)

    prior = dp.hardness.one_way_instance(N, one_way=counted).prior
    calls.clear()
    x = prior.sample(50, rng=0)
    prior.score(x, 0.1)
    prior.score(x, 3.0)  # noise hides the lattices: no image is asked for
    assert calls == [50, 50]


# Posteriors


def test_posterior_and_evidence_by_quadrature():
    """Two signs and one lattice, where everything can be summed."""
    instance = dp.hardness.one_way_instance(2, 1, noise_std=0.02)
    prior = instance.prior
    y = np.array([0.61])
    values = SPACING * (np.arange(-40, 41) + 0.5 * np.arange(2)[:, None])
    mass = np.exp(-0.5 * values**2) / np.sum(np.exp(-0.5 * values**2), axis=1, keepdims=True)
    density = np.exp(-0.5 * ((y - values) / 0.02) ** 2) / (0.02 * math.sqrt(2 * math.pi))
    by_bit = np.sum(mass * density, axis=1)
    signs = prior.enumerated().signs
    weights = by_bit[(dp.hardness.arx(signs, 1)[:, 0] > 0).astype(int)] / 4
    posterior = dp.posterior.exact(prior.enumerated(), instance.measurement, y)
    np.testing.assert_allclose(posterior.probabilities(), weights / weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(posterior.log_evidence, np.log(weights.sum()), rtol=1e-12)


def test_measurements_one_after_the_other():
    instance = dp.hardness.one_way_instance(4, 3)
    prior, y = instance.prior.enumerated(), np.array([0.2, -0.35, 0.81])
    x0, noise = np.linspace(-6, 7, 7), np.full(7, 0.5)
    first = prior.posterior(instance.measurement, y)
    near = dp.LinearGaussian(np.eye(7), 0.5)
    with pytest.raises(TypeError, match="single entries"):
        first.posterior(dp.LinearGaussian(np.ones((1, 7)), 0.5), np.array([0.1]))
    near = dp.LinearGaussian(dp.operators.mask(np.ones(7, bool)), noise)
    second = first.posterior(near, x0)
    both = dp.LinearGaussian(
        dp.operators.stack(instance.measurement.operator, near.operator),
        np.concatenate([np.full(3, instance.measurement.noise_std), noise]),
    )
    together = prior.posterior(both, np.concatenate([y, x0]))
    np.testing.assert_allclose(second.probabilities(), together.probabilities(), rtol=1e-10)
    np.testing.assert_allclose(
        first.log_evidence + second.log_evidence, together.log_evidence, rtol=1e-12
    )
    x = together.sample(20, rng=0)
    np.testing.assert_allclose(second.score(x, 0.3), together.score(x, 0.3), rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 2.5])
def test_draws_of_the_enumerated_prior_are_those_of_the_prior(noise):
    """Their means, squares and products, where signs are open, too."""
    prior = dp.hardness.one_way_instance(3, 2).prior
    pair = (prior, prior.enumerated())
    if noise:
        near = np.broadcast_to([0.3, -0.1, 0.0, 0.2, -0.7], (20_000, 5))
        first, second = (p.sample_given(near, noise, rng=k) for k, p in enumerate(pair))
    else:
        first, second = (p.sample(20_000, rng=k) for k, p in enumerate(pair))
    products = [(x[:, :, None] * x[:, None, :]).reshape(len(x), -1) for x in (first, second)]
    for a, b in ((first, second), products):
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        np.testing.assert_array_less(np.abs(a.mean(axis=0) - b.mean(axis=0)), 5 * error + 1e-12)


def test_rejection_from_the_enumerated_prior_estimates_its_evidence():
    prior = dp.hardness.one_way_instance(3, 2).prior.enumerated()
    wide = dp.LinearGaussian(dp.operators.mask(np.arange(5) < 4), 1.5)
    y = np.array([6.0, -7.0, 9.0, 0.4])
    result = dp.posterior.rejection(prior, wide, y, n_samples=300, rng=0)
    exact = dp.posterior.exact(prior, wide, y).log_evidence
    assert abs(result.log_evidence - exact) < 4.5 / math.sqrt(300)


def test_draws_of_many_signs_come_in_blocks():
    prior = dp.hardness.one_way_instance(16).prior.enumerated()
    assert prior.sample(20_000, rng=0).shape == (20_000, 32)
    assert prior.sample_given(np.zeros((600, 32)), 3.0, rng=0).shape == (600, 32)


@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-6])
def test_evidence_at_small_noise(noise):
    """One sign and one lattice, whose evidence is two densities."""
    prior = dp.hardness.one_way_instance(1, 1).prior
    seen = dp.LinearGaussian(dp.operators.mask(np.ones(2, bool)), noise)
    bits = (dp.hardness.arx(np.array([[-1.0], [1.0]]), 1)[:, 0] > 0) / 2
    y = np.array([7.3, SPACING * (3 + bits[1]) + 0.7 * noise])
    value = SPACING * (np.arange(-40, 41) + bits[1])
    mass = np.exp(-0.5 * value**2) / np.sum(np.exp(-0.5 * value**2))
    hit = np.argmin(np.abs(value - y[1]))
    expected = math.log(0.5 * mass[hit]) - 0.5 * math.log(2 * math.pi * noise**2) - 0.5 * 0.7**2
    expected += -0.5 * 0.7**2 / (1 + noise**2) - 0.5 * math.log(2 * math.pi * (1 + noise**2))
    found = dp.posterior.exact(prior.enumerated(), seen, y).log_evidence
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_posterior_draws_are_those_of_prior_draws_that_fit():
    """Draws of the prior weighed by their likelihood have the posterior's law."""
    instance = dp.hardness.one_way_instance(3, 2, noise_std=0.05)
    y = np.array([0.37, -0.6])
    posterior = instance.prior.enumerated().posterior(instance.measurement, y)
    x = instance.prior.sample(200_000, rng=1)
    log_w = instance.measurement.log_likelihood(x, y)
    w = np.exp(log_w - log_w.max())
    draws = posterior.sample(20_000, rng=2)
    for function in (np.sign, np.square, lambda a: a * np.roll(a, 1, axis=1)):
        own, proposed = function(draws), function(x)
        mean = w @ proposed / w.sum()
        variance = (w**2) @ (proposed - mean) ** 2 / w.sum() ** 2 + own.var(axis=0) / len(own)
        np.testing.assert_array_less(np.abs(own.mean(axis=0) - mean), 5 * np.sqrt(variance) + 1e-9)


def test_exact_samples_invert(instance):
    hits = []
    for seed in range(20):
        posed = instance.challenge(rng=seed)
        posterior = instance.prior.enumerated().posterior(instance.measurement, posed.y)
        x = posterior.sample(50, rng=seed)
        hits.append(np.mean(instance.check(instance.invert(x), posed.image)))
    assert np.mean(hits) > 0.99 - 4.5 * math.sqrt(0.01 / 20)


def test_expected_trials_of_rejection_grow_like_two_to_the_bits():
    """Trials are 1 over (2 pi beta^2)^(m/2) p(y): at least 2^m, for every bit a factor more."""
    bits, logs = np.arange(3, 11), []
    for m in bits.tolist():
        instance = dp.hardness.one_way_instance(m, noise_std=SPACING / 16)
        prior, beta = instance.prior.enumerated(), instance.measurement.noise_std
        ys = [instance.challenge(rng=seed).y for seed in range(20)]
        evidence = [prior.posterior(instance.measurement, y).log_evidence for y in ys]
        log_volume = 0.5 * m * math.log(2 * math.pi * beta**2)
        logs.append(-(np.mean(evidence) + log_volume) / math.log(2))
    slope = np.polyfit(bits, logs, 1)[0]
    assert slope >= 1 and np.all(logs >= bits)


def test_a_warm_start_leaves_one_preimage():
    """x known to within .1 of the radius: its signs are known, and the posterior is easy."""
    instance = dp.hardness.one_way_instance(N)
    x = instance.prior.sample(1, rng=4)
    y, noise, blur = instance.measurement.simulate(x, rng=5)[0], 0.1 * RADIUS, SPACING / 4
    x0 = x[0] + noise * np.random.default_rng(6).normal(size=N + M)
    near = dp.LinearGaussian(dp.operators.mask(np.ones(N + M, bool)), noise)
    exact = instance.prior.enumerated().posterior(instance.measurement, y).posterior(near, x0)
    chosen = exact.signs[np.argmax(exact.probabilities())]
    assert exact.probabilities().max() > 1 - 1e-9
    np.testing.assert_array_equal(chosen, np.sign(x[0, :N]))
    gain = {"alpha": 1.0, "smoothness": blur**-2, "gain": instance.measurement.noise_std**-2}
    schedule = dp.posterior.AnnealingSchedule.geometric(300.0, 1.5, time=2.0, accuracy=0.1, **gain)
    result = dp.posterior.localized_langevin(
        *(instance.prior, instance.measurement, y),
        x0=x0,
        x0_std=noise,
        n_samples=500,
        rng=0,
        bandwidth=blur,
        schedule=schedule,
    )
    assert np.all(instance.invert(result.samples) == chosen)
    for i, (mean, std) in enumerate(blurred_moments(instance, chosen, x0, noise, blur, y)):
        own = result.samples[:, i]
        assert abs(own.mean() - mean) < 0.15 * std + 4.5 * std / math.sqrt(500)
        assert abs(own.std() / std - 1) < 0.15


def blurred_moments(instance, signs, x0, noise, blur, y):
    """Mean and standard deviation of each entry, given x0 and y, where p(x | x0) is blurred."""
    share = 1 / (1 + noise**2)
    for sign, near in zip(signs, x0, strict=False):
        yield share * (near + noise**2 * RADIUS * sign), math.sqrt(noise**2 * share + blur**2)
    t = np.linspace(-6, 6, 40001)[:, None]
    bits = dp.hardness.arx(signs[None, :], M)[0] > 0
    for bit, near, seen in zip(bits, x0[N:], y, strict=True):
        values = SPACING * (np.arange(-30, 31) + 0.5 * bit)
        logs = -0.5 * values**2 - 0.5 * ((near - values) / noise) ** 2
        weights = np.exp(logs - logs.max())
        density = np.exp(-0.5 * ((t - values) / blur) ** 2) @ weights
        density *= np.exp(-0.5 * ((seen - t[:, 0]) / instance.measurement.noise_std) ** 2)
        mean = t[:, 0] @ density / density.sum()
        yield mean, math.sqrt((t[:, 0] - mean) ** 2 @ density / density.sum())


# Mistakes that take several arguments


def test_what_cannot_be_decoded_is_refused_with_the_bound():
    with pytest.raises(ValueError, match=r"noise_std must be at most (\S+) .* 6 bits") as caught:
        dp.hardness.one_way_instance(6, noise_std=0.1)
    most = float(str(caught.value).split("at most ")[1].split()[0])
    assert dp.hardness.one_way_instance(6, noise_std=0.999 * most).turned < 0.1 / 6
    with pytest.raises(ValueError, match="noise_std must be at most"):
        dp.hardness.one_way_instance(6, noise_std=1.01 * most)


def test_lattices_that_show_where_signs_merge_are_refused_with_the_bound():
    with pytest.raises(ValueError, match="spacing must be at most") as caught:
        dp.hardness.one_way_instance(6, spacing=4.0)
    most = float(str(caught.value).split("at most ")[1].split()[0])
    assert most > 0.8
    dp.hardness.one_way_instance(6, spacing=most)
    with pytest.raises(ValueError, match="radius must be at least") as caught:
        dp.hardness.one_way_instance(6, radius=3.0)
    least = float(str(caught.value).split("at least ")[1].split()[0])
    dp.hardness.one_way_instance(6, radius=least)


def alternating():
    """Answers differently every other time."""
    calls = itertools.count()
    return lambda signs: permutation(signs) ^ (next(calls) % 2 == 1)


def writing(signs):
    """Changes what it was given."""
    signs[signs < 0] = 0
    return permutation(signs)


@pytest.mark.parametrize(
    ("one_way", "error", "message"),
    [
        (alternating(), ValueError, "not deterministic"),
        (lambda s: np.broadcast_to(permutation(s[:1]), (len(s), M)), ValueError, "not vectorised"),
        (lambda s: permutation(s)[0], ValueError, "must return shape"),
        (lambda s: permutation(s)[:, :3], ValueError, "must return shape"),
        (lambda s: permutation(s) * 1.0, ValueError, "-1 and 1"),
        (lambda s: permutation(s).tolist(), TypeError, "array of the same type"),
        (lambda s: permutation(s) + 1j, TypeError, "signs or booleans"),
        (lambda s: np.array([1.0 if b > 0 else -1.0 for b in s]), ValueError, "one_way failed on"),
        (writing, ValueError, "without writing to it"),
    ],
)
def test_functions_that_are_none_are_refused(one_way, error, message):
    with pytest.raises(error, match=message):
        dp.hardness.one_way_instance(N, M, one_way=one_way)


def test_bits_beyond_the_domain_are_refused():
    def short(signs):
        return permutation(signs)

    short.max_bits = N
    assert (
        dp.hardness.one_way_instance(N, one_way=dp.hardness.arx)
        .prior.one_way(np.ones((2, N)))
        .any()
    )
    dp.hardness.one_way_instance(N, one_way=short)
    with pytest.raises(ValueError, match="n_bits must be at most 6"):
        dp.hardness.one_way_instance(N + 1, one_way=short)
    with pytest.raises(ValueError, match="n_bits must be at most 16384"):
        dp.hardness.one_way_instance(2**14 + 1)
    with pytest.raises(ValueError, match="m_bits must be at most 240"):
        dp.hardness.one_way_instance(16, 300).prior.enumerated()
    with pytest.raises(ValueError, match="n_bits must be at most 16 "):
        dp.hardness.one_way_instance(17).prior.enumerated()


def test_a_vertex_and_a_phase():
    """The two laws that an instance is made of, at one point each."""
    x, level = np.array([[1.3]]), np.array([[0.5]])
    density = sum(np.exp(-0.5 * (1.3 - s * 2) ** 2 / 1.25) for s in (-1, 1)) / 2
    cube = Vertices(2.0)
    found = cube.log_density(numpy_namespace, x, level) + np.log(
        np.cosh(cube.given(x, level).half_odds())
    )
    np.testing.assert_allclose(np.exp(found), density / math.sqrt(2 * math.pi * 1.25), rtol=1e-13)
    np.testing.assert_array_equal(phase_of(np.array([-1.0, 1.0])), [0.0, 0.5])
