"""Sparse matrices and the linear operators of other libraries."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import numpy.testing as npt
import pytest
import scipy.sparse
import scipy.sparse.linalg

import diffpost_np as dp
from diffpost_np import operators as ops

SHAPE = (2, 3)
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")


class OnlyVectors:
    """The least that is taken: no matmat, no dtype."""

    def __init__(self, matrix):
        self.matrix, self.shape = matrix, matrix.shape

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, r):
        return self.matrix.conj().T @ r


def wrappers():
    named = {f: lambda a, f=f: scipy.sparse.csr_array(a).asformat(f) for f in FORMATS}
    named["csr_matrix"] = scipy.sparse.csr_matrix
    named["LinearOperator"] = scipy.sparse.linalg.aslinearoperator
    named["custom LinearOperator"] = lambda a: scipy.sparse.linalg.LinearOperator(
        a.shape, matvec=lambda x: a @ x, rmatvec=lambda r: a.conj().T @ r
    )
    named["vectors only"] = OnlyVectors
    named["nested lists"] = lambda a: a.tolist()
    return named


WRAPPERS = wrappers()


def close(actual, expected, dtype=np.float64):
    eps = np.finfo(dtype).eps
    npt.assert_allclose(actual, expected, rtol=0, atol=100 * eps * (1 + np.max(np.abs(expected))))


@pytest.mark.parametrize("name", WRAPPERS)
@hypothesis.given(m=st.integers(1, 8), is_complex=st.booleans(), seed=st.integers(0, 2**32))
@hypothesis.settings(max_examples=15)
def test_every_wrapper_is_its_matrix(name, m, is_complex, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((m, 6)) * (rng.random((m, 6)) < 0.7)
    if is_complex:
        matrix = matrix + 1j * rng.standard_normal((m, 6))
    op = ops.as_operator(WRAPPERS[name](matrix), event_shape=SHAPE)
    assert (op.event_shape, op.output_shape, op.is_complex) == (SHAPE, (m,), is_complex)
    x = rng.standard_normal((4, *SHAPE))
    close(op(x), x.reshape(4, 6) @ matrix.T)
    r = op(x)[::-1]
    close(op.adjoint(r).reshape(4, 6), (r @ matrix.conj()).real)
    close(op.matrix(), matrix)
    assert ops.adjoint_error(op, rng=seed) < 1e-14
    real = np.concatenate([matrix.real, matrix.imag])
    npt.assert_allclose(ops.norm(op), np.linalg.norm(real, 2), rtol=1e-12)
    b = rng.standard_normal((2, 6))
    close(op.gram().solve(b, shift=0.5), np.linalg.solve(real.T @ real + 0.5 * np.eye(6), b.T).T)


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("is_complex", [False, True])
def test_precision_follows_the_input(name, is_complex):
    matrix = np.random.default_rng(0).standard_normal((4, 6)) * (1 + 1j if is_complex else 1)
    op = ops.as_operator(WRAPPERS[name](matrix))
    x = np.ones((2, 6), np.float32)
    assert op(x).dtype == (np.complex64 if is_complex else np.float32)
    assert op.adjoint(op(x)).dtype == np.float32
    x.setflags(write=False)
    close(op(x), x @ matrix.T, np.float32)


@pytest.mark.parametrize("name", WRAPPERS)
def test_default_event_is_a_vector(name):
    matrix = np.arange(6.0).reshape(2, 3)
    assert ops.as_operator(WRAPPERS[name](matrix)).event_shape == (3,)


def test_integer_sparse_becomes_float():
    op = ops.as_operator(scipy.sparse.eye_array(2, 3, dtype=np.int32))
    assert op(np.ones((1, 3))).dtype == np.float64


def test_sparse_is_copied():
    A = scipy.sparse.csr_array(np.eye(3))
    op = ops.as_operator(A)
    A.data[:] = 7.0
    npt.assert_array_equal(op.matrix(), np.eye(3))


@pytest.mark.parametrize("name", ["csr", "LinearOperator"])
def test_other_array_types_are_refused(name):
    strict = pytest.importorskip("array_api_strict")
    op = ops.as_operator(WRAPPERS[name](np.eye(3)))
    for function in (op, op.adjoint, op.gram):
        with pytest.raises(TypeError, match="mixed array types"):
            function(strict.ones((1, 3)))


def test_pylops():
    pylops = pytest.importorskip("pylops")
    rng = np.random.default_rng(1)
    examples = [
        pylops.MatrixMult(rng.standard_normal((3, 12))),
        pylops.FirstDerivative(12, kind="forward"),
        pylops.Restriction(12, [0, 5, 7]),
        pylops.Diagonal(rng.standard_normal(12)),
        pylops.signalprocessing.FFT((12,), real=False, dtype="complex128"),
        pylops.signalprocessing.FFT((12,), real=True, dtype="float64"),
        pylops.signalprocessing.Convolve1D(12, rng.standard_normal(5), offset=2),
    ]
    for A in examples:
        op = ops.as_operator(A, event_shape=(3, 4))
        x = rng.standard_normal((5, 3, 4))
        close(op(x), np.stack([A.matvec(row.ravel()) for row in x]))
        assert ops.adjoint_error(op, rng=0) < 1e-14, A
        assert op(x.astype(np.float32)).dtype in (np.float32, np.complex64)
        measurement = dp.LinearGaussian(A, 0.5, event_shape=(3, 4))
        y = measurement.simulate(x[0], rng=2)
        assert measurement.log_likelihood_grad(x, y).shape == x.shape


def test_pylops_and_foreign_arrays():
    pylops = pytest.importorskip("pylops")
    strict = pytest.importorskip("array_api_strict")
    op = ops.as_operator(pylops.Diagonal(np.ones(3)))
    with pytest.raises(TypeError, match="mixed array types"):
        op(strict.ones((1, 3)))


def no_adjoint():
    return scipy.sparse.linalg.LinearOperator((2, 3), matvec=lambda x: x[:2])


class Broken(OnlyVectors):
    def rmatvec(self, r):
        raise ZeroDivisionError("never ready")


class Undefined(OnlyVectors):
    def rmatvec(self, r):
        return np.full(3, np.nan)


class Lying(OnlyVectors):
    """Says it has three outputs and returns two."""

    def __init__(self):
        super().__init__(np.ones((2, 3)))
        self.shape = (3, 3)

    def rmatvec(self, r):
        return np.ones(3)


REFUSED = {
    "no adjoint": (no_adjoint, TypeError, "rmatvec"),
    "broken adjoint": (lambda: Broken(np.ones((2, 3))), TypeError, "never ready"),
    "wrong output": (Lying, ValueError, "A x must have shape"),
    "NaN": (lambda: Undefined(np.ones((2, 3))), ValueError, r"A\^H r must be finite, got nan"),
    "a function": (lambda: np.sin, TypeError, "A must be an array, a sparse matrix"),
    "None": (lambda: None, TypeError, "A must be"),
    "a string": (lambda: "blur", TypeError, "A must be"),
    "a number": (lambda: 2.0, TypeError, "A must be"),
    "sparse booleans": (lambda: scipy.sparse.eye_array(2, dtype=bool), TypeError, "numbers"),
    "sparse NaN": (lambda: scipy.sparse.csr_array([[np.nan, 1.0]]), ValueError, "finite"),
    "empty sparse": (lambda: scipy.sparse.csr_array((0, 3)), ValueError, "m, d >= 1"),
    "sparse vector": (lambda: scipy.sparse.coo_array(np.ones(3)), ValueError, "m, d"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        op = ops.as_operator(make())
        op.adjoint(op(np.ones((1, 3))))


@pytest.mark.parametrize("name", WRAPPERS)
def test_event_shape_must_fit(name):
    with pytest.raises(ValueError, match=r"event_shape \(4, 2\) must have 6 entries"):
        ops.as_operator(WRAPPERS[name](np.ones((2, 6))), event_shape=(4, 2))
