"""How every public function is called rightly, and of which kind each argument is."""

import inspect
from types import SimpleNamespace
from typing import NamedTuple

import bad_values as of
import numpy as np

import diffpost_np as dp

X = np.array([[0.1, 0.2], [0.3, -0.4], [1.0, 2.0]])
S = np.ones(3)
KEY = dp.random.key(0)
WEIGHTS, MEANS = np.array([0.4, 0.6]), np.array([[-1.0, 0.0], [1.0, 2.0]])
COVS = np.array([[1.0, 0.5], [0.25, 2.0]])
LOW_RANK = dp.priors.LowRank(COVS[:, :, None], 1.0)
MATRIX, Y = np.array([[1.0, 0.5]]), np.array([0.5])
MEASUREMENT = dp.LinearGaussian(MATRIX, 0.3)
MIXTURE = dp.priors.GaussianMixture(WEIGHTS, MEANS, COVS)
LATTICE = dp.priors.DiscretizedGaussian(0.5, np.array([0.25, 0.0]), (2,))
ONE_WAY = dp.hardness.one_way_instance(1)
PRIORS = [
    MIXTURE,
    dp.priors.Gaussian(MEANS[0], COVS[0]),
    dp.priors.GaussianMixture(WEIGHTS, MEANS, LOW_RANK),
    dp.priors.Empirical(X, 0.1),
    dp.priors.Ring(1.0, 0.1),
    LATTICE,
    dp.priors.Smoothed(LATTICE, 0.1),
    ONE_WAY.prior,
    ONE_WAY.prior.enumerated(),
    dp.priors.PatchGrid(MIXTURE, (1, 2), (1, 2)),
    dp.priors.PatchProduct(MIXTURE, (1, 2), (1, 2)),
]
WITHOUT_ARRAYS = (dp.priors.Ring, dp.hardness.OneWayPrior, dp.hardness.EnumeratedPrior)
CLOCK, TABLE = dp.schedules.VPLinear(), dp.schedules.VPTable([0.9, 0.5, 0.1])
CLOCKS = [CLOCK, TABLE, *(getattr(dp.schedules, n)() for n in ("EDM", "OU", "VE", "Flow"))]
CLOCKS += [dp.schedules.VPCosine()]


class Asleep:
    """A prior that must not be asked before all arguments are checked."""

    event_shape = (2,)

    def score(self, x, sigma=0.0):
        raise AssertionError("worked before it checked")

    def sample(self, n_samples, rng=None):
        raise AssertionError("worked before it checked")


class AsleepGiven(Asleep):
    """One that would draw given noisy points."""

    def sample_given(self, x, sigma, rng=None):
        raise AssertionError("worked before it checked")


class Case(NamedTuple):
    """A function, and for every argument a right value and its kind."""

    function: object
    arguments: dict

    @property
    def valid(self):
        return {name: value for name, (value, _) in self.arguments.items()}

    def mistakes(self):
        for name, (value, kind) in self.arguments.items():
            for mistake, (wrong, error) in kind(value).items():
                yield name, mistake, wrong, error


def case(function, **arguments):
    return Case(function, arguments)


def without(kind, *mistakes):
    """The kind, where these are no mistakes."""
    return lambda valid: {k: v for k, v in kind(valid).items() if k not in mistakes}


def anything(valid):
    """Not looked at by the function itself."""
    return {}


def other_library(valid):
    return {"other library": of.mixed(valid)["other library"]}


OPTIONAL = ("mixed", "positive", "count", "shape", "function")
optional = {name: without(getattr(of, name), "None") for name in OPTIONAL}
any_event = without(of.batch, "more axes", "other event")
free_batch = without(of.batch, "other library")


def random_cases():
    place = {"step": 1, "purpose": 2, "first_chain": 3, "stage": 1, "cloud": 2}
    place = {name: (value, of.index) for name, value in place.items()}
    place |= {"key": (KEY, of.key), "shape": ((2, 3), without(of.free_shape, "zero"))}
    floats = {"complex": (X + 0j, TypeError), "half": (X.astype(np.float16), TypeError)}
    yield case(dp.random.bits, **place, like=(X, anything))
    yield case(dp.random.uniform, **place, like=(X, lambda _: floats))
    yield case(dp.random.normal, **place, like=(X, lambda _: floats))
    yield case(dp.random.key, rng=(0, of.rng))
    yield case(dp.random.Key, word0=(1, of.index), word1=(2, of.index))
    yield case(KEY.fold, name=("text", of.text))
    words = {"n_words": (4, without(of.count, "huge")), "dtype": (np.uint64, of.dtype)}
    yield case(KEY.generate_state, **words)


def prior_cases():
    p, mixed = dp.priors, of.mixed
    means = without(mixed, "more axes")
    yield case(
        p.GaussianMixture, weights=(WEIGHTS, mixed), means=(MEANS, means), covs=(COVS, mixed)
    )
    yield case(p.Gaussian, mean=(MEANS[0], means), cov=(COVS[0], mixed))
    yield case(p.LowRank, factor=(COVS[:, :, None], mixed), diag=(COVS, mixed))
    weights = (np.array([0.2, 0.3, 0.5]), optional["mixed"])
    width = (0.1, of.not_negative)
    yield case(p.Empirical, points=(X, means), bandwidth=width, weights=weights)
    yield case(p.Ring, radius=(1.0, of.positive), width=width)
    offset, shape = (np.zeros(2), of.real), ((2,), of.free_shape)
    yield case(p.DiscretizedGaussian, spacing=(0.5, of.positive), offset=offset, event_shape=shape)
    yield case(p.Smoothed, prior=(LATTICE, of.required_thing), width=(0.1, of.positive))
    images = {"image_shape": ((2, 2), of.free_shape), "patch_shape": ((2, 1), of.shape)}
    law = {"mixture": (MIXTURE, of.required_thing)}
    yield case(p.PatchGrid, **law, **images, shift=((1, 0), of.offsets))
    yield case(p.PatchProduct, **law, **images, stride=(1, of.count))
    fitted = SimpleNamespace(
        weights_=WEIGHTS, means_=MEANS, covariances_=COVS, covariance_type="diag"
    )
    fit = {"fitted": (fitted, of.required_thing), "event_shape": ((2,), of.shape)}
    yield case(p.GaussianMixture.from_sklearn, **fit)


def method_cases():
    """What priors can do."""
    draw = {"n_samples": (3, of.count), "rng": (0, of.rng), "first_chain": (0, of.index)}
    for prior in PRIORS:
        is_free = isinstance(prior, WITHOUT_ARRAYS)
        points = free_batch if is_free else of.batch
        x, event = X.reshape(3, *prior.event_shape), prior.event_shape
        arguments = {"x": (x, points), "sigma": (S, of.level), "v": (x, of.mixed), **draw}
        arguments |= {"x_noisy": (x, points), "y": (Y, of.mixed)}
        arguments |= {"like": (X, anything if is_free else other_library)}
        seen = (
            ONE_WAY.measurement
            if isinstance(prior, dp.hardness.EnumeratedPrior)
            else dp.LinearGaussian(MATRIX, 0.3, event_shape=event)
        )
        arguments |= {"measurement": (seen, of.required_thing)}
        arguments |= {"dtype": (np.float32, of.dtype)}
        for name in METHODS:
            if hasattr(prior, name):
                method = getattr(prior, name)
                taken = inspect.signature(method).parameters
                yield case(method, **{k: arguments[k] for k in taken})


METHODS = ("score", "denoise", "denoise_vjp", "log_density", "sample", "sample_given")
METHODS += ("responsibilities", "posterior", "tables")
METHODS += ("unnormalised_log_density", "grid_sample_given")


def measurement_cases():
    std, event = (np.array([0.5]), of.noise_std), ((2,), of.shape)
    yield case(dp.LinearGaussian, A=(MATRIX, of.complex_), noise_std=std, event_shape=event)
    yield case(dp.LinearGaussian, A=(MATRIX, of.complex_), noise_cov=(np.eye(1), optional["mixed"]))
    seen, rng = (X, without(of.batch, "one event")), (0, of.rng)
    yield case(MEASUREMENT.simulate, x=seen, rng=rng)
    yield case(MEASUREMENT.gram, like=(X, other_library))
    yield case(dp.priors.photograph_patches, like=(X, without(of.kept_like, "half precision")))
    for method in (MEASUREMENT.log_likelihood, MEASUREMENT.log_likelihood_grad):
        yield case(method, x=(X, of.batch), y=(Y, of.mixed))


GIVEN = {
    "prior": (Asleep(), of.required_thing),
    "measurement": (MEASUREMENT, of.required_thing),
    "y": (Y, of.mixed),
    "n_samples": (3, of.count),
    "rng": (0, of.rng),
    "progress": (False, of.progress),
}
GIVEN_CHAINS = {
    **GIVEN,
    "resume": (None, of.thing),
    "bandwidth": (0.1, of.not_negative),
    "preconditioner": (np.ones(2), optional["mixed"]),
    "first_chain": (0, of.index),
}
ANNEALED = {
    **GIVEN_CHAINS,
    "schedule": ("auto", of.required_thing),
    "alpha": (1.0, optional["positive"]),
    "smoothness": (2.0, optional["positive"]),
    "tolerance": (0.1, of.fraction),
}
INITIAL = {"initial": (X, without(of.batch, "None", "function"))}


def operator_cases():
    o, event = dp.operators, {"event_shape": ((2,), of.shape)}
    kernel, keep = np.array([0.25, 0.5]), np.array([True, False])
    operator = o.convolution(kernel, (2,))
    yield case(o.dense, A=(MATRIX, of.complex_), **event)
    yield case(o.as_operator, A=(MATRIX, of.complex_), **event)
    yield case(o.mask, keep=(keep, of.booleans), **event)
    yield case(o.subsampled_fourier, keep=(keep, of.booleans), **event)
    shape = {"event_shape": ((4,), of.free_shape)}
    yield case(o.convolution, kernel=(kernel, of.real), **shape, boundary=("zero", of.choice))
    yield case(o.downsample, **shape, factor=(2, of.count))
    numbers = {"radius": (2, without(of.index, "None", "huge")), "ndim": (1, of.count)}
    yield case(o.gaussian_kernel, std=(1.0, of.positive), **numbers)
    yield case(o.norm, operator=(operator, of.required_thing))
    yield case(o.svd, operator=(operator, of.required_thing), like=(X, anything))
    pairs = {"rng": (0, of.rng), "n_pairs": (3, of.count), "like": (X, anything)}
    yield case(o.adjoint_error, operator=(operator, of.required_thing), **pairs)
    yield case(o.Operator, event_shape=((2,), of.free_shape), output_shape=((3,), of.free_shape))
    yield case(operator.adjoint, r=(X, of.batch))
    yield case(operator.__call__, x=(X, of.batch))
    parts = o.svd(operator)
    yield case(parts.v, z=(X, of.batch))
    yield case(parts.vh, x=(X, of.batch))
    yield case(parts.u, z=(X, of.batch))
    yield case(parts.uh, y=(X, of.batch))
    rows = {"shift": (np.ones((3, 1)), of.column), "scale": (np.ones((3, 1)), of.column)}
    yield case(operator.gram().solve, b=(X, of.batch), **rows)


def sampler_cases():
    p, positive = dp.posterior, of.positive
    conjugate = {**GIVEN, "prior": (MIXTURE, of.required_thing)}
    exact = {name: conjugate[name] for name in ("prior", "measurement", "y")}
    yield case(p.exact, **exact)
    yield case(p.sample, **conjugate)
    steps = {"step_size": (0.01, positive), "n_steps": (2, of.count)}
    near = {"x0": (X[0], of.mixed), "x0_std": (0.5, positive)}
    warm = {"warm_start": (X[0], optional["mixed"])}
    smc = {
        "n_particles": (500, optional["count"]),
        "n_initial": (500, optional["count"]),
        "ess_threshold": (0.5, of.fraction),
        "kernel": ("mala", of.choice),
        "metropolis": (False, of.flag),
        "acceptance": (0.9, of.fraction),
        "stop": (0.4, positive),
        "final_stop": (0.2, positive),
        "max_moves": (10, of.count),
        "waste_free": (100, optional["count"]),
        "resume": (None, of.thing),
    }
    few = {"n_initial": (3, optional["count"])}
    for initial in ({}, INITIAL):
        yield case(p.sample, **GIVEN, **(initial or few))
        yield case(p.langevin, **GIVEN_CHAINS, **steps, **initial)
        yield case(p.annealed_langevin, **ANNEALED, **initial, kernel=("mala", of.choice))
        yield case(p.localized_langevin, **ANNEALED, **near, **initial)
        yield case(p.annealed_smc, **GIVEN, **{**smc, **(few if initial else {})}, **initial)
    radius = {"radius": (0.5, positive), "delta": (0.25, positive)}
    yield case(p.compressed_sensing, **ANNEALED, **radius, **warm)
    trials = {
        "max_proposals": (10, of.count),
        "log_bound": (5.0, of.optional_number),
        "batch_size": (5, optional["count"]),
        "first_proposal": (2, of.index),
        "resume": (None, of.thing),
    }
    yield case(p.rejection, **GIVEN, **trials)
    drawn = {"draw": (Asleep().sample, optional["function"])}
    yield case(p.rejection, **{**GIVEN, "prior": (lambda x, sigma: x, of.thing)}, **drawn)
    yield case(p.rejection_cost, **exact)
    sweeps = {
        "prior": (AsleepGiven(), of.required_thing),
        "rho": (0.1, optional["positive"]),
        "rho_max": (1.0, optional["positive"]),
        "n_levels": (2, of.count),
        "sweeps_per_level": (2, of.count),
        "n_chains": (3, optional["count"]),
        "thin": (2, of.count),
        "unbiased": (False, of.flag),
        "first_chain": (0, of.index),
        "resume": (None, of.thing),
    }
    start = {"initial": (X, without(INITIAL["initial"][1], "one event"))}
    for initial in ({}, start):
        yield case(p.split_gibbs, **{**GIVEN, **sweeps}, **initial)


def sampling_cases():
    s, positive = dp.sampling, of.positive
    method = {"method": ("heun", of.named), "n_steps": (3, optional["count"])}
    ends = {"sigma_max": (10.0, positive), "sigma_min": (0.1, positive)}
    calls = {"callback": (None, optional["function"]), "keep_every": (2, optional["count"])}
    common = {
        "prior": (Asleep(), of.required_thing),
        "n_samples": (3, of.count),
        "schedule": ("karras", of.named),
        "event_shape": ((2,), optional["shape"]),
        "rng": (0, of.rng),
        "progress": (False, of.progress),
        "first_chain": (0, of.index),
        "like": (np.zeros(0), of.kept_like),
        "resume": (None, of.thing),
    }
    start = {"initial": (X, without(INITIAL["initial"][1], "text"))}
    for initial in ({}, start, {"initial": ("marginal", of.choice)}):
        yield case(s.sample, **common, **method, **ends, **calls, **initial)
    levels = (np.array([1.0, 0.1, 0.0]), without(of.real, "None", "function", "text", "dict"))
    yield case(s.sample, **{**common, "schedule": levels})
    order = {"order": (1, positive), "evals_per_step": (1, optional["positive"])}
    flags = dict.fromkeys(("stochastic", "keeps_mean", "traced", "corrected"), (True, of.flag))
    texts = dict.fromkeys(("name", "source"), ("text", of.text))
    strong = {"strong_order": (1.0, optional["positive"]), "limits": ({}, of.table)}
    strong |= {"refuses": (None, optional["function"])}
    yield case(s.Method, step=(lambda s: s.y, of.function), **texts, **order, **flags, **strong)
    yield case(s.methods()["ddim"].settled, options=({"eta": 0.5}, of.table))


def flow_cases():
    s, positive = dp.sampling, of.positive
    trace = {"divergence": ("auto", of.choice), "n_probes": (4, of.count)}
    trace |= {"probes": ("normal", of.choice), "rng": (0, of.rng)}
    prior = {"prior": (Asleep(), of.required_thing)}
    levels = {"sigma_max": (10.0, positive), "sigma_min": (0.1, positive)}
    steps = {"schedule": ("log_snr", of.choice), "n_steps": (12, optional["count"])}
    run = {"progress": (False, of.progress), "first_chain": (0, of.index)}
    level, end = {"sigma": (0.0, of.not_negative)}, {"terminal": ("expansion", of.choice)}
    given = {**prior, **level, **steps, **levels, **trace, **end, **run}
    yield case(s.ode_log_density, **given, x=(X, without(of.batch, "other library")))
    points = {"x": (X, of.batch), "prior": (MIXTURE, of.required_thing)}
    yield case(s.ode_log_density, **points)
    shape, flag = {"event_shape": ((2,), of.shape)}, {"log_density": (False, of.flag)}
    yield case(s.probability_flow, **prior, **trace, **shape, **flag)
    flow = s.probability_flow(MIXTURE)
    state = (np.ones(4), without(of.mixed, "other library"))
    yield case(flow, sigma=(1.0, of.not_negative), state=state)
    bounds = {"smoothness": (2.0, positive), "strong_convexity": (1.0, positive)}
    plan = {"step_size": (0.1, optional["positive"]), "n_steps": (2, optional["count"])}
    plan |= {"n_samples": (3, of.count), "eps": (0.1, of.fraction), "resume": (None, of.thing)}
    place = {"initial": (X[0], optional["mixed"]), **shape, "like": (X, of.kept_like)}
    score = {"score": (Asleep(), of.required_thing), "rng": (0, of.rng)}
    yield case(s.log_concave, **score, **bounds, **plan, **place, **run)


def result_cases():
    p, positive = dp.posterior, of.positive
    result = p.sample(MIXTURE, MEASUREMENT, Y, n_samples=4, rng=0)
    level = without(of.fraction, "zero", "one", "list", "array")
    yield case(result.quantile, q=(0.5, level))
    yield case(result.quantile, q=([0.05, 0.95], of.levels))
    yield case(p.RejectionCost(np.zeros(3)).quantile, q=(0.5, level))
    ratio, step = ([2.0, 1.0], of.real), ([0.1], of.real)
    n_steps = ([3], of.whole_numbers)
    yield case(p.AnnealingSchedule, noise_ratio=ratio, step_size=step, n_steps=n_steps)
    theorem = {"alpha": (1.0, positive), "smoothness": (2.0, positive), "gain": (10.0, positive)}
    size = {"m": (1, of.count), "d": (2, of.count), "tolerance": (0.1, of.fraction)}
    yield case(p.AnnealingSchedule.admissible, **theorem, **size)
    ladder = {"largest": (10.0, positive), "ratio": (1.5, positive)}
    pace = {"time": (1.0, positive), "accuracy": (0.05, positive)}
    yield case(p.AnnealingSchedule.geometric, **theorem, **ladder, **pace)


def score_cases():
    s, mixed, x = dp.scores, of.mixed, {"x": (X, of.batch), "sigma": (S, of.level)}
    means, width = without(mixed, "more axes"), (0.1, of.not_negative)
    yield case(s.gaussian_score, **x, mean=(MEANS[0], means), cov=(COVS[0], mixed))
    given = {"weights": (WEIGHTS, mixed), "means": (MEANS, means), "covs": (COVS, mixed)}
    yield case(s.gaussian_mixture_score, **x, **given)
    yield case(s.empirical_score, **x, points=(X, means), bandwidth=width)
    ring = {**x, "x": (X, free_batch), "radius": (1.0, of.positive), "width": width}
    yield case(s.ring_score, **ring)
    lattice = {"spacing": (0.5, of.positive), "offset": (np.zeros(2), mixed)}
    yield case(s.discretized_gaussian_score, **{**x, "x": (X, any_event)}, **lattice)
    network, level = (lambda x, t: x, of.function), {"min_level": (0.1, of.not_negative)}
    clock = {"schedule": (CLOCK, of.required_thing)}
    yield case(s.from_denoiser, denoiser=network, schedule=(CLOCK, of.thing), **level)
    yield case(s.from_noise_predictor, noise_predictor=network, **clock, **level)
    yield case(s.from_velocity, velocity=network, **clock, **level)
    yield case(s.from_score_vp, score=network, **clock, **level)
    yield case(s.perturbed, score=(MIXTURE, of.thing), error=network)


def schedule_cases():
    s, positive = dp.schedules, of.positive
    ends = {"sigma_max": (10.0, positive), "sigma_min": (0.1, positive)}
    levels = {"n_levels": (5, of.count)}
    yield case(s.uniform_log_snr, **ends, **levels)
    yield case(s.karras, **ends, **levels, rho=(7.0, positive))
    yield case(s.geometric_variance, **ends, ratio=(2.0, positive))
    yield case(s.uniform_time, schedule=(CLOCK, of.required_thing), **ends, **levels)
    times = {"time_max": (5.0, positive), "time_min": (0.1, positive)}
    yield case(s.exponential_windows, **times, step=(0.5, positive))
    yield case(s.VE, **ends)
    yield case(s.VPLinear, beta_min=(0.1, positive), beta_max=(20.0, positive))
    yield case(s.VPCosine, offset=(0.1, of.not_negative))
    yield case(s.VPTable, alphas_cumprod=(np.array([0.9, 0.5, 0.1]), of.real))
    for clock in CLOCKS:
        for name in ("alpha", "sigma", "noise_level", "log_snr"):
            yield case(getattr(clock, name), t=(0.5, of.time))
        if not isinstance(clock, s.EDM | s.VE):  # these have no velocity at any t
            yield case(clock.velocity_coefficients, t=(0.5, of.time))
        yield case(clock.time_at_noise_level, noise_level=(1.0, of.time))
        yield case(clock.time_at_log_snr, log_snr=(0.0, without(of.time, "negative")))


def diagnostic_cases():
    d = dp.diagnostics
    draws = np.random.default_rng(0).normal(size=(40, 2))
    samples = (draws, without(any_event, "one event"))
    yield case(d.coverage, samples=samples, truth=(draws[0], of.mixed), level=(0.9, of.fraction))
    ranks = {"statistic": (None, of.function), "rng": (0, of.rng)}
    lists = ([draws, draws], of.lists)
    yield case(d.sbc_ranks, samples=lists, truth=(draws[:2], of.mixed), **ranks)
    clouds = {"x": (draws, any_event), "y": (draws, without(of.batch, "more axes"))}
    numbers = dict.fromkeys(("n_directions", "n_references"), (3, of.count))
    order = {"order": (1, of.count)}
    yield case(d.sliced_wasserstein, **clouds, **numbers, **order, rng=(0, of.rng))
    yield case(d.ess, log_weights=(np.zeros(3), without(of.real, "-inf")))
    table = d.Ranks(np.arange(40) % 20, n_draws=19)
    yield case(table.p_values, n_bins=(4, optional["count"]))


def window_cases():
    run = {
        "prior": (Asleep(), of.required_thing),
        "method": ("ddpm", of.choice),
        "schedule": ("karras", of.choice),
        "n_steps": (3, optional["count"]),
        "sigma_min": (0.1, of.positive),
        "event_shape": ((2,), of.shape),
        "rng": (0, of.rng),
        "progress": (False, of.progress),
        "callback": (None, of.function),
        "keep_every": (1, optional["count"]),
        "first_chain": (0, of.index),
        "resume": (None, of.thing),
    }
    noisy = {"x": (X, free_batch), "sigma": (1.0, of.positive)}
    yield case(dp.sampling.noise_then_denoise, **run, **noisy)
    mixture, eps = {"prior": (MIXTURE, of.prior)}, {"eps": (0.1, of.fraction)}
    parts = {"initial": ([0], of.components), "target": ([0, 1], of.components)}
    yield case(dp.sampling.critical_window, **mixture, **parts, **eps)
    yield case(dp.sampling.mixture_tree, **mixture, **eps)
    member = {"component": (0, of.index)}
    yield case(dp.sampling.mixture_tree(MIXTURE).path, **member)


def hardness_cases():
    h, bits = dp.hardness, {"n_bits": (3, of.count), "m_bits": (2, of.count)}
    one_way = {"one_way": ("arx", of.one_way)}
    sizes = {"spacing": (0.4, of.positive), "radius": (8.0, of.positive)}
    yield case(h.OneWayPrior, **bits, **one_way, **sizes)
    optional_bits = {**bits, "m_bits": (2, optional["count"])}
    noise = {"noise_std": (0.02, optional["positive"])}
    yield case(h.one_way_instance, **optional_bits, **one_way, **sizes, **noise)
    yield case(h.arx, signs=(np.ones((3, 2)), of.signs), m_bits=(2, of.count))
    prior = ONE_WAY.prior
    yield case(prior.score_error, sigma=(0.5, of.positive))
    knots = (8, without(of.count, "huge", "None"))
    yield case(prior.relu_network, sigma=(0.5, of.positive), n_knots=knots)
    given = prior.enumerated().posterior(ONE_WAY.measurement, Y)
    yield case(given.probabilities, like=(X, other_library))
    yield case(h.EnumeratedPrior, prior=(prior, of.required_thing))
    image = (np.ones(1), of.mixed)
    free_image = (np.ones(1), optional["mixed"])
    posed = {"image": free_image, "like": (np.zeros(1), other_library)}
    yield case(ONE_WAY.challenge, rng=(0, of.rng), **posed)
    yield case(ONE_WAY.decode, y=(Y, of.real))
    yield case(ONE_WAY.invert, samples=(X, without(free_batch, "empty")))
    yield case(ONE_WAY.check, preimages=(np.ones((3, 1)), of.mixed), image=image)


def lewis_cases():
    le, positive, run = dp.lewis, of.positive, {"progress": (False, of.progress)}
    tall, p = {"X": (X, of.real)}, {"p": (1.5, positive)}
    limits = {"tol": (0.1, optional["positive"]), "max_iterations": (9, of.count)}
    yield case(le.lewis_weights, **tall, **p, **limits, **run)
    ways = {"method": ("sketch", of.choice), "rng": (0, of.rng), "ridge": (0.1, of.not_negative)}
    yield case(le.leverage_scores, **tall, **ways, **run)
    draws = {"m": (2, of.count), "rng": (0, of.rng), "method": ("iid", of.choice)}
    own = {"p": (1.5, optional["positive"])}
    yield case(le.sample_rows, weights=(np.array([1.0, 2.0]), of.weights), **draws, **own)
    errors = {"eps": (0.1, of.fraction), "delta": (0.1, of.fraction)}
    yield case(le.sample_size, d=(3, of.count), **errors, **p, constant=(2.0, positive))
    number = {"m": (2, optional["count"])}
    yield case(le.subspace_embedding, **tall, **p, **{**draws, **number}, **run)
    errors = {name: (value, without(of.fraction, "None")) for name, (value, _) in errors.items()}
    yield case(le.subspace_embedding, **tall, **errors)
    asked = {"label": (lambda rows: np.ones(len(rows)), of.function)}
    asked |= {"huber": (None, optional["positive"]), "intercept": (False, of.flag)}
    power = {"p": (1.0, positive)}
    yield case(le.active_lad, **tall, **asked, **power, **{**draws, **number}, **run)
    yield case(le.active_lad, **tall, **asked, **errors)


def testing_cases():
    """The checks, without their laws: those are tested elsewhere."""
    t, positive = dp.testing, of.positive
    seed, like = {"rng": (0, of.rng)}, {"like": (np.zeros(0), of.kept_like)}
    common = {**seed, **like, "rtol": (1e-3, without(positive, "None"))}
    shape = ((2,), of.free_shape)

    def skip(table):
        return {"skip": (list(table), of.names)}

    points, levels = (X, without(free_batch, "None")), ([0.5], of.noise_levels)
    numbers = {"n_draws": (100, of.count), "false_alarm": (1e-3, positive)}
    given = {"prior": (dp.priors.Ring(1.0, 0.1), of.prior), "event_shape": shape}
    given |= {"points": points, "noise_levels": levels, **numbers, **common}
    yield case(t.check_prior, **given, **skip(t.PRIOR_LAWS))
    linear = {"operator": (MATRIX, of.required_thing), "event_shape": ((2,), of.shape)}
    yield case(t.check_operator, **linear, **common, **skip(t.OPERATOR_LAWS))
    steps = {"n_steps": (4, of.count), "tolerance": (0.15, positive), **seed, **like}
    methods = {"method": ("ddim", of.named), **steps, **skip(t.INTEGRATOR_LAWS)}
    yield case(t.check_integrator, **methods)
    runs = {"n_samples": (99, of.count), "n_runs": (5, of.count), "n_truths": (20, of.count)}
    runs = {name: (value, without(kind, "None")) for name, (value, kind) in runs.items()}
    flags = dict.fromkeys(("log_concave", "interacting"), (False, of.flag))
    limits = {"bias": (0.1, of.not_negative), "false_alarm": (1e-3, positive)}
    given = {"sampler": (dp.posterior.sample, of.function), **runs, **flags, **limits, **seed}
    problems = {"problems": (None, of.problems), **like}
    yield case(t.check_sampler, **given, **problems, **skip(t.SAMPLER_LAWS))


def regression_cases():
    X, y = np.arange(12.0).reshape(6, 2) ** 2 % 7, np.arange(6.0)
    given = {
        "X": (X, table_of_rows),
        "y": (y, targets),
        "sample_weight": (np.ones(6), row_weights),
        "quantile": (0.5, quantiles),
        "intercept": (True, of.flag),
        "rng": (0, of.rng),
        "progress": (False, of.progress),
    }
    yield case(dp.lewis.lad, **given)
    level, method = {"level": (0.9, of.fraction)}, {"method": ("rank", of.choice)}
    draws = {"n_resamples": (5, of.count), "rng": (0, of.rng)}
    yield case(dp.lewis.lad(X, y).confidence_intervals, **level, **method, **draws)
    few = dp.lewis.active_lad(X, lambda rows: y[rows], m=6)
    yield case(few.confidence_intervals, **level, **draws)


def table_of_rows(valid):
    wrong = {k: v for k, v in of.mixed(valid).items() if k != "other library"}
    shapes = {"row": (valid[0], ValueError), "no rows": (valid[:0], ValueError)}
    return {**wrong, **shapes, "no columns": (valid[:, :0], ValueError)}


def targets(valid):
    return {**of.mixed(valid), "one too few": (valid[1:], ValueError)}


def row_weights(valid):
    wrong = {k: v for k, v in targets(valid).items() if k != "None"}
    return {**wrong, "negative": (-valid, ValueError), "zeros": (0 * valid, ValueError)}


def quantiles(valid):
    """A number inside (0, 1), or several."""
    wrong = {k: v for k, v in of.fraction(valid).items() if k not in ("list", "array")}
    several = {"beyond": ([0.5, 1.0], ValueError), "none": ([], ValueError)}
    return {**wrong, **several, "table": ([[0.5]], ValueError), "texts": (["a"], TypeError)}


SOURCES = (
    random_cases,
    prior_cases,
    method_cases,
    measurement_cases,
    operator_cases,
    sampler_cases,
    result_cases,
    score_cases,
    sampling_cases,
    flow_cases,
    window_cases,
    schedule_cases,
    diagnostic_cases,
    hardness_cases,
    lewis_cases,
    testing_cases,
    regression_cases,
)
CASES = [case for source in SOURCES for case in source()]
