"""`rejection_cost`: what `rejection` will cost, before it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._result import quantiles
from .._xp import Array, array_namespace, as_float_array, check_shape, host
from ..measurement import LinearGaussian
from ._arguments import check_conjugate
from ._envelope import best_fits
from .exact import exact

__all__ = ["RejectionCost", "rejection_cost"]

_REMEDY = "run diffpost_np.posterior.rejection and count"


@dataclass(frozen=True, repr=False, eq=False)
class RejectionCost:
    """Expected trials of `rejection` for a sample, over measurements.

    Parameters
    ----------
    log_trials : array, shape (n,)
        Logarithm of the expected number of trials at each measurement, on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> cost = dp.posterior.RejectionCost(np.log([2.0, 4.0, 8.0]))
    >>> cost
    <RejectionCost: 3 measurements, log trials 1.386 +- 0.4, median 4 trials>
    """

    log_trials: np.ndarray

    def mean(self) -> float:
        """Mean of the logarithms.

        Returns
        -------
        float
            The mean; that of the trials themselves is infinite.
        """
        return float(np.mean(self.log_trials))

    def standard_error(self) -> float:
        """Standard error of the mean.

        Returns
        -------
        float
            The error, NaN for one measurement.
        """
        n = self.log_trials.size
        return float(np.std(self.log_trials, ddof=1)) / math.sqrt(n) if n > 1 else math.nan

    def quantile(self, q: Any) -> Any:
        """Quantile of the logarithms over the measurements.

        Parameters
        ----------
        q : float or sequence of float
            Levels in [0, 1].

        Returns
        -------
        float or array, shape (len(q),)
            The quantiles.

        Raises
        ------
        ValueError
            If `q` lies outside [0, 1], is empty or has more than one axis.
        TypeError
            If `q` is not made of numbers.
        """
        return quantiles(self.log_trials, q)

    def __repr__(self) -> str:
        log_median = float(self.quantile(0.5))
        median = math.exp(log_median) if log_median < 700 else math.inf
        return (
            f"<RejectionCost: {self.log_trials.size} measurements, log trials "
            f"{self.mean():.4g} +- {self.standard_error():.2g}, median {median:.3g} trials>"
        )


def rejection_cost(prior: Any, measurement: LinearGaussian, y: Any) -> RejectionCost:
    """Trials that `rejection` needs for a sample, exactly, where the prior is conjugate.

    Parameters
    ----------
    prior : prior
        A prior with `.posterior(measurement, y)`: Gaussians, mixtures, data sets.
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape or (n, *output_shape)
        What was measured, or many measurements, as `measurement.simulate` makes them of draws
        from the prior.

    Returns
    -------
    RejectionCost
        Logarithms of the expected trials at each y, with mean, standard error and quantiles.

    Raises
    ------
    TypeError
        If the prior is not conjugate to the measurement.
    ValueError
        If shapes do not fit or an entry is not finite.

    Notes
    -----
    Trials are geometric with mean sup_x p(y | x) / p(y), which is 1 / ((2 pi beta^2)^(m/2) p(y))
    for noise of size beta on m outputs that A maps onto. Over y their mean is infinite, as the
    integral of 1 / p(y) against p(y) is the volume of all y: look at logarithms and quantiles.

    For x ~ N(0, I) and A A' = I the mean of the logarithms is
    (m / 2) (log((1 + beta^2) / beta^2) + 1), a factor of about sqrt(e) / beta for each output, and
    the logarithms are (m / 2) log((1 + beta^2) / beta^2) plus half of a chi-squared of m degrees.
    For any prior with E|y|^2 <= c m the trials are at most
    (2 / delta) (2 e c / (delta beta^2))^(m/2) with probability 1 - delta over y.

    For other priors, digamma(T) - digamma(S) of a run of `rejection` that took T proposals for
    S samples estimates the logarithm without bias, even for S = 1.

    One posterior in closed form for each y.

    References
    ----------
    Gupta, Jalal, Parulekar, Price, Xun, arXiv 2402.12727, the upper bound.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(4), 1.0)
    >>> measurement = dp.LinearGaussian(np.eye(2, 4), 0.3)
    >>> y = measurement.simulate(prior.sample(200, rng=0), rng=1)
    >>> cost = dp.posterior.rejection_cost(prior, measurement, y)
    >>> expected = np.log(1.09 / 0.09) + 1
    >>> bool(abs(cost.mean() - expected) < 3 * cost.standard_error())
    True
    """
    check_conjugate(prior, measurement, _REMEDY)
    batch = _checked_batch(measurement, y)
    xp = array_namespace(y=batch)
    evidence = [
        exact(prior, measurement, batch[i, ...]).log_evidence for i in range(batch.shape[0])
    ]
    suprema, _, _ = best_fits(xp, measurement, batch)
    return RejectionCost(host(suprema) - np.asarray(evidence))


def _checked_batch(measurement: LinearGaussian, y: Any) -> Array:
    """Measurements (n, *output), at least one."""
    xp = array_namespace(y=y, **measurement._arrays())
    batch = as_float_array("y", y, xp=xp, allow_complex=measurement.operator.is_complex)
    if batch.ndim != len(measurement.output_shape) + 1:
        check_shape("y", batch, measurement.output_shape)
        return batch[None, ...]
    check_shape("y", batch, (None, *measurement.output_shape))
    if batch.shape[0] == 0:
        raise ValueError("y is an empty batch: it needs at least one measurement")
    return batch
