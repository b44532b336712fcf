"""A flow of a mixture of one variance leaves the span of the means alone: the rest is linear.

With K components in d > K dimensions only the K - 1 coordinates in which the means differ have to
be run as a mixture. Along all others the denoiser shrinks towards a point that all means share, so
what chains have there is multiplied by the same number in every step. Noise would have to be
turned into these coordinates step by step, which costs what this saves.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._philox import Stream
from ..._products import row_product
from ..._xp import Array
from ...priors._covariance import Spectral
from ...priors._mixture_math import Tables
from .._steps.table import Cloud, mixture_steps, run_table
from .._steps.trace import Table

_MOST_LEFT = 0.75
"""Share of the dimensions up to which a span is worth turning to."""

_NO_NOISE = Stream((0, 0), 0, 0, 0)


class Beside(NamedTuple):
    """Where chains began, less the centre, its part in the subspace, and factors of the rest.

    The factors are those by now of the state and of the points before, in the order of a `Cloud`.
    """

    start: Array
    inside: Array
    factors: tuple[float, ...]


class Subspace(NamedTuple):
    """Orthonormal columns (d, r) in which means differ, one of the means, and the mixture there."""

    centre: Array
    columns: Array
    mixture: Tables
    variance: float

    def enter(self, xp: ModuleType, y: Array, n_past: int) -> Cloud:
        """Chains at the start of a run, in these coordinates."""
        start = y - self.centre
        u = row_product(xp, start, self.columns)
        beside = Beside(start, u, (1.0,) + n_past * (0.0,))
        return Cloud(u, (xp.zeros_like(u),) * n_past, beside)

    def leave(self, xp: ModuleType, cloud: Cloud) -> Array:
        """The chains in their own coordinates."""
        start, inside, (factor, *_) = cloud.beside
        moved = row_product(xp, cloud.y - factor * inside, self.columns.T)
        return factor * start + self.centre + moved

    def advance(self, xp: ModuleType, cloud: Cloud, table: Table, stream: Stream) -> Cloud:
        """Run a table in the span, and its factors beside it."""
        moved = mixture_steps(xp, Cloud(cloud.y, cloud.past), table, self.mixture, stream)
        return Cloud(*moved[:2], self._shrunk(cloud.beside, table))

    def _shrunk(self, beside: Beside, table: Table) -> Beside:
        """What a table makes of numbers under the denoiser of N(0, variance)."""

        def denoise(x: float, sigma: float) -> float:
            return self.variance / (self.variance + sigma**2) * x

        y, *past = beside.factors
        end = run_table(numpy_namespace, Cloud(y, tuple(past)), table, denoise, _NO_NOISE)
        return beside._replace(factors=(end.y, *end.past))


def subspace(xp: ModuleType, prior: Tables, table: Table) -> Subspace | None:
    """The span of the means, where a table can be run in it and that pays."""
    (n_components, d), covs = prior.means.shape, prior.covs
    if not (isinstance(covs, Spectral) and covs.basis is None and covs.values.shape == (1, 1)):
        return None
    if not (1 <= n_components - 1 <= _MOST_LEFT * d and _is_affine(table)):
        return None
    centre = prior.means[0, :]
    columns = xp.linalg.qr((prior.means[1:, :] - centre).T)[0]
    reduced = Tables(prior.log_weights, (prior.means - centre) @ columns, covs)
    return Subspace(centre, columns, reduced, float(covs.values[0, 0]))


def _is_affine(table: Table) -> bool:
    """Whether no noise is drawn, and points are weighted means of points."""
    first_noise = 1 + table.n_past
    both = np.concatenate([table.point, table.state])
    weights = np.sum(both[:, :first_noise], axis=1)
    return not np.any(both[:, first_noise:]) and bool(np.all(np.abs(weights - 1) < 1e-12))
