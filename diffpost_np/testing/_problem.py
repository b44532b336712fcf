"""Whole inverse problems with known posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..measurement import LinearGaussian
from ..operators import dense
from ..priors import Gaussian, GaussianMixture
from ._case import Arrays, host

__all__ = ["InverseProblem", "asymmetric_problems", "described", "numbers", "simulate"]


@dataclass(frozen=True, eq=False)
class InverseProblem:
    """A prior, a measurement, and one y.

    Parameters
    ----------
    prior : prior
        The prior p(x).
    measurement : LinearGaussian
        The measurement.
    y : array, shape measurement.output_shape
        What was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(2), 1.0)
    >>> measurement = dp.LinearGaussian(np.array([[1.0, 0.0]]), 1.0)
    >>> problem = dp.testing.InverseProblem(prior, measurement, np.array([3.0]))
    >>> problem.posterior().mean()
    array([1.5, 0. ])
    """

    prior: Any
    measurement: LinearGaussian
    y: Any

    def posterior(self) -> Any:
        """Give the law of x given y.

        Returns
        -------
        prior
            The posterior in closed form.
        """
        return self.prior.posterior(self.measurement, self.y)

    def __repr__(self) -> str:
        parts = [f"prior={described(self.prior)}"]
        parts.append(f"A={numbers(host(self.measurement.operator.matrix()))}")
        for name in ("noise_std", "noise_cov"):
            value = getattr(self.measurement, name)
            if value is not None:
                parts.append(f"{name}={numbers(host(np.asarray(value)))}")
        return f"InverseProblem({', '.join(parts)}, y={numbers(host(self.y))})"


def described(prior: Any) -> str:
    """A mixture as the call that makes it, with dense covariances; else what it says itself."""
    if not isinstance(prior, GaussianMixture):
        return repr(prior)
    d = int(np.prod(prior.event_shape))
    factors = host(prior.covs.factor(prior._xp, d))
    covs = factors @ factors.transpose(0, 2, 1)
    return (
        f"GaussianMixture({numbers(host(prior.weights))}, {numbers(host(prior.means))}, "
        f"{numbers(covs)})"
    )


def numbers(values: np.ndarray) -> str:
    """An array in one line."""
    return " ".join(np.array2string(values, precision=4, separator=", ", threshold=100).split())


def simulate(prior: Any, event: np.ndarray, width: float, make: Arrays) -> InverseProblem:
    """Two linear functions of an event, with noise of half the prior's width."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((2, event.size)) / np.sqrt(event.size)
    y = a @ event.ravel() + 0.5 * width * rng.standard_normal(2)
    operator = dense(make(a), event.shape)
    return InverseProblem(prior, LinearGaussian(operator, 0.5 * width), make(y))


def asymmetric_problems(make: Arrays, *, log_concave: bool = False) -> list[InverseProblem]:
    """Problems of growing size on which samplers are checked; no two numbers alike.

    Their noise is neither negligible nor dominant, so that both the prior and the measurement
    show in the posterior. With `log_concave` each prior is its last component alone.
    """
    problems = []
    for weights, means, covs, a, noise_std, y in _NUMBERS:
        means, a = np.array(means), np.array(a)
        operator = dense(make(a), means.shape[1:])
        cov, y = make(np.array(covs)), make(np.array(y))
        prior: Any
        if log_concave:
            prior = Gaussian(make(means[-1]), cov[-1, ...])
        else:
            prior = GaussianMixture(make(np.array(weights)), make(means), cov)
        problems.append(InverseProblem(prior, LinearGaussian(operator, noise_std), y))
    return problems


_NUMBERS: list[tuple[Any, ...]] = [
    ([0.3, 0.7], [[-1.0], [1.4]], [[0.2], [0.7]], [[1.5]], 0.9, [0.6]),
    (
        [0.5, 0.2, 0.3],
        [[-1.3, 0.5], [0.4, 1.7], [2.1, -0.6]],
        [[0.25, 0.25], [0.04, 0.04], [0.8, 0.8]],
        [[1.0, 0.5]],
        0.3,
        [0.4],
    ),
    (
        [0.6, 0.4],
        [[-0.9, 0.3], [1.1, -0.7]],
        [[[0.5, 0.2], [0.2, 0.3]], [[0.8, -0.5], [-0.5, 1.1]]],
        [[0.6, 1.2], [-0.4, 0.9]],
        0.5,
        [0.5, 0.3],
    ),
    (
        [0.35, 0.65],
        [[[0.8, -1.0, 0.2], [0.4, 0.1, -0.6]], [[-0.5, 0.6, 1.2], [0.9, -0.3, 0.0]]],
        [[0.3, 0.5, 0.2, 0.9, 0.4, 0.6], [0.7, 0.25, 0.8, 0.45, 1.0, 0.35]],
        [
            [0.9, -0.3, 0.4, 0.0, 0.2, -0.6],
            [0.1, 0.8, -0.5, 0.7, 0.0, 0.3],
            [-0.2, 0.4, 0.6, -0.9, 0.5, 0.1],
        ],
        0.4,
        [0.3, -0.2, 0.5],
    ),
]
"""Weights, means, covariances, A, noise_std and y."""
