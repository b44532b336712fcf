"""`exact`: the posterior in closed form, where there is one."""

from __future__ import annotations

from typing import Any

from ._arguments import check_conjugate

__all__ = ["exact"]


def exact(prior: Any, measurement: Any, y: Any) -> Any:
    """The posterior in closed form.

    Parameters
    ----------
    prior : prior
        A prior with `.posterior(measurement, y)`: Gaussians, mixtures, data sets.
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape
        What was measured.

    Returns
    -------
    prior
        The law p(x | y), with all the abilities of a prior; `log_evidence` is log p(y).

    Raises
    ------
    TypeError
        If the prior is not conjugate to the measurement.
    ValueError
        If shapes do not fit or an entry is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(1), 1.0)
    >>> dp.posterior.exact(prior, dp.LinearGaussian(np.eye(1), 1.0), [2.0]).mean()
    array([1.])
    """
    check_conjugate(prior, measurement, _remedy(prior))
    return prior.posterior(measurement, y)


def _remedy(prior: Any) -> str:
    if hasattr(prior, "enumerated"):  # priors whose conjugate form is dear
        return "take its .enumerated()"
    on_grids = hasattr(prior, "grid_sample_given")
    return f"use diffpost_np.posterior.{'split_gibbs' if on_grids else 'sample'}"
