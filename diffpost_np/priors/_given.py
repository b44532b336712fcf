"""Drawing x given x + sigma z, for the priors that do it exactly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._checks import chain
from .._xp import Array
from ..random import Key, key
from ._base import Prior


class SampledGiven(Prior):
    """A prior that implements `_sample_given` on flattened batches."""

    def sample_given(
        self, x_noisy: Array, sigma: Any, rng: Any = None, *, first_chain: int = 0
    ) -> Array:
        """Draw x given x + sigma z = x_noisy, exactly, one draw for each point.

        Parameters
        ----------
        x_noisy : array, shape (n, *event_shape)
            Noisy points.
        sigma : float or array of shape (n,)
            Noise level, at least 0.
        rng : optional
            What `diffpost_np.random.key` takes.
        first_chain : int, optional
            Index of the first point in a larger run.

        Returns
        -------
        array, shape (n, *event_shape)
            One draw for each row.

        Raises
        ------
        ValueError
            If an argument has a wrong shape or is not finite.
        """
        xp, flat, level = self._enter(x_noisy, sigma, allow_degenerate=True, name="x_noisy")
        first = chain("first_chain", first_chain)
        own = key(rng).fold("prior.sample_given")
        return self._as_events(xp, self._sample_given(xp, flat, level, own, first))

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        raise NotImplementedError
