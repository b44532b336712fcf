"""`check_operator`: which law a linear operator breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import number
from .._xp import Array, flatten_events, size
from ..operators import Operator, as_operator
from ..operators._base import prototype, real_matrix
from ..random import key
from ._case import Arrays, compare, host, same_kind, shape_of
from ._law import KEPT, Gap, Law, Report, broken, enact, verify, worst

__all__ = ["OPERATOR_LAWS", "check_operator"]

OPERATOR_LAWS: dict[str, Law] = {}
"""Laws of operators by name, in the order in which `check_operator` tests them."""

ROWS = 3
LARGEST_MATRIX = 2**20
"""Entries up to which the matrix of an operator is looked at."""


@dataclass(frozen=True)
class OperatorCase:
    """The subject of the laws of operators."""

    op: Operator
    make: Arrays
    rtol: float
    seed: tuple[int, int]

    def lacks(self, law: Law) -> str | None:
        """What the operator is missing that a law is about."""
        entries = size(self.op.event_shape) * size(self.op.output_shape)
        if "matrix" in law.needs and entries > LARGEST_MATRIX:
            return f"its matrix has {entries} entries"
        if "gram" in law.needs and self.op.gram(self.make.like) is None:
            return "no eigenform"
        return None

    def arrays(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Inputs as arrays of the namespace under test."""
        return {name: self.make(value) for name, value in inputs.items()}

    def examples(self, law: Law) -> Iterator[dict[str, Any]]:
        """Events (x, u) and outputs (r) with entries of size 1."""
        rng = np.random.default_rng(self.seed)
        x, u = rng.standard_normal((2, ROWS, *self.op.event_shape))
        r = rng.standard_normal((ROWS, *self.op.output_shape))
        if self.op.is_complex:
            r = r + 1j * rng.standard_normal(r.shape)
        pool = {"x": x, "u": u, "r": r}
        yield {name: pool[name] for name in law.inputs}

    def length(self, array: Array) -> Array:
        """Euclidean lengths (n,)."""
        xp = self.make.xp
        return xp.sqrt(xp.sum(xp.abs(flatten_events(array, xp)) ** 2, axis=1))

    def inner(self, a: Array, b: Array) -> Array:
        """Re(a^H b) of every row, of shape (n, 1)."""
        xp = self.make.xp
        a, b = flatten_events(a, xp), flatten_events(b, xp)
        if xp.isdtype(a.dtype, "complex floating"):
            return xp.sum(xp.real(xp.conj(a) * b), axis=1, keepdims=True)
        return xp.sum(a * b, axis=1, keepdims=True)


@enact(OPERATOR_LAWS)
def shapes(case: OperatorCase, x: Array, r: Array) -> Gap:
    """A x has shape (n, *output_shape), A^H r has shape (n, *event_shape), for every n."""
    op, gaps = case.op, []
    for n in (1, ROWS):
        gaps.append(shape_of("A x", op(x[:n, ...]), (min(n, x.shape[0]), *op.output_shape)))
        back = op.adjoint(r[:n, ...])
        gaps.append(shape_of("A^H r", back, (min(n, r.shape[0]), *op.event_shape)))
    return worst(gaps)


@enact(OPERATOR_LAWS)
def dtype_and_namespace(case: OperatorCase, x: Array, r: Array) -> Gap:
    """Results are arrays of the namespace, device and precision of what came in."""
    xp, gaps = case.make.xp, []
    for dtype, complex_dtype in ((xp.float32, xp.complex64), (xp.float64, xp.complex128)):
        event = xp.astype(x, dtype)
        output = xp.astype(r, complex_dtype if case.op.is_complex else dtype)
        gaps.append(same_kind("A", case.op(event), event))
        gaps.append(same_kind("the adjoint", case.op.adjoint(output), event))
    return worst(gaps)


@enact(OPERATOR_LAWS)
def inputs_untouched(case: OperatorCase, x: Array, r: Array) -> Gap:
    """Arrays that come in are not written to."""
    before = host(x).copy(), host(r).copy()
    case.op(x), case.op.adjoint(r)
    if np.array_equal(before[0], host(x)) and np.array_equal(before[1], host(r)):
        return KEPT
    return broken("x or r was changed")


@enact(OPERATOR_LAWS)
def rows_are_independent(case: OperatorCase, x: Array, r: Array) -> Gap:
    """An event's image does not depend on the other events of the batch."""
    gaps = []
    for name, apply, batch in (("A x", case.op, x), ("A^H r", case.op.adjoint, r)):
        together = apply(batch)
        rows = [apply(batch[i : i + 1, ...]) for i in range(batch.shape[0])]
        alone = case.make.xp.concat(rows)
        allowed = case.rtol * (case.length(together) + case.length(alone))
        gaps.append(compare(together, alone, allowed, f"{name} in a batch", "alone"))
    return worst(gaps)


@enact(OPERATOR_LAWS)
def linear(case: OperatorCase, x: Array, u: Array) -> Gap:
    """A(2 x - 3 u) = 2 A x - 3 A u."""
    one, two = case.op(x), case.op(u)
    got, want = case.op(2 * x - 3 * u), 2 * one - 3 * two
    allowed = case.rtol * (2 * case.length(one) + 3 * case.length(two))
    return compare(got, want, allowed, "A(2 x - 3 u)", "2 A x - 3 A u")


@enact(OPERATOR_LAWS)
def adjoint(case: OperatorCase, x: Array, r: Array) -> Gap:
    """<A x, r> = <x, A^H r>."""
    image, back = case.op(x), case.op.adjoint(r)
    scale = case.length(image) * case.length(r) + case.length(x) * case.length(back)
    got, want = case.inner(image, r), case.inner(x, back)
    return compare(got, want, case.rtol * scale, "<A x, r>", "<x, A^H r>")


@enact(OPERATOR_LAWS, "matrix")
def matrix(case: OperatorCase, x: Array) -> Gap:
    """matrix() is the operator."""
    xp, image = case.make.xp, case.op(x)
    table = case.op.matrix(case.make.like)
    flat = xp.astype(flatten_events(x, xp), table.dtype)
    got, want = flat @ table.T, flatten_events(image, xp)
    allowed = case.rtol * (case.length(want) + case.length(got))
    return compare(got, want, allowed, "matrix() @ x", "A x")


@enact(OPERATOR_LAWS, "gram")
def gram(case: OperatorCase, x: Array) -> Gap:
    """gram() is the eigenform V diag(values) V' of Re(A^H A), V orthogonal."""
    xp, form = case.make.xp, case.op.gram(case.make.like)
    assert form is not None
    flat = flatten_events(x, xp)
    turned = form.forward(flat)
    want = flatten_events(case.op.adjoint(case.op(x)), xp)
    largest = float(xp.max(xp.abs(form.values)))
    allowed = case.rtol * case.length(x)
    return worst(
        [
            compare(form.inverse(turned), flat, allowed, "V V' x", "x"),
            compare(case.inner(turned, turned), case.inner(flat, flat), allowed, "|V' x|^2", "x^2"),
            compare(
                form.inverse(turned * form.values),
                want,
                allowed * largest + case.rtol * case.length(want),
                "V diag(values) V' x",
                "A^H A x",
            ),
        ]
    )


@enact(OPERATOR_LAWS, "matrix")
def norm(case: OperatorCase) -> Gap:
    """norm() is the largest singular value."""
    xp, table = case.make.xp, real_matrix(case.op, case.make.like)
    want = xp.reshape(xp.linalg.matrix_norm(table, ord=2), (1, 1))
    got = xp.full_like(want, case.op.norm())
    return compare(got, want, max(case.rtol, 1e-5) * xp.abs(want[0, :]), "norm()", "|A|")


def check_operator(
    operator: Any,
    *,
    event_shape: Sequence[int] | None = None,
    rtol: float | None = None,
    rng: Any = 0,
    like: Array | None = None,
    skip: Sequence[str] = (),
) -> Report:
    """Find out which law a linear operator breaks.

    Parameters
    ----------
    operator : Operator, or what `diffpost_np.operators.as_operator` takes
        The operator A: of your own class, a matrix, a linear operator of SciPy or PyLops.
    event_shape : tuple of int, optional
        Shape of an event, where A does not know it.
    rtol : float, optional
        Relative error that passes: 1e-10 by default, 1e-4 in float32.
    rng : optional
        What `diffpost_np.random.key` takes; fixed by default, so that a check repeats itself.
    like : array, optional
        Gives namespace, device and precision of the arrays to test with; those of the arrays
        that A holds in float64 by default.
    skip : sequence of str, optional
        Names of laws to leave out, of `OPERATOR_LAWS`.

    Returns
    -------
    Report
        The laws that were tested, and those skipped.

    Raises
    ------
    BrokenLaw
        An `AssertionError` at the first law of `OPERATOR_LAWS` that is broken: it says by how
        much, what is tolerated, and the smallest failing input that was found.
    TypeError
        If `operator` is not linear as far as can be seen.
    ValueError
        If a shape does not fit or `rtol` is not positive.

    Notes
    -----
    Generic inputs show any error of a linear map; the failing ones are then made smaller: one
    event, zeros, round numbers. Laws on the matrix are skipped beyond 2^20 entries.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> class RunningSum(dp.operators.Operator):
    ...     def _apply(self, x, xp):
    ...         return xp.cumulative_sum(x, axis=1)
    ...
    ...     def _adjoint(self, r, xp):
    ...         return xp.cumulative_sum(r, axis=1)  # in the wrong direction
    >>> try:
    ...     dp.testing.check_operator(RunningSum((2,), (2,)))
    ... except AssertionError as error:
    ...     print(error)
    check_operator(RunningSum((2,) -> (2,))) breaks the law 'adjoint': <A x, r> = <x, A^H r>.
      error 1, tolerance 2.41e-10: <A x, r> is 0, <x, A^H r> is 1
      smallest failing input: x = [[0., 1.]], r = [[1., 0.]]
    """
    op = as_operator(operator, event_shape)
    xp, empty = prototype(like=like, **op._arrays())
    make = Arrays(xp.astype(empty, xp.float64) if like is None else like)
    default = 1e-10 if make.like.dtype == xp.float64 else 1e-4
    tolerance = number("rtol", default if rtol is None else rtol, above=0.0)
    case = OperatorCase(op, make, tolerance, key(rng).fold("testing.check_operator").words)
    return verify(f"check_operator({op!r})", OPERATOR_LAWS, case, skip)
