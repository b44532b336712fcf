"""Eigenforms, singular values and norms against dense linear algebra."""

from __future__ import annotations

import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import numpy.testing as npt
import pytest
from operator_cases import EVERY, cases, one_of_each, simple_cases

import diffpost_np as dp
from diffpost_np import operators as ops
from diffpost_np.operators._lanczos import largest_eigenvalue

FIXED = one_of_each(seed=1)
STRUCTURED = {"mask", "periodic", "downsample", "fourier", "mask on mask", "chain of blurs"}
STRUCTURED |= {"fourier after blurs"}
seeds = st.integers(0, 2**32)
few = hypothesis.settings(max_examples=20)
positive = st.floats(1e-3, 1e3)


def close(actual, expected, dtype=np.float64, factor=400):
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    npt.assert_allclose(actual, expected, rtol=0, atol=factor * np.finfo(dtype).eps * scale)


@EVERY
@hypothesis.given(data=st.data())
@few
def test_gram_is_the_gram_matrix(how, data):
    case = data.draw(cases(how))
    form = case.operator().gram()
    d = case.matrix.shape[1]
    v = form.forward(np.eye(d))  # the rows of V
    assert v.dtype == np.float64
    close(v @ v.T, np.eye(d))
    close(form.inverse(v), np.eye(d))
    close((v * form.values) @ v.T, case.real_matrix.T @ case.real_matrix)
    assert np.all(form.values >= 0)
    if form.is_identity:
        npt.assert_array_equal(v, np.eye(d))


@EVERY
@hypothesis.given(data=st.data(), shift=positive, scale=positive, seed=seeds)
@few
def test_solve_is_a_dense_solve(how, data, shift, scale, seed):
    case = data.draw(cases(how))
    matrix = case.real_matrix
    d = matrix.shape[1]
    dense = scale * matrix.T @ matrix + shift * np.eye(d)
    b = np.random.default_rng(seed).standard_normal((2, d))
    x = case.operator().gram().solve(b, shift=shift, scale=scale)
    residual = np.linalg.norm(x @ dense - b)
    assert residual <= 1e-13 * np.linalg.norm(dense, 2) * np.linalg.norm(x) * d


def test_solve_takes_a_shift_for_each_row():
    form = ops.downsample((6,), 3).gram()
    b = np.random.default_rng(0).standard_normal((2, 6))
    rows = [form.solve(b[i : i + 1], shift=s, scale=2.0) for i, s in enumerate((0.5, 3.0))]
    shift = np.array([[0.5], [3.0]])
    close(form.solve(b, shift=shift, scale=2.0), np.concatenate(rows))


@pytest.mark.parametrize("case", FIXED, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forms_on_every_namespace(case, dtype, xp):
    op = case.operator(xp.array)
    d = case.matrix.shape[1]
    form = op.gram(xp.array(np.zeros(1, dtype)))
    x = xp.array(np.random.default_rng(2).standard_normal((3, d)).astype(dtype))
    z = form.forward(x)
    applied = form.inverse(z * form.values)
    for array in (form.values, z, applied):
        assert xp.owns(array) and xp.numpy(array).dtype == dtype
    expected = xp.numpy(x) @ (case.real_matrix.T @ case.real_matrix)
    close(xp.numpy(applied), expected, dtype)


@pytest.mark.parametrize("case", FIXED, ids=repr)
def test_structured_operators_need_no_svd(case, monkeypatch):
    monkeypatch.setattr("diffpost_np.operators._base.CHEAP_SVD", 0)
    form = case.operator().gram()
    assert (form is not None) == (case.kind in STRUCTURED)
    if form is not None:
        values = np.linalg.eigvalsh(case.real_matrix.T @ case.real_matrix)
        close(np.sort(form.values), values)


def test_gram_is_computed_once():
    op = ops.dense(np.random.default_rng(3).standard_normal((3, 5)))
    form = op.gram()
    assert op.gram() is form
    assert op.gram(np.zeros(1)) is form
    assert op.gram(np.zeros(1, np.float32)) is not form


def test_large_unstructured_operators_have_no_form():
    op = ops.convolution(ops.gaussian_kernel(1.0), (64, 64), "zero")
    assert op.gram() is None
    with pytest.raises(ValueError, match="too large"):
        ops.svd(op)


def test_wide_matrix_costs_no_square_matrix():
    """V of a 3 x 60000 matrix would take 29 GB if it were written out."""
    rng = np.random.default_rng(4)
    matrix = rng.standard_normal((3, 60_000))
    form = ops.dense(matrix).gram()
    b = rng.standard_normal((2, 60_000))
    x = form.solve(b, shift=0.5, scale=2.0)
    close(2.0 * (x @ matrix.T) @ matrix + 0.5 * x, b, factor=1e6)
    close(form.inverse(form.forward(b)), b)


@pytest.mark.parametrize("m", [1, 3, 5, 6, 9])
def test_aligned_and_degenerate_rows(m):
    """Rows that are unit vectors, repeated or zero: the completion stays orthogonal."""
    for matrix in (np.eye(m, 6), -np.eye(m, 6), np.ones((m, 6)), np.zeros((m, 6))):
        form = ops.dense(matrix).gram()
        v = form.forward(np.eye(6))
        close(v @ v.T, np.eye(6))
        close((v * form.values) @ v.T, matrix.T @ matrix)


@EVERY
@hypothesis.given(data=st.data())
@few
def test_norm_is_the_largest_singular_value(how, data):
    case = data.draw(cases(how))
    expected = np.linalg.norm(case.real_matrix, 2)
    npt.assert_allclose(ops.norm(case.operator()), expected, rtol=1e-12, atol=1e-14)
    assert case.operator().norm() == ops.norm(case.operator())


@hypothesis.given(simple_cases(), seeds)
def test_iterated_norm(case, seed):
    gram = case.real_matrix.T @ case.real_matrix
    start = np.random.default_rng(seed).standard_normal((1, gram.shape[0]))
    value = largest_eigenvalue(lambda x: x @ gram, start, np, 1e-6)
    npt.assert_allclose(value, np.linalg.norm(gram, 2), rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("std", [1.0, 8.0])
def test_norm_of_a_large_operator(std):
    """A separable blur with zeros outside: its norm is the square of that in one dimension."""
    line = ops.gaussian_kernel(std, ndim=1)
    one = ops.norm(ops.convolution(line, (128,), "zero"))
    two = ops.norm(ops.convolution(line[:, None] * line, (128, 128), "zero"))
    npt.assert_allclose(two, one**2, rtol=1e-6)


def test_norm_of_a_large_matrix(xp):
    """In float64, whatever the precision of the matrix."""
    matrix = np.random.default_rng(5).standard_normal((260, 270)).astype(np.float32)
    expected = np.linalg.norm(matrix.astype(np.float64), 2)
    npt.assert_allclose(ops.norm(ops.dense(xp.array(matrix))), expected, rtol=1e-10)


def test_norm_says_when_it_did_not_converge(monkeypatch):
    monkeypatch.setattr("diffpost_np.operators._lanczos.MAX_STEPS", 3)
    op = ops.dense(np.random.default_rng(6).standard_normal((300, 400)))
    with pytest.warns(RuntimeWarning, match="3 steps"):
        ops.norm(op)


@EVERY
@hypothesis.given(data=st.data(), seed=seeds)
@few
def test_svd_is_a_decomposition(how, data, seed):
    case = data.draw(cases(how))
    op = case.operator()
    parts = ops.svd(op)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *op.event_shape))
    close(parts.u(parts.s * parts.vh(x)), op(x))
    close(parts.v(parts.vh(x)), x)
    expected = np.linalg.svd(case.real_matrix, compute_uv=False)
    k = min(expected.size, parts.s.size)
    npt.assert_allclose(-np.sort(-parts.s)[:k], expected[:k], atol=1e-7 * max(1, expected[0]))


@EVERY
@hypothesis.given(data=st.data())
@few
def test_svd_bases_are_orthonormal(how, data):
    case = data.draw(cases(how))
    op = case.operator()
    parts = ops.svd(op)
    d = parts.s.size
    good = parts.s > 1e-3 * max(np.max(parts.s), 1e-300)
    u = parts.u(np.eye(d)[good]).reshape(int(good.sum()), -1)
    u = np.concatenate([u.real, u.imag], axis=1)
    close(u @ u.T, np.eye(int(good.sum())), factor=1e5)
    r = np.random.default_rng(0).standard_normal((2, *op.output_shape))
    r = r + 1j * r[::-1] if op.is_complex else r
    rows = np.concatenate([r.real.reshape(2, -1), r.imag.reshape(2, -1)], axis=1)
    close(parts.uh(r)[:, good], rows @ u.T, factor=1e5)
    assert np.all(parts.uh(r)[:, parts.s == 0] == 0)


def test_svd_of_a_plain_array_in_its_precision(xp):
    matrix = np.random.default_rng(7).standard_normal((3, 8)).astype(np.float32)
    parts = ops.svd(xp.array(matrix))
    x = xp.array(np.ones((2, 8), np.float32))
    for array in (parts.s, parts.vh(x), parts.v(x), parts.u(x), parts.uh(parts.u(x))):
        assert xp.owns(array) and xp.numpy(array).dtype == np.float32
    assert int(np.sum(xp.numpy(parts.s) > 0)) == 3


@pytest.mark.parametrize("case", FIXED, ids=repr)
@pytest.mark.parametrize("noise", ["scalar", "per output", "cov"])
def test_gram_of_a_measurement(case, noise):
    rng = np.random.default_rng(8)
    op = case.operator()
    m = case.matrix.shape[0]
    if noise == "cov":
        if case.is_complex or len(op.output_shape) > 1:
            pytest.skip("correlated noise is for real vectors")
        root = np.eye(m) + rng.standard_normal((m, m)) / (2 * np.sqrt(m))
        measurement = dp.LinearGaussian(op, noise_cov=root @ root.T)
        precision = np.linalg.inv(root @ root.T)
    else:
        std = 0.3 if noise == "scalar" else rng.uniform(0.5, 2, op.output_shape)
        measurement = dp.LinearGaussian(op, std)
        precision = np.diag(np.broadcast_to(std, op.output_shape).ravel() ** -2.0)
    form = measurement.gram()
    v = form.forward(np.eye(case.matrix.shape[1]))
    expected = (case.matrix.conj().T @ precision @ case.matrix).real
    close((v * form.values) @ v.T, expected, factor=4000)
    assert measurement.gram() is form or noise == "scalar"


@pytest.mark.parametrize("kind", ["mask", "downsample", "fourier"])
def test_noise_per_output_keeps_the_structure(kind, monkeypatch):
    monkeypatch.setattr("diffpost_np.operators._base.CHEAP_SVD", 0)
    case = next(case for case in FIXED if case.kind == kind and len(case.event_shape) == 3)
    op = case.operator()
    std = np.random.default_rng(9).uniform(0.5, 2, op.output_shape).astype(np.float32)
    form = dp.LinearGaussian(op, std).gram()
    assert form.values.dtype == np.float32
    assert form.is_identity == (kind == "mask")


def test_the_sharing_of_a_cached_form_is_safe():
    """Nothing that uses a form writes to it."""
    op = ops.dense(np.random.default_rng(10).standard_normal((2, 4)))
    before = op.gram().values.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dp.LinearGaussian(op, 0.1).gram().solve(np.ones((1, 4)), shift=1.0)
    npt.assert_array_equal(op.gram().values, before)
