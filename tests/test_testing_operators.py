"""`check_operator`: correct operators pass, and every law catches an error planted for it."""

import array_api_strict
import numpy as np
import pylops
import pytest
import scipy.sparse
from operator_cases import one_of_each

import diffpost_np as dp
from diffpost_np.operators import Eigenform, Operator
from diffpost_np.testing import OPERATOR_LAWS, BrokenLaw, check_operator

A = np.array([[1.0, 0.5, 0.0], [-0.3, 2.0, 0.7], [0.2, -1.0, 0.4]])


class Plain(Operator):
    """A square, asymmetric matrix: shapes cannot tell it from its transpose."""

    def __init__(self, matrix=A):
        self.table = np.asarray(matrix)
        super().__init__((self.table.shape[1],), (self.table.shape[0],))

    def _apply(self, x, xp):
        return x @ self.table.T.astype(x.dtype)

    def _adjoint(self, r, xp):
        return r @ self.table.astype(r.dtype)


class WrongShape(Plain):
    def _adjoint(self, r, xp):
        return super()._adjoint(r, xp)[:, :2]


class Double(Plain):
    def _apply(self, x, xp):
        return x @ self.table.T


class InPlace(Plain):
    def _apply(self, x, xp):
        x *= 2.0
        return super()._apply(x, xp)


class NormOverBatch(Plain):
    def _apply(self, x, xp):
        return super()._apply(x, xp) / np.linalg.norm(x)


class Affine(Plain):
    def _apply(self, x, xp):
        return super()._apply(x, xp) + x.dtype.type(1)


class Transposed(Plain):
    def _adjoint(self, r, xp):
        return r @ self.table.T.astype(r.dtype)


class WrongMatrix(Plain):
    def matrix(self, like=None):
        return self.table.T


class WrongEigenform(Plain):
    """Leaves out the square of the singular values."""

    def gram(self, like=None):
        _, s, vh = np.linalg.svd(self.table)
        return Eigenform(s, lambda x: x @ vh.T, lambda z: z @ vh)


class WrongNorm(Plain):
    def norm(self):
        return float(np.linalg.norm(self.table))


PLANTED = {
    "shapes": WrongShape(),
    "dtype_and_namespace": Double(),
    "inputs_untouched": InPlace(),
    "rows_are_independent": NormOverBatch(),
    "linear": Affine(),
    "adjoint": Transposed(),
    "matrix": WrongMatrix(),
    "gram": WrongEigenform(),
    "norm": WrongNorm(),
}


def test_every_law_has_a_planted_error():
    assert set(PLANTED) == set(OPERATOR_LAWS)
    assert all(law.statement.endswith(".") for law in OPERATOR_LAWS.values())
    check_operator(Plain())


@pytest.mark.parametrize("name", list(PLANTED))
def test_planted_error_is_caught_by_its_law(name):
    with pytest.raises(BrokenLaw, match=f"breaks the law '{name}'"):
        check_operator(PLANTED[name])


def test_the_failing_input_is_the_smallest():
    """A wrong entry of the adjoint shows on one unit vector on either side."""
    table = np.random.default_rng(0).standard_normal((40, 64))

    class OneWrongEntry(Plain):
        def _adjoint(self, r, xp):
            error = np.zeros(self.event_shape, r.dtype)
            error[17] = 1e-3
            return super()._adjoint(r, xp) + r[:, 5:6] * error

    with pytest.raises(BrokenLaw, match="'adjoint'") as caught:
        check_operator(OneWrongEntry(table))
    x, r = caught.value.inputs["x"], caught.value.inputs["r"]
    np.testing.assert_array_equal(np.abs(x), np.eye(64)[17:18])
    np.testing.assert_array_equal(np.abs(r), np.eye(40)[5:6])
    np.testing.assert_allclose(caught.value.gap.error, 1e-3, rtol=1e-9)


@pytest.mark.parametrize("case", one_of_each(), ids=repr)
def test_operators_of_the_library_pass(case):
    check_operator(case.operator())
    check_operator(case.operator(), like=np.zeros(0, np.float32))
    xp = array_api_strict
    check_operator(case.operator(xp.asarray), like=xp.zeros(0, dtype=xp.float64))


@pytest.mark.parametrize(
    "foreign",
    [
        [[1.0, 2.0], [0.0, 3.0]],
        scipy.sparse.random_array((30, 40), density=0.1, rng=np.random.default_rng(0)),
        pylops.FirstDerivative(20),
        pylops.FunctionOperator(lambda x: np.cumsum(x), lambda r: np.cumsum(r[::-1])[::-1], 6, 6),
    ],
    ids=["list", "sparse", "pylops", "function"],
)
def test_foreign_operators_pass(foreign):
    check_operator(foreign)


def test_a_foreign_operator_with_a_wrong_adjoint_fails():
    wrong = pylops.FunctionOperator(lambda x: np.cumsum(x), lambda r: np.cumsum(r), 6, 6)
    with pytest.raises(BrokenLaw, match="'adjoint'"):
        check_operator(wrong)


def test_what_the_operator_raises_is_the_cause():
    class Raises(Plain):
        def _adjoint(self, r, xp):
            raise NotImplementedError("no adjoint yet")

    with pytest.raises(BrokenLaw, match="raised NotImplementedError: no adjoint yet") as caught:
        check_operator(Raises())
    assert isinstance(caught.value.__cause__, NotImplementedError)


def test_large_operators_skip_what_needs_their_matrix():
    report = check_operator(dp.operators.mask(np.ones((40, 30), bool)))
    assert set(report.skipped) == {"matrix", "norm"}


def test_bad_arguments():
    with pytest.raises(TypeError, match="A must be an array"):
        check_operator("nonsense")
    with pytest.raises(ValueError, match="rtol must be greater"):
        check_operator(A, rtol=0.0)
    with pytest.raises(ValueError, match="skip must be one of"):
        check_operator(A, skip=["nonsense"])
