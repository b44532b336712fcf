"""Schedules against 50-digit arithmetic and against the equations that define them."""

from __future__ import annotations

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf

from diffpost_np import schedules

EPS = 2.0**-52
TABLE = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))
# Means, standard deviations and weights of a mixture with nothing symmetric about it.
MEANS, STDS, WEIGHTS = np.array([[-1.3, 0.4, 2.1], [0.5, 0.2, 0.9], [0.2, 0.5, 0.3]])


@pytest.fixture(autouse=True, scope="module")
def many_digits():
    with mp.workdps(50):
        yield


def ou(t):
    return mp.exp(-t), mp.sqrt(1 - mp.exp(-2 * t))


def vp_linear(t):
    low, high = mpf(0.1), mpf(20.0)
    integral = low * t + (high - low) * t**2 / 2
    return mp.exp(-integral / 2), mp.sqrt(1 - mp.exp(-integral))


def vp_cosine(t):
    s = mpf(0.008)
    f = [mp.cos(mp.pi / 2 * (u + s) / (1 + s)) ** 2 for u in (t, 0)]
    return mp.sqrt(f[0] / f[1]), mp.sqrt(1 - f[0] / f[1])


def vp_table(t):
    i = min(int(mp.floor(t)), len(TABLE) - 2)
    snr = [mp.log(mpf(a) / (1 - mpf(a))) for a in TABLE[i : i + 2]]
    square = 1 / (1 + mp.exp(-(snr[0] + (t - i) * (snr[1] - snr[0]))))
    return mp.sqrt(square), mp.sqrt(1 - square)


# Schedule, its definition in many digits, and times over its whole range.
CASES = {
    "VE": (
        schedules.VE(0.01, 50.0),
        lambda t: (mpf(1), mpf(0.01) * (mpf(50.0) / mpf(0.01)) ** t),
        [0.0, 1e-9, 0.1, 0.5, 1 - 1e-9, 1.0],
    ),
    "EDM": (schedules.EDM(), lambda t: (mpf(1), t), [1e-200, 1e-3, 1.0, 80.0, 1e200]),
    "Flow": (schedules.Flow(), lambda t: (1 - t, t), [1e-200, 1e-9, 0.3, 0.5, 0.9, 1 - 1e-12]),
    "OU": (schedules.OU(), ou, [1e-200, 1e-9, 0.1, 0.34, 0.35, 5.0, 40.0, 700.0]),
    "VPLinear": (schedules.VPLinear(), vp_linear, [1e-200, 1e-9, 1e-3, 0.1, 0.5, 0.9, 1.0]),
    "VPCosine": (schedules.VPCosine(), vp_cosine, [1e-200, 1e-9, 1e-3, 0.5, 0.9, 1 - 1e-12]),
    "VPTable": (schedules.VPTable(TABLE), vp_table, [0.0, 0.25, 1.0, 17.5, 258.1, 998.5, 999.0]),
}
ENDS = {"EDM": 0.0, "Flow": 1.0, "OU": math.inf, "VPCosine": 1.0}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def log_level(definition, t):
    """log(sigma / alpha), with digits to spare where 1 - alpha^2 cancels."""
    with mp.workdps(600):
        alpha, sigma = definition(t)
        return mp.log(sigma / alpha)


def relative_error(value, exact):
    return float(abs(mpf(value) - exact) / abs(exact))


class TestForward:
    def test_amplitudes_and_levels_have_all_digits(self, case):
        schedule, definition, times = case
        for t in times:
            with mp.workdps(600):
                alpha, sigma = definition(mpf(t))
            # The rounding of an exponent is its size times eps.
            allowed = (8 + abs(float(mp.log(alpha))) + abs(float(mp.log(sigma / alpha)))) * EPS
            assert relative_error(schedule.alpha(t), alpha) <= allowed
            if t > 0 or sigma > 0:
                assert relative_error(schedule.sigma(t), sigma) <= allowed
                assert relative_error(schedule.noise_level(t), sigma / alpha) <= allowed

    def test_log_snr_has_all_digits(self, case):
        schedule, definition, times = case
        for t in times:
            exact = -2 * log_level(definition, mpf(t))
            assert abs(schedule.log_snr(t) - exact) <= 8 * EPS * (1 + abs(exact))

    @pytest.mark.parametrize("name", ENDS)
    def test_pure_signal_and_pure_noise(self, name):
        schedule = CASES[name][0]
        if name != "EDM":
            assert schedule.alpha(0.0) == 1.0
            assert schedule.alpha(ENDS[name]) == 0.0
            assert schedule.noise_level(ENDS[name]) == math.inf
            assert schedule.log_snr(ENDS[name]) == -math.inf
            assert schedule.time_at_noise_level(math.inf) == ENDS[name]
            assert schedule.time_at_log_snr(-math.inf) == ENDS[name]
        assert schedule.sigma(0.0) == 0.0
        assert schedule.log_snr(0.0) == math.inf
        assert schedule.time_at_noise_level(0.0) == 0.0
        assert schedule.time_at_log_snr(math.inf) == 0.0

    def test_log_snr_outlives_the_level(self):
        assert schedules.OU().noise_level(1e4) == math.inf
        assert schedules.OU().log_snr(1e4) == -2e4
        assert schedules.OU().time_at_log_snr(-2e4) == 1e4


def check_inverse(name, t):
    """Newton's correction, in many digits, of the times that are returned for the level at t."""
    schedule, definition, _ = CASES[name]
    for form, log_of in {"noise_level": mp.log, "log_snr": lambda v: -v / 2}.items():
        value = getattr(schedule, form)(t)
        found = getattr(schedule, f"time_at_{form}")(value)
        if not math.isfinite(value) or not math.isfinite(schedule.log_snr(t)):
            assert found in (t, math.inf)
            continue
        with mp.workdps(600):
            at, wanted = mpf(found), log_of(mpf(value))
            step = at * mpf(10) ** -60 if found else -(mpf(10) ** -60)
            slope = (log_level(definition, at) - log_level(definition, at - step)) / step
            correction = float((wanted - log_level(definition, at)) / slope)
        # One rounding of the time, and those of the logarithms it is made from.
        logs = 1 + abs(float(wanted)) + abs(math.log(schedule.noise_levels[0] or 1.0))
        assert abs(correction) <= 8 * EPS * (found + logs / abs(float(slope)))


class TestInverse:
    @pytest.mark.parametrize("name", CASES)
    def test_at_chosen_times(self, name):
        for t in CASES[name][2]:
            check_inverse(name, t)

    @given(st.sampled_from(sorted(CASES)), st.floats(0.0, 1.0), st.sampled_from([1.0, 1e-6]))
    def test_at_any_time(self, name, u, scale):
        check_inverse(name, u * scale * min(CASES[name][0].times[1], 999.0))

    def test_log_snr_and_noise_level_name_the_same_time(self, case):
        schedule, _, times = case
        for t in times:
            by_level = schedule.time_at_noise_level(schedule.noise_level(t))
            by_snr = schedule.time_at_log_snr(schedule.log_snr(t))
            last = min(schedule.times[1], max(1.0, t))
            assert abs(by_level - by_snr) <= 1e-12 * last

    def test_float32_round_trip_stays_inside(self, case):
        schedule, _, _ = case
        first, last = schedule.times
        t = np.linspace(first, min(last, 20.0) if last != 999 else last, 101, dtype=np.float32)
        back = schedule.time_at_noise_level(schedule.noise_level(t))
        assert back.dtype == np.float32
        assert np.max(np.abs(back - t)) <= 2e-5 * t[-1]


class TestEquations:
    """The densities of an asymmetric mixture follow the Fokker-Planck equation of each clock."""

    GRID = np.linspace(-3.0, 3.0, 41)
    STEP = 1e-3

    def density(self, schedule, t, x):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        std = np.sqrt((alpha * STDS) ** 2 + sigma**2)
        z = (x[:, None] - alpha * MEANS) / std
        return np.sum(WEIGHTS * np.exp(-0.5 * z**2) / (std * math.sqrt(2 * math.pi)), axis=1)

    def difference(self, function, at):
        """Central difference of fourth order."""
        h = self.STEP
        one, two = (function(at + k * h) - function(at - k * h) for k in (1, 2))
        return (8 * one - two) / (12 * h)

    @pytest.mark.parametrize("t", [0.1, 0.4, 0.8])
    @pytest.mark.parametrize(
        "schedule, pull, spread",
        [
            # dx = -pull x dt + sqrt(2 spread) dB
            (schedules.OU(), lambda t: 1.0, lambda t: 1.0),
            (schedules.VPLinear(0.1, 5.0), *[lambda t: 0.5 * (0.1 + 4.9 * t)] * 2),
            (schedules.VPCosine(0.0), *[lambda t: math.pi / 2 * math.tan(math.pi / 2 * t)] * 2),
            (schedules.VE(0.5, 3.0), lambda t: 0.0, lambda t: math.log(6.0) * 0.25 * 36.0**t),
            (schedules.EDM(), lambda t: 0.0, lambda t: t),
            (schedules.Flow(), lambda t: 1 / (1 - t), lambda t: t / (1 - t)),
        ],
        ids=lambda v: type(v).__name__,
    )
    def test_fokker_planck(self, schedule, pull, spread, t):
        x = self.GRID
        change = self.difference(lambda u: self.density(schedule, u, x), t)
        flux = lambda x: pull(t) * x * self.density(schedule, t, x)  # noqa: E731
        slope = lambda x: self.difference(lambda u: self.density(schedule, t, u), x)  # noqa: E731
        expected = self.difference(flux, x) + spread(t) * self.difference(slope, x)
        np.testing.assert_allclose(change, expected, atol=1e-7 * np.max(np.abs(expected)) + 1e-8)

    def test_table_of_ddpm_is_the_linear_clock(self):
        steps = 1000
        table = schedules.VPTable(np.cumprod(1 - np.linspace(0.1, 20.0, steps) / steps))
        linear = schedules.VPLinear(0.1, 20.0)
        step = np.array([50.0, 300.0, 700.0, 999.0])
        # The product differs from the integral by the sum of beta^2 / 2, at most 0.07.
        gap = table.log_snr(step) - linear.log_snr((step + 1) / steps)
        assert np.all(np.abs(gap) < 0.08)

    def test_table_returns_its_entries(self):
        table = schedules.VPTable(TABLE)
        steps = np.arange(1000.0)
        np.testing.assert_allclose(table.alpha(steps) ** 2, TABLE, rtol=4e-15)
        np.testing.assert_allclose(table.time_at_noise_level(table.noise_level(steps)), steps,
                                   rtol=1e-12, atol=1e-12)  # fmt: skip

    def test_variance_is_preserved(self, case):
        schedule, _, times = case
        if isinstance(schedule, schedules.OU | schedules.VPCosine | schedules.VPTable):
            t = np.array(times)
            np.testing.assert_allclose(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, 1.0)

    def test_velocity_coefficients(self, case):
        schedule, _, times = case
        if isinstance(schedule, schedules.VE | schedules.EDM):
            with pytest.raises(TypeError, match="schedule must be"):
                schedule.velocity_coefficients(0.5)
            return
        t = np.array(times)
        a, b = schedule.velocity_coefficients(t)
        np.testing.assert_allclose(schedule.alpha(t) * b - schedule.sigma(t) * a, 1.0, rtol=1e-14)


class TestArrays:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_every_namespace_gives_the_same(self, xp, case, dtype):
        schedule, _, times = case
        kept = [t for t in times if 1e-30 < t < 80.0] or [1.0]
        t = xp.array(kept, dtype=dtype)
        tolerance = 1e-13 if dtype == "float64" else 3e-5
        for name in ("alpha", "sigma", "noise_level", "log_snr"):
            out = getattr(schedule, name)(t)
            assert xp.owns(out) and str(out.dtype).endswith(dtype) and out.shape == t.shape
            exact = [getattr(schedule, name)(float(v)) for v in xp.numpy(t).astype(float)]
            np.testing.assert_allclose(xp.numpy(out), exact, rtol=tolerance, atol=tolerance)
        for name in ("noise_level", "log_snr"):
            value = getattr(schedule, name)(t)
            out = getattr(schedule, f"time_at_{name}")(value)
            assert xp.owns(out) and str(out.dtype).endswith(dtype)
            np.testing.assert_allclose(xp.numpy(out), kept, rtol=tolerance, atol=tolerance)

    def test_shapes_and_numbers(self, xp, case):
        schedule, _, _ = case
        for shape in [(), (2,), (2, 3), (1, 0)]:
            t = xp.array(np.full(shape, 0.4))
            assert schedule.noise_level(t).shape == shape
            assert schedule.time_at_noise_level(schedule.noise_level(t)).shape == shape
        assert type(schedule.noise_level(0.4)) is float
        assert type(schedule.time_at_log_snr(np.float64(schedule.log_snr(0.4)))) is float
        assert schedule.alpha([0.2, 0.4]).shape == (2,)


class TestGrids:
    def test_uniform_log_snr(self):
        levels = schedules.uniform_log_snr(80.0, 0.002, 30)
        assert levels.shape == (30,) and levels[0] == 80.0 and levels[-1] == 0.002
        steps = np.diff(schedules.EDM().log_snr(levels))
        np.testing.assert_allclose(steps, 2 * math.log(40000.0) / 29, rtol=1e-12)

    @pytest.mark.parametrize("rho", [1.0, 7.0])
    def test_karras(self, rho):
        levels = schedules.karras(80.0, 0.002, 18, rho)
        ends = [mpf(80.0) ** (1 / mpf(rho)), mpf(0.002) ** (1 / mpf(rho))]
        exact = [float((ends[0] + mpf(i) / 17 * (ends[1] - ends[0])) ** rho) for i in range(18)]
        np.testing.assert_allclose(levels, exact, rtol=1e-13)
        assert levels[0] == 80.0 and levels[-1] == 0.002

    @pytest.mark.parametrize("ratio, n", [(1.05, 190), (1.1, 98), (2.0, 15), (4.0, 8)])
    def test_geometric_variance_counts(self, ratio, n):
        levels = schedules.geometric_variance(10.0, 0.1, ratio)
        assert levels.shape == (n,) and levels[0] == 10.0 and levels[-1] == 0.1
        ratios = (levels[:-1] / levels[1:]) ** 2
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-12)
        assert ratios[0] <= ratio * (1 + 1e-12)

    def test_whole_number_of_ratios_needs_no_extra_level(self):
        assert schedules.geometric_variance(2.0**10, 1.0, 4.0).shape == (11,)
        assert schedules.geometric_variance(1.0001, 1.0, 4.0).shape == (2,)


S = schedules
BAD = [
    (lambda: S.VE(0.0, 1.0), ValueError, "sigma_min must be greater than 0"),
    (lambda: S.VE(2.0, 1.0), ValueError, "sigma_max must be greater than 2"),
    (lambda: S.VE("low"), TypeError, "sigma_min must be a real number"),
    (lambda: S.VPLinear(0.0), ValueError, "beta_min must be greater"),
    (lambda: S.VPLinear(2.0, 1.0), ValueError, "beta_max must lie"),
    (lambda: S.VPLinear(0.1, math.nan), ValueError, "beta_max must be finite"),
    (lambda: S.VPCosine(-0.1), ValueError, "offset must lie"),
    (lambda: S.VPTable([0.9]), ValueError, "alphas_cumprod must have two or more"),
    (lambda: S.VPTable([0.5, 0.9]), ValueError, "decreasing"),
    (lambda: S.VPTable([1.0, 0.5]), ValueError, r"alphas_cumprod must lie inside \(0, 1\)"),
    (lambda: S.VPTable([0.5, math.nan]), ValueError, "alphas_cumprod must be finite"),
    (lambda: S.VPTable([[0.5, 0.4]]), ValueError, "alphas_cumprod must have shape"),
    (lambda: S.Flow().alpha(1.5), ValueError, r"t must lie in \[0, 1\] for Flow\(\), got 1.5"),
    (lambda: S.OU().alpha([0.5, -1.0]), ValueError, r"t must lie in .* got -1"),
    (lambda: S.EDM().sigma(math.nan), ValueError, "t must lie in .* got nan"),
    (lambda: S.VPTable(TABLE).sigma(1000.0), ValueError, r"t must lie in \[0, 999\]"),
    (lambda: S.EDM().time_at_noise_level(-1.0), ValueError, "noise_level must lie .* got -1"),
    (lambda: S.VE().time_at_noise_level(60.0), ValueError, r"noise_level must lie in \[0.01, 50\]"),
    (lambda: S.VE().time_at_noise_level(0.0), ValueError, "noise_level must lie .* got 0"),
    (lambda: S.VPLinear().time_at_log_snr(-11.0), ValueError, r"log_snr must lie in \[-10.05, inf"),
    (lambda: S.EDM().time_at_log_snr(math.nan), ValueError, "log_snr must lie .* got nan"),
    (lambda: S.EDM().sigma(None), TypeError, "t must be an array of numbers"),
    (lambda: S.EDM().sigma("now"), TypeError, "t must hold numbers"),
    (lambda: S.EDM().sigma(np.array([1j])), TypeError, "t must be real"),
    (lambda: S.uniform_log_snr(1.0, 2.0, 3), ValueError, "sigma_max must be greater than 2"),
    (lambda: S.uniform_log_snr(2.0, 0.0, 3), ValueError, "sigma_min must be greater than 0"),
    (lambda: S.uniform_log_snr(2.0, 1.0, 1), ValueError, "n_levels must be at least 2"),
    (lambda: S.karras(2.0, 1.0, 3, rho=0.5), ValueError, "rho must lie"),
    (lambda: S.geometric_variance(2.0, 1.0, 1.0), ValueError, "ratio must be greater than 1"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=[b[2] for b in BAD])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_schedules_are_frozen_values():
    assert schedules.VE() == schedules.VE(0.01, 50.0)
    assert schedules.VPTable(TABLE) == schedules.VPTable(list(TABLE))
    assert repr(schedules.VPTable(TABLE)) == "VPTable(1000 steps)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedules.VE().sigma_min = 1.0
