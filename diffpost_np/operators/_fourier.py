"""Magnetic resonance imaging: some Fourier coefficients are observed."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from .._xp import Array, array_namespace, device_of
from ._base import Operator, as_cast, float_dtype
from ._eigenform import Eigenform, hartley_form
from ._selection import Selection, as_selection, broadcast


class SubsampledFourier(Operator):
    """Chosen coefficients of the orthonormal FFT over the last axes."""

    def __init__(self, keep: Array, axes: tuple[int, ...]) -> None:
        self.selection = Selection(keep, array_namespace(keep=keep))
        self.axes = axes
        super().__init__(keep.shape, (self.selection.n_chosen,), is_complex=True)

    def _arrays(self) -> dict[str, Array]:
        return {"keep": self.selection.chosen}

    def _apply(self, x: Array, xp: ModuleType) -> Array:
        events = xp.astype(x, float_dtype(xp, x.dtype, is_complex=True))
        spectrum = xp.fft.fftn(events, axes=self.axes, norm="ortho")
        return self.selection.gather(xp.reshape(spectrum, (x.shape[0], -1)), xp)

    def _adjoint(self, r: Array, xp: ModuleType) -> Array:
        spectrum = xp.reshape(self.selection.scatter(r, xp), (-1, *self.event_shape))
        return xp.real(xp.fft.ifftn(spectrum, axes=self.axes, norm="ortho"))

    def _eigenform(self, xp: ModuleType, like: Array, weights: Array | None) -> Eigenform:
        if weights is None:
            weights = xp.ones(self.output_shape, dtype=like.dtype, device=device_of(like))
        row = xp.reshape(as_cast(weights, like, xp), (1, -1))
        w = xp.reshape(self.selection.scatter(row, xp), self.event_shape)
        # A real event holds each of k and -k in the other's conjugate.
        mirrored = xp.roll(xp.flip(w, axis=self.axes), (1,) * len(self.axes), axis=self.axes)
        values = xp.reshape((w + mirrored) / 2, (-1,))
        return hartley_form(values, self.event_shape, self.axes)


def subsampled_fourier(keep: Array, event_shape: Sequence[int] | None = None) -> Operator:
    """Make an operator that observes some Fourier coefficients.

    Parameters
    ----------
    keep : array of bool, shape event_shape or its last axes
        True where a coefficient is observed, in the order of `numpy.fft.fftn` (frequency zero
        first: apply `numpy.fft.ifftshift` to a mask with frequency zero in the middle). The
        transform runs over as many axes as `keep` has.
    event_shape : tuple of int, optional
        Shape of an event, where it has leading axes (channels) that `keep` has not: each
        channel is transformed by itself and observed alike.

    Returns
    -------
    Operator
        The map from a real event to the complex vector of observed coefficients of its
        orthonormal FFT, in C order.

    Raises
    ------
    ValueError
        If nothing is observed or `keep` does not fit `event_shape`.
    TypeError
        If `keep` does not hold booleans.

    Notes
    -----
    Re(A^H A) is diagonal in Hartley's basis, its values the mean of `keep` at the frequencies
    k and -k: 1 where both are observed, 1/2 where one is. O(d log d) per event.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> op = dp.operators.subsampled_fourier([True, True, False, False])
    >>> op(np.array([[1.0, 2.0, 3.0, 4.0]]))
    array([[ 5.+0.j, -1.+1.j]])
    >>> op.gram().values
    array([1. , 0.5, 0. , 0.5])
    """
    chosen = as_selection("keep", keep)
    axes = tuple(range(-chosen.ndim, 0))
    return SubsampledFourier(broadcast("keep", chosen, event_shape), axes)
