"""Operators against independently written matrices, on every array type."""

from __future__ import annotations

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import numpy.testing as npt
import pytest
import scipy.ndimage
import scipy.signal
from operator_cases import EVERY, cases, one_of_each

import diffpost_np as dp
from diffpost_np import operators as ops

FIXED = one_of_each()
seeds = st.integers(0, 2**32)
few = hypothesis.settings(max_examples=20)


def batch(shape, rng, n=3, is_complex=False):
    values = rng.standard_normal((n, *shape))
    return values + 1j * rng.standard_normal((n, *shape)) if is_complex else values


def flat(array):
    return array.reshape(array.shape[0], -1)


def close(actual, expected, dtype=np.float64, factor=200):
    eps = np.finfo(dtype).eps
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    npt.assert_allclose(actual, expected, rtol=0, atol=factor * eps * scale)


@EVERY
@hypothesis.given(data=st.data(), seed=seeds)
@few
def test_is_the_matrix(how, data, seed):
    case = data.draw(cases(how))
    rng = np.random.default_rng(seed)
    op = case.operator()
    x = batch(case.event_shape, rng)
    y = op(x)
    assert y.shape == (3, *op.output_shape)
    assert op.is_complex == case.is_complex == np.iscomplexobj(y)
    close(flat(y), flat(x) @ case.matrix.T)
    close(op.matrix(), case.matrix)


@EVERY
@hypothesis.given(data=st.data(), seed=seeds)
@few
def test_adjoint_is_the_adjoint(how, data, seed):
    case = data.draw(cases(how))
    rng = np.random.default_rng(seed)
    op = case.operator()
    r = batch(op.output_shape, rng, is_complex=case.is_complex)
    back = op.adjoint(r)
    assert back.shape == (3, *case.event_shape)
    assert back.dtype == np.float64
    close(flat(back), (flat(r) @ np.conj(case.matrix)).real)
    assert ops.adjoint_error(op, rng=seed) < 1e-14


@EVERY
@hypothesis.given(data=st.data(), seed=seeds)
@few
def test_linear_and_row_by_row(how, data, seed):
    case = data.draw(cases(how))
    rng = np.random.default_rng(seed)
    op = case.operator()
    x, a = batch(case.event_shape, rng, n=4), rng.standard_normal(4)
    combined = np.tensordot(a, x, axes=1)[None]
    close(op(combined), np.tensordot(a, op(x), axes=1)[None])
    close(np.concatenate([op(row[None]) for row in x]), op(x))
    r = batch(op.output_shape, rng, n=4, is_complex=case.is_complex)
    close(np.concatenate([op.adjoint(row[None]) for row in r]), op.adjoint(r))


@pytest.mark.parametrize("case", FIXED, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_namespace_and_precision_are_kept(case, dtype, xp):
    """Inputs decide, whatever the precision of what the operator holds."""
    rng = np.random.default_rng(1)
    op = case.operator(xp.array)
    x = batch(case.event_shape, rng).astype(dtype)
    image = op(xp.array(x))
    assert xp.owns(image)
    complex_dtype = np.result_type(dtype, np.complex64)
    assert xp.numpy(image).dtype == (complex_dtype if case.is_complex else dtype)
    close(flat(xp.numpy(image)), flat(x) @ case.matrix.T, dtype)
    r = batch(op.output_shape, rng, is_complex=case.is_complex)
    r = r.astype(complex_dtype if case.is_complex else dtype)
    back = op.adjoint(xp.array(r))
    assert xp.owns(back) and xp.numpy(back).dtype == dtype
    close(flat(xp.numpy(back)), (flat(r) @ np.conj(case.matrix)).real, dtype)


@pytest.mark.parametrize("case", FIXED, ids=repr)
def test_functions_on_every_namespace(case, xp):
    op = case.operator(xp.array)
    like = xp.array(np.zeros(1, np.float32))
    matrix = op.matrix(like)
    assert xp.owns(matrix)
    close(xp.numpy(matrix), case.matrix, np.float32)
    assert ops.adjoint_error(op, rng=0, like=like) < 1e-6
    npt.assert_allclose(ops.norm(op), np.linalg.norm(case.real_matrix, 2), rtol=1e-12)


def test_complex_adjoint_takes_real_residuals():
    matrix = np.array([[1.0 + 2.0j, 3.0j]])
    npt.assert_array_equal(ops.dense(matrix).adjoint(np.array([[2.0]])), [[2.0, 0.0]])


@pytest.mark.parametrize("name", ["wrap", "constant"])
@pytest.mark.parametrize("kernel_shape", [(1, 1), (3, 5), (4, 2), (9, 7), (20, 20)])
def test_convolution_is_scipys(name, kernel_shape):
    """Also where the kernel is larger than the image."""
    rng = np.random.default_rng(3)
    image, kernel = rng.standard_normal((6, 7)), rng.standard_normal(kernel_shape)
    boundary = {"wrap": "periodic", "constant": "zero"}[name]
    ours = ops.convolution(kernel, image.shape, boundary)(image[None])[0]
    close(ours, scipy.ndimage.convolve(image, kernel, mode=name))
    if all(k % 2 for k in kernel_shape) and kernel_shape[0] < 6:
        mode = {"wrap": "wrap", "constant": "fill"}[name]
        close(ours, scipy.signal.convolve2d(image, kernel, mode="same", boundary=mode))


def test_one_dimensional_kernel_blurs_the_last_axis():
    x = np.random.default_rng(4).standard_normal((2, 3, 5, 8))
    kernel = np.array([1.0, 2.0, -3.0])
    ours = ops.convolution(kernel, (3, 5, 8), "zero")(x)
    close(ours, scipy.ndimage.convolve1d(x, kernel, axis=-1, mode="constant"))


def test_gaussian_kernel_is_scipys(xp):
    rng = np.random.default_rng(5)
    image = rng.standard_normal((16, 17))
    kernel = ops.gaussian_kernel(1.3, like=xp.array([0.0]))
    assert xp.owns(kernel)
    assert kernel.shape == (11, 11)
    close(float(np.sum(xp.numpy(kernel))), 1.0)
    blurred = ops.convolution(kernel, (16, 17))(xp.array(image[None]))
    close(xp.numpy(blurred)[0], scipy.ndimage.gaussian_filter(image, 1.3, mode="wrap"))
    small = ops.gaussian_kernel(2.0, 1, ndim=3, like=xp.array(np.zeros(1, np.float32)))
    assert small.shape == (3, 3, 3)
    assert xp.numpy(small).dtype == np.float32


def test_default_axes():
    assert ops.downsample((3, 4, 6), 2).output_shape == (3, 2, 3)
    assert ops.downsample((4, 6), (1, 3)).output_shape == (4, 2)
    assert ops.mask(np.eye(2, dtype=bool), (3, 2, 2)).output_shape == (6,)
    assert ops.subsampled_fourier(np.ones((2, 2), bool), (3, 2, 2)).output_shape == (12,)


def test_full_fourier_is_unitary():
    op = ops.subsampled_fourier(np.ones((5, 4), bool))
    x = np.random.default_rng(6).standard_normal((2, 5, 4))
    close(op.adjoint(op(x)), x)


def test_compose_adapts_arrays_and_takes_coil_maps():
    """Parallel MRI: complex coil maps after a real image, then the FFT of each coil image."""
    rng = np.random.default_rng(7)
    coils = rng.standard_normal((3, 4, 4)) + 1j * rng.standard_normal((3, 4, 4))
    keep = rng.random((4, 4)) < 0.5
    maps = ops.dense(np.concatenate([np.diag(c.ravel()) for c in coils]), (4, 4))
    full = np.kron(
        np.eye(3), np.fft.fft2(np.eye(16).reshape(16, 4, 4), norm="ortho").reshape(16, 16).T
    )
    op = ops.compose(full[np.tile(keep.ravel(), 3)], maps)
    image = rng.standard_normal((1, 4, 4))
    expected = np.fft.fft2(coils * image, norm="ortho")[:, keep].reshape(1, -1)
    close(op(image), expected)
    assert ops.adjoint_error(op, rng=0) < 1e-14


def test_one_factor_is_returned_as_it_is():
    op = ops.mask([True, False])
    assert ops.compose(op) is op
    assert ops.stack(op) is op
    assert ops.as_operator(op, event_shape=(2,)) is op


def test_later_writes_to_arguments_change_nothing():
    matrix, kernel, keep = np.ones((2, 3)), np.ones(3), np.ones(3, bool)
    made = [ops.dense(matrix), ops.convolution(kernel, (3,)), ops.mask(keep)]
    before = [op.matrix().copy() for op in made]
    matrix[0, 0] = kernel[0] = 7.0
    keep[0] = False
    for op, old in zip(made, before, strict=True):
        npt.assert_array_equal(op.matrix(), old)


@pytest.mark.parametrize("case", FIXED, ids=repr)
def test_pickles_and_copies(case):
    op = case.operator()
    op.gram()
    for twin in (pickle.loads(pickle.dumps(op)), copy.deepcopy(op)):
        npt.assert_array_equal(twin.matrix(), op.matrix())


def test_adjoint_error_sees_a_wrong_adjoint():
    class Wrong(ops.Operator):
        def __init__(self, factor):
            super().__init__((30,), (30,))
            self.factor = factor

        def _apply(self, x, xp):
            return xp.roll(x, 1, axis=1)

        def _adjoint(self, r, xp):
            return self.factor * xp.roll(r, -1, axis=1)

    assert ops.adjoint_error(Wrong(1.0), rng=0) < 1e-15
    assert ops.adjoint_error(Wrong(1.001), rng=0) > 1e-5
    assert ops.adjoint_error(Wrong(-1.0), rng=0) > 0.1
    assert ops.adjoint_error(Wrong(np.inf), rng=0) == np.inf
    assert ops.adjoint_error(np.zeros((2, 3)), rng=0) == 0.0


def test_repr_names_the_shapes():
    op = ops.compose(ops.downsample((4,), 2), ops.mask(np.ones(4, bool)))
    assert repr(op) == "compose(Downsample((4,) -> (2,)), Mask((4,) -> (4,)))"
    assert repr(dp.LinearGaussian(op, 0.5)).endswith("noise_std=0.5)")
