"""The eigenform of a symmetric operator, and the bases that the library knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from .._xp import Array, array_namespace, as_batch, as_float_array, check_shape, device_of, size


@dataclass(frozen=True, eq=False)
class Eigenform:
    """A symmetric operator V diag(values) V' on flattened events, V orthogonal and real.

    Parameters
    ----------
    values : array, shape (d,)
        Eigenvalues, in the order in which `forward` returns coordinates.
    forward, inverse : callable
        V' and V on batches `(n, d)`; real arrays in, real arrays out, Euclidean norms are kept.
        The library's own can be pickled.
    is_identity : bool, optional
        True where V is the identity, that is where the operator is diagonal in the entries.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> form = dp.operators.downsample((4,), 2).gram()
    >>> form.values
    array([0.5, 0. , 0.5, 0. ])
    >>> form.solve(np.array([[3.0, 3.0, 1.0, -1.0]]), shift=1.0)
    array([[ 2.,  2.,  1., -1.]])
    """

    values: Array
    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    is_identity: bool = False

    def solve(self, b: Array, *, shift: Array | float, scale: Array | float = 1.0) -> Array:
        """Solve (scale * V diag(values) V' + shift I) x = b.

        Parameters
        ----------
        b : array, shape (n, d)
            Right-hand sides.
        shift : float or array of shape (n, 1)
            Added to every eigenvalue, positive.
        scale : float or array of shape (n, 1), optional
            Factor of the eigenvalues, at least 0.

        Returns
        -------
        array, shape (n, d)
            The solutions.

        Raises
        ------
        ValueError
            If a shape does not fit, an entry is not finite or out of its range.
        TypeError
            If array types are mixed.
        """
        xp = array_namespace(b=b, values=self.values)
        b = as_batch("b", b, self.values.shape, xp=xp)
        shift, scale = _column("shift", shift, b, xp), _column("scale", scale, b, xp)
        if bool(xp.any(shift <= 0)) or bool(xp.any(scale < 0)):
            raise ValueError("shift must be positive, and scale must not be negative")
        return self.inverse(self.forward(b) / (scale * self.values + shift))


def _column(name: str, value: Array | float, b: Array, xp: ModuleType) -> Array:
    """A number, or one for each row of `b`, as an array that spreads over it."""
    column = as_float_array(name, value, xp=xp, dtype=b.dtype, device=device_of(b))
    if column.ndim:
        check_shape(name, column, (b.shape[0], 1))
    return column


def identity_form(values: Array) -> Eigenform:
    """A diagonal operator."""
    return Eigenform(values, _same, _same, is_identity=True)


def _same(x: Array) -> Array:
    return x


def hartley_form(values: Array, event_shape: tuple[int, ...], axes: tuple[int, ...]) -> Eigenform:
    """An operator that is diagonal in Fourier space, its values even in the frequency.

    Hartley's transform mixes only the frequencies k and -k, whose values agree.
    """
    transform = partial(_hartley, event_shape=event_shape, axes=axes)
    return Eigenform(values, transform, transform)


def _hartley(x: Array, event_shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Re F - Im F of the orthonormal FFT: real, orthogonal and its own inverse.

    Of real events the FFT at -k is the conjugate of that at k, so half of the last axis will do.
    """
    xp = array_namespace(x=x)
    events = xp.reshape(x, (-1, *event_shape))
    spectrum = xp.fft.rfftn(events, axes=axes, norm="ortho")
    real, imag = xp.real(spectrum), xp.imag(spectrum)
    rest = xp.flip((real + imag)[..., 1 : (event_shape[-1] + 1) // 2], axis=-1)
    for axis in axes[:-1]:
        rest = xp.roll(xp.flip(rest, axis=axis), 1, axis=axis)
    return xp.reshape(xp.concat([real - imag, rest], axis=-1), (-1, size(event_shape)))


def matrix_form(matrix: Array, xp: ModuleType) -> Eigenform:
    """M' M for a real matrix (m, d), from its singular values: O(d min(m, d)) per event."""
    _, s, vh = xp.linalg.svd(matrix, full_matrices=False)
    k, d = vh.shape
    if k == d:
        return Eigenform(s * s, partial(_times, matrix=vh.T), partial(_times, matrix=vh))
    values = xp.concat([s * s, xp.zeros(d - k, dtype=s.dtype)])
    return Eigenform(values, *_completed(vh, xp))


def _times(x: Array, matrix: Array) -> Array:
    return x @ matrix


def _completed(
    vh: Array, xp: ModuleType
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """V' and V for an orthogonal V (d, d) whose first k columns are the rows of `vh` (k, d).

    With E the first k columns of the identity and B = vh' O, the block reflector
    Q = I - W T W', W = E - B, T = (I - E' B)^-1, maps E to B, and V = Q diag(O', I). The
    rotation O makes E' B = -P diag(c) P', c >= 0, so T is as well conditioned as can be.
    """
    k, d = vh.shape
    p, c, qh = xp.linalg.svd(vh[:, :k].T)
    rotation = -(qh.T @ p.T)
    w = xp.eye(d, k, dtype=vh.dtype) - vh.T @ rotation
    tw = ((p / (1 + c)) @ p.T) @ w.T
    forward = partial(_reflect_then_turn, w=w, tw=tw, rotation=rotation.T)
    return forward, partial(_turn_then_reflect, w=w, tw=tw, rotation=rotation)


def _reflect_then_turn(x: Array, w: Array, tw: Array, rotation: Array) -> Array:
    return _turn(_reflect(x, w, tw), rotation)


def _turn_then_reflect(z: Array, w: Array, tw: Array, rotation: Array) -> Array:
    return _reflect(_turn(z, rotation), w, tw)


def _reflect(x: Array, w: Array, tw: Array) -> Array:
    return x - (x @ w) @ tw


def _turn(x: Array, rotation: Array) -> Array:
    """A rotation of the leading coordinates."""
    k = rotation.shape[0]
    return array_namespace(x=x).concat([x[:, :k] @ rotation, x[:, k:]], axis=1)
