"""Operators with the matrices they should be, written down independently of the library."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.ndimage

import diffpost_np.operators as ops

KINDS = ("dense", "complex dense", "mask", "periodic", "zero", "downsample", "fourier")


@dataclass(frozen=True)
class Case:
    """`build(array)` makes the operator with arrays that `array` makes."""

    kind: str
    event_shape: tuple[int, ...]
    build: Callable[[Callable[[Any], Any]], ops.Operator]
    matrix: np.ndarray

    def operator(self, array=np.asarray):
        return self.build(array)

    @property
    def is_complex(self):
        return np.iscomplexobj(self.matrix)

    @property
    def real_matrix(self):
        """Its norm and Gram matrix are those over real events."""
        return np.concatenate([self.matrix.real, self.matrix.imag])

    def __repr__(self):
        return f"Case({self.kind}, {self.event_shape}, m={self.matrix.shape[0]})"


def kron(*factors):
    return functools.reduce(np.kron, factors, np.eye(1))


def make_case(kind, event_shape, rng, axes=None):
    """A random operator; it acts on the last `axes` axes, all but channels by default."""
    axes = min(len(event_shape), 2) if axes is None else axes
    return MAKERS[kind](event_shape, rng, axes)


def dense_case(event_shape, rng, axes, imaginary=0.0):
    m, d = rng.integers(1, 8), int(np.prod(event_shape))
    matrix = rng.standard_normal((m, d))
    if imaginary:
        matrix = matrix + 1j * imaginary * rng.standard_normal((m, d))
    kind = "complex dense" if imaginary else "dense"
    return Case(kind, event_shape, lambda array: ops.dense(array(matrix), event_shape), matrix)


def mask_case(event_shape, rng, axes):
    keep = random_keep(event_shape[-axes:], rng)
    rows = np.broadcast_to(keep, event_shape).ravel()
    matrix = np.eye(rows.size)[rows]
    return Case("mask", event_shape, lambda array: ops.mask(array(keep), event_shape), matrix)


def fourier_case(event_shape, rng, axes):
    keep = random_keep(event_shape[-axes:], rng)
    rows = np.broadcast_to(keep, event_shape).ravel()
    channels = np.eye(int(np.prod(event_shape[:-axes])))
    transforms = [np.fft.fft(np.eye(n)) / np.sqrt(n) for n in event_shape[-axes:]]
    matrix = kron(channels, *transforms)[rows]
    return Case(
        "fourier",
        event_shape,
        lambda array: ops.subsampled_fourier(array(keep), event_shape),
        matrix,
    )


def random_keep(shape, rng):
    keep = rng.random(shape) < rng.choice([0.2, 0.5, 1.0])
    keep.flat[rng.integers(keep.size)] = True
    return keep


def downsample_case(event_shape, rng, axes):
    factors = [int(rng.choice([f for f in range(1, n + 1) if n % f == 0])) for n in event_shape]
    factors[: len(factors) - axes] = [1] * (len(factors) - axes)
    means = [
        np.kron(np.eye(n // f), np.full((1, f), 1 / f))
        for n, f in zip(event_shape, factors, strict=True)
    ]
    factor = tuple(factors[-axes:])
    return Case(
        "downsample", event_shape, lambda array: ops.downsample(event_shape, factor), kron(*means)
    )


def convolution_case(event_shape, rng, axes, boundary):
    kernel = rng.standard_normal(rng.integers(1, 8, size=axes))
    weights = kernel.reshape((1,) * (len(event_shape) - axes) + kernel.shape)
    mode = {"periodic": "wrap", "zero": "constant"}[boundary]
    basis = np.eye(int(np.prod(event_shape))).reshape(-1, *event_shape)
    images = [scipy.ndimage.convolve(e, weights, mode=mode).ravel() for e in basis]
    return Case(
        boundary,
        event_shape,
        lambda array: ops.convolution(array(kernel), event_shape, boundary),
        np.array(images).T,
    )


MAKERS = {
    "dense": dense_case,
    "complex dense": functools.partial(dense_case, imaginary=1.0),
    "mask": mask_case,
    "fourier": fourier_case,
    "downsample": downsample_case,
    "periodic": functools.partial(convolution_case, boundary="periodic"),
    "zero": functools.partial(convolution_case, boundary="zero"),
}


def composed(outer_kind, inner):
    """A dense matrix or a mask after another operator."""

    def make(rng):
        op = inner.operator()
        outer = make_case(outer_kind, op.output_shape, rng)
        return Case(
            f"{outer_kind} after {inner.kind}",
            inner.event_shape,
            lambda array: ops.compose(outer.build(array), inner.build(array)),
            outer.matrix @ inner.matrix,
        )

    return make


def in_fourier_space(rng, shape=(2, 4, 6)):
    """Products of periodic convolutions and Fourier samples, over the same axes and others."""

    def blur(axes):
        return convolution_case(shape, rng, axes, "periodic")

    def chain(kind, *cases):
        return Case(
            kind,
            shape,
            lambda array: ops.compose(*(case.build(array) for case in cases)),
            functools.reduce(np.matmul, [case.matrix for case in cases]),
        )

    yield chain("chain of blurs", blur(2), blur(1), blur(3))
    yield chain("fourier after blurs", fourier_case(shape, rng, 2), blur(2), blur(1))
    yield chain("fourier after blurs", fourier_case(shape, rng, 3), blur(3))
    yield chain("fourier within a blur's axes", fourier_case(shape, rng, 1), blur(2))


def stacked(one, two):
    return Case(
        f"{one.kind} on {two.kind}",
        one.event_shape,
        lambda array: ops.stack(one.build(array), two.build(array)),
        np.concatenate([one.matrix, two.matrix]),
    )


def event_shapes():
    side = st.integers(1, 6)
    return st.one_of(
        st.tuples(st.integers(1, 24)),
        st.tuples(side, side),
        st.tuples(st.integers(1, 3), side, side),
    )


@st.composite
def simple_cases(draw, event_shape=None, kinds=KINDS):
    shape = draw(event_shapes()) if event_shape is None else event_shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    axes = draw(st.integers(1, min(len(shape), 2)))
    return make_case(draw(st.sampled_from(kinds)), shape, rng, axes)


@st.composite
def cases(draw, how):
    """Operators of one kind, or one level of composition: every test goes through EVERY."""
    if how in KINDS:
        return draw(simple_cases(kinds=(how,)))
    case = draw(simple_cases())
    if how == "compose":
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        return composed(draw(st.sampled_from(["dense", "complex dense", "mask"])), case)(rng)
    alike = [k for k in KINDS if (k in ("complex dense", "fourier")) == case.is_complex]
    return stacked(case, draw(simple_cases(case.event_shape, alike)))


EVERY = pytest.mark.parametrize("how", [*KINDS, "compose", "stack"])
"""Hypothesis alone would leave some kinds out."""


def one_of_each(seed=0):
    """A fixed list: every kind on a vector, an image and channels, then compositions."""
    rng = np.random.default_rng(seed)
    shapes = ((12,), (4, 6), (2, 4, 6))
    found = [make_case(kind, shape, rng) for kind in KINDS for shape in shapes]
    image = {case.kind: case for case in found if case.event_shape == (4, 6)}
    found.append(composed("downsample", image["periodic"])(rng))
    found.append(composed("complex dense", image["fourier"])(rng))
    found.append(composed("mask", image["fourier"])(rng))
    found += in_fourier_space(rng)
    found.append(stacked(image["mask"], image["downsample"]))
    found.append(stacked(image["mask"], mask_case((4, 6), rng, 2)))
    found.append(stacked(image["fourier"], image["complex dense"]))
    return found
