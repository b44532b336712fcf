"""`critical_window`: the noise that makes samples forget which part of a mixture they came from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import fraction, integer

__all__ = ["CriticalWindow", "critical_window"]


@dataclass(frozen=True)
class CriticalWindow:
    """Times at which samples that start in one part of a mixture begin to fill a larger part.

    They are times T of the Ornstein-Uhlenbeck process x_T = e^-T x_0 + sqrt(1 - e^-2T) z, whose
    noise level `schedules.OU().noise_level(T)` is sqrt(e^2T - 1). The window is
    [T_after, T_end]: below it samples return to `initial`, beyond it they fill `target`, until
    at T_start they begin to leave that as well.

    Parameters
    ----------
    T_after : float
        Last time at which `initial` and the rest of the mixture are at least 1 - eps^2 apart in
        total variation; -inf if they never are, inf if nothing is left.
    T_end : float
        First time at which `initial` and `target` are within eps.
    T_start : float
        Last time at which `target` and the rest are at least 1 - eps^2 apart; -inf, inf as above.
    bound : float
        Largest total variation between `target` and what comes back from `initial`, for all
        T in [T_end, T_start]: eps (1 + max(1, W) / sqrt(2)), where W is the weight of the rest
        over that of `target`.
    exact : bool
        Whether the times are those of the definitions. If not, T_after and T_start are no
        later and T_end is no earlier than those.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.5, 0.5], [[-4.0], [4.0]], 1.0)
    >>> window = dp.sampling.critical_window(prior, [0], [0, 1])
    >>> window.T_after < math.log(4.0) < window.T_end
    True
    >>> round(window.width, 3)
    2.319
    """

    T_after: float
    T_end: float
    T_start: float
    bound: float
    exact: bool

    @property
    def width(self) -> float:
        """Length of the critical window, T_end - T_after."""
        return self.T_end - self.T_after


def critical_window(prior: Any, initial: Any, target: Any, eps: float = 0.1) -> CriticalWindow:
    """Find the noise after which samples of one part of a mixture come back as a larger part.

    What comes back is that of `noise_then_denoise` with method 'exact', from points of `initial`.

    Parameters
    ----------
    prior : GaussianMixture
        The mixture.
    initial : sequence of int
        Components that points start from.
    target : sequence of int
        Components among which they end, those of `initial` included; all of them for the whole
        mixture, out of which no noise leads.
    eps : float, optional
        Total variation up to which two laws count as merged, inside (0, 1); they count as
        separated from 1 - eps^2 on.

    Returns
    -------
    CriticalWindow
        The times, and whether they are exact.

    Raises
    ------
    ValueError
        If an index is out of range, a part is empty or has no weight, `target` lacks an index
        of `initial`, or `eps` is out of range.
    TypeError
        If `prior` is not a Gaussian mixture, or an index is not an integer.

    Notes
    -----
    Times are exact in one dimension, and where all components share a covariance and their means
    lie on a line. Else they come from bounds on total variations by pairs of components: the best
    guess of one of two, where covariances are shared, and the Bhattacharyya coefficient, where
    they are not. Bounds hold in every dimension and for all weights and covariances; they
    replace, and are never worse than, formulas in the extreme eigenvalues. Covariances that are
    matrices of their own cost an eigendecomposition for each pair.

    References
    ----------
    Li, Chen, arXiv 2403.01633; the definitions and the bound are those of Li, Karan, Chen,
    arXiv 2502.00921, theorem 1.

    Examples
    --------
    Two close components and one that is far away: noise of level 5 mixes the two, and only them.

    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.2, 0.3, 0.5], [[0.0], [1.0], [90.0]], 0.5)
    >>> window = dp.sampling.critical_window(prior, initial=[0], target=[0, 1])
    >>> ou = dp.schedules.OU()
    >>> bool(ou.noise_level(window.T_end) < 5.0 < ou.noise_level(window.T_start))
    True
    >>> x = np.random.default_rng(0).normal(0.0, 0.7, (2000, 1))
    >>> back = dp.sampling.noise_then_denoise(prior, x, 5.0, method="exact", rng=0).samples
    >>> bool(np.all(back < 45)), round(float(np.mean(back)), 1)  # 0.6 for the pair
    (True, 0.6)
    """
    from ._overlap.components import components_of
    from ._overlap.separation import laws_of, merged_from, separated_until

    parts = components_of(prior)
    start = _subset("initial", initial, parts.weights)
    end = _subset("target", target, parts.weights)
    if not set(start) <= set(end):
        raise ValueError(f"target must include initial, {start}, got {end}")
    eps, laws = fraction("eps", eps), laws_of(parts)
    beyond, outside = _complement(end, parts.weights), _complement(start, parts.weights)
    ratio = float(np.sum(parts.weights[beyond]) / np.sum(parts.weights[end]))
    return CriticalWindow(
        T_after=separated_until(laws, start, outside, eps),
        T_end=merged_from(laws, start, end, eps),
        T_start=separated_until(laws, end, beyond, eps),
        bound=eps * (1 + max(1.0, ratio) / math.sqrt(2)),
        exact=laws.exact,
    )


def _subset(name: str, value: Any, weights: np.ndarray) -> list[int]:
    """Components in increasing order, without those of no weight."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a list of components, got {value!r}")
    last = len(weights) - 1
    indices = {integer(f"{name}, every index,", k, minimum=0, maximum=last) for k in value}
    chosen = [k for k in sorted(indices) if weights[k] > 0]
    if not chosen:
        raise ValueError(f"{name} must have a component of positive weight, got {value!r}")
    return chosen


def _complement(subset: list[int], weights: np.ndarray) -> list[int]:
    return [k for k in range(len(weights)) if k not in subset and weights[k] > 0]
