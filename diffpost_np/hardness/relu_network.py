"""Networks of rectified linear units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._xp import Array, array_namespace, as_batch, map_rows, short_name

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["ReLUNetwork"]


class ReLUNetwork:
    """A function that is made of sums and positive parts.

    Units stand level by level: one reads inputs and units of lower levels. Get one from
    `OneWayPrior.relu_network`.

    Parameters
    ----------
    weights : sparse array, shape (n_units, n_inputs + n_units)
        What a unit takes of the inputs and of the units below it.
    biases : array, shape (n_units,)
        Its constant.
    output_weights : sparse array, shape (n_outputs, n_inputs + n_units)
        What an output takes of them.
    output_biases : array, shape (n_outputs,)
        Its constant.
    ends : array of int, shape (depth,)
        Where each level ends.

    Attributes
    ----------
    n_inputs, n_outputs, n_units, n_weights, depth : int
        Sizes; weights count where they are not zero.
    largest_weight : float
        The largest absolute weight or constant.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> prior = dp.hardness.OneWayPrior(4, 4, "arx", spacing=0.4, radius=8.0)
    >>> network = prior.relu_network(0.1)
    >>> x = prior.sample(1000, rng=0) + 0.1 * dp.random.normal(dp.random.key(1), (1000, 8))
    >>> error = ((network(x) - prior.score(x, 0.1)) ** 2).sum(axis=1).mean()
    >>> bool(error < 1e-4 / 0.1**2)
    True
    """

    def __init__(
        self,
        weights: csr_array,
        biases: np.ndarray,
        output_weights: csr_array,
        output_biases: np.ndarray,
        ends: np.ndarray,
    ) -> None:
        self.weights, self.biases, self.ends = weights, biases, ends
        self.output_weights, self.output_biases = output_weights, output_biases
        self.n_units, self.n_outputs = len(biases), len(output_biases)
        self.n_inputs = weights.shape[1] - self.n_units
        self.depth = len(ends)
        self.n_weights = int(weights.nnz + output_weights.nnz)
        numbers = (weights.data, biases, output_weights.data, output_biases)
        self.largest_weight = max(float(np.max(np.abs(a), initial=0.0)) for a in numbers)

    def __call__(self, x: Any) -> Array:
        """Outputs at a batch of points.

        Parameters
        ----------
        x : array, shape (n, n_inputs)
            Points, of NumPy.

        Returns
        -------
        array, shape (n, n_outputs)
            The outputs, in the dtype of `x`.

        Raises
        ------
        ValueError
            If `x` has another shape or is not finite.
        TypeError
            If `x` is not of NumPy.
        """
        xp = array_namespace(x=x)
        if short_name(xp) != "numpy":
            raise TypeError(f"x must be a NumPy array, got one of {short_name(xp)}")
        x = as_batch("x", x, (self.n_inputs,), xp=xp)
        return map_rows(self._evaluate, 8 * self.weights.shape[1], xp, x).astype(x.dtype)

    def __repr__(self) -> str:
        return (
            f"ReLUNetwork({self.n_inputs} -> {self.n_outputs}, {self.n_units} units, "
            f"{self.n_weights} weights up to {self.largest_weight:.3g}, depth {self.depth})"
        )

    def _evaluate(self, x: np.ndarray) -> np.ndarray:
        values = np.zeros((self.weights.shape[1], len(x)))
        values[: self.n_inputs] = x.T
        units, start = values[self.n_inputs :], 0
        for end in self.ends.tolist():
            total = self.weights[start:end] @ values + self.biases[start:end, None]
            np.maximum(total, 0.0, out=units[start:end])
            start = end
        return (self.output_weights @ values + self.output_biases[:, None]).T
