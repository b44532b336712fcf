"""The linear Gaussian measurement against SciPy's densities and its own samples."""

from __future__ import annotations

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import numpy.testing as npt
import pytest
import scipy.sparse
import scipy.stats
from operator_cases import EVERY, cases, one_of_each

import diffpost_np as dp
from diffpost_np import operators as ops

FIXED = one_of_each(seed=2)
MATRIX = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
COV = np.array([[1.0, 0.6], [0.6, 0.5]])
Y = np.array([0.3, -1.2])
NOISES = {
    "one": ({"noise_std": 0.7}, np.diag([0.49, 0.49])),
    "per output": ({"noise_std": np.array([0.5, 2.0])}, np.diag([0.25, 4.0])),
    "cov": ({"noise_cov": COV}, COV),
}
seeds = st.integers(0, 2**32)
few = hypothesis.settings(max_examples=10)


def noise_for(case, rng, how):
    """Arguments of LinearGaussian and the covariance of the flattened noise they mean."""
    op = case.operator()
    m = case.matrix.shape[0]
    if how == "cov" and not case.is_complex and len(op.output_shape) == 1:
        root = np.eye(m) + rng.standard_normal((m, m)) / (2 * np.sqrt(m))
        return {"noise_cov": root @ root.T}, root @ root.T
    std = rng.uniform(0.3, 3, op.output_shape) if how == "per output" else rng.uniform(0.3, 3)
    return {"noise_std": std}, np.diag(np.broadcast_to(std, op.output_shape).ravel() ** 2)


def reference(case, cov, x, y):
    """log p(y | x) and its gradient, over real and imaginary parts."""
    r = y.reshape(y.shape[0], -1) - x.reshape(x.shape[0], -1) @ case.matrix.T
    law = scipy.stats.multivariate_normal(np.zeros(cov.shape[0]), cov)
    value = np.atleast_1d(law.logpdf(r.real))
    if case.is_complex:
        value = value + np.atleast_1d(law.logpdf(r.imag))
    gradient = (r @ np.linalg.inv(cov) @ case.matrix.conj()).real
    return value, gradient.reshape(x.shape)


@EVERY
@pytest.mark.parametrize("noise_kind", ["one", "per output", "cov"])
@hypothesis.given(data=st.data(), seed=seeds)
@few
def test_likelihood_is_scipys(noise_kind, how, data, seed):
    case = data.draw(cases(how))
    rng = np.random.default_rng(seed)
    noise, cov = noise_for(case, rng, noise_kind)
    measurement = dp.LinearGaussian(case.operator(), **noise)
    x = rng.standard_normal((4, *case.event_shape))
    y = measurement.simulate(rng.standard_normal(x.shape), rng=seed)
    value, gradient = reference(case, cov, x, y)
    npt.assert_allclose(measurement.log_likelihood(x, y), value, rtol=1e-9, atol=1e-9)
    scale = np.max(np.abs(gradient), initial=1.0)
    npt.assert_allclose(measurement.log_likelihood_grad(x, y), gradient, atol=1e-10 * scale)
    one = measurement.log_likelihood(x, y[1])
    npt.assert_allclose(one, reference(case, cov, x, y[1:2])[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", FIXED, ids=repr)
def test_gradient_is_the_derivative(case):
    """A quadratic: central differences are exact up to rounding."""
    rng = np.random.default_rng(3)
    measurement = dp.LinearGaussian(
        case.operator(), noise_for(case, rng, "per output")[0]["noise_std"]
    )
    x = rng.standard_normal((1, *case.event_shape))
    y = measurement.simulate(x[0], rng=1)
    step = rng.standard_normal(x.shape)
    slope = measurement.log_likelihood(x + step, y) - measurement.log_likelihood(x - step, y)
    inner = np.sum(measurement.log_likelihood_grad(x, y) * step)
    npt.assert_allclose(slope[0] / 2, inner, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("how", NOISES)
def test_moments_of_simulated_measurements(how):
    noise, cov = NOISES[how]
    n = 40_000
    x = np.broadcast_to(np.array([1.0, -1.0, 2.0]), (n, 3))
    r = dp.LinearGaussian(MATRIX, **noise).simulate(x, rng=4) - x @ MATRIX.T
    npt.assert_array_less(np.abs(r.mean(axis=0)), 5 * np.sqrt(np.diag(cov) / n))
    error = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / n)
    npt.assert_array_less(np.abs(np.cov(r.T) - cov), 5 * error)


def test_complex_noise_has_its_size_in_both_parts():
    n = 40_000
    std = np.array([0.5, 2.0])
    measurement = dp.LinearGaussian(MATRIX * (1 + 2j), std)
    r = measurement.simulate(np.zeros((n, 3)), rng=5)
    parts = np.concatenate([r.real, r.imag], axis=1)
    expected = np.diag(np.tile(std**2, 2))
    d = np.diag(expected)
    error = np.sqrt((np.outer(d, d) + expected**2) / n)
    npt.assert_array_less(np.abs(np.cov(parts.T) - expected), 5 * error)


def test_simulate_is_a_function_of_its_seed():
    measurement = dp.LinearGaussian(MATRIX, 0.5)
    x = np.random.default_rng(6).standard_normal((5, 3))
    y = measurement.simulate(x, rng=7)
    npt.assert_array_equal(measurement.simulate(x, rng=7), y)
    assert np.all(measurement.simulate(x, rng=8) != y)
    npt.assert_array_equal(measurement.simulate(x[:2], rng=7), y[:2])
    npt.assert_array_equal(measurement.simulate(x[0], rng=7), y[0])
    npt.assert_array_equal(measurement.simulate(x[0].tolist(), rng=7), y[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", FIXED, ids=repr)
def test_namespace_and_precision(case, dtype, xp):
    rng = np.random.default_rng(9)
    for how in ("one", "per output", "cov"):
        noise, cov = noise_for(case, rng, how)
        noise = {k: v if np.isscalar(v) else xp.array(v) for k, v in noise.items()}
        measurement = dp.LinearGaussian(case.operator(xp.array), **noise)
        x = rng.standard_normal((2, *case.event_shape)).astype(dtype)
        y = measurement.simulate(xp.array(x), rng=1)
        value = measurement.log_likelihood(xp.array(x), y)
        gradient = measurement.log_likelihood_grad(xp.array(x), y)
        assert all(xp.owns(a) for a in (y, value, gradient))
        assert xp.numpy(value).dtype == xp.numpy(gradient).dtype == dtype
        assert xp.numpy(y).dtype == np.result_type(
            dtype, np.complex64 if case.is_complex else dtype
        )
        expected, slope = reference(case, cov, x.astype(float), xp.numpy(y))
        tolerance = 1e3 * np.finfo(dtype).eps
        npt.assert_allclose(xp.numpy(value), expected, rtol=tolerance)
        npt.assert_allclose(xp.numpy(gradient), slope, atol=tolerance * np.max(np.abs(slope)))


def test_precision_follows_x():
    """A float64 y does not promote float32 points."""
    for matrix, y in ((MATRIX, Y), (MATRIX * 1j, Y * 1j)):
        measurement = dp.LinearGaussian(matrix, np.array([0.5, 0.6]))
        x = np.ones((2, 3), np.float32)
        assert measurement.log_likelihood(x, y).dtype == np.float32
        assert measurement.log_likelihood_grad(x, y).dtype == np.float32


@pytest.mark.parametrize("how", NOISES)
def test_whitening(how):
    noise, cov = NOISES[how]
    measurement = dp.LinearGaussian(MATRIX, **noise)
    eye = np.eye(2)
    npt.assert_allclose(measurement.unwhiten(measurement.whiten(eye)), np.linalg.inv(cov))
    white = measurement.whiten(np.linalg.cholesky(cov).T)
    npt.assert_allclose(white @ white.T, eye, atol=1e-14)


@pytest.mark.parametrize("how", NOISES)
def test_pickles_and_copies(how):
    measurement = dp.LinearGaussian(MATRIX, **NOISES[how][0])
    measurement.gram()
    x = np.ones((1, 3))
    for twin in (pickle.loads(pickle.dumps(measurement)), copy.deepcopy(measurement)):
        npt.assert_array_equal(twin.log_likelihood(x, Y), measurement.log_likelihood(x, Y))


def test_later_writes_to_arguments_change_nothing():
    std, cov = np.array([0.5, 2.0]), COV.copy()
    first, second = dp.LinearGaussian(MATRIX, std), dp.LinearGaussian(MATRIX, noise_cov=cov)
    x = np.ones((1, 3))
    before = first.log_likelihood(x, Y), second.log_likelihood(x, Y)
    std[:] = cov[:] = 9.0
    npt.assert_array_equal(first.log_likelihood(x, Y), before[0])
    npt.assert_array_equal(second.log_likelihood(x, Y), before[1])


def test_takes_whatever_is_linear():
    x = np.ones((1, 3))
    expected = dp.LinearGaussian(MATRIX, 0.5).log_likelihood_grad(x, Y)
    for A in (MATRIX.tolist(), scipy.sparse.coo_array(MATRIX), ops.dense(MATRIX)):
        npt.assert_allclose(dp.LinearGaussian(A, 0.5).log_likelihood_grad(x, Y), expected)
    shaped = dp.LinearGaussian(MATRIX, 0.5, event_shape=(3, 1))
    assert shaped.event_shape == (3, 1)
    npt.assert_allclose(shaped.log_likelihood_grad(x[..., None], Y)[..., 0], expected)


def test_repr():
    assert (
        repr(dp.LinearGaussian(MATRIX, 0.5)) == "LinearGaussian(Dense((3,) -> (2,)), noise_std=0.5)"
    )
    assert "noise_std per output" in repr(dp.LinearGaussian(MATRIX, [0.5, 1.0]))
    assert "noise_cov" in repr(dp.LinearGaussian(MATRIX, noise_cov=COV))


def build(*args, **kwargs):
    return lambda: dp.LinearGaussian(*args, **kwargs)


BUILDING = {
    "no noise": (build(MATRIX), TypeError, "either noise_std or noise_cov"),
    "both noises": (build(MATRIX, 1.0, noise_cov=COV), TypeError, "either noise_std or noise_cov"),
    "zero": (build(MATRIX, 0.0), ValueError, "noise_std must be positive, got 0"),
    "negative": (build(MATRIX, [1.0, -2.0]), ValueError, "noise_std must be positive, got -2"),
    "NaN": (build(MATRIX, np.nan), ValueError, "noise_std must be finite"),
    "inf": (build(MATRIX, [1.0, np.inf]), ValueError, r"noise_std must be finite.* \(1,\)"),
    "complex": (build(MATRIX, 1j), TypeError, "noise_std must be real"),
    "text": (build(MATRIX, "0.1"), TypeError, "noise_std must hold numbers"),
    "objects": (build(MATRIX, np.array([None])), TypeError, "noise_std must hold numbers"),
    "boolean": (build(MATRIX, True), TypeError, "noise_std must hold real numbers"),
    "too many": (build(MATRIX, np.ones(3)), ValueError, r"noise_std must have shape \(2,\)"),
    "empty": (build(MATRIX, []), ValueError, r"noise_std must have shape \(2,\)"),
    "cov shape": (build(MATRIX, noise_cov=np.eye(3)), ValueError, r"noise_cov must have shape \(2"),
    "cov skew": (build(MATRIX, noise_cov=[[1, 0.5], [0, 1]]), ValueError, "must be symmetric"),
    "cov indefinite": (
        build(MATRIX, noise_cov=[[1, 2], [2, 1]]),
        ValueError,
        "noise_cov must be p",
    ),
    "cov singular": (build(MATRIX, noise_cov=np.ones((2, 2))), ValueError, "positive definite"),
    "cov zero": (build(MATRIX, noise_cov=np.zeros((2, 2))), ValueError, "positive definite"),
    "cov NaN": (build(MATRIX, noise_cov=np.full((2, 2), np.nan)), ValueError, "must be finite"),
    "cov complex": (build(MATRIX, noise_cov=1j * COV), TypeError, "noise_cov must be real"),
    "cov of complex y": (build(1j * MATRIX, noise_cov=COV), ValueError, "real vectors y"),
    "cov of an image": (
        build(ops.downsample((2, 4), 2), noise_cov=COV),
        ValueError,
        "real vectors y",
    ),
    "A missing": (build(None, 1.0), TypeError, "A must be an array"),
    "A NaN": (build(MATRIX * np.nan, 1.0), ValueError, "A must be finite"),
    "A vector": (build(MATRIX[0], 1.0), ValueError, "A must have shape"),
    "A objects": (build(np.array([[None]]), 1.0), TypeError, "A must hold numbers"),
    "event_shape": (build(MATRIX, 1.0, event_shape=(2, 2)), ValueError, "event_shape"),
    "operator": (build(ops.mask([True]), 1.0, event_shape=(2,)), ValueError, "event_shape"),
}


@pytest.mark.parametrize("name", BUILDING)
def test_bad_building(name):
    call, error, message = BUILDING[name]
    with pytest.raises(error, match=message):
        call()


X = np.ones((2, 3))
ARGUMENTS = {
    "y too long": (
        (X, np.ones(3)),
        ValueError,
        r"y must have shape \(2, 2\)|y must have shape \(2,\)",
    ),
    "y a number": ((X, 1.0), ValueError, r"y must have shape \(2,\), got \(\)"),
    "y for three": ((X, np.ones((3, 2))), ValueError, r"y must have shape \(2, 2\), got \(3, 2\)"),
    "y for none": ((X, np.ones((0, 2))), ValueError, r"y must have shape \(2, 2\), got \(0, 2\)"),
    "y NaN": ((X, [1.0, np.nan]), ValueError, r"y must be finite, got nan at index \(1,\)"),
    "y inf": ((X, [np.inf, 0.0]), ValueError, "y must be finite, got inf"),
    "y complex": ((X, 1j * Y), TypeError, "y must be real, got complex128"),
    "y objects": ((X, np.array([None, 1.0])), TypeError, "y must hold numbers"),
    "y text": ((X, ["a", "b"]), TypeError, "y must hold numbers"),
    "y missing": ((X, None), TypeError, "y must be an array of numbers, got None"),
    "y ragged": ((X, [[1.0], [1.0, 2.0]]), TypeError, "y must be an array of numbers"),
    "y masked": ((X, np.ma.array([1.0, 2.0], mask=[0, 1])), TypeError, "masked.*operators.mask"),
    "x one event": ((X[0], Y), ValueError, r"x must have shape \(any, 3\), got \(3,\)"),
    "x wrong event": ((X[:, :2], Y), ValueError, r"x must have shape \(any, 3\), got \(2, 2\)"),
    "x empty": ((X[:0], Y), ValueError, "x is an empty batch"),
    "x NaN": ((X * np.nan, Y), ValueError, r"x must be finite, got nan at index \(0, 0\)"),
    "x complex": ((X * 1j, Y), TypeError, "x must be real"),
    "x text": ((np.full((1, 3), "a"), Y), TypeError, "x must hold numbers"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("method", ["log_likelihood", "log_likelihood_grad"])
def test_bad_arguments(name, method):
    arguments, error, message = ARGUMENTS[name]
    with pytest.raises(error, match=message):
        getattr(dp.LinearGaussian(MATRIX, 0.5), method)(*arguments)


SIMULATED = {
    "wrong event": (np.ones((1, 4)), {}, ValueError, r"x must have shape \(any, 3\)"),
    "a number": (1.0, {}, ValueError, r"x must have shape \(any, 3\), got \(\)"),
    "empty": (np.ones((0, 3)), {}, ValueError, "x is an empty batch"),
    "NaN": (np.full((1, 3), np.nan), {}, ValueError, "x must be finite"),
    "complex": (np.ones((1, 3)) * 1j, {}, TypeError, "x must be real"),
    "missing": (None, {}, TypeError, "x must be an array of numbers"),
    "rng": (np.ones((1, 3)), {"rng": "seed"}, TypeError, "rng must be"),
    "negative rng": (np.ones((1, 3)), {"rng": -1}, ValueError, "rng is not a usable seed"),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_bad_simulation(name):
    x, kwargs, error, message = SIMULATED[name]
    with pytest.raises(error, match=message):
        dp.LinearGaussian(MATRIX, 0.5).simulate(x, **kwargs)


def test_mixed_array_types():
    strict = pytest.importorskip("array_api_strict")
    ours = dp.LinearGaussian(MATRIX, 0.5)
    x, y = np.ones((1, 3)), Y
    for arguments in ((strict.asarray(x), y), (x, strict.asarray(y))):
        with pytest.raises(TypeError, match="mixed array types"):
            ours.log_likelihood(*arguments)
    with pytest.raises(TypeError, match="mixed array types: A is a numpy array and noise_std"):
        dp.LinearGaussian(MATRIX, strict.asarray([0.5, 0.5]))
    with pytest.raises(TypeError, match="mixed array types: A is a numpy array and noise_cov"):
        dp.LinearGaussian(MATRIX, noise_cov=strict.asarray(COV))
    with pytest.raises(TypeError, match="mixed array types"):
        ours.simulate(strict.asarray(x))
