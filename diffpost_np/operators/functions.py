"""Functions of operators: the norm, and the test of an adjoint."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from .._checks import integer
from .._xp import Array, flatten_events, size
from ..random import key, normal
from ._base import prototype
from ._convert import as_operator
from ._lanczos import largest_eigenvalue

__all__ = ["adjoint_error", "norm"]

SMALL_MATRIX = 2**16
"""Entries of a matrix up to which its SVD is quicker than the iteration."""


def norm(operator: Any) -> float:
    """Compute the norm of an operator, its largest singular value.

    Parameters
    ----------
    operator : Operator, or what `as_operator` takes
        The operator A.

    Returns
    -------
    float
        The largest |A x| over real events x of length 1.

    Raises
    ------
    TypeError
        If `operator` is not linear.

    Warns
    -----
    RuntimeWarning
        If the iteration has not converged after 3000 steps.

    Notes
    -----
    Exact to rounding where the eigenform of A^H A is known or A is small (65536 entries);
    otherwise by Lanczos' iteration in float64 to a relative 1e-6, from below and usually far
    closer, at one A and one adjoint per step.

    References
    ----------
    Paige, "Error analysis of the Lanczos algorithm for tridiagonalizing a symmetric matrix",
    J. Inst. Math. Appl. 18 (1976).

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.operators.norm([[3.0, 4.0]])
    5.0
    """
    op = as_operator(operator)
    xp, like = prototype(**op._arrays())
    like = xp.astype(like, xp.float64)
    form = op._eigenform(xp, like, None)
    if form is None and size(op.output_shape) * size(op.event_shape) <= SMALL_MATRIX:
        form = op.gram(like)
    if form is not None:
        return math.sqrt(float(xp.max(form.values)))
    start = normal(key(0).fold("operators.norm"), (1, *op.event_shape), like=like)
    square = largest_eigenvalue(lambda x: op._adjoint(op._apply(x, xp), xp), start, xp, 1e-6)
    return math.sqrt(square)


def adjoint_error(operator: Any, rng: Any = None, *, n_pairs: int = 8, like: Any = None) -> float:
    """Measure how far the adjoint of an operator is from being one.

    Parameters
    ----------
    operator : Operator, or what `as_operator` takes
        The operator A.
    rng : optional
        What `diffpost_np.random.key` takes.
    n_pairs : int, optional
        Number of random pairs, at least 1.
    like : array, optional
        Gives namespace and precision; those of the operator's arrays by default.

    Returns
    -------
    float
        The largest |<A x, r> - <x, A^H r>| / max(|A x| |r|, |x| |A^H r|) over the pairs, in
        the real inner product Re(a^H b): about the precision of the dtype if the adjoint is
        exact, infinite if a result is not finite.

    Raises
    ------
    TypeError
        If `operator` is not linear.
    ValueError
        If `n_pairs` is less than 1.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> blur = dp.operators.convolution(dp.operators.gaussian_kernel(1.0), (8, 8))
    >>> dp.operators.adjoint_error(blur, rng=0) < 1e-15
    True
    """
    op = as_operator(operator)
    xp, like = prototype(like=like, **op._arrays())
    n = integer("n_pairs", n_pairs)
    stream = key(rng).fold("operators.adjoint_error")
    x = normal(stream, (n, *op.event_shape), stage=0, like=like)
    r = normal(stream, (n, *op.output_shape), stage=1, like=like)
    if op.is_complex:
        r = r + 1j * normal(stream, (n, *op.output_shape), stage=2, like=like)
    image, back = op(x), op.adjoint(r)
    if not bool(xp.all(xp.isfinite(image))) or not bool(xp.all(xp.isfinite(back))):
        return math.inf
    error = xp.abs(_inner(image, r, xp) - _inner(x, back, xp))
    scale = xp.maximum(_square(image, xp) * _square(r, xp), _square(x, xp) * _square(back, xp))
    return float(xp.max(error / xp.sqrt(xp.where(scale > 0, scale, xp.ones_like(scale)))))


def _inner(a: Array, b: Array, xp: ModuleType) -> Array:
    """Re(a^H b), row by row."""
    a, b = flatten_events(a, xp), flatten_events(b, xp)
    if not xp.isdtype(a.dtype, "complex floating"):
        return xp.sum(a * b, axis=1)
    return xp.sum(xp.real(a) * xp.real(b) + xp.imag(a) * xp.imag(b), axis=1)


def _square(a: Array, xp: ModuleType) -> Array:
    return _inner(a, a, xp)
