"""What an instance asks of a function: rows of signs in, rows of signs out, always the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from .._checks import integer
from .._xp import Array, array_namespace, is_array
from ._arx import MOST_BITS, arx

OneWay = Callable[[Array], Array]

_N_TRIALS = 8


def as_one_way(one_way: Any, n_bits: Any, m_bits: Any) -> tuple[OneWay, int, int]:
    """The function, tried on a few rows, and its numbers of bits."""
    is_own = one_way is arx or (isinstance(one_way, str) and one_way == "arx")
    n_bits = integer("n_bits", n_bits, maximum=MOST_BITS if is_own else _most_bits(one_way))
    m_bits = integer("m_bits", m_bits, maximum=MOST_BITS if is_own else None)
    if is_own:
        return partial(arx, m_bits=m_bits), n_bits, m_bits
    if not callable(one_way):
        raise TypeError(f"one_way must be 'arx' or a function of rows of signs, got {one_way!r}")
    _try_out(one_way, n_bits, m_bits)
    return one_way, n_bits, m_bits


def image_of(one_way: OneWay, signs: Array, m_bits: int, xp: ModuleType) -> Array:
    """f(signs) as signs (n, m_bits) in the dtype of `signs`, checked."""
    image = one_way(_unwritable(signs, xp))
    if not is_array(image) or array_namespace(image=image) is not xp:
        raise TypeError("one_way must return an array of the same type as its input")
    wanted = (signs.shape[0], m_bits)
    if tuple(image.shape) != wanted:
        raise ValueError(
            f"one_way must return shape {wanted} for {wanted[0]} rows of signs, "
            f"got {tuple(image.shape)}"
        )
    if xp.isdtype(image.dtype, "bool"):
        return 2 * xp.astype(image, signs.dtype) - 1
    if not xp.isdtype(image.dtype, ("real floating", "integral")):
        raise TypeError(f"one_way must return signs or booleans, got dtype {image.dtype}")
    image = xp.astype(image, signs.dtype)
    if not bool(xp.all(xp.abs(image) == 1)):
        raise ValueError("one_way must return -1 and 1 only, or booleans")
    return image


def signs_of(xp: ModuleType, x: Array) -> Array:
    """Signs as -1 and 1; that of 0 is 1."""
    return xp.where(x < 0, xp.full_like(x, -1.0), xp.ones_like(x))


def phase_of(image: Array) -> Array:
    """Phases of the lattices, 0 or 1/2, for signs."""
    return (1 + image) / 4


def _most_bits(one_way: Any) -> int | None:
    """What a function says of its domain, if anything."""
    most = getattr(one_way, "max_bits", None)
    return None if most is None else integer("one_way.max_bits", most)


def _unwritable(signs: Array, xp: ModuleType) -> Array:
    """Signs that a user's function may keep but not change for others."""
    if not isinstance(signs, np.ndarray):
        return xp.asarray(signs, copy=True)
    view = signs.view()
    view.flags.writeable = False
    return view


def _try_out(one_way: OneWay, n_bits: int, m_bits: int) -> None:
    """Refuse what does not keep the rows apart, or answers twice in two ways."""
    rows = np.random.default_rng(0).integers(0, 2, (_N_TRIALS, n_bits)) * 2.0 - 1.0

    def image(rows: np.ndarray) -> np.ndarray:
        try:
            return image_of(one_way, rows, m_bits, numpy_namespace)
        except Exception as error:
            if "one_way" in str(error):
                raise
            raise ValueError(
                f"one_way failed on an array of signs of shape {rows.shape}, which it must take "
                f"without writing to it: {error!r}"
            ) from error

    together = image(rows)
    if not np.array_equal(together, image(rows)):
        raise ValueError("one_way is not deterministic: it gave two images of the same signs")
    if not np.array_equal(together, np.concatenate([image(row[None, :]) for row in rows])):
        raise ValueError(
            "one_way is not vectorised: rows of a batch must have the images they have alone"
        )
