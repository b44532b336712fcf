"""`probability_flow`: the flow as a right-hand side for the solvers of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arguments import check_heat_consistent, event_shape_of, held
from .._checks import flag, instance, number
from .._run import Run
from .._xp import array_namespace, as_float_array
from ._log_density.divergence import Divergence, estimate

__all__ = ["probability_flow"]


def probability_flow(
    prior: Any,
    *,
    event_shape: Any = None,
    log_density: bool = False,
    divergence: str = "auto",
    n_probes: int = 16,
    probes: str = "rademacher",
    rng: Any = None,
) -> Callable[[float, Any], np.ndarray]:
    """Right-hand side of the probability flow, for `scipy.integrate.solve_ivp` and its kin.

    It is dy / dsigma = (y - D(y, sigma)) / sigma = -sigma score(y, sigma), on points
    y = x_0 + sigma z, from noise to data or back; the solver's time is the noise level.

    Parameters
    ----------
    prior : prior or callable
        Anything with `.score(x, sigma)`, or that callable, on NumPy arrays.
    event_shape : tuple of int, optional
        Shape of an event, for scores that do not tell it.
    log_density : bool, optional
        Whether the state ends with one log density for each point, which follows
        d log p / dsigma = -tr(I - J) / sigma, J the Jacobian of the denoiser.
    divergence : str, optional
        How that trace is found, as in `ode_log_density`.
    n_probes : int, optional
        Number of probes for each point, at least 2.
    probes : str, optional
        'rademacher' or 'normal', as in `ode_log_density`.
    rng : optional
        What `diffpost_np.random.key` takes; the probes come from it, the same in all calls.

    Returns
    -------
    callable
        `f(sigma, state)`, where `state` is a vector: a batch (n, *event_shape) in C order, and
        then its n log densities if asked for. It returns the derivative, of the same length.

    Raises
    ------
    ValueError
        If an argument is out of range; in calls of `f`, if `state` has a wrong length or is not
        finite, `sigma` is negative, or the score is not finite.
    TypeError
        If an argument is of another kind or an ability is missing.

    Notes
    -----
    A call costs one batched score, and one divergence as in `ode_log_density`. In log sigma the
    flow is much smoother; from sigma_max down to 0 relative tolerances of 1e-6 are wise.

    References
    ----------
    Karras, Aittala, Aila, Laine, arXiv 2206.00364, equation 1; Song, Sohl-Dickstein, Kingma,
    Kumar, Ermon, Poole, arXiv 2011.13456, section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.integrate import solve_ivp
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian([1.0, 2.0], 0.5)
    >>> flow = dp.sampling.probability_flow(prior)
    >>> end = solve_ivp(flow, (10.0, 0.0), [4.0, 1.0], rtol=1e-8, atol=1e-8).y[:, -1]
    >>> end.round(4)
    array([1.2116, 1.9295])
    >>> (np.array([1.0, 2.0]) + np.array([3.0, -1.0]) * np.sqrt(0.5 / 100.5)).round(4)
    array([1.2116, 1.9295])
    """
    like = np.zeros(0)
    array_namespace(state=like, **held(instance("prior", prior)))
    check_heat_consistent("probability_flow", prior)
    shape = event_shape_of(prior, event_shape)
    run = Run("probability_flow", prior, shape, rng, like=like)
    by = Divergence(run, divergence, n_probes, probes)
    with_density, width = flag("log_density", log_density), run.d + bool(log_density)

    def right_hand_side(sigma: float, state: Any) -> np.ndarray:
        sigma = number("sigma", sigma, at_least=0.0)
        state = as_float_array("state", state, shape=(None,))
        n, rest = divmod(state.size, width)
        if n == 0 or rest:
            raise ValueError(f"state must hold {width} numbers for each point, got {state.size}")
        if sigma == 0:
            return np.zeros_like(state)
        y = state[: n * run.d].reshape(n, run.d)
        rates = [(-sigma * run.score(y, sigma)).ravel()]
        if with_density:
            rates.append(-estimate(run.xp, by(y, sigma))[0] / sigma)
        return np.concatenate(rates)

    return right_hand_side
