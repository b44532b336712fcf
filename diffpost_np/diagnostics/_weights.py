"""Effective sample size of weights."""

from __future__ import annotations

from typing import Any

from .._xp import array_namespace, as_float_array, device_of


def ess(log_weights: Any) -> float:
    """Effective sample size of importance weights, (sum w)^2 / sum w^2.

    Parameters
    ----------
    log_weights : array, shape (n,)
        Logarithms of the weights, up to a constant; -inf is a weight of zero.

    Returns
    -------
    float
        Between 1 and n: n for equal weights, 1 where one of them is everything.

    Raises
    ------
    ValueError
        If a weight is NaN or infinite, or all are zero.

    References
    ----------
    Kong, Liu and Wong, Sequential imputations and Bayesian missing data problems, JASA 1994.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> round(dp.diagnostics.ess(np.log([0.5, 0.25, 0.25])), 3)
    2.667
    """
    xp = array_namespace(log_weights=log_weights)
    device = device_of(log_weights)
    values = as_float_array(
        "log_weights", log_weights, xp=xp, device=device, shape=(None,), finite=False
    )
    if values.shape[0] == 0:
        raise ValueError("log_weights is empty: it needs at least one weight")
    if not bool(xp.all(values < xp.inf)):
        raise ValueError("log_weights must be finite or -inf, got NaN or inf")
    largest = xp.max(values)
    if float(largest) == -xp.inf:
        raise ValueError("log_weights are all -inf: every weight is zero")
    weights = xp.exp(values - largest)
    return float(xp.sum(weights)) ** 2 / float(xp.sum(weights * weights))
