"""Deblurring: the event is convolved with a kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .._checks import choice, integer, number
from .._xp import Array, array_namespace, device_of, size
from ._base import Operator, as_cast, as_shape, float_dtype, parameter
from ._eigenform import Eigenform, hartley_form


class Convolution(Operator):
    """Convolution over the last axes, by FFTs on a periodic grid that may be larger."""

    def __init__(self, kernel: Array, event_shape: tuple[int, ...], boundary: str) -> None:
        super().__init__(event_shape, event_shape)
        xp = array_namespace(kernel=kernel)
        self.kernel = kernel
        self.boundary = boundary
        self.axes = tuple(range(-kernel.ndim, 0))
        self.sides = event_shape[-kernel.ndim :]
        self.grid = self.sides if boundary == "periodic" else enlarged(self.sides, kernel.shape)
        self.wrapped = wrapped(xp.astype(kernel, xp.float64), self.grid, xp)
        self.transfer = xp.fft.rfftn(self.wrapped)

    def _arrays(self) -> dict[str, Array]:
        return {"kernel": self.kernel}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        return self._filter(x, as_cast(self.transfer, x, xp), xp)

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        return self._filter(r, xp.conj(as_cast(self.transfer, r, xp)), xp)

    def _filter(self, x: Array, transfer: Array, xp: ModuleType) -> Array:
        spectrum = xp.fft.rfftn(x, s=self.grid, axes=self.axes) * transfer
        image = xp.fft.irfftn(spectrum, s=self.grid, axes=self.axes)
        return image[(..., *(slice(n) for n in self.sides))]

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform | None:
        if self.boundary != "periodic" or weights is not None:
            return None
        transfer = xp.fft.fftn(xp.astype(self.wrapped, xp.complex128))
        power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
        values = xp.reshape(xp.broadcast_to(power, self.event_shape), (-1,))
        return hartley_form(as_cast(values, like, xp), self.event_shape, self.axes)


def enlarged(sides: tuple[int, ...], kernel_shape: tuple[int, ...]) -> tuple[int, ...]:
    """A grid on which the wrapped kernel does not reach from one end of an event to the other."""
    from scipy.fft import next_fast_len  # here, for SciPy is slow to import

    pairs = zip(sides, kernel_shape, strict=True)
    return tuple(next_fast_len(n + k // 2, real=True) for n, k in pairs)


def wrapped(kernel: Array, grid: tuple[int, ...], xp: ModuleType) -> Array:
    """The kernel summed onto a periodic grid, its centre (entry size // 2) at the origin."""
    for axis, n in enumerate(grid):
        before, k, after = kernel.shape[:axis], kernel.shape[axis], kernel.shape[axis + 1 :]
        fill = xp.zeros((*before, -k % n, *after), dtype=kernel.dtype, device=device_of(kernel))
        full = xp.reshape(xp.concat([kernel, fill], axis=axis), (*before, -1, n, *after))
        kernel = xp.roll(xp.sum(full, axis=axis), -(k // 2), axis=axis)
    return kernel


def convolution(kernel: Array, event_shape: Sequence[int], boundary: str = "periodic") -> Operator:
    """Make an operator that blurs.

    Parameters
    ----------
    kernel : array, shape (k,), (kh, kw) or more axes
        Real weights. The convolution runs over as many of the last axes of an event as the
        kernel has; each entry of the leading axes (channel) is blurred by itself.
    event_shape : tuple of int
        Shape of an event, and of the blurred event.
    boundary : {"periodic", "zero"}, optional
        What lies outside the event: its periodic continuation or zeros.

    Returns
    -------
    Operator
        The map from `event_shape` to itself with output[i] = sum_j kernel[j] x[i - j + c],
        c = size // 2 the centre of the kernel.

    Raises
    ------
    ValueError
        If the kernel is empty, not finite or has more axes than an event, or `boundary` is
        unknown.
    TypeError
        If the kernel does not hold real numbers.

    Notes
    -----
    The same as `scipy.ndimage.convolve` with mode "wrap" or "constant", hence as
    `scipy.signal.convolve` with mode "same" if the sides of the kernel are odd. Two FFTs,
    O(d log d) per event. Periodic: A' A is diagonal in Hartley's basis, with values
    |transfer|^2. Zero: there is no fast eigenbasis.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> blur = dp.operators.convolution([0.25, 0.5, 0.25], (4,))
    >>> blur(np.array([[4.0, 0.0, 0.0, 0.0]])).round(12)
    array([[2., 1., 0., 1.]])
    """
    weights = parameter("kernel", kernel)
    event = as_shape("event_shape", event_shape)
    if not 1 <= weights.ndim <= len(event) or size(weights.shape) == 0:
        raise ValueError(
            f"kernel must have between 1 and {len(event)} axes and no empty one, "
            f"got shape {tuple(weights.shape)}"
        )
    return Convolution(weights, event, choice("boundary", boundary, ("periodic", "zero")))


def gaussian_kernel(
    std: float, radius: int | None = None, *, ndim: int = 2, like: Any = None
) -> Array:
    """Make the kernel of a Gaussian blur.

    Parameters
    ----------
    std : float
        Standard deviation in pixels, positive.
    radius : int, optional
        The kernel has 2 radius + 1 entries along each axis; by default radius = 4 std, rounded.
    ndim : int, optional
        Number of axes.
    like : array, optional
        Gives namespace, device and floating dtype; NumPy float64 by default.

    Returns
    -------
    array, shape (2 radius + 1,) * ndim
        The kernel, with sum 1: the weights of `scipy.ndimage.gaussian_filter`.

    Raises
    ------
    ValueError
        If a number is out of its range.
    TypeError
        If an argument is not a number of the kind wanted.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.operators.gaussian_kernel(1.0, 1, ndim=1).round(3)
    array([0.274, 0.452, 0.274])
    """
    std = number("std", std, above=0.0)
    reach = math.floor(4 * std + 0.5) if radius is None else integer("radius", radius, minimum=0)
    xp = array_namespace(like=like)
    dtype = xp.float64 if like is None else float_dtype(xp, like.dtype)
    steps = xp.arange(-reach, reach + 1, dtype=xp.float64, device=device_of(like))
    line = xp.exp(-0.5 * (steps / std) ** 2)
    line = line / xp.sum(line)
    kernel = line
    for _ in range(integer("ndim", ndim) - 1):
        kernel = kernel[..., None] * line
    return xp.astype(kernel, dtype)
