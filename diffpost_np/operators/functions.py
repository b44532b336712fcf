"""Functions of operators: conversion, singular values, norm, the adjoint test."""

from __future__ import annotations

from typing import Any

from .._xp import Array, array_namespace
from ._base import Operator
from ._dense import dense


def as_operator(A: Any, event_shape: tuple[int, ...] | None = None) -> Operator:
    """Anything linear as an `Operator`."""
    if isinstance(A, Operator):
        return A
    return dense(A, event_shape)


def norm(operator: Any) -> float:
    """Largest singular value."""
    op = as_operator(operator)
    form = op.gram()
    xp = array_namespace(values=form.values)
    return float(xp.max(form.values)) ** 0.5


def svd(operator: Any) -> tuple[Array, Array, Array]:
    """Singular value decomposition of the operator's matrix."""
    matrix = as_operator(operator).matrix()
    xp = array_namespace(A=matrix)
    return xp.linalg.svd(matrix, full_matrices=False)


def adjoint_error(operator: Any, rng: Any = None) -> float:
    raise NotImplementedError
