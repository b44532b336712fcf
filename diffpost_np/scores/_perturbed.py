"""A score with an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._xp import Array, array_namespace, check_finite, is_array


def perturbed(score: Any, error: Callable[[Array, Any], Array]) -> PerturbedScore:
    """Add an error field to a score, to see what a sampler makes of it.

    Parameters
    ----------
    score : prior or callable
        Anything with `.score(x, sigma)`, or such a function.
    error : callable
        Error(x, sigma), from a batch (n, *event) and a noise level to what is added.

    Returns
    -------
    PerturbedScore
        A callable `score(x, sigma)`. It has none of the prior's other abilities, which would
        know nothing of the error: give samplers `initial=`.

    Raises
    ------
    TypeError
        If `score` or `error` cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([1.0], [[0.0, 0.0]], 1.0)
    >>> shell = lambda x, sigma: 5.0 * (np.sum(x**2, axis=1, keepdims=True) > 4.0) * np.ones(2)
    >>> dp.scores.perturbed(prior, shell)(np.array([[1.0, 0.0], [3.0, 0.0]]), 0.0)
    array([[-1.,  0.],
           [ 2.,  5.]])
    """
    function = getattr(score, "score", score)
    if not callable(function):
        raise TypeError(f"score must have .score(x, sigma) or be that function, got {score!r}")
    if not callable(error):
        raise TypeError(f"error must be a function of (x, sigma), got {error!r}")
    return PerturbedScore(function, error)


@dataclass(frozen=True)
class PerturbedScore:
    """The sum of a score and an error field.

    Parameters
    ----------
    base, error : callable
        Functions of (x, sigma).
    """

    base: Callable[[Array, Any], Array]
    error: Callable[[Array, Any], Array]

    def __call__(self, x: Array, sigma: Any = 0.0) -> Array:
        """The score with its error.

        Parameters
        ----------
        x : array, shape (n, *event)
            Points.
        sigma : float or array of shape (n,), optional
            Noise level.

        Returns
        -------
        array, shape (n, *event)
            score(x, sigma) + error(x, sigma).

        Raises
        ------
        ValueError
            If either returns another shape than that of `x`, or NaN.
        """
        exact, error = self.base(x, sigma), self.error(x, sigma)
        xp = array_namespace(x=x, score=exact, error=error)
        for name, value in (("score", exact), ("error", error)):
            if not is_array(value) or tuple(value.shape) != tuple(x.shape):
                shape = getattr(value, "shape", type(value).__name__)
                raise ValueError(f"{name} must return shape {tuple(x.shape)}, got {shape}")
            check_finite(f"what {name} returns", value, xp)
        return exact + (error if error.dtype == exact.dtype else xp.astype(error, exact.dtype))
