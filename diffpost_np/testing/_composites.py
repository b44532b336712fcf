"""How the strategies draw: structure and numbers by Hypothesis itself, numbers as decimals.

So failing examples shrink to small shapes and to zeros and ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
from hypothesis import note

from .. import operators as ops
from .._xp import Array
from ..measurement import LinearGaussian
from ..operators._base import as_shape
from ..priors import GaussianMixture, LowRank
from ._case import host
from ._problem import InverseProblem, described, numbers

__all__ = ["a_batch", "a_mixture", "a_problem", "an_operator", "shapes_of"]

Make = Callable[[np.ndarray], Array]
Shapes = st.SearchStrategy[tuple[int, ...]]


def shapes_of(event_shape: Sequence[int] | None) -> Shapes:
    """The shape given, or small vectors and images."""
    if event_shape is None:
        return hnp.array_shapes(min_dims=1, max_dims=2, max_side=4)
    return st.just(as_shape("event_shape", event_shape))


@functools.cache
def _decimals(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with one digit after the point; those nearest to zero are the simplest."""
    return st.integers(round(10 * low), round(10 * high)).map(lambda k: k / 10)


@functools.cache
def _tables(shape: tuple[int, ...], low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, shape, elements=_decimals(low, high))


@st.composite
def a_batch(
    draw: st.DrawFn, shapes: Shapes, sizes: st.SearchStrategy[int], bound: float, make: Make
) -> Array:
    return make(draw(_tables((draw(sizes), *draw(shapes)), -bound, bound)))


@st.composite
def a_mixture(
    draw: st.DrawFn,
    shapes: Shapes,
    counts: st.SearchStrategy[int],
    forms: st.SearchStrategy[str],
    make: Make,
) -> GaussianMixture:
    shape, k = draw(shapes), draw(counts)
    weights = draw(hnp.arrays(np.float64, k, elements=st.integers(1, 9).map(float)))
    means = draw(_tables((k, *shape), -3, 3))
    covs = draw(a_covariance(draw(forms), k, means[0].size, make))
    prior = GaussianMixture(make(weights / weights.sum()), make(means), covs)
    note(described(prior))
    return prior


@st.composite
def a_covariance(draw: st.DrawFn, form: str, k: int, d: int, make: Make) -> Any:
    """Variances between 0.1 and 3; matrices Q Q' + 0.1 I."""
    if form == "scalar":
        return draw(_decimals(0.1, 3))
    if form == "per_component":
        return make(draw(_tables((k,), 0.1, 3)))
    if form == "diagonal":
        return make(draw(_tables((k, d), 0.1, 3)))
    if form == "low_rank":
        factor = make(draw(_tables((k, d, 1), -1, 1)))
        return LowRank(factor, make(draw(_tables((k, d), 0.1, 2))))
    q = draw(_tables((1 if form == "tied" else k, d, d), -1, 1))
    return make(q @ q.transpose(0, 2, 1) + 0.1 * np.eye(d))


@st.composite
def an_operator(
    draw: st.DrawFn, shapes: Shapes, kinds: st.SearchStrategy[str], make: Make
) -> ops.Operator:
    shape, kind = draw(shapes), draw(kinds)
    if kind == "stack":
        parts = [draw(a_simple_operator(k, shape, make)) for k in ("dense", "mask")]
        operator = ops.stack(*parts)
    elif kind == "compose":
        inner = draw(st.sampled_from(["mask", "downsample", "convolution"]))
        first = draw(a_simple_operator(inner, shape, make))
        operator = ops.compose(draw(a_simple_operator("dense", first.output_shape, make)), first)
    else:
        operator = draw(a_simple_operator(kind, shape, make))
    note(f"{operator!r} with matrix {numbers(host(operator.matrix()))}")
    return operator


@st.composite
def a_simple_operator(
    draw: st.DrawFn, kind: str, shape: tuple[int, ...], make: Make
) -> ops.Operator:
    """Operators that hold one array at most."""
    if kind == "dense":
        m = draw(st.integers(1, 4))
        return ops.dense(make(draw(_tables((m, int(np.prod(shape))), -2, 2))), shape)
    if kind == "downsample":
        factor = [draw(st.sampled_from([f for f in (1, 2, 3) if n % f == 0])) for n in shape]
        return ops.downsample(shape, factor)
    if kind == "convolution":
        kernel = draw(_tables(draw(st.tuples(*(st.integers(1, 3) for _ in shape))), -1, 1))
        return ops.convolution(make(kernel), shape, draw(st.sampled_from(["periodic", "zero"])))
    keep = draw(hnp.arrays(np.bool_, shape))
    keep.flat[draw(st.integers(0, keep.size - 1))] = True
    return {"mask": ops.mask, "fourier": ops.subsampled_fourier}[kind](make(keep))


@st.composite
def a_problem(
    draw: st.DrawFn, priors: st.SearchStrategy[Any], kinds: st.SearchStrategy[str], make: Make
) -> InverseProblem:
    prior = draw(priors)
    operator = draw(an_operator(shapes_of(prior.event_shape), kinds, make))
    noise_std: Any = draw(_decimals(0.1, 2))
    if draw(st.booleans()):
        noise_std = make(draw(_tables(operator.output_shape, 0.1, 2)))
    measurement = LinearGaussian(operator, noise_std)
    seed = draw(st.integers(0, 2**16))
    truth = prior.sample(1, rng=seed)
    problem = InverseProblem(prior, measurement, measurement.simulate(truth, rng=seed)[0, ...])
    note(repr(problem))
    return problem
