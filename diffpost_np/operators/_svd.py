"""The singular value decomposition, as maps between events, outputs and coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._xp import Array, array_namespace, as_batch, flatten_events, size
from ._base import Eigenform, Operator, as_cast
from ._convert import as_operator


@dataclass(frozen=True, repr=False, eq=False)
class SVD:
    """The decomposition A = U diag(s) V' with real coordinates, V orthogonal (d, d).

    Everything is in the namespace and precision of `s`.

    Parameters
    ----------
    s : array, shape (d,)
        Singular values, in the order of the coordinates, zero for what is not observed.
    operator : Operator
        A itself.
    form : Eigenform
        The eigenform of Re(A^H A).

    Examples
    --------
    >>> import diffpost_np as dp
    >>> parts = dp.operators.svd(dp.operators.downsample((4,), 2))
    >>> parts.s.round(3)
    array([0.707, 0.   , 0.707, 0.   ])
    """

    s: Array
    operator: Operator
    form: Eigenform

    def vh(self, x: Array) -> Array:
        """Map events to coordinates.

        Parameters
        ----------
        x : array, shape (n, *event_shape)
            Events.

        Returns
        -------
        array, shape (n, d)
            V' x.
        """
        xp = array_namespace(x=x, s=self.s)
        x = as_batch("x", x, self.operator.event_shape, xp=xp, dtype=self.s.dtype)
        return self.form.forward(flatten_events(x, xp))

    def v(self, z: Array) -> Array:
        """Map coordinates to events.

        Parameters
        ----------
        z : array, shape (n, d)
            Coordinates.

        Returns
        -------
        array, shape (n, *event_shape)
            V z.
        """
        xp = array_namespace(z=z, s=self.s)
        z = as_batch("z", z, self.s.shape, xp=xp, dtype=self.s.dtype)
        return xp.reshape(self.form.inverse(z), (-1, *self.operator.event_shape))

    def uh(self, y: Array) -> Array:
        """Map outputs to coordinates.

        Parameters
        ----------
        y : array, shape (n, *output_shape)
            Outputs.

        Returns
        -------
        array, shape (n, d)
            Re(U^H y), zero where s is.
        """
        xp, op = array_namespace(y=y, s=self.s), self.operator
        y = as_batch("y", y, op.output_shape, xp=xp, allow_complex=op.is_complex)
        back = as_cast(self.operator.adjoint(y), self.s, xp)
        return self._divided(self.form.forward(flatten_events(back, xp)))

    def u(self, z: Array) -> Array:
        """Map coordinates to outputs.

        Parameters
        ----------
        z : array, shape (n, d)
            Coordinates; they do not matter where s is zero.

        Returns
        -------
        array, shape (n, *output_shape)
            U z.
        """
        xp = array_namespace(z=z, s=self.s)
        z = as_batch("z", z, self.s.shape, xp=xp, dtype=self.s.dtype)
        return self.operator(self.v(self._divided(z)))

    def __repr__(self) -> str:
        return f"SVD({self.operator!r})"

    def _divided(self, z: Array) -> Array:
        xp = array_namespace(z=z)
        safe = xp.where(self.s > 0, self.s, xp.ones_like(self.s))
        return xp.where(self.s > 0, z / safe, xp.zeros_like(z))


def svd(operator: Any, like: Any = None) -> SVD:
    """Decompose an operator into singular values and real orthonormal coordinates.

    Parameters
    ----------
    operator : Operator, or what `as_operator` takes
        The operator A.
    like : array, optional
        Gives namespace and precision; those of the operator's arrays by default.

    Returns
    -------
    SVD
        `s` and the maps `vh`, `v`, `uh`, `u` between events, outputs and coordinates.

    Raises
    ------
    ValueError
        If the operator has no cheap eigenform, see `Operator.gram`.

    Notes
    -----
    Values below eps * max(m, d) times the largest count as zero. U is formed as A V / s, so a
    coordinate of an output is accurate to eps * max(s) / s. For complex A, U z is complex and
    orthonormal in the real inner product.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> A = np.array([[3.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    >>> parts = dp.operators.svd(A)
    >>> parts.s
    array([3., 2., 0.])
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> np.allclose(parts.u(parts.s * parts.vh(x)), x @ A.T)
    True
    """
    op = as_operator(operator)
    form = op.gram(like)
    if form is None:
        raise ValueError(f"{op!r} has no fast diagonal form and is too large for a dense SVD")
    xp = array_namespace(values=form.values)
    s = xp.sqrt(form.values)
    tiny = float(xp.finfo(s.dtype).eps) * max(size(op.event_shape), size(op.output_shape))
    return SVD(xp.where(s > tiny * xp.max(s), s, xp.zeros_like(s)), op, form)
