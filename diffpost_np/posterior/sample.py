"""`sample`: the front door."""

from __future__ import annotations

import time
from typing import Any

from .._progress import reporter
from .._result import Result
from ._arguments import is_conjugate
from ._problem import Problem
from .annealed_smc import annealed_smc
from .exact import exact

__all__ = ["sample"]


def sample(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    **options: Any,
) -> Result:
    """Samples of p(x | y) by the best means there are: exact if conjugate, else `annealed_smc`.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable.
    measurement : LinearGaussian or likelihood
        A measurement, or any object with `log_likelihood(x, y)` and `log_likelihood_grad(x, y)`.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    n_samples : int, optional
        Number of samples, at least 1.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per level and may return True to stop.
    **options
        Further arguments of `annealed_smc`; with any of them that sampler runs even where an
        exact one exists.

    Returns
    -------
    Result
        Samples; `method` says which way they came.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, or images of a
        `PatchGrid` are too large: `split_gibbs` samples them.
    TypeError
        If array types are mixed or the prior lacks an ability.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 0.0]]), 0.1)
    >>> dp.posterior.sample(prior, measurement, [1.0], n_samples=10, rng=0).method
    'exact'
    """
    if options or not is_conjugate(prior, measurement):
        return annealed_smc(
            prior, measurement, y, n_samples=n_samples, rng=rng, progress=progress, **options
        )
    started = time.perf_counter()
    given = (prior, measurement, y, rng, n_samples)
    problem = Problem("sample", *given, progress=progress, warned=True)
    posterior = exact(prior, measurement, y)
    with reporter(progress, "sample") as report:
        draws = posterior.sample(problem.n_samples, rng=problem.key)
        report(1, 1)
    return Result(
        samples=problem.xp.astype(draws, problem.dtype),
        method="exact",
        n_score_evals=0,
        n_rounds=0,
        seconds=time.perf_counter() - started,
        key=problem.key,
        log_evidence=posterior.log_evidence,
        warnings=problem.reasons,
    )
