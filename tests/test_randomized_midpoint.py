"""Randomized midpoints, windows with correctors, and underdamped Langevin: checks of the papers.

Gaussian targets have exact laws, found by quadrature over the random time of each step.
"""

import itertools
import math
import re
from functools import partial

import array_api_compat.numpy as xp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import diffpost_np as dp
from diffpost_np._run import Run
from diffpost_np.sampling._langevin import correctors
from diffpost_np.sampling._langevin.underdamped import covariance, transition, transition_over
from diffpost_np.sampling._methods import windowed
from diffpost_np.sampling._methods.parallel_midpoints import midpoints, path_weight
from diffpost_np.sampling._methods.reverse_diffusion import time
from diffpost_np.sampling._steps.arrays import ArrayStep, denoised
from diffpost_np.testing._gaussian_law import Coefficients, gaussian_law_at_random_times

METHODS = dp.sampling.methods()
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = (NODES[:, None] + 1) / 2, WEIGHTS / 2


def ou_levels(start, end, n):
    return np.sqrt(np.expm1(2 * np.linspace(start, end, n + 1)))


def on_arrays(run, y, levels, index=0):
    return ArrayStep(run, y, levels, index, partial(denoised, run), [])


def slopes(errors):
    return np.log2(np.array(errors[:-1]) / errors[1:])


class TestUnderdamped:
    """Section 2.4 of the reference."""

    @pytest.mark.parametrize("gh", [1e-6, 1e-3, 0.1, 0.499, 0.501, 3.0, 40.0])
    def test_covariance_against_quadrature(self, gh):
        friction = 2.3
        h = gh / friction

        def integral(f):
            return h * quad(lambda s: f(h * s), 0, 1, epsrel=1e-13, epsabs=0)[0]

        reach = lambda s: -math.expm1(-friction * s) / friction  # noqa: E731
        decay = lambda s: math.exp(-friction * s)  # noqa: E731
        found = covariance(xp, friction, np.asarray(h))
        exact = [
            2 * friction * integral(lambda s: reach(s) ** 2),
            2 * friction * integral(lambda s: reach(s) * decay(s)),
            2 * friction * integral(lambda s: decay(s) ** 2),
        ]
        assert np.max(np.abs(np.array(found) / exact - 1)) < 1e-12

    def test_known_digits(self):
        found = covariance(xp, 2.3, np.asarray(0.7))
        assert np.round(found, 9).tolist() == [0.185178714, 0.278339057, 0.960044942]

    @pytest.mark.parametrize("h", [1e-4, 0.3, 5.0])
    def test_two_half_steps_are_one(self, h):
        half, whole = (covariance(xp, 2.3, np.asarray(d)) for d in (h / 2, h))
        over = transition_over(2.3, h / 2)
        move = np.array([[1, over.drift], [0, over.decay]])
        single = np.array([[half.position, half.cross], [half.cross, half.velocity]])
        twice = move @ single @ move.T + single
        exact = np.array([[whole.position, whole.cross], [whole.cross, whole.velocity]])
        assert np.max(np.abs(twice / exact - 1)) < 1e-13

    def test_free_flow_keeps_the_velocity(self):
        over, noise = transition_over(1.7, 0.6), covariance(xp, 1.7, np.asarray(0.6))
        assert abs(over.decay**2 + noise.velocity - 1) < 1e-15
        made = np.array([over.mix**2 + over.rest**2, over.mix * over.kick, over.kick**2])
        assert np.max(np.abs(made - noise)) < 1e-15

    @pytest.mark.parametrize("g", [1e-9, 1e-4, 0.3, 0.7])
    def test_push_against_mpmath(self, g):
        mpmath = pytest.importorskip("mpmath")
        with mpmath.workdps(50):
            exact = float(mpmath.mpf(g) - 1 + mpmath.exp(-mpmath.mpf(g)))
        assert abs(transition_over(1.0, g).push / exact - 1) < 1e-13

    @pytest.mark.parametrize(
        ("w", "friction", "rate"), [(1, 1, 0.5), (4, 2, 1.0), (2, 5, 0.2), (9, 3, 1.5)]
    )
    def test_stationary_bias_is_w_h_over_2_gamma(self, w, friction, rate):
        h = 1e-4
        over, noise = transition_over(friction, h), covariance(xp, friction, np.asarray(h))
        move = np.array([[1 - over.push * w, over.drift], [-over.drift * w, over.decay]])
        spread = np.array([[noise.position, noise.cross], [noise.cross, noise.velocity]])
        law = stationary(lambda s: move @ s @ move.T + spread)
        assert abs((law[0, 0] * w - 1) / h / rate - 1) < 0.01

    def test_overdamped_bias_is_exact(self):
        w, h = 3.0, 0.2
        law = stationary(lambda s: (1 - h * w) ** 2 * s + 2 * h * np.eye(1))
        assert abs(law[0, 0] - 1 / (w * (1 - w * h / 2))) < 1e-12
        s = coefficients(np.array([[0.0, 1.0, 0, 0]]))
        moved = correctors.overdamped(s, s.y, lambda x: -w * x, h, 1, 1.0)
        assert np.allclose(moved, [[0, 1 - h * w, math.sqrt(2 * h), 0]], atol=1e-15)

    def test_midpoints_have_a_bias_of_order_3(self):
        w = friction = 4.0
        biases = [stationary(midpoint_map(w, friction, h))[0, 0] * w - 1 for h in (0.4, 0.2, 0.1)]
        assert np.allclose(biases, [1.06e-2, 1.34e-3, 1.67e-4], rtol=0.01)

    def test_a_point_becomes_a_density(self):
        duration, friction = 0.01, 2.0
        s = coefficients(np.eye(1, 60))
        x = correctors.underdamped(s, s.y, lambda x: -x, duration, 10, friction)
        spread = np.sum(x[0, 1:] ** 2)  # velocity and noise
        assert abs(spread / (duration**2 + 2 / 3 * friction * duration**3) - 1) < 0.02


def coefficients(y, index=0):
    s = Coefficients(y, np.array([1.0, 0.5]), index, [], (0.0, 1.0), range(2, 60), NODES)
    s.uniform = lambda k=1: NODES
    return s


def stationary(law_map):
    """Fixed point of an affine map of covariances, by solving the linear system."""
    d = next(d for d in (1, 2) if _fits(law_map, d))
    constant = law_map(np.zeros((d, d))).ravel()
    columns = [law_map(e.reshape(d, d)).ravel() - constant for e in np.eye(d * d)]
    return np.linalg.solve(np.eye(d * d) - np.stack(columns, axis=1), constant).reshape(d, d)


def _fits(law_map, d):
    try:
        return law_map(np.zeros((d, d))).shape == (d, d)
    except ValueError:
        return False


def midpoint_map(w, friction, h):
    """Second moments of (x, v) after a step, averaged over its random time."""
    basis = np.zeros((20, 6))
    x, v = basis.copy(), basis.copy()
    x[:, 0], v[:, 1] = 1, 1
    s = coefficients(basis)
    x, v = correctors.randomized_midpoint_step(s, x, v, lambda x: -w * x, h, friction)

    def moments(spread):
        full = np.eye(6)
        full[:2, :2] = spread
        both = np.stack([x, v], axis=1)
        return np.einsum("n,nia,ab,njb->ij", WEIGHTS, both, full, both)

    return moments


def test_strong_orders_of_underdamped_steps():
    """On a smooth force with shared noise: 1 with the force at the start, 3/2 at random times."""
    rng, friction, duration, n_fine = np.random.default_rng(0), 1.5, 1.0, 256
    n = 1500
    draws = rng.normal(size=(n_fine, 2, n, 1))

    def force(x):
        return -x - np.sin(2 * x)

    def path(count, midpoints):
        x, v = np.full((n, 1), 0.5), np.zeros((n, 1))
        h, each = duration / count, n_fine // count
        fine = transition_over(friction, duration / n_fine)
        whole = transition_over(friction, h)
        for m in range(count):
            noises = [fine.noise(*draws[m * each + i]) for i in range(each)]
            if midpoints:
                at = rng.integers(1, each, size=(n, 1))
                x, v = _split(x, v, force, h, friction, noises, at, each, fine)
            else:
                x, v = whole.apply(x, v, force(x), _joined(noises, fine))
        return x

    exact = path(n_fine, False)
    errors = {k: [np.sqrt(np.mean((path(c, k) - exact) ** 2)) for c in (4, 8, 16)] for k in (0, 1)}
    assert abs(np.mean(slopes(errors[0])) - 1.0) < 0.2
    assert abs(np.mean(slopes(errors[1])) - 1.5) < 0.2


def _joined(noises, fine):
    """The noise of a step out of those of its parts."""
    x, v = np.zeros_like(noises[0][0]), np.zeros_like(noises[0][0])
    for a, b in noises:
        x, v = x + fine.drift * v + a, fine.decay * v + b
    return x, v


def _split(x, v, force, h, friction, noises, at, each, fine):
    """A midpoint step at a time on the fine grid, with the path's own noise up to there."""
    first = [np.zeros_like(x), np.zeros_like(x)]
    both = [np.zeros_like(x), np.zeros_like(x)]
    for i, (a, b) in enumerate(noises):
        both = [both[0] + fine.drift * both[1] + a, fine.decay * both[1] + b]
        first = [np.where(i + 1 == at, new, old) for new, old in zip(both, first, strict=True)]
    u = h * at / each
    over = transition(xp, friction, u)
    rest = transition(xp, friction, np.maximum(h - u, 1e-12))
    g = force(x + over.drift * v + over.push * force(x) + first[0])
    whole = transition_over(friction, h)
    return (
        x + whole.drift * v + h * rest.drift * g + both[0],
        whole.decay * v + h * rest.decay * g + both[1],
    )


class TestMidpoints:
    """Section 1.11 of the reference."""

    START, END, VARIANCE = 1.0, 0.1, 0.1

    def factors(self, predictor, n):
        """Mean and mean square of the factor of x after n steps, and the exact factor."""
        levels, first, second = ou_levels(self.START, self.END, n), 1.0, 1.0
        for index in range(n):
            basis = np.zeros((20, 2))
            basis[:, 1] = 1
            s = Coefficients(basis, levels, index, [], (0.0, self.VARIANCE), range(0), NODES)
            t, end = time(s.sigma), time(s.next)
            f = predictor(s, basis, t, t - end)[:, 1]
            first, second = first * (WEIGHTS @ f), second * (WEIGHTS @ f**2)
        before, after = (1 + (self.VARIANCE - 1) * math.exp(-2 * t) for t in (1.0, 0.1))
        return first, second, math.sqrt(after / before)

    def test_errors_on_a_gaussian(self):
        mean, rms, frozen = [], [], []
        for n in (8, 16, 32, 64, 128):
            first, second, exact = self.factors(windowed.midpoint, n)
            mean.append(first - exact)
            rms.append(math.sqrt(second - 2 * exact * first + exact**2))
            frozen.append(self.factors(windowed.frozen, n)[0] - exact)
        assert np.allclose(mean, [-3.7e-3, -9.6e-4, -2.4e-4, -5.9e-5, -1.5e-5], rtol=0.03)
        assert np.allclose(rms, [1.11e-2, 3.5e-3, 1.14e-3, 3.8e-4, 1.3e-4], rtol=0.02)
        assert abs(frozen[0] - 4.1e-2) < 1e-3
        assert abs(frozen[-1] - 2.6e-3) < 1e-4
        assert np.allclose(slopes(np.abs(mean))[-1], 2, atol=0.15)
        assert np.allclose(slopes(rms)[-1], 1.5, atol=0.15)
        assert np.allclose(slopes(frozen)[-1], 1, atol=0.15)

    def test_rms_error_on_a_mixture(self):
        prior = dp.priors.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], 0.3)
        start, end, n = 1.2, 0.2, 4000
        x = np.random.default_rng(0).normal(size=(n, 1))

        def flow(t, x):
            scale = math.exp(t)
            y, sigma = scale * x[:, None], math.sqrt(math.expm1(2 * t))
            return -(x + scale * prior.score(y, sigma)[:, 0])

        exact = solve_ivp(flow, (start, end), x[:, 0], rtol=1e-10, atol=1e-10).y[:, -1:]
        rms = {"midpoint": [], "frozen": []}
        for count in (8, 16, 32):
            levels = ou_levels(start, end, count)
            for name in rms:
                run = Run("midpoint", prior, (1,), count, like=x, n_samples=n)
                z = x
                for index in range(count):
                    s = on_arrays(run, math.exp(time(levels[index])) * z, levels, index)
                    t, after = time(s.sigma), time(s.next)
                    z = getattr(windowed, name)(s, z, t, t - after)
                rms[name].append(np.sqrt(np.mean((z - exact) ** 2)))
        assert np.allclose(slopes(rms["midpoint"]), 1.5, atol=0.15)
        assert np.allclose(slopes(rms["frozen"]), 1.0, atol=0.15)


class TestParallel:
    def run(self, n, d=1):
        prior = dp.priors.Gaussian(np.zeros(d), 0.1)
        like = np.zeros(1)
        return Run("parallel", prior, (d,), 0, like=like, n_samples=n)

    def window(self, r, k, n=40_000, start=1.0, end=0.8):
        """Factors of x over one step, and the exact one."""
        run, levels = self.run(n), ou_levels(start, end, 1)
        s = on_arrays(run, np.ones((n, 1)), levels)
        x = midpoints(s, np.ones((n, 1)), start, start - end, r, k)
        before, after = (1 - 0.9 * math.exp(-2 * t) for t in (start, end))
        return x - math.sqrt(after / before)

    def test_rms_falls_with_the_midpoints(self):
        rms = [np.sqrt(np.mean(self.window(r, 8) ** 2)) for r in (1, 2, 4, 8, 16, 32)]
        expected = [1.24e-2, 4.4e-3, 1.56e-3, 5.5e-4, 1.96e-4, 6.9e-5]
        assert np.allclose(rms, expected, rtol=0.05)
        assert np.allclose(slopes(rms), 1.5, atol=0.15)

    def test_bias_falls_with_the_sweeps(self):
        # against many sweeps at the same times, where Monte Carlo cancels
        limit = self.window(16, 8)
        biases = [abs(np.mean(self.window(16, k) - limit)) for k in (0, 1, 2)]
        assert np.allclose(biases, [3.2e-4, 1.9e-5, 9.2e-7], rtol=0.02)

    def test_long_windows_diverge(self):
        # L h = 3.4, two midpoints: each sweep makes it worse
        start, end = 1.0, 0.15
        few, many = (np.sqrt(np.mean(self.window(2, k, 4000, start, end) ** 2)) for k in (1, 12))
        assert many > 3 * few

    def refused(self, **arguments):
        """Why a run is refused, before anything of the user's is called."""
        called = []
        method = {"method": "parallel_randomized_midpoint", "event_shape": (1,)}
        watch = {"callback": called.append, "progress": called.append}

        def score(x, sigma):
            called.append(sigma)
            return -x

        with pytest.raises(ValueError, match="sweeps diverge") as one:
            dp.sampling.sample(score, 5, initial=called.append, **method, **watch, **arguments)
        with pytest.raises(ValueError, match="sweeps diverge"):
            dp.sampling.noise_then_denoise(
                score, np.ones((5, 1)), 80.0, **method, **watch, **arguments
            )
        assert not called
        return str(one.value)

    @pytest.mark.parametrize("options", [{}, {"smoothness": 20.0}])
    @pytest.mark.parametrize("schedule", ["karras", "log_snr"])
    def test_long_windows_are_refused_with_a_number_of_steps_that_would_do(self, schedule, options):
        arguments = {"schedule": schedule, **options}
        enough = int(re.search(r"n_steps=(\d+) would do", self.refused(n_steps=4, **arguments))[1])
        self.refused(n_steps=enough - 1, **arguments)
        method = {"method": "parallel_randomized_midpoint", "n_midpoints": 1, "n_sweeps": 0}
        prior = dp.priors.Gaussian([0.0], 1.0)
        assert dp.sampling.sample(prior, 2, n_steps=enough, **method, **arguments, rng=0).finished

    def test_the_window_that_is_too_long_is_named(self):
        levels = [80.0, 40.0, 15.0, 14.0, 1.0, 0.0]
        text = self.refused(schedule=levels)
        assert re.search(r"step 3, from noise level 14 to 1, lasts 2\.3 in time, .* 0\.5 ", text)
        assert text.endswith("take more steps")
        text = self.refused(schedule=levels, smoothness=1e3)
        assert re.search(r"step 0, from noise level 80 to 40, lasts 0\.693 .* 0\.001 there", text)

    def test_some_schedules_never_do(self):
        assert self.refused(n_steps=4, smoothness=1e8).endswith("take more steps")

    def test_weights_of_the_path_sum_to_its_length(self):
        h, r = 0.3, 5
        shares = (np.random.default_rng(0).random((7, r)) + np.arange(r)) / r
        for i in range(r):
            u = h * shares[:, i : i + 1]
            weights = [path_weight(xp, u, j, h / r) for j in range(i + 1)]
            assert np.max(np.abs(sum(weights) - np.expm1(u))) < 1e-15
            assert all(np.all(w >= 0) for w in weights)

    def test_one_midpoint_without_sweeps_is_the_sequential_step(self):
        levels, x = ou_levels(1.0, 0.8, 1), np.linspace(-1, 1, 6)[:, None]
        steps = [on_arrays(self.run(6), x, levels) for _ in range(2)]
        one = midpoints(steps[0], x, 1.0, 0.2, 1, 0)
        other = windowed.midpoint(steps[1], x, 1.0, 0.2)
        assert np.max(np.abs(one - other)) < 1e-14

    def test_without_a_score_it_only_grows(self):
        run = Run("free", lambda x, sigma: 0 * x, (2,), 0, like=np.zeros(1), n_samples=3)
        x = np.ones((3, 2))
        s = on_arrays(run, x, ou_levels(1.0, 0.8, 1))
        for k in (0, 3):
            assert np.allclose(midpoints(s, x, 1.0, 0.2, 4, k), math.exp(0.2), rtol=1e-14)

    def test_sweeps_end_at_the_sequential_corrector(self):
        rng, over, n = np.random.default_rng(0), transition_over(2.0, 0.05), 8
        x, v = rng.normal(size=(2, 5, 3))
        noises = [over.noise(*rng.normal(size=(2, 5, 3))) for _ in range(n)]
        force = lambda x: -x - np.tanh(x)  # noqa: E731
        exact = (x, v)
        for noise in noises:
            exact = over.apply(*exact, force(exact[0]), noise)
        errors = [
            np.max(np.abs(correctors.picard_block(xp, x, v, force, over, noises, k)[0] - exact[0]))
            for k in range(1, n + 1)
        ]
        assert errors[0] < 2e-2
        assert all(b < 0.03 * a or b < 1e-14 for a, b in itertools.pairwise(errors))
        assert errors[-1] < 1e-14


END_TO_END = {
    "exponential_euler": ({}, [0.120, 0.073, 0.041, 0.022]),
    "randomized_midpoint": ({"corrector": "none"}, [-6.6e-3, -2.7e-3, -8.6e-4, -2.2e-4]),
    "dpum": ({}, [0.082, 0.048, 0.027, 0.014]),
    "corrected": ({"corrector": "underdamped"}, [0.0245, 0.0124, 0.0064, 0.0033]),
}


@pytest.mark.parametrize("name", END_TO_END)
def test_variance_end_to_end(name):
    """N(0, 1/4), L = 4, from time 5 to 1e-3; steps of predictor and corrector alike."""
    options, expected = END_TO_END[name]
    method = METHODS["randomized_midpoint" if name == "corrected" else name]
    errors = []
    for h in (0.125, 0.0625, 0.03125, 0.015625):
        levels = dp.schedules.exponential_windows(5.0, 1e-3, h)
        settings = dict(options)
        if name in ("dpum", "corrected"):
            settings |= {"n_corrections": round(0.5 / h), "smoothness": 4.0}
        start = 0.0, 1 + levels[0] ** 2  # N(0, 1) on the scale of the process
        law = gaussian_law_at_random_times(
            method.with_options(**settings), levels, 0.0, 0.25, n_noises=70, start=start
        )
        errors.append(law.variance / law.exact_variance - 1)
    assert np.allclose(errors, expected, rtol=0.03), errors


def test_partial_is_settled():
    assert "predictor" not in METHODS["dpom"].options
    assert isinstance(METHODS["dpom"].step, partial)
