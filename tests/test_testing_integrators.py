"""`check_integrator`: the library's methods pass, and every law catches an error planted for it."""

import dataclasses
import math

import array_api_strict
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.testing import INTEGRATOR_LAWS, BrokenLaw, check_integrator

METHODS = dp.sampling.methods()
FINE = {"unipc_3": 80}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_the_library_pass(name):
    report = check_integrator(name, n_steps=FINE.get(name, 20))
    assert len(report.kept) >= 5
    assert ("order" in report.skipped) == METHODS[name].corrected


@pytest.mark.parametrize("name", ["randomized_midpoint", "predictor_corrector"])
def test_order_without_the_corrections(name):
    options = {"corrector": "none"} if name == "randomized_midpoint" else {"n_corrections": 0}
    method = METHODS[name]
    if name == "predictor_corrector":
        method = dataclasses.replace(method, corrected=False, evals_per_step=1)
    assert "order" in check_integrator(method, **options).kept


@pytest.mark.parametrize("name", ["ddim", "sde_dpm_solver_2m", "randomized_midpoint"])
def test_other_namespaces(name):
    options = {"corrector": "none"} if name == "randomized_midpoint" else {}
    like = array_api_strict.asarray(np.zeros(0))
    assert check_integrator(name, like=like, **options).kept


def euler(s):
    return s.ratio * s.y + (1 - s.ratio) * s.denoise()


def wrong_noise(s):
    """DDPM with the noise of the level before."""
    return s.ratio**2 * s.y + (1 - s.ratio**2) * s.denoise() + s.sigma * s.noise() / 10


def shifted(s):
    return euler(s) + (s.sigma - s.next) * s.y / 50


def two_calls(s):
    s.denoise()
    return euler(s)


def depends_on_the_state(s):
    """A step size from the size of the state: no table."""
    if not hasattr(s.y, "shape"):
        return euler(s)
    return euler(s) + 1e-3 * s.y * abs(s.y)


def cut(s):
    return euler(s)[:1, :] if hasattr(s.y, "shape") else euler(s)


def batch_norm(s):
    return euler(s) * float(1 + 1e-3 * np.sum(np.abs(s.y)))


def forgets_its_place(s):
    """Noise of the process, not of the place."""
    return euler(s) + s.next * np.random.default_rng().normal(size=s.y.shape).astype(s.y.dtype)


MUTANTS = {
    "shapes": (cut, {"traced": False}),
    "dtype_and_namespace": (lambda s: np.float64(1) * euler(s).astype(float), {"traced": False}),
    "same_seed_same_samples": (forgets_its_place, {"traced": False, "stochastic": True}),
    "chains_are_independent": (batch_norm, {"traced": False}),
    "evaluations": (two_calls, {}),
    "tables_and_arrays": (depends_on_the_state, {}),
    "mean": (shifted, {}),
    "order": (wrong_noise, {"stochastic": True}),
}


@pytest.mark.parametrize("law", MUTANTS)
def test_a_planted_error_is_caught(law):
    step, facts = MUTANTS[law]
    method = dp.sampling.Method("mutant", step, **{"order": 1, **facts})
    with pytest.raises(BrokenLaw) as caught:
        check_integrator(method)
    assert caught.value.law.name == law


def test_runs_that_do_not_go_on():
    calls = []

    def counts(s):
        calls.append(s.index)
        return euler(s) * (1 + 1e-6 * len(calls) * (s.index == 15))

    method = dp.sampling.Method("mutant", counts, order=1, traced=False)
    skip = ["same_seed_same_samples", "chains_are_independent"]
    with pytest.raises(BrokenLaw, match="stopped_runs_go_on"):
        check_integrator(method, skip=skip)


def test_noise_that_the_method_denies():
    method = dp.sampling.Method("mutant", wrong_noise, order=1)
    with pytest.raises(BrokenLaw, match="draws noise"):
        check_integrator(method)
    method = dp.sampling.Method("mutant", euler, order=1, stochastic=True)
    with pytest.raises(BrokenLaw, match="draws no noise"):
        check_integrator(method)


@pytest.mark.parametrize("stated", [0.5, 2])
def test_another_order_than_stated(stated):
    with pytest.raises(BrokenLaw, match=r"order 1\.0., not"):
        check_integrator(dp.sampling.Method("mutant", euler, order=stated))


def test_many_noises_and_random_times():
    def many(s):
        y = euler(s)
        for _ in range(40):
            y = y + math.sqrt((s.sigma**2 - s.next**2) / 4e5) * s.noise()
        return y

    law = INTEGRATOR_LAWS["order"]
    method = dp.sampling.Method("many", many, order=1, stochastic=True)
    report = check_integrator(method, skip=["order"])
    assert law.name in report.skipped
    report = check_integrator("parallel_randomized_midpoint", n_steps=40, corrector="none")
    assert report.skipped["order"] == "laws are known for at most one random time a step"


def test_mistakes():
    with pytest.raises(TypeError, match="method"):
        check_integrator(euler)
    with pytest.raises(TypeError, match="no option"):
        check_integrator("ddim", etta=1.0)
    with pytest.raises(ValueError, match="n_steps"):
        check_integrator("ddim", n_steps=1)
