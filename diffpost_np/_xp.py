"""Array namespaces, dtypes and shapes: every check on an array stands here, once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import array_api_compat as compat
import array_api_compat.numpy as numpy_namespace
import numpy as np

Array = Any
"""An array of any namespace that follows the array API standard."""

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def is_array(value: object) -> bool:
    """Whether `value` is an array of some namespace (NumPy scalars count as numbers)."""
    if type(value) is np.ndarray:  # most are, and to ask takes time
        return True
    return compat.is_array_api_obj(value) and not isinstance(value, np.generic | type)


def _namespace(array: Array) -> ModuleType:
    return numpy_namespace if type(array) is np.ndarray else compat.array_namespace(array)


def array_namespace(**arrays: object) -> ModuleType:
    """The one namespace of the named arrays; numbers, lists and None follow any of them."""
    spaces = {k: _namespace(a) for k, a in arrays.items() if is_array(a)}
    for name, space in spaces.items():
        first, expected = next(iter(spaces.items()))
        if space is not expected:
            raise TypeError(
                f"mixed array types: {first} is a {short_name(expected)} array and {name} a "
                f"{short_name(space)} array; convert one of them"
            )
    return next(iter(spaces.values()), numpy_namespace)


def short_name(xp: ModuleType) -> str:
    """The name people know a namespace by: 'numpy', 'cupy', 'array_api_strict', ..."""
    return xp.__name__.removeprefix("array_api_compat.")


def native(dtype: Any) -> Any:
    """A dtype in the byte order of this machine; FITS and netCDF files hold big-endian numbers."""
    return dtype.newbyteorder("=") if isinstance(dtype, np.dtype) else dtype


def like_dtype(like: Any, xp: ModuleType, *, allow_complex: bool = False) -> Any:
    """The floating dtype of draws that follow `like`: its precision, float64 by default."""
    if like is None:
        return xp.float64
    dtype = None if isinstance(like, type) else native(getattr(like, "dtype", None))
    if dtype is not None and xp.isdtype(dtype, "integral"):
        return xp.float64
    real = {"float32": (xp.float32, xp.complex64), "float64": (xp.float64, xp.complex128)}
    for name, kinds in real.items():
        if dtype is not None and dtype in kinds[: 1 + allow_complex]:
            return getattr(xp, name)
    came = f"{like!r}" if dtype is None else f"{dtype}"
    raise TypeError(f"like must be a float32 or float64 array, got {came}")


def device_of(array: Array) -> Any:
    """The device of an array, or None where the array is not one (a number, a list)."""
    if type(array) is np.ndarray:
        return "cpu"
    return compat.device(array) if is_array(array) else None


def as_float_array(
    name: str,
    value: Any,
    *,
    xp: ModuleType = numpy_namespace,
    dtype: Any = None,
    device: Any = None,
    shape: Sequence[int | None] | None = None,
    allow_complex: bool = False,
    finite: bool = True,
    masked: str = "leave out what is masked",
) -> Array:
    """`value` as a finite floating array of `xp`.

    float32 and float64 are kept unless `dtype` says otherwise, integers become float64;
    `None` in `shape` stands for any length; `masked` says what else a masked array needs.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: fill it, or {masked}")
    ready = type(value) is np.ndarray and xp is numpy_namespace and value.dtype in _FLOATS
    array = value if ready else _converted(name, value, xp, device, allow_complex)
    if dtype is not None and array.dtype != dtype and not _is_complex(xp, array):
        array = xp.astype(array, dtype)
    if shape is not None:
        check_shape(name, array, shape)
    if finite:
        check_finite(name, array, xp)
    return array


def _converted(name: str, value: object, xp: ModuleType, device: Any, allow_complex: bool) -> Array:
    """A floating array of `xp`, on a device."""
    array = value if is_array(value) else _from_python(name, value)
    own = _namespace(value) if is_array(value) else xp
    if own is not xp:
        raise TypeError(
            f"mixed array types: {name} is a {short_name(own)} array among {short_name(xp)} "
            "arrays; convert one of them"
        )
    if isinstance(array, np.ndarray):
        array = np.asarray(array, native(array.dtype))
    return _floating(name, xp.asarray(array, device=device), xp, allow_complex)


def _from_python(name: str, value: object) -> Array:
    if value is None:
        raise TypeError(f"{name} must be an array of numbers, got None")
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} must be an array of numbers: {error}") from None


def _floating(name: str, array: Array, xp: ModuleType, allow_complex: bool) -> Array:
    kind = str(array.dtype)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "iufcb":
        raise TypeError(f"{name} must hold numbers, got dtype {kind}")
    if xp.isdtype(array.dtype, "bool"):
        raise TypeError(f"{name} must hold real numbers, got booleans: cast them, by astype(float)")
    if xp.isdtype(array.dtype, "integral"):
        return xp.astype(array, xp.float64)
    if _is_complex(xp, array):
        if allow_complex:
            return array
        raise TypeError(f"{name} must be real, got {kind}")
    if array.dtype not in (xp.float32, xp.float64):
        raise TypeError(f"{name} must be float32 or float64, got {kind}")
    return array


def _is_complex(xp: ModuleType, array: Array) -> bool:
    return bool(xp.isdtype(array.dtype, "complex floating"))


def placed(xp: ModuleType, value: np.ndarray, like: Array) -> Array:
    """A NumPy array in a namespace, where another array is."""
    return value if isinstance(like, np.ndarray) else xp.asarray(value, device=device_of(like))


def host(array: Array) -> np.ndarray:
    """An array of any namespace as a NumPy array."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def check_shape(name: str, array: Array, shape: Sequence[int | None]) -> None:
    """Raise unless `array` has this shape; None in `shape` stands for any length."""
    if array.ndim != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"{name} must have shape {_shape_text(shape)}, got {tuple(array.shape)}")


def _shape_text(shape: Sequence[int | None]) -> str:
    """A shape as Python writes it, with 'any' for None."""
    sizes = ["any" if s is None else str(s) for s in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def check_finite(name: str, array: Array, xp: ModuleType, remedy: str = "") -> None:
    """Raise unless every entry is finite, naming the first that is not."""
    finite = xp.isfinite(array)
    if not bool(xp.all(finite)):
        advice = f": {remedy}" if remedy else ""
        raise ValueError(f"{name} must be finite, got {_first(array, ~finite, xp)}{advice}")


def is_within(array: Array, low: float, high: float, xp: ModuleType) -> bool:
    """Whether every entry is a number from `low` to `high`."""
    return bool((xp.min(array) >= low) & (xp.max(array) <= high))


def check_size(name: str, array: Array, limit: float, xp: ModuleType, dtype: Any = None) -> None:
    """Raise unless every entry is a number between -limit and limit, naming the first."""
    check_finite(name, array, xp)
    if not is_within(array, -limit, limit, xp):
        first = _first(array, xp.abs(array) > limit, xp)
        dtype = dtype or array.dtype
        raise ValueError(
            f"{name} must lie within +-{limit:.3g}, got {first}: squares overflow {dtype}"
        )


def largest_square_root(like: Array, xp: ModuleType) -> float:
    """A size up to which squares, and a few of them together, stay finite."""
    return 0.25 * float(xp.finfo(like.dtype).max) ** 0.5


def _first(array: Array, bad: Array, xp: ModuleType) -> str:
    """The first bad entry, and where it stands."""
    where = int(xp.argmax(xp.reshape(xp.astype(bad, xp.int8), (-1,))))
    index = tuple(int(i) for i in np.unravel_index(where, array.shape)) if array.ndim else ()
    return f"{array[index] if index else array} at index {index}"


def as_batch(name: str, x: object, event_shape: Sequence[int] | None, **kwargs: Any) -> Array:
    """A batch of events `(n, *event_shape)` with n >= 1."""
    array = as_float_array(name, x, **kwargs)
    if event_shape is None:
        if array.ndim < 2:
            raise ValueError(f"{name} must have shape (n, *event), got {tuple(array.shape)}")
    else:
        check_shape(name, array, (None, *event_shape))
    if array.shape[0] == 0:
        raise ValueError(f"{name} is an empty batch: it needs at least one point")
    return array


def as_noise_level(sigma: object, x: Array, xp: ModuleType) -> Array:
    """A noise level as an array of shape (1,) or (n,) in the dtype of the batch `x`."""
    n = x.shape[0]
    own = xp if is_array(sigma) else numpy_namespace  # to ask a device costs more than to ask here
    level = as_float_array("sigma", sigma, xp=own, finite=False)
    if level.ndim == 0:
        level = own.reshape(level, (1,))
    if level.ndim != 1 or level.shape[0] not in (1, n):
        raise ValueError(
            f"sigma must be a number or have shape ({n},), one per point of the batch, "
            f"got {tuple(level.shape)}"
        )
    limit = largest_square_root(x, xp)
    if not is_within(level, 0.0, limit, own):
        check_size("sigma", level, limit, own, x.dtype)
        raise ValueError(f"sigma must not be negative, got {float(own.min(level))}")
    return xp.asarray(level, dtype=x.dtype, device=device_of(x))


def flatten_events(x: Array, xp: ModuleType) -> Array:
    """`(n, *event)` as `(n, d)`, in C order."""
    return xp.reshape(x, (x.shape[0], -1))


def size(shape: Sequence[int]) -> int:
    """Number of entries of an event of this shape."""
    return math.prod(shape)


def map_rows(
    function: Any, n_bytes_per_row: int, xp: ModuleType, *arrays: Array, n_bytes: int = 2**28
) -> Array:
    """`function` on blocks of rows that need about `n_bytes` each, results concatenated.

    An array of one row belongs to every block.
    """
    n = max(a.shape[0] for a in arrays)
    step = max(1, n_bytes // max(1, n_bytes_per_row))
    if n <= step:
        return function(*arrays)
    blocks = [
        function(*(a if a.shape[0] == 1 else a[i : min(i + step, n), ...] for a in arrays))
        for i in range(0, n, step)
    ]
    return xp.concat(blocks)
