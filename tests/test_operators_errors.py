"""What is refused, with a message that names the argument."""

from __future__ import annotations

import numpy as np
import pytest

from diffpost_np import operators as ops

ON = np.ones((2, 2), bool)
OFF = np.zeros((2, 2), bool)
BLUR = np.ones((3, 3)) / 9
TWO = ops.dense(np.ones((2, 3)))
COMPLEX = ops.dense(1j * np.ones((2, 3)))

BUILDING = {
    "dense: a vector": (lambda: ops.dense(np.ones(3)), ValueError, "A must have shape"),
    "dense: three axes": (lambda: ops.dense(np.ones((1, 2, 3))), ValueError, "A must have shape"),
    "dense: no rows": (lambda: ops.dense(np.ones((0, 3))), ValueError, "A must not be empty"),
    "dense: NaN": (lambda: ops.dense([[1.0, np.nan]]), ValueError, r"A must be finite, got nan"),
    "dense: inf": (lambda: ops.dense([[1.0, np.inf]]), ValueError, r"A must be finite, got inf"),
    "dense: complex NaN": (lambda: ops.dense([[1j * np.nan]]), ValueError, "A must be finite"),
    "dense: objects": (lambda: ops.dense(np.array([[None]])), TypeError, "A must hold numbers"),
    "dense: strings": (lambda: ops.dense([["a"]]), TypeError, "A must hold numbers"),
    "dense: booleans": (lambda: ops.dense([[True]]), TypeError, "A must hold real numbers"),
    "dense: float16": (lambda: ops.dense(np.ones((1, 1), np.float16)), TypeError, "float32 or"),
    "dense: ragged": (lambda: ops.dense([[1.0], [1.0, 2.0]]), TypeError, "A must be an array"),
    "dense: None": (lambda: ops.dense(None), TypeError, "A must be an array"),
    "dense: masked": (lambda: ops.dense(np.ma.ones((1, 2))), TypeError, "masked"),
    "dense: event_shape": (lambda: ops.dense(np.ones((1, 6)), (2, 2)), ValueError, "6 entries"),
    "dense: number": (lambda: ops.dense(np.ones((1, 6)), 6), TypeError, "event_shape must be"),
    "dense: zero": (lambda: ops.dense(np.ones((1, 6)), (6, 0)), ValueError, "at least 1"),
    "dense: float shape": (lambda: ops.dense(np.ones((1, 6)), (6.0,)), TypeError, "an integer"),
    "mask: nothing": (lambda: ops.mask(OFF), ValueError, "at least one True"),
    "mask: empty": (lambda: ops.mask(np.ones((0, 2), bool)), ValueError, "at least one True"),
    "mask: scalar": (lambda: ops.mask(True), ValueError, "keep must have at least one"),
    "mask: numbers": (lambda: ops.mask([0, 1]), TypeError, "keep must hold booleans"),
    "mask: floats": (lambda: ops.mask(np.ones(2)), TypeError, "keep must hold booleans"),
    "mask: strings": (lambda: ops.mask(["yes"]), TypeError, "keep must hold booleans"),
    "mask: objects": (lambda: ops.mask(np.array([None])), TypeError, "keep must hold booleans"),
    "mask: None": (lambda: ops.mask(None), TypeError, "keep must hold booleans"),
    "mask: ragged": (lambda: ops.mask([[True], []]), ValueError, "keep must be an array"),
    "mask: event_shape": (lambda: ops.mask(ON, (2, 3)), ValueError, "last axes of event_shape"),
    "mask: fewer axes": (lambda: ops.mask(ON, (2,)), ValueError, "last axes of event_shape"),
    "fourier: nothing": (lambda: ops.subsampled_fourier(OFF), ValueError, "at least one True"),
    "fourier: numbers": (lambda: ops.subsampled_fourier([1.0]), TypeError, "keep must hold bool"),
    "fourier: shape": (lambda: ops.subsampled_fourier(ON, (3, 2)), ValueError, "last axes"),
    "convolution: axes": (lambda: ops.convolution(BLUR, (9,)), ValueError, "between 1 and 1 axes"),
    "convolution: scalar": (lambda: ops.convolution(1.0, (9,)), ValueError, "kernel must have"),
    "convolution: empty": (lambda: ops.convolution([], (9,)), ValueError, "no empty one"),
    "convolution: NaN": (lambda: ops.convolution([np.nan], (9,)), ValueError, "kernel must be fin"),
    "convolution: complex": (lambda: ops.convolution([1j], (9,)), TypeError, "kernel must be real"),
    "convolution: text": (lambda: ops.convolution("blur", (9,)), TypeError, "kernel must hold num"),
    "convolution: boundary": (
        lambda: ops.convolution(BLUR, (9, 9), "wrap"),
        ValueError,
        "boundary must be one of 'periodic', 'zero', got 'wrap'",
    ),
    "convolution: shape": (lambda: ops.convolution(BLUR, 9), TypeError, "event_shape must be"),
    "convolution: empty event": (lambda: ops.convolution(BLUR, (0, 9)), ValueError, "event_shape"),
    "kernel: std": (lambda: ops.gaussian_kernel(0.0), ValueError, "std must be greater than 0"),
    "kernel: NaN": (lambda: ops.gaussian_kernel(np.nan), ValueError, "std must be finite"),
    "kernel: text": (lambda: ops.gaussian_kernel("1"), TypeError, "std must be a real number"),
    "kernel: radius": (lambda: ops.gaussian_kernel(1.0, -1), ValueError, "radius must be at least"),
    "kernel: half": (lambda: ops.gaussian_kernel(1.0, 0.5), TypeError, "radius must be an integer"),
    "kernel: ndim": (lambda: ops.gaussian_kernel(1.0, ndim=0), ValueError, "ndim must be at least"),
    "downsample: 3 in 8": (lambda: ops.downsample((8, 8), 3), ValueError, "factor 3 must divide"),
    "downsample: one axis": (lambda: ops.downsample((8, 9), 2), ValueError, "factor 2 must divide"),
    "downsample: zero": (lambda: ops.downsample((8,), 0), ValueError, "factor must be at least 1"),
    "downsample: half": (lambda: ops.downsample((8,), 0.5), TypeError, "factor must be an integer"),
    "downsample: bool": (lambda: ops.downsample((8,), True), TypeError, "factor must be an integ"),
    "downsample: text": (lambda: ops.downsample((8,), "2"), TypeError, "factor must be"),
    "downsample: axes": (lambda: ops.downsample((8,), (2, 2)), ValueError, "more entries"),
    "downsample: no axes": (lambda: ops.downsample((), 2), TypeError, "event_shape must be"),
    "compose: nothing": (lambda: ops.compose(), TypeError, "at least one"),
    "compose: shapes": (lambda: ops.compose(TWO, TWO), ValueError, "cannot follow"),
    "compose: array": (lambda: ops.compose(np.ones((1, 3)), TWO), ValueError, "must have 3 entr"),
    "compose: not linear": (lambda: ops.compose(np.sin, TWO), TypeError, "A must be an array"),
    "stack: nothing": (lambda: ops.stack(), TypeError, "at least one"),
    "stack: shapes": (lambda: ops.stack(TWO, ops.mask(ON)), ValueError, "different shapes"),
    "stack: columns": (lambda: ops.stack(np.eye(2), np.eye(3)), ValueError, "different shapes"),
    "stack: event": (lambda: ops.stack(TWO, event_shape=(3, 1)), ValueError, "event_shape is"),
    "stack: complex": (lambda: ops.stack(TWO, COMPLEX), ValueError, "all real or all complex"),
    "as_operator: event": (lambda: ops.as_operator(TWO, (1, 3)), ValueError, "event_shape is"),
    "norm": (lambda: ops.norm(None), TypeError, "A must be an array"),
    "svd": (lambda: ops.svd("A"), TypeError, "A must be an array"),
    "adjoint_error": (lambda: ops.adjoint_error({}), TypeError, "A must be an array"),
    "adjoint_error: pairs": (lambda: ops.adjoint_error(TWO, n_pairs=0), ValueError, "n_pairs"),
    "adjoint_error: rng": (lambda: ops.adjoint_error(TWO, rng="x"), TypeError, "rng must be"),
    "Operator": (lambda: ops.Operator((2,), "two"), TypeError, "output_shape must be"),
}


@pytest.mark.parametrize("name", BUILDING)
def test_building(name):
    call, error, message = BUILDING[name]
    with pytest.raises(error, match=message):
        call()


BATCHES = {
    "one event": (np.ones(3), ValueError, r"must have shape \(any, 3\), got \(3,\)"),
    "wrong event": (np.ones((1, 4)), ValueError, r"must have shape \(any, 3\), got \(1, 4\)"),
    "no events": (np.ones((0, 3)), ValueError, "is an empty batch"),
    "NaN": (np.array([[1.0, np.nan, 0.0]]), ValueError, r"must be finite, got nan at index \(0, 1"),
    "inf": (np.array([[1.0, np.inf, 0.0]]), ValueError, "must be finite, got inf"),
    "complex": (1j * np.ones((1, 3)), TypeError, "must be real, got complex128"),
    "objects": (np.array([[None] * 3]), TypeError, "must hold numbers"),
    "strings": (np.array([["a"] * 3]), TypeError, "must hold numbers"),
    "booleans": (np.ones((1, 3), bool), TypeError, "must hold real numbers"),
    "half precision": (np.ones((1, 3), np.float16), TypeError, "must be float32 or float64"),
    "None": (None, TypeError, "must be an array of numbers"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches(name):
    value, error, message = BATCHES[name]
    op = ops.convolution([1.0, 2.0, 3.0], (3,))
    with pytest.raises(error, match=f"x .*{message}"):
        op(value)
    with pytest.raises(error, match=f"r .*{message}"):
        op.adjoint(value)
    if name != "complex":
        parts = ops.svd(op)
        with pytest.raises(error, match=message):
            parts.vh(value)
        with pytest.raises(error, match=message):
            parts.v(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda array: ops.dense(array(np.eye(3))),
        lambda array: ops.mask(array(np.ones(3, bool))),
        lambda array: ops.subsampled_fourier(array(np.ones(3, bool))),
        lambda array: ops.convolution(array(np.ones(3)), (3,)),
        lambda array: ops.stack(array(np.eye(3)), array(np.eye(3))),
        lambda array: ops.compose(array(np.eye(3)), array(np.eye(3))),
    ],
)
def test_mixed_array_types(make):
    strict = pytest.importorskip("array_api_strict")
    for op, x in (
        (make(np.asarray), strict.ones((1, 3))),
        (make(lambda a: strict.asarray(a)), np.ones((1, 3))),
    ):
        for function in (op, op.adjoint, op.gram, op.matrix):
            with pytest.raises(TypeError, match="mixed array types"):
                function(x)


def test_parts_of_mixed_types_are_refused_at_once():
    strict = pytest.importorskip("array_api_strict")
    parts = np.eye(3), strict.eye(3)
    for build in (ops.compose, ops.stack):
        with pytest.raises(TypeError, match="mixed array types"):
            build(*parts)
