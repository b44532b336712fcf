"""Hypothesis strategies: batches, mixtures, operators, whole inverse problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .._checks import choice, integer, number
from .._xp import Array
from ..operators import Operator
from ..priors import GaussianMixture
from ._composites import Make, a_batch, a_mixture, a_problem, an_operator, shapes_of
from ._problem import InverseProblem

__all__ = ["batches", "mixtures", "operators", "problems"]

COVARIANCES = ("scalar", "per_component", "diagonal", "full", "tied", "low_rank")
OPERATORS = ("dense", "mask", "downsample", "convolution", "fourier", "compose", "stack")


def batches(
    event_shape: Sequence[int] | None = None,
    *,
    max_size: int = 4,
    bound: float = 5.0,
    make: Make = np.asarray,
) -> st.SearchStrategy[Array]:
    """Draw batches of events.

    Parameters
    ----------
    event_shape : tuple of int, optional
        Shape of an event; small vectors and images by default.
    max_size : int, optional
        Largest number of events.
    bound : float, optional
        Largest size of an entry.
    make : callable, optional
        Turns a NumPy array in float64 into the array wanted: of another namespace, in float32.

    Returns
    -------
    SearchStrategy
        Draws arrays of shape `(n, *event_shape)` of decimals.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> from hypothesis import given
    >>> @given(dp.testing.batches((2,)))
    ... def test_shape(x):
    ...     assert x.shape[1:] == (2,)
    >>> test_shape()
    """
    sizes = st.integers(1, integer("max_size", max_size))
    return a_batch(shapes_of(event_shape), sizes, number("bound", bound, above=0.0), make)


def mixtures(
    event_shape: Sequence[int] | None = None,
    *,
    max_components: int = 3,
    covariances: Sequence[str] = COVARIANCES,
    make: Make = np.asarray,
) -> st.SearchStrategy[GaussianMixture]:
    """Draw Gaussian mixtures with covariances in every form.

    Parameters
    ----------
    event_shape : tuple of int, optional
        Shape of an event; small vectors and images by default.
    max_components : int, optional
        Largest number of components.
    covariances : sequence of str, optional
        Forms to draw from: "scalar", "per_component", "diagonal", "full", "tied", "low_rank".
    make : callable, optional
        Turns a NumPy array in float64 into the array wanted: of another namespace, in float32.

    Returns
    -------
    SearchStrategy
        Draws `diffpost_np.priors.GaussianMixture`; a failing example is noted with its numbers.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> from hypothesis import given
    >>> @given(dp.testing.mixtures((2,), covariances=["diagonal"]))
    ... def test_weights(prior):
    ...     assert abs(prior.weights.sum() - 1) < 1e-12
    >>> test_weights()
    """
    counts = st.integers(1, integer("max_components", max_components))
    forms = [choice("covariances", form, COVARIANCES) for form in covariances]
    return a_mixture(shapes_of(event_shape), counts, st.sampled_from(forms), make)


def operators(
    event_shape: Sequence[int] | None = None,
    *,
    kinds: Sequence[str] = OPERATORS,
    make: Make = np.asarray,
) -> st.SearchStrategy[Operator]:
    """Draw linear operators of every kind, on vectors and on images.

    Parameters
    ----------
    event_shape : tuple of int, optional
        Shape of an event; small vectors and images by default.
    kinds : sequence of str, optional
        Kinds to draw from: "dense", "mask", "downsample", "convolution", "fourier" (complex
        outputs), "compose" (a matrix after a mask, block means or a convolution) and "stack"
        (of a matrix and a mask).
    make : callable, optional
        Turns a NumPy array into the array wanted: of another namespace, floats in float32.
        Masks are arrays of booleans.

    Returns
    -------
    SearchStrategy
        Draws `diffpost_np.operators.Operator`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> from hypothesis import given
    >>> @given(dp.testing.operators((4,)))
    ... def test_adjoint(op):
    ...     assert dp.operators.adjoint_error(op, rng=0) < 1e-12
    >>> test_adjoint()
    """
    chosen = [choice("kinds", kind, OPERATORS) for kind in kinds]
    return an_operator(shapes_of(event_shape), st.sampled_from(chosen), make)


def problems(
    priors: st.SearchStrategy[Any] | None = None,
    *,
    kinds: Sequence[str] = OPERATORS,
    make: Make = np.asarray,
) -> st.SearchStrategy[InverseProblem]:
    """Draw inverse problems whose posterior is known.

    Parameters
    ----------
    priors : SearchStrategy, optional
        Draws conjugate priors; `mixtures()` by default.
    kinds : sequence of str, optional
        Kinds of operators, as in `operators`.
    make : callable, optional
        Turns a NumPy array into the array wanted: of another namespace, floats in float32.

    Returns
    -------
    SearchStrategy
        Draws `InverseProblem`, with `.prior`, `.measurement`, `.y` and `.posterior()`; y is
        measured of a draw from the prior.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=10)
    ... @given(dp.testing.problems())
    ... def test_event_shape(problem):
    ...     assert problem.posterior().event_shape == problem.prior.event_shape
    >>> test_event_shape()
    """
    chosen = [choice("kinds", kind, OPERATORS) for kind in kinds]
    priors = mixtures(make=make) if priors is None else priors
    return a_problem(priors, st.sampled_from(chosen), make)
