"""`sampling.sample`: what all methods share. Their orders are in `test_integrators.py`."""

import functools
import gc
import warnings
import weakref

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.sampling._diffusion.subspace import subspace
from diffpost_np.sampling._steps.trace import trace

MIXTURE = dp.priors.GaussianMixture(
    [0.2, 0.5, 0.3], [[-2.0, 0.5], [1.0, 2.0], [3.0, -1.0]], [[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]]
)
METHODS = dp.sampling.methods()
WINDOWS = np.append(dp.schedules.exponential_windows(5.0, 1e-3, 0.125), 0.0)
DRAW = functools.partial(dp.sampling.sample, MIXTURE, rng=0)
N = 7


def arguments(name):
    """Steps on which every method can run."""
    if METHODS[name].traced:
        return {"method": name, "n_steps": 12}
    return {"method": name, "schedule": WINDOWS}


def few(name):
    """A short run, for namespaces that are slow."""
    levels = {"schedule": "log_snr", "sigma_max": 3.0, "sigma_min": 0.3, "n_steps": 6}
    corrected = "n_corrections" in METHODS[name].options
    return {"method": name, **levels, **({"n_corrections": 2} if corrected else {})}


class ScoreOnly:
    """A prior that shows nothing but its score."""

    def __init__(self, prior=MIXTURE):
        self.prior, self.event_shape = prior, prior.event_shape

    def score(self, x, sigma=0.0):
        return self.prior.score(x, sigma)


@pytest.mark.parametrize("name", METHODS)
def test_shape_dtype_namespace_and_cost(name, xp):
    for dtype in ("float32", "float64"):
        prior = dp.priors.Gaussian(xp.array([1.0, 2.0], dtype), 0.5)
        result = dp.sampling.sample(prior, 3, rng=0, **few(name))
        assert xp.owns(result.samples)
        assert result.samples.dtype == getattr(xp.xp, dtype)
        assert result.samples.shape == (3, 2)
        assert np.all(np.isfinite(xp.numpy(result.samples)))
        assert result.n_score_evals >= 3 * result.n_rounds
        assert result.method == name


COSTS = {"unipc_1": 13, "unipc_2": 13, "unipc_3": 13}


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].traced])
def test_evaluations_are_those_that_the_method_states(name):
    for prior in (MIXTURE, ScoreOnly()):
        result = dp.sampling.sample(prior, N, rng=0, **arguments(name))
        expected = COSTS.get(name, 11 * METHODS[name].evals_per_step + 1)
        assert result.n_score_evals == N * expected
        assert result.n_rounds == expected


@pytest.mark.parametrize("name", METHODS)
def test_kernels_reference_and_scores_of_users_agree(name):
    kernel = DRAW(N, **arguments(name)).samples
    with dp.reference():
        reference = DRAW(N, **arguments(name)).samples
    users = dp.sampling.sample(ScoreOnly(), N, rng=0, **arguments(name)).samples
    scale = np.max(np.abs(reference))
    assert np.max(np.abs(kernel - reference)) < 1e-11 * scale
    assert np.max(np.abs(kernel - users)) < 1e-11 * scale


@pytest.mark.parametrize("name", METHODS)
def test_seeds_and_chains(name):
    whole = DRAW(N, **arguments(name)).samples
    np.testing.assert_array_equal(whole, DRAW(N, **arguments(name)).samples)
    np.testing.assert_array_equal(whole[:3], DRAW(3, **arguments(name)).samples)
    tail = DRAW(N - 3, first_chain=3, **arguments(name)).samples
    np.testing.assert_array_equal(whole[3:], tail)
    other = dp.sampling.sample(MIXTURE, N, rng=1, **arguments(name)).samples
    assert np.all(other != whole)


@pytest.mark.parametrize("prior", [MIXTURE, ScoreOnly()], ids=["mixture", "score only"])
@pytest.mark.parametrize("name", METHODS)
def test_a_stopped_run_goes_on_to_the_same_bits(name, prior):
    draw = functools.partial(dp.sampling.sample, prior, N, **arguments(name))
    whole = draw(rng=0)
    part = draw(rng=0, progress=lambda p: p.step >= 5)
    assert not part.finished
    assert part.state.step == 5
    rest = draw(resume=part)
    assert rest.finished
    np.testing.assert_array_equal(rest.samples, whole.samples)
    assert (rest.n_score_evals, rest.n_rounds) == (whole.n_score_evals, whole.n_rounds)


def test_a_run_that_goes_on_is_not_contradicted():
    part = DRAW(N, n_steps=12, method="ddim", eta=0.5, progress=lambda p: True)
    for change in ({"n_steps": 13}, {"eta": 0.4}, {"sigma_max": 70.0}, {"rng": 1}):
        with pytest.raises(ValueError, match=r"schedule|eta|rng"):
            DRAW(
                **{"rng": None, "n_steps": 12, "method": "ddim", "eta": 0.5, **change}, resume=part
            )
    with pytest.raises(ValueError, match="initial"):
        DRAW(n_steps=12, method="ddim", eta=0.5, initial="marginal", resume=part)
    with pytest.raises(TypeError, match="resume"):
        DRAW(n_steps=12, method="heun", resume=part)


def test_trajectory_and_callback():
    seen = []
    result = DRAW(
        N, n_steps=12, keep_every=5, callback=lambda step, sigma, x: seen.append((step, sigma, x))
    )
    assert result.trajectory.shape == (4, N, 2)
    levels = np.append(dp.schedules.karras(80.0, 0.002, 12), 0.0)
    np.testing.assert_array_equal(result.trace["noise_level"], levels[[0, 5, 10, 12]])
    assert [step for step, _, _ in seen] == list(range(1, 13))
    np.testing.assert_array_equal([sigma for _, sigma, _ in seen], levels[1:])
    np.testing.assert_array_equal(result.trajectory[2], seen[9][2])
    np.testing.assert_array_equal(result.trajectory[-1], result.samples)
    with pytest.raises(ValueError, match="read-only"):
        seen[0][2][0, 0] = 1.0
    plain = DRAW(N, n_steps=12)
    np.testing.assert_array_equal(plain.samples, result.samples)
    assert plain.trajectory is None


def test_a_trajectory_survives_a_stop():
    whole = DRAW(N, n_steps=12, keep_every=4)
    part = DRAW(N, n_steps=12, keep_every=4, callback=lambda step, sigma, x: step == 6)
    rest = dp.sampling.sample(MIXTURE, N, n_steps=12, keep_every=4, resume=part)
    np.testing.assert_array_equal(rest.trajectory, whole.trajectory)


def test_a_trajectory_keeps_its_start_when_the_users_array_changes():
    y = 80 * np.random.default_rng(0).normal(size=(N, 2))
    draw = functools.partial(DRAW, n_steps=6, keep_every=2, rng=0)
    whole = draw(N, initial=y)
    part = draw(N, initial=y, callback=lambda step, sigma, x: True)
    y[:] = 0
    np.testing.assert_array_equal(draw(resume=part).trajectory, whole.trajectory)


@pytest.mark.parametrize("schedule", ["karras", "log_snr", dp.schedules.VPCosine()])
def test_schedules(schedule):
    levels = []
    DRAW(N, schedule=schedule, n_steps=9, callback=lambda k, sigma, x: levels.append(sigma))
    assert len(levels) == 9
    assert levels[-2:] == [0.002, 0.0]
    assert np.all(np.diff(levels) < 0)


@pytest.mark.parametrize("initial", ["marginal", "points", "function"])
def test_starts(initial):
    given = {"points": np.ones((N, 2)), "function": lambda n: np.ones((n, 2))}
    result = DRAW(N, schedule=[1.0, 0.0], initial=given.get(initial, initial))
    if initial == "marginal":
        assert np.std(result.samples[:, 0]) > 0.1
    else:
        expected = MIXTURE.denoise(np.ones((N, 2)), 1.0)
        np.testing.assert_allclose(result.samples, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["heun", "dpm_solver_2m", "sa_solver"])
@pytest.mark.parametrize("layout", ["columns first", "strided", "read-only"])
def test_layouts_of_a_start(name, layout):
    y = 3.0 * np.random.default_rng(0).normal(size=(N, 2))
    made = {
        "columns first": np.asfortranarray(y),
        "strided": np.repeat(np.repeat(y, 2, axis=0), 3, axis=1)[::2, ::3],
        "read-only": np.frombuffer(y.tobytes()).reshape(y.shape),
    }[layout]
    run = functools.partial(DRAW, N, method=name, schedule=[3.0, 1.0, 0.5, 0.2, 0.0])
    np.testing.assert_array_equal(run(initial=made).samples, run(initial=y).samples)


def test_the_exact_start_is_the_marginal():
    levels, n = [3.0, 0.0], 40_000
    result = DRAW(n, schedule=levels, initial="marginal", keep_every=1)
    start = result.trajectory[0]
    error = 5 * np.sqrt(np.array([3.0**2 + 4, 3.0**2 + 3]) / n)
    assert np.all(np.abs(start.mean(axis=0) - MIXTURE.mean()) < error)
    assert np.allclose(start.std(axis=0), np.hypot(MIXTURE.std(), 3.0), rtol=0.02)


@pytest.mark.parametrize("prior", ["mixture", "score only"])
def test_a_mean_far_from_the_start_is_warned_about(prior):
    far = dp.priors.Gaussian([300.0, 0.0], 1.0)
    far = far if prior == "mixture" else ScoreOnly(far)
    with pytest.warns(RuntimeWarning, match=r"mean lies 3.. standard deviations"):
        result = dp.sampling.sample(far, 50, rng=0)
    assert len(result.warnings) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dp.sampling.sample(far, 50, rng=0, sigma_max=1000.0)


def test_a_plain_function_is_a_score():
    result = dp.sampling.sample(lambda x, sigma: -x / (1 + sigma**2), 2000, event_shape=(3,), rng=0)
    assert result.samples.shape == (2000, 3)
    assert np.allclose(result.samples.std(axis=0), 1, atol=0.1)


def test_images():
    prior = dp.priors.Gaussian(np.zeros((4, 3)), 1.0)
    assert dp.sampling.sample(prior, 5, rng=0, n_steps=5).samples.shape == (5, 4, 3)


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].traced])
def test_tables_need_no_more_past_than_they_use(name):
    table = trace(METHODS[name].step, np.geomspace(10, 0.1, 9))
    used = np.any(table.point[:, 1 : 1 + table.n_past], axis=0)
    used |= np.any(table.state[:, 1 : 1 + table.n_past], axis=0)
    assert used[-1]


class TestMistakes:
    def test_unknown_method_names_the_nearest(self):
        with pytest.raises(ValueError, match=r"no method 'huen'; nearest: heun"):
            DRAW(N, method="huen")
        with pytest.raises(TypeError, match="method"):
            DRAW(N, method=3)

    def test_unknown_option_names_those_there_are(self):
        with pytest.raises(TypeError, match=r"'ddim' has no option 'etta', only 'eta'"):
            DRAW(N, method="ddim", etta=0.5)
        with pytest.raises(TypeError, match="no options"):
            DRAW(N, method="rk4", eta=0.5)

    @pytest.mark.parametrize(
        ("method", "options", "error"),
        [
            ("ddim", {"eta": 1.5}, ValueError),
            ("ddim", {"eta": "all"}, TypeError),
            ("ddim", {"eta": np.nan}, ValueError),
            ("sa_solver", {"p": 0}, ValueError),
            ("sa_solver", {"p": 2.5}, TypeError),
            ("unipc_2", {"variant": "bh3"}, ValueError),
            ("heun", {"s_churn": -1.0}, ValueError),
            ("randomized_midpoint", {"corrector": "mala"}, ValueError),
            ("dpum", {"smoothness": 0.0}, ValueError),
        ],
    )
    def test_options_out_of_range(self, method, options, error):
        (name,) = options
        with pytest.raises(error, match=name):
            DRAW(N, method=method, **options)

    @pytest.mark.parametrize("n_steps", [0, -1])
    def test_no_steps(self, n_steps):
        with pytest.raises(ValueError, match="n_steps"):
            DRAW(N, n_steps=n_steps)

    def test_levels_out_of_order(self):
        with pytest.raises(ValueError, match="sigma_max"):
            DRAW(N, sigma_min=1.0, sigma_max=1.0)
        with pytest.raises(ValueError, match="decreasing"):
            DRAW(N, schedule=[1.0, 2.0, 0.0])
        with pytest.raises(ValueError, match="two levels"):
            DRAW(N, schedule=[0.0])
        with pytest.raises(ValueError, match="n_steps"):
            DRAW(N, schedule=[2.0, 1.0, 0.0], n_steps=5)

    def test_levels_that_do_not_reach_the_data(self):
        with pytest.raises(ValueError, match="not reach the data: it ends at noise level 0"):
            DRAW(N, schedule=[2.0, 0.5])
        with pytest.raises(ValueError, match="sigma_max is outside the schedule"):
            DRAW(N, schedule=dp.schedules.VE(0.1, 1.0), sigma_min=0.1)

    def test_a_score_that_returns_nan_is_named_with_its_step(self):
        def score(x, sigma):
            return np.where(np.arange(len(x))[:, None] == 2, np.nan, -x / (1 + sigma**2))

        with pytest.raises(ValueError, match=r"prior.score returned NaN or infinity at .*chain 2"):
            dp.sampling.sample(score, N, event_shape=(2,), rng=0)

    def test_a_score_of_another_shape(self):
        with pytest.raises(ValueError, match="shape"):
            dp.sampling.sample(lambda x, sigma: x[:, :1], N, event_shape=(2,), rng=0)

    @pytest.mark.filterwarnings("ignore:.*mean lies:RuntimeWarning")
    def test_divergence_is_named_with_its_step_and_chain(self):
        def score(x, sigma):
            return 1e9 * x

        with pytest.raises(ValueError, match=r"ddim diverged by step \d+, chain 0"):
            dp.sampling.sample(score, N, method="ddim", event_shape=(2,), rng=0)

    def test_a_prior_without_a_shape(self):
        with pytest.raises(TypeError, match="event_shape"):
            dp.sampling.sample(lambda x, sigma: -x, N)
        with pytest.raises(ValueError, match="event_shape"):
            DRAW(N, event_shape=(3,))

    def test_start_from_draws_of_what_cannot_be_drawn(self):
        with pytest.raises(TypeError, match="sample"):
            dp.sampling.sample(ScoreOnly(), N, initial="marginal")
        with pytest.raises(ValueError, match="initial"):
            DRAW(N, initial="terminal")

    def test_a_step_of_the_user_that_returns_nothing(self):
        method = dp.sampling.Method("mine", lambda s: None, order=1)
        with pytest.raises(TypeError, match="step must return"):
            DRAW(N, method=method)


class TestSubspace:
    """Means of one variance in a small span: the flow runs there."""

    def prior(self, n_components=4, d=12):
        rng = np.random.default_rng(0)
        means = 5 + 2 * rng.normal(size=(n_components, d))
        return dp.priors.GaussianMixture(rng.dirichlet(np.ones(n_components)), means, 0.5)

    @pytest.mark.parametrize("name", ["ddim", "heun", "dpm_solver_2m", "unipc_3", "rk4"])
    @pytest.mark.parametrize("n_components", [4, 10])
    def test_nothing_but_rounding_changes(self, name, n_components, xp):
        prior = self.prior(n_components)
        like = xp.array(np.zeros(0))
        there = dp.priors.GaussianMixture(
            xp.array(prior.weights), xp.array(prior.means), xp.array(0.5)
        )
        draw = functools.partial(dp.sampling.sample, n_samples=20, rng=0, method=name, like=like)
        table = trace(METHODS[name].step, np.geomspace(10, 0.1, 9))
        found = subspace(there.tables(xp.xp.float64), table)
        assert (found is not None) == (n_components == 4 or isinstance(there.means, np.ndarray))
        whole = xp.numpy(draw(there, n_steps=12).samples)
        plain = dp.sampling.sample(ScoreOnly(prior), 20, rng=0, method=name, n_steps=12).samples
        np.testing.assert_allclose(whole, plain, rtol=1e-11, atol=1e-11)

    def test_pieces_of_a_run_fit_together(self):
        draw = functools.partial(dp.sampling.sample, self.prior(), 20, n_steps=30)
        whole = draw(rng=0)
        part = draw(rng=0, keep_every=11, callback=lambda step, sigma, x: step == 17)
        rest = draw(resume=part)
        np.testing.assert_array_equal(rest.samples, whole.samples)
        np.testing.assert_array_equal(rest.samples, draw(rng=0, progress=lambda p: False).samples)

    def test_chains_do_not_meet(self):
        draw = functools.partial(dp.sampling.sample, self.prior(), rng=0)
        whole = draw(75).samples
        for first, n in ((0, 1), (3, 5), (40, 35)):
            some = draw(n, first_chain=first).samples
            np.testing.assert_array_equal(some, whole[first : first + n])

    @pytest.mark.parametrize("n_components", [2, 4])
    def test_a_mixture_is_not_kept_alive(self, n_components):
        prior = self.prior(n_components)
        result = dp.sampling.sample(prior, 5, n_steps=2, rng=0)
        means = weakref.ref(prior.tables(np.dtype(np.float64)).means)
        within = weakref.ref(result.state.cloud.beside.within.mixture.means)
        del prior, result
        gc.collect()
        assert means() is None
        assert within() is None

    @pytest.mark.parametrize("name", ["ddpm", "sra1"])
    def test_noise_stays_where_it_is(self, name):
        table = trace(METHODS[name].step, np.geomspace(10, 0.1, 9))
        assert subspace(self.prior().tables(np.float64), table) is None

    def test_noise_at_the_end_of_the_range(self):
        """Logits over their rate would overflow there."""
        means = np.float32(1e-3 * np.random.default_rng(0).normal(size=(4, 30)))
        prior = dp.priors.GaussianMixture(np.float32([1, 1e-30, 1e-30, 1e-30]), means, 1e-6)
        x = np.ones((3, 30), np.float32)
        np.testing.assert_allclose(prior.score(x, 3e18), -(x - means[0]) / 9e36, rtol=1e-5)
        for largest, suits in ((1.0, True), (1e17, False)):
            table = trace(METHODS["ddim"].step, np.array([largest, 1e-2, 1e-3]))
            assert (subspace(prior.tables(np.float32), table) is not None) == suits

    def test_too_few_dimensions(self):
        table = trace(METHODS["ddim"].step, np.geomspace(10, 0.1, 9))
        assert subspace(self.prior(d=3).tables(np.float64), table) is None


class TestMethodsOfTheUser:
    def draw(self, step, n=5, **facts):
        method = dp.sampling.Method("mine", step, **{"order": 1, "traced": False, **facts})
        return dp.sampling.sample(ScoreOnly(), n, method=method, n_steps=6, rng=0)

    @pytest.mark.parametrize(
        "step",
        [lambda s: s.y[:2, :], lambda s: s.y.astype(np.float32), lambda s: None, lambda s: [1.0]],
    )
    def test_what_is_unlike_the_state_is_refused(self, step):
        with pytest.raises(TypeError, match="step of method 'mine' must return float64"):
            self.draw(step)

    def test_states_cannot_be_written_to(self):
        def writes(s):
            s.y[:] = 0
            return s.y

        with pytest.raises(ValueError, match="read-only"):
            self.draw(writes)

    def test_the_past_is_there_without_a_table(self):
        step = METHODS["dpm_solver_2m"].step
        table = self.draw(step, traced=True).samples
        np.testing.assert_allclose(self.draw(step).samples, table, rtol=1e-12)

    @pytest.mark.parametrize(
        "step", [lambda s: s.y + 1.0, lambda s: s.xp.tanh(s.y), lambda s: s.uniform() * s.y]
    )
    def test_what_makes_no_table_says_so(self, step):
        with pytest.raises(TypeError, match="no table: pass traced=False"):
            self.draw(step, traced=True)

    def test_sums_of_lists(self):
        result = self.draw(lambda s: sum([0.5 * s.y, 0.5 * s.denoise()]), traced=True)
        assert result.samples.shape == (5, 2)

    def test_a_step_without_a_score(self):
        assert self.draw(lambda s: s.ratio * s.y).samples.shape == (5, 2)

    def test_steps_without_a_score_have_the_same_bits_one_by_one(self):
        def step(s):
            found = s.past[0].value if s.index % 2 else s.denoise()
            return 0.37 * s.y + 0.63 * found + 0.1 * s.noise()

        method = dp.sampling.Method("every other", step, order=1, stochastic=True)
        draw = functools.partial(DRAW, N, method=method, n_steps=9, rng=0)
        watched = draw(callback=lambda step, sigma, x: False)
        np.testing.assert_array_equal(watched.samples, draw().samples)


class TestResumed:
    @pytest.mark.parametrize(
        ("first", "then"), [({"eta": 1.0}, {}), ({}, {"eta": 0.5}), ({"eta": 0.5}, {"eta": 0.4})]
    )
    def test_options_stay(self, first, then):
        part = DRAW(N, method="ddim", progress=lambda p: True, **first)
        with pytest.raises(ValueError, match="eta must be"):
            dp.sampling.sample(MIXTURE, method="ddim", resume=part, **then)

    def test_defaults_may_be_spelled_out(self):
        part = DRAW(N, method="ddim", progress=lambda p: True)
        rest = dp.sampling.sample(MIXTURE, method="ddim", eta=0, resume=part)
        np.testing.assert_array_equal(rest.samples, DRAW(N, method="ddim").samples)

    def test_another_function(self):
        part = DRAW(N, method="ddim", progress=lambda p: True)
        with pytest.raises(ValueError, match="function must be sampling"):
            dp.sampling.noise_then_denoise(
                MIXTURE, np.zeros((N, 2)), 80.0, method="ddim", resume=part
            )

    def test_another_method_of_the_name(self):
        part = DRAW(N, method="ddim", progress=lambda p: True)
        mine = dp.sampling.Method("ddim", METHODS["ddim"].step, order=1)
        with pytest.raises(ValueError, match="method must be"):
            dp.sampling.sample(MIXTURE, method=mine, resume=part)


def test_a_subclass_has_its_own_score():
    class Tempered(dp.priors.GaussianMixture):
        def score(self, x, sigma=0.0):
            return 0.5 * super().score(x, sigma)

    own = Tempered(MIXTURE.weights, MIXTURE.means, [[0.3, 0.1], [0.05, 0.6], [0.2, 0.2]])
    by_class = dp.sampling.sample(own, 50, n_steps=8, rng=0).samples
    by_score = dp.sampling.sample(ScoreOnly(own), 50, n_steps=8, rng=0).samples
    np.testing.assert_allclose(by_class, by_score, rtol=1e-10)


@pytest.mark.parametrize("name", ["dpom", "dpum", "randomized_midpoint"])
@pytest.mark.parametrize("variance", [1e-2, 1e-4])
def test_correctors_follow_the_noise(name, variance):
    """Steps that a fixed smoothness would make far too long near the data of narrow priors."""
    prior = dp.priors.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], variance)
    x = dp.sampling.sample(prior, 500, method=name, rng=0).samples
    exact = np.sqrt(variance + 0.3 * 0.7 * np.array([16.0, 1.0]))
    assert np.all(np.abs(x.std(axis=0) / exact - 1) < 0.12)


def test_methods_of_the_library_cannot_be_changed():
    with pytest.raises(TypeError):
        dp.sampling.methods()["ddim"].limits["eta"] = (0.0, 5.0)
