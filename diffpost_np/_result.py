"""What every sampler returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._xp import Array, array_namespace, as_float_array
from .random import Key

__all__ = ["Result"]


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Samples, what they cost and how the run went.

    Parameters
    ----------
    samples : array, shape (n_samples, *event_shape)
        The samples. A run that goes on starts from them: write to a copy.
    method : str
        The sampler that drew them.
    n_score_evals : int
        Points at which the prior's score was evaluated, over all chains.
    n_rounds : int
        Batched calls of the score.
    seconds : float
        Wall time.
    key : Key
        Key of the run.
    state : object, optional
        Where the run stands: `resume=` takes the result to go on from there, to the same bits.
    log_evidence : float, optional
        Estimate of log p(y), where the sampler has one.
    acceptance_rate : float, optional
        Mean acceptance of the moves, where it makes sense.
    ess : float, optional
        Effective sample size of the last weights, where there are weights; moves follow them.
    finished : bool, optional
        False where `progress` asked the run to stop.
    n_proposals : int, optional
        Draws of the prior that were accepted or rejected, where a sampler does that.
    exhausted : bool, optional
        Whether the proposals allowed were used up, so that samples may be fewer than asked for.
    warnings : tuple of str, optional
        Reasons to distrust the run; they were issued as warnings too.
    trace : dict, optional
        Numbers per step or level, arrays on the host.
    stages : dict, optional
        Batches at named stages of samplers that have several.
    trajectory : array, shape (n_kept, n_samples, *event_shape), optional
        Batches on the way, where they were asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 0.0]]), 0.1)
    >>> result = dp.posterior.sample(prior, measurement, [1.0], n_samples=400, rng=0)
    >>> low, high = result.quantile([0.05, 0.95])
    >>> low.shape
    (2,)
    >>> bool(result.std()[0] < result.std()[1])
    True
    """

    samples: Array
    method: str
    n_score_evals: int
    n_rounds: int
    seconds: float
    key: Key
    state: Any = None
    log_evidence: float | None = None
    acceptance_rate: float | None = None
    ess: float | None = None
    finished: bool = True
    n_proposals: int | None = None
    exhausted: bool = False
    warnings: tuple[str, ...] = ()
    trace: dict[str, np.ndarray] = field(default_factory=dict)
    stages: dict[str, Array] = field(default_factory=dict)
    trajectory: Array | None = None

    def mean(self) -> Array:
        """Mean of every entry over the samples.

        Returns
        -------
        array, shape event_shape
            The means.

        Raises
        ------
        ValueError
            If there is no sample.
        """
        return self._namespace().mean(self.samples, axis=0)

    def std(self) -> Array:
        """Standard deviation of every entry over the samples.

        Returns
        -------
        array, shape event_shape
            The standard deviations.

        Raises
        ------
        ValueError
            If there is no sample.
        """
        return self._namespace().std(self.samples, axis=0)

    def quantile(self, q: Any) -> Array:
        """Quantile of every entry over the samples.

        Parameters
        ----------
        q : float or sequence of float
            Levels in [0, 1]; between two order statistics the value is interpolated linearly.

        Returns
        -------
        array, shape event_shape or (len(q), *event_shape)
            The quantiles, one leading entry for each of several levels.

        Raises
        ------
        ValueError
            If `q` lies outside [0, 1], is empty or has more than one axis, or there is no sample.
        TypeError
            If `q` is not made of numbers.
        """
        self._namespace()
        return quantiles(self.samples, q)

    def __repr__(self) -> str:
        n = self.samples.shape[0]
        parts = [
            f"{self.method}: {n} samples of shape {tuple(self.samples.shape[1:])}",
            self._cost(n),
            f"{self.seconds:.2f} s",
        ]
        if self.log_evidence is not None:
            parts.append(f"log evidence {self.log_evidence:.2f}")
        if self.warnings:
            parts.append(f"{len(self.warnings)} warnings")
        if self.exhausted:
            parts.append("proposals exhausted")
        if not self.finished:
            parts.append("stopped early")
        return f"<{', '.join(parts)}>"

    def _cost(self, n: int) -> str:
        """What a sample cost, in the sampler's own coin."""
        if self.n_proposals is not None:
            share = f"{self.n_proposals / max(n, 1):.4g} proposals"
            return f"{share} each" if n else share
        return f"{self.n_score_evals / max(n, 1):.0f} score evaluations each"

    def _namespace(self) -> Any:
        """The namespace of the samples, of which there must be some."""
        if self.samples.shape[0] == 0:
            stopped = "the run was stopped before the first draw"
            why = stopped if self.n_proposals is None else "no proposal was accepted"
            raise ValueError(f"samples is empty: {why}")
        return array_namespace(samples=self.samples)


def quantiles(samples: Array, q: Any) -> Array:
    """Quantiles over the first axis, one leading entry for each of several levels."""
    levels = as_float_array("q", q)
    if levels.ndim > 1 or levels.size == 0 or levels.min() < 0 or levels.max() > 1:
        raise ValueError(f"q must be a level or a list of levels, all in [0, 1], got {q!r}")
    xp = array_namespace(samples=samples)
    ordered = xp.sort(samples, axis=0)
    parts = [_at_level(ordered, float(level)) for level in np.atleast_1d(levels)]
    return xp.stack(parts) if levels.ndim else parts[0]


def _at_level(ordered: Array, level: float) -> Array:
    """The quantile of samples in order, between two of them by linear interpolation."""
    place = level * (ordered.shape[0] - 1)
    below = int(place)
    low, high = ordered[below, ...], ordered[min(below + 1, ordered.shape[0] - 1), ...]
    return low + (place - below) * (high - low)
