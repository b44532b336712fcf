"""Ranks of the truth among posterior samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import integer
from .._xp import Array, array_namespace, as_float_array, device_of, is_array
from ..random import Purpose, key, uniform
from ._problems import as_problems, columns


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the truth among posterior samples.

    Parameters
    ----------
    ranks : array of int, shape (k, *statistic)
        In 0, ..., n_draws: how many samples lie below the truth; equally likely if the sampler
        is right.
    n_draws : int
        Samples per problem.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> ranks = dp.diagnostics.Ranks(np.zeros((100, 1), dtype=int), n_draws=19)
    >>> bool(ranks.p_values()[0] < 1e-6)
    True
    """

    ranks: Array
    n_draws: int

    def p_values(self, n_bins: int | None = None) -> np.ndarray:
        """Chi-square tests of uniformity, one for each statistic.

        Parameters
        ----------
        n_bins : int, optional
            How many bins, from 2 to `n_draws + 1`; by default at most 20, with five expected
            ranks in each.

        Returns
        -------
        ndarray, shape statistic
            The p-values. They are not corrected for how many there are.

        Raises
        ------
        ValueError
            If `n_bins` is out of its range.
        """
        from scipy.special import chdtrc

        xp = array_namespace(ranks=self.ranks)
        n, values = self.ranks.shape[0], self.n_draws + 1
        default = max(2, min(20, values, n // 5))
        bins = integer("n_bins", default if n_bins is None else n_bins, minimum=2)
        if bins > values:
            raise ValueError(f"n_bins must be at most n_draws + 1 = {values}, got {bins}")
        sizes = np.bincount(np.arange(values) * bins // values)
        place = self.ranks * bins // values
        statistic = xp.zeros(self.ranks.shape[1:], dtype=xp.float64)
        for b, size in enumerate(sizes.tolist()):
            expected = n * size / values
            count = xp.sum(xp.astype(place == b, xp.float64), axis=0)
            statistic = statistic + (count - expected) ** 2 / expected
        flat = [float(v) for v in xp.reshape(statistic, (-1,))]
        return np.reshape(chdtrc(bins - 1, np.asarray(flat)), statistic.shape)


def sbc_ranks(
    samples: Any,
    truth: Any,
    *,
    statistic: Callable[[Array], Array] | None = None,
    rng: Any = None,
) -> Ranks:
    """Rank truths among posterior samples, for simulation-based calibration.

    Parameters
    ----------
    samples : list of k arrays, shape (n, *event)
        For every problem, samples given the y that was simulated from its truth; independent
        ones, thinned if they come from one chain.
    truth : array, shape (k, *event)
        Truths drawn from the prior.
    statistic : callable, optional
        From a batch `(n, *event)` to numbers `(n, ...)` that are ranked instead of the
        coordinates: a norm, a log likelihood.
    rng : optional
        What `diffpost_np.random.key` takes; breaks ties at random, so that discrete posteriors
        have uniform ranks too.

    Returns
    -------
    Ranks
        `.ranks`, and `.p_values()` of their uniformity.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or the problems differ in their number of
        samples.
    TypeError
        If `samples` is not a list, or array types are mixed.

    References
    ----------
    Talts et al., Validating Bayesian inference algorithms with simulation-based calibration,
    arXiv 1804.06788, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> draws = np.random.default_rng(0).normal(size=(200, 100, 1))
    >>> truth, samples = draws[:, 0], list(draws[:, 1:])
    >>> dp.diagnostics.sbc_ranks(samples, truth, rng=0).p_values() > 0.01
    array([ True])
    """
    if is_array(samples):
        raise TypeError("samples must be a list of arrays, one for each truth")
    if statistic is not None and not callable(statistic):
        raise TypeError(f"statistic must be a function of a batch, got {statistic!r}")
    problems = as_problems(samples, truth)
    counts = {s.shape[0] for s, _ in problems}
    if len(counts) > 1:
        raise ValueError(f"samples must be equally many in every problem, got {sorted(counts)}")
    xp = array_namespace(truth=problems[0][1])
    root = key(rng).fold("diagnostics.sbc_ranks")
    rows = []
    for i, (s, t) in enumerate(problems):
        below, ties = _counts(xp, *_statistics(xp, statistic, s, t))
        place = {"purpose": Purpose.AUXILIARY, "first_chain": i, "like": s}
        u = uniform(root, (1, *below.shape), **place)[0, ...]
        rows.append(below + xp.astype(xp.floor(u * xp.astype(ties + 1, u.dtype)), xp.int64))
    return Ranks(xp.stack(rows), counts.pop())


def _statistics(
    xp: ModuleType, statistic: Callable[[Array], Array] | None, samples: Array, truth: Array
) -> tuple[Array, Array]:
    """The statistic of the samples (n, ...) and of the truth (...)."""
    if statistic is None:
        return samples, truth
    n = samples.shape[0]
    values, target = (
        as_float_array("statistic", statistic(x), xp=xp, device=device_of(samples))
        for x in (samples, truth[None, ...])
    )
    if values.ndim == 0 or values.shape[0] != n or target.shape != (1, *values.shape[1:]):
        raise ValueError(f"statistic must return shape ({n}, ...), got {tuple(values.shape)}")
    return values, target[0, ...]


def _counts(xp: ModuleType, values: Array, target: Array) -> tuple[Array, Array]:
    """How many values lie below the target, and how many equal it."""
    n = values.shape[0]
    flat, t = xp.reshape(values, (n, -1)), xp.reshape(target, (-1,))
    below, ties = [], []
    for block in columns(n, flat.shape[1]):
        part, against = flat[:, block], t[block]
        below.append(xp.sum(xp.astype(part < against, xp.int64), axis=0))
        ties.append(xp.sum(xp.astype(part == against, xp.int64), axis=0))
    return tuple(xp.reshape(xp.concat(c), target.shape) for c in (below, ties))
