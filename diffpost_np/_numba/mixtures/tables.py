"""Tables of mixtures for kernels: what does not depend on the noise once, the rest per level."""

from __future__ import annotations

import functools

import numpy as np

from ..._once import once_for_each
from ..._threads import single_threaded_blas
from ...priors._covariance import LowRank as LowRankCovariance
from ...priors._covariance import Spectral
from ...priors._dual import SPREAD, DualMixture, bias_fits
from ..blocks import padded
from ..powers import LOWEST_LOGIT
from .factors import triangular_factors
from .forms import Diagonal, Dual, Factored, Full, LowRank, Rotated, Shared

_FIRST_AXES, _ALIKE = 24, 4
"""Axes after which a component that is far may be given up, and the ratio of variances up to
which components do not differ by them."""

_CHEAP_FACTORS, _LASTING_FACTORS, _MOST_SPREAD = 2**23, 2**26, 1e8
"""Size of a factorisation of all components that is done for a level, about a millisecond, and
for one that lasts, some ten; and the largest ratio of variances of one whose inverse is formed."""


class Prepared:
    """A mixture in one dtype, without its components of weight zero.

    `levels(s2)` gives the form that kernels take, for an array of noise variances (S,) that
    fall into one `regime`; `reused` says that a factorisation of each level would pay.
    """

    def __init__(self, tables):
        used = np.isfinite(tables.log_weights)
        self.used, self.dtype = used, tables.means.dtype
        self.log_weights = tables.log_weights[used].astype(np.float64)
        self.means = tables.means[used].astype(np.float64)
        self.n, self.d = self.means.shape

    n_axes = 1
    """Length of what a component does for each entry of x."""
    narrowest = widest = 0.0
    """The smallest and the largest variance, where blocks may give components up."""

    @functools.cached_property
    def diameter(self):
        """A bound on the squared distance of two means."""
        return 4 * np.max(np.sum((self.means - self.means.mean(axis=0)) ** 2, axis=1))

    def all_alike(self, s2):
        """Whether components are so much alike in this noise that none is likely to be given up."""
        near = self.diameter <= -2 * LOWEST_LOGIT * (self.narrowest + s2)
        return near & (self.widest + s2 <= _ALIKE * (self.narrowest + s2))

    def regime(self, s2, reused=False):
        """Which of its forms the mixture takes at each noise variance."""
        return np.zeros(s2.shape, bool)

    def lasting_levels(self, s2):
        """The form for one noise variance that comes again: batches of any size have the same."""
        return self.levels(s2)

    def floats_per_level(self):
        """Size of the tables that one more level needs."""
        return self.n * self.d

    def of_components(self, array):
        """An array (K or 1, ...) in float64, one entry for each component in use."""
        array = np.asarray(array, np.float64)
        return array[self.used] if array.shape[0] > 1 else np.repeat(array, self.n, axis=0)

    def cast(self, array):
        return np.ascontiguousarray(array, self.dtype)

    def bias(self, log_det):
        """Constant part of the logits, for log det (C_k + s2 I) of shape (S, K)."""
        return self.cast(self.log_weights - 0.5 * log_det)


class PreparedShared(Prepared):
    """One variance: linear logits where the means are near enough, else along the axes."""

    def __init__(self, tables):
        super().__init__(tables)
        self.variance = float(tables.covs.values[0, 0])
        centre = self.cast(self.means.mean(axis=0))
        centred = self.means - centre
        self.squares = np.sum(centred**2, axis=1)
        self.offset = centred @ centre.astype(np.float64)
        self.arrays = self.cast(centred), self.cast(centred.T), centre

    def regime(self, s2, reused=False):
        """Linear logits where they keep their digits, and the bias over the precision is finite."""
        variance = self.variance + s2
        fits = bias_fits(self.log_weights, variance, self.dtype)
        return fits & (self.squares.max() / SPREAD**2 <= variance)

    def levels(self, s2, reused=False):
        variance = self.variance + s2
        if not self.regime(s2).all():
            values = np.full((self.n, self.d), self.variance)
            return Diagonal(*_along_axes(self, self.means, values, s2))
        largest = self.log_weights.max()
        bias = (self.log_weights - largest) * variance[:, None] - 0.5 * self.squares
        constant = largest - 0.5 * self.d * np.log(variance)
        of_levels = 1 / variance, bias, bias - self.offset, constant
        return Shared(*self.arrays, *map(self.cast, of_levels))


class PreparedDual(Prepared):
    """Points by products with means, at any noise."""

    def __init__(self, tables):
        self.dtype, self.variance, self.unit = tables.means.dtype, tables.variance, tables.unit
        self.log_weights, self.half_squares = (
            a.astype(np.float64) for a in (tables.log_weights, tables.half_squares)
        )
        self.n, self.d = len(self.log_weights), tables.means.shape[1]
        self.arrays = self.cast(tables.others), np.array(tables.means.T, order="C")

    def levels(self, s2, reused=False):
        variance, largest = self.variance + s2, self.log_weights.max()
        bias = (self.log_weights - largest) * (variance[:, None] / self.unit) - self.half_squares
        of_levels = 1 / variance, self.unit / variance, bias, self.variance / variance
        return Dual(*self.arrays, *map(self.cast, of_levels))


class PreparedDiagonal(Prepared):
    def __init__(self, tables):
        super().__init__(tables)
        values = self.of_components(tables.covs.values)
        self.values = np.broadcast_to(values, self.means.shape)

    def levels(self, s2, reused=False):
        return Diagonal(*_along_axes(self, self.means, self.values, s2))


class PreparedRotated(PreparedDiagonal):
    def __init__(self, tables):
        super().__init__(tables)
        basis = tables.covs.basis[0].astype(np.float64)
        self.along = self.means @ basis
        self.arrays = self.cast(basis), self.cast(basis.T)

    def levels(self, s2, reused=False):
        return Rotated(*self.arrays, *_along_axes(self, self.along, self.values, s2))


class PreparedFull(PreparedDiagonal):
    """Axes of their own: a triangular factor where there is no noise, else along the axes."""

    def __init__(self, tables):
        super().__init__(tables)
        basis = self.of_components(tables.covs.basis)
        order = self.telling_axes_first(basis)
        self.values = np.take_along_axis(self.values, order, axis=1)
        self.basis = np.take_along_axis(basis, order[:, None, :], axis=2)
        self.narrowest, self.widest = self.values.min(), self.values.max()
        self.n_axes = self.d
        arrays = self.means, self.basis, self.basis.transpose(0, 2, 1)
        self.arrays = tuple(map(self.cast, arrays))

    def telling_axes_first(self, basis):
        """Axes of each component by how far from it, in its deviations, the mixture lies there."""
        along = np.einsum("lkd,kde->lke", self.means[:, None, :] - self.means, basis)
        distance = np.einsum("l,lke->ke", np.exp(self.log_weights), along**2) / self.values
        return np.argsort(-distance, axis=1)

    def regime(self, s2, reused=False):
        """A triangular factor where there is no noise, and where it pays and keeps the digits."""
        spread = (self.values.max() + s2) / (self.values.min() + s2)
        cheap = self.n * self.d**3 <= _CHEAP_FACTORS
        return (s2 == 0) | (reused & cheap & (spread <= _MOST_SPREAD))

    def levels(self, s2, reused=False):
        if not self.regime(s2, reused).all():
            precision = self.cast(1 / (self.values + s2[:, None, None]))
            return Full(*self.arrays, precision, *self.sums(s2))
        if s2.size == 1 and s2[0] == 0:
            return Factored(*self.noiseless, *self.sums(s2))
        return Factored(*self.factors(s2), *self.sums(s2))

    def sums(self, s2):
        """What logits begin with, and of how many axes all are summed before any is given up."""
        bias = self.bias(np.sum(np.log(self.values + s2[:, None, None]), axis=-1))
        n_first = np.where(self.all_alike(s2), self.d, min(self.d, _FIRST_AXES))
        return bias, n_first

    def lasting_levels(self, s2):
        """Triangular factors where they are worth some calls, kept for the last noise variance."""
        spread = (self.values.max() + s2) / (self.values.min() + s2)
        worth = self.n * self.d**3 <= _LASTING_FACTORS and spread[0] <= _MOST_SPREAD
        if not worth or s2[0] == 0:
            return self.levels(s2)
        kept = self.kept
        if kept is None or kept[0] != s2[0]:
            kept = self.kept = s2[0], Factored(*self.factors(s2), *self.sums(s2))
        return kept[1]

    kept: tuple | None = None
    """The last noise variance, and its factors."""

    @functools.cached_property
    def noiseless(self):
        """The tables of the density itself, which many calls ask for."""
        return self.factors(np.zeros(1))

    def factors(self, s2):
        """Tables of triangular factors at each noise level."""
        lower, upper = np.zeros((2, len(s2), *self.basis.shape), self.dtype)
        if np.any(s2 > 0):
            variance = np.where(s2[:, None, None] > 0, self.values + s2[:, None, None], 1.0)
            triangular_factors(lower, upper, self.reversed_basis, 1 / variance)
        for level in np.flatnonzero(s2 == 0):
            lower[level], upper[level] = self.factor, np.swapaxes(self.factor, 1, 2)
        return self.cast(self.means[:, self.order]), lower, upper, self.order

    @functools.cached_property
    def reversed_basis(self):
        return np.ascontiguousarray(self.basis[:, self.order[::-1]])

    @functools.cached_property
    def order(self):
        """Entries of x, those that tell components apart first."""
        variances = np.sum(self.basis**2 * self.values[:, None, :], axis=2)
        apart = np.average(
            (self.means[:, None, :] - self.means) ** 2, axis=0, weights=np.exp(self.log_weights)
        )
        return np.argsort(-np.mean(apart / variances, axis=0))

    @functools.cached_property
    def factor(self):
        """Lower triangular W with W'W = C^-1, without forming that."""
        scaled = self.basis[:, self.order].transpose(0, 2, 1) / np.sqrt(self.values)[:, :, None]
        steepest_first = np.argsort(self.values, axis=1)
        scaled = np.take_along_axis(scaled, steepest_first[:, :, None], axis=1)
        with single_threaded_blas(np):
            return np.linalg.qr(scaled[:, :, ::-1])[1][:, ::-1, ::-1]

    def floats_per_level(self):
        return 2 * self.n * self.d**2


class PreparedLowRank(Prepared):
    def __init__(self, tables):
        super().__init__(tables)
        self.factor = self.of_components(tables.covs.factor_matrix)
        self.n_axes = self.factor.shape[2]
        self.diag = np.broadcast_to(self.of_components(tables.covs.diag), self.means.shape)
        self.narrowest = self.diag.min()
        self.widest = self.diag.max() + np.max(np.sum(self.factor**2, axis=(1, 2)))

    def floats_per_level(self):
        return self.factor.size + self.diag.size

    def levels(self, s2, reused=False):
        variance = self.diag + s2[:, None, None]
        weighted = np.swapaxes(self.factor / variance[..., None], -1, -2)
        inside = np.eye(self.factor.shape[-1]) + weighted @ self.factor
        inner = np.linalg.solve(inside, weighted)
        log_det = np.linalg.slogdet(inside)[1] + np.sum(np.log(variance), axis=-1)
        arrays = self.means, -self.factor, inner, 1 / variance
        return LowRank(*map(self.cast, arrays), self.bias(log_det))


def _along_axes(prepared, means, values, s2):
    """Means, precision and bias of variances along axes, padded to the rows of a block."""
    variance = values + s2[:, None, None]
    padding = [(0, padded(prepared.d) - prepared.d)]
    precision = np.pad(1 / variance, [(0, 0), (0, 0), *padding])
    means = np.pad(means, [(0, 0), *padding])
    bias = prepared.bias(np.sum(np.log(variance), axis=-1))
    return prepared.cast(means), prepared.cast(precision), bias


def _kind(covs):
    """The class that prepares a covariance, None where there is no kernel for it."""
    if isinstance(covs, LowRankCovariance):
        return PreparedLowRank
    if not isinstance(covs, Spectral):
        return None
    if covs.basis is None:
        return PreparedShared if covs.values.shape == (1, 1) else PreparedDiagonal
    if not isinstance(covs.basis, np.ndarray):
        return None
    return PreparedRotated if covs.basis.shape[0] == 1 else PreparedFull


@once_for_each
def prepare(tables):
    """The kernels' tables of a mixture, made once; None where kernels do not cover it."""
    kind = PreparedDual if isinstance(tables, DualMixture) else _kind(tables.covs)
    return None if kind is None else kind(tables)
