"""`split_gibbs`: a latent copy of x parts the prior from the measurement."""

from __future__ import annotations

import time
from typing import Any

from .._checks import integer
from .._result import Result
from .._threads import single_threaded_blas
from ._couplings import couplings
from ._given_latent import given_latent
from ._problem import Problem
from ._split_sampler import Sampler, draws_of, number_of_chains

__all__ = ["split_gibbs"]


def split_gibbs(
    prior: Any,
    measurement: Any,
    y: Any,
    *,
    n_samples: int = 1000,
    rng: Any = None,
    progress: Any = False,
    rho: float | None = None,
    rho_max: float | None = None,
    n_levels: int = 20,
    sweeps_per_level: int = 4,
    n_chains: int | None = None,
    thin: int = 10,
    unbiased: bool | None = None,
    initial: Any = None,
    first_chain: int = 0,
    resume: Result | None = None,
) -> Result:
    """Gibbs sampling of x and a latent z = x + rho N(0, I): one sees the prior, one the data.

    A sweep draws z given x, which is a denoising problem for the prior, and x given z and y,
    which is Gaussian. The coupling rho falls in levels; then sweeps are kept.

    Parameters
    ----------
    prior : prior
        Anything with `.sample_given(x, sigma, rng=)`, or a `PatchProduct`, of which every sweep
        takes a random grid.
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape
        What was measured. Samples have its dtype and namespace.
    n_samples : int, optional
        Number of samples, over all chains.
    rng : optional
        What `diffpost_np.random.key` takes.
    progress : bool or callable, optional
        True shows a bar; a callable gets a record per sweep and may return True to stop.
    rho : float, optional
        The last coupling, positive, in the units of x. By default the largest without bias,
        1 / |N^(-1/2) A|, or half of that where there is a bias: see the notes. About half a
        typical posterior standard deviation mixes faster.
    rho_max : float, optional
        The first coupling, at least `rho`; ten times that by default.
    n_levels, sweeps_per_level : int, optional
        Couplings on the way from `rho_max` to `rho`, spaced evenly in their logarithm, and
        sweeps at each; they are not kept.
    n_chains : int, optional
        Independent chains, a draw of each in turn; by default a chain for every sample, and 4
        for events of 4096 entries or more.
    thin : int, optional
        Sweeps between two draws of a chain.
    unbiased : bool, optional
        Whether the step of x leaves to z all the noise of y, which is possible for rho up to
        1 / |N^(-1/2) A|, and for operators with an eigenform; wherever possible by default.
    initial : array or callable, optional
        Where chains start, `(n_chains, *event)` or one event for all, or a function of their
        number, which takes `first_chain=` where that is not 0. By default draws of
        `prior.sample`, else the constant that explains y best.
    first_chain : int, optional
        Index of the first chain in a larger run.
    resume : Result, optional
        A stopped run, to go on from there, to the same bits; give the other arguments again.

    Returns
    -------
    Result
        Draws of z: the first of every chain, then the second, and so on. `stages["mean"]` is
        a mean over all kept sweeps, thinned or not: of z where there is no bias, else of
        E[x | z, y], or of draws of x where conjugate gradients make them; `stages["mean_z"]` is
        that of z in any case. `trace` has "rho" of every sweep and whether it is "unbiased", and
        "rhat" of every pixel, which compares the means of several chains. Score evaluations count
        draws of the denoising problem.

    Raises
    ------
    ValueError
        If an argument is out of range, has a wrong shape or is not finite, or `unbiased` is
        asked for where it is not possible.
    TypeError
        If array types are mixed, the prior has no `.sample_given`, or the measurement is not
        linear Gaussian.

    Warns
    -----
    RuntimeWarning
        If the prior is one of patches, and y or `initial` have values unlike its images', as in
        other units; or if chains disagree after a hundred kept sweeps, by a mean R-hat above 1.3.

    Notes
    -----
    The law of (x, z) is p(z) N(x; z, rho^2) p(y | x) for a prior whose draws are exact. So z has
    the posterior of y = A z + noise of covariance N + rho^2 A A', and x that of the prior with
    noise rho. The unbiased kind sees N - rho^2 A A' from x, and z has the posterior itself. With
    bias at half of the limit the noise is at most 5/4 N: in five problems of two dimensions
    standard deviations grew by at most 10 % on average over y, by 35 % at the limit itself.
    Successive draws depend on each other: it takes some (posterior standard deviation / rho)^2
    sweeps to forget, so trust chains that agree (`rhat` near 1). For a `PatchProduct` no law is
    invariant under all grids; a sweep tends to a step of Langevin with rho^2 as half its step size
    and an unbiased estimate of the score, hence its law to the posterior, as rho tends to 0.

    The step of x costs two changes of basis for masks, periodic convolutions, block means and
    small matrices; conjugate gradients otherwise, whose rounding is about 1e-5 in float32.

    References
    ----------
    Vono, Dobigeon, Chainais, "Split-and-augmented Gibbs sampler", IEEE Trans. Signal Process.
    67, 2019. Wu, Sun, Chen, Zhang, Yue, Bouman, arXiv 2405.18782 (PnP-DM).

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], 0.5)
    >>> measurement = dp.LinearGaussian(np.array([[1.0]]), 1.0)
    >>> result = dp.posterior.split_gibbs(prior, measurement, [0.5], rng=0)
    >>> exact = dp.posterior.exact(prior, measurement, [0.5])
    >>> bool(abs(result.mean() - exact.mean()).max() < 0.2)
    True
    """
    started = time.perf_counter()
    problem = Problem(
        *("split_gibbs", prior, measurement, y, rng, n_samples, resume, progress, first_chain),
        scored=False,
    )
    thin, chains = integer("thin", thin), number_of_chains(problem, n_chains)
    problem.fix(thin=thin, n_chains=chains)
    given, n_kept = draws_of(problem), thin * -(-problem.n_samples // chains)
    with single_threaded_blas(problem.xp):
        step = given_latent(problem)
        asked = (rho, rho_max, n_levels, sweeps_per_level, unbiased)
        coupled = couplings(problem, step, n_kept, *asked)
        sampler = Sampler(problem, given, step, coupled, chains, thin)
        state = sampler.advance(sampler.start(initial))
        return sampler.result(state, started)
