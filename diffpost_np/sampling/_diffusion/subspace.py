"""A flow of a mixture of one variance leaves the span of the means alone: the rest is linear.

Only the coordinates in which the means differ have to be run as a mixture, at most K - 1 with K
components. Along all others the denoiser shrinks towards a point that all means share, so what
chains have there is multiplied by the same number in every step. Noise would have to be turned
into these coordinates step by step, which costs what this saves.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..._once import once_for_each
from ..._philox import Stream
from ..._products import row_product, row_product_beside
from ..._threads import single_threaded_blas
from ..._xp import Array, array_namespace, device_of, short_name
from ...priors._covariance import Spectral
from ...priors._dual import DualMixture, dual_of, n_products
from ...priors._mixture_math import Tables
from .._steps.table import Cloud, mixture_steps
from .._steps.trace import Table

_MOST_LEFT = 0.75
"""Share of the cost of a denoised point up to which a span is worth turning to."""

_EXPONENTIAL = 11
"""Multiplications that take as long as the exponential of a logit."""

_MOST_COORDINATES = 512
"""Products up to which it is quick to find those that are independent."""


class Beside(NamedTuple):
    """Where chains began, less the centre, its part in the subspace, and factors of the rest.

    The factors are those by now of the state and of the points before, in the order of a `Cloud`.
    A run goes on in the coordinates that it began in: another LAPACK may find others.
    """

    start: Array
    inside: Array
    factors: tuple[float, ...]
    within: Subspace


class Subspace(NamedTuple):
    """Coordinates in which means differ, and the mixture there."""

    centre: Array  # (d,), one of the means
    columns: Array  # (d, r), what x less the centre is multiplied with
    back: Array  # (r, d)
    mixture: Tables | DualMixture
    variance: float

    def enter(self, xp: ModuleType, y: Array, n_past: int) -> Cloud:
        """Chains at the start of a run, in these coordinates."""
        start = y - self.centre
        u = row_product(xp, start, self.columns)
        none = xp.broadcast_to(xp.zeros(1, dtype=u.dtype, device=device_of(u)), u.shape)
        return Cloud(u, (none,) * n_past, Beside(start, u, (1.0,) + n_past * (0.0,), self))

    def leave(self, xp: ModuleType, cloud: Cloud) -> Array:
        """The chains in their own coordinates."""
        start, inside, (factor, *_), _ = cloud.beside
        moved = cloud.y, -factor, inside
        return row_product_beside(xp, moved, self.back, (start, factor, self.centre))

    def advance(self, xp: ModuleType, cloud: Cloud, table: Table, stream: Stream) -> Cloud:
        """Run a table in the span, and its factors beside it."""
        moved = mixture_steps(xp, Cloud(cloud.y, cloud.past), table, self.mixture, stream)
        return Cloud(*moved[:2], self._shrunk(cloud.beside, table))

    def _shrunk(self, beside: Beside, table: Table) -> Beside:
        """What a table makes of numbers under the denoiser of N(0, variance)."""
        y, *past = beside.factors
        rates = (self.variance / (self.variance + table.sigma**2)).tolist()
        for rate, point, state in zip(
            rates, table.point.tolist(), table.state.tolist(), strict=True
        ):
            if rate == rate:  # not nan, for a row that evaluates nothing
                past = [rate * _dot(point, (y, *past)), *past[:-1]]
            y = _dot(state, (y, *past))
        return beside._replace(factors=(y, *past))


def _dot(coefficients: list[float], values: tuple[float, ...]) -> float:
    """Sum of products; coefficients of noises are zero, and left out."""
    total = 0.0
    for coefficient, value in zip(coefficients, values, strict=False):
        total += coefficient * value  # Python's own sum rounds otherwise from 3.12 on
    return total


@once_for_each
def _span(prior: Tables) -> Subspace | None:
    """The span of the means of a mixture of one variance, where it saves enough."""
    covs = prior.covs
    if not (isinstance(covs, Spectral) and covs.basis is None and covs.values.shape == (1, 1)):
        return None
    variance = float(covs.values[0, 0])
    with single_threaded_blas(array_namespace(means=prior.means)):  # the same bits on any number
        return _by_products(prior, variance) or _by_orthonormal_columns(prior, variance)


def _by_products(prior: Tables, variance: float) -> Subspace | None:
    """Coordinates that the CPU's kernel saves most in."""
    xp, (n_components, d) = array_namespace(means=prior.means), prior.means.shape
    r = min(n_components - 1, d)
    if short_name(xp) != "numpy" or not 1 <= r <= _MOST_COORDINATES:
        return None
    if not _pays(prior, n_products(n_components, r)):
        return None
    dual = dual_of(prior, variance)
    return None if dual is None else Subspace(*dual, variance)


def _by_orthonormal_columns(prior: Tables, variance: float) -> Subspace | None:
    xp, (n_components, d) = array_namespace(means=prior.means), prior.means.shape
    if not 1 <= n_components - 1 < d or not _pays(prior, 2 * n_components * (n_components - 1)):
        return None
    centre = xp.asarray(prior.means[0, :], copy=True)  # a view would keep the means alive
    columns = xp.linalg.qr((prior.means[1:, :] - centre).T)[0]
    reduced = Tables(prior.log_weights, (prior.means - centre) @ columns, prior.covs)
    return Subspace(centre, columns, columns.T, reduced, variance)


def _pays(prior: Tables, n_products: int) -> bool:
    """Whether these multiplications of a denoised point are few enough."""
    n_components, d = prior.means.shape
    rest = _EXPONENTIAL * n_components
    return n_products + rest <= _MOST_LEFT * (2 * n_components * d + rest)


def subspace(prior: Tables, table: Table) -> Subspace | None:
    """The span of the means, where a table can be run in it and that pays."""
    span = _span(prior) if _is_affine(table) else None
    if span is None or not isinstance(span.mixture, DualMixture):
        return span
    largest = float(np.nanmax(table.sigma, initial=0.0))
    return span if span.mixture.holds(largest**2) else None


def _is_affine(table: Table) -> bool:
    """Whether no noise is drawn, and points are weighted means of points."""
    first_noise = 1 + table.n_past
    both = np.concatenate([table.point, table.state])
    weights = np.sum(both[:, :first_noise], axis=1)
    return not np.any(both[:, first_noise:]) and bool(np.all(np.abs(weights - 1) < 1e-12))
