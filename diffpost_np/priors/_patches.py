"""Images of independent patches, each with a mixture of its own: posteriors of `PatchGrid`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._least_squares import fit
from .._xp import Array, flatten_events, host, size
from ..operators._base import as_cast, real_matrix
from ..random import Key
from ._conjugate import check_measured, in_reals
from ._given import SampledGiven
from ._tiling import Tiling
from .mixture import GaussianMixture

if TYPE_CHECKING:
    from ..measurement import LinearGaussian
    from .patch_grid import PatchGrid

_LARGEST = 2**24
"""Numbers in the covariances of all patches that are kept: 128 MiB, twice that on the way, 3 s."""

_LARGEST_MATRIX = 2**26
"""Entries of a measurement's matrix that is written out."""


class Patches(SampledGiven):
    """The law of images whose disjoint patches are independent, one mixture for each."""

    def __init__(
        self, tiling: Tiling, shift: tuple[int, int], parts: Sequence[GaussianMixture]
    ) -> None:
        self.tiling, self.shift, self.parts = tiling, shift, parts
        self.event_shape = tiling.image_shape
        self.log_evidence: float | None = None
        self._narrowest = min(part._narrowest for part in parts)

    def posterior(self, measurement: LinearGaussian, y: Any) -> Patches:
        """Law of x given y = A x + noise, where no measurement mixes patches.

        Parameters
        ----------
        measurement : LinearGaussian
            The measurement.
        y : array, shape measurement.output_shape
            What was measured.

        Returns
        -------
        Patches
            The posterior. Its attribute `log_evidence` is log p(y).

        Raises
        ------
        ValueError
            If shapes do not fit, an output sees several patches, or there is too much to keep.
        TypeError
            If `measurement` is not linear Gaussian.
        """
        xp, y = check_measured(self, measurement, y, like=self.parts[0].means)
        check_size_of_parts(self.tiling, self.parts[0])
        rows, data, misfit = separated(xp, measurement, y, self.tiling, self.shift, self.parts[0])
        given = [_conditioned(p, b, v) for p, b, v in zip(self.parts, rows, data, strict=True)]
        made = Patches(self.tiling, self.shift, [posterior for posterior, _ in given])
        made.log_evidence = sum(e for _, e in given) - misfit - measurement.log_normaliser()
        return made

    def mean(self) -> Array:
        """Mean of the images.

        Returns
        -------
        array, shape event_shape
            The mean.
        """
        return self._stacked([part.mean() for part in self.parts])

    def std(self) -> Array:
        """Standard deviation of every pixel.

        Returns
        -------
        array, shape event_shape
            The standard deviations.
        """
        return self._stacked([part.std() for part in self.parts])

    def __repr__(self) -> str:
        return f"Patches({len(self.parts)} mixtures, event_shape={self.event_shape})"

    def _stacked(self, values: list[Array]) -> Array:
        xp = self.parts[0]._xp
        rows = xp.stack([xp.reshape(value, (-1,)) for value in values])
        return xp.reshape(self.tiling.join(xp, rows, self.shift), self.event_shape)

    def _arrays(self) -> dict[str, Array]:
        return self.parts[0]._arrays()

    def _each(self, xp: ModuleType, x: Array, function: Callable[..., Array], *more: Array) -> Any:
        """function(mixture, patches, ...) of every patch, stacked along the second axis."""
        batches = [self._columns(xp, a) for a in (x, *more)]
        parts = [function(p, *(b[j] for b in batches)) for j, p in enumerate(self.parts)]
        return xp.stack(parts, axis=1)

    def _columns(self, xp: ModuleType, x: Array) -> list[Array]:
        """The patches (n, patch size) at every place."""
        m = self.tiling.n_patches
        patches = xp.reshape(self.tiling.split(xp, x, self.shift), (-1, m, self.tiling.patch_size))
        return [patches[:, j, :] for j in range(m)]

    def _joined(self, xp: ModuleType, patches: Array) -> Array:
        return self.tiling.join(xp, patches, self.shift)

    def _score(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self._joined(xp, self._each(xp, x, lambda p, a: p._score(xp, a, sigma)))

    def _denoise(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return self._joined(xp, self._each(xp, x, lambda p, a: p._denoise(xp, a, sigma)))

    def _denoise_vjp(self, xp: ModuleType, x: Array, sigma: Array, v: Array) -> Array:
        def product(part: GaussianMixture, a: Array, w: Array) -> Array:
            return part._denoise_vjp(xp, a, sigma, w)

        return self._joined(xp, self._each(xp, x, product, v))

    def _denoise_trace(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        traces = self._each(xp, x, lambda p, a: p._denoise_trace(xp, a, sigma))
        return xp.sum(traces, axis=1)

    def _log_density(self, xp: ModuleType, x: Array, sigma: Array) -> Array:
        return xp.sum(self._each(xp, x, lambda p, a: p._log_density(xp, a, sigma)), axis=1)

    def _sample(self, xp: ModuleType, like: Array, key: Key, n: int, first_chain: int) -> Array:
        draws = [
            part._sample(xp, like, key.fold(f"patch {j}"), n, first_chain)
            for j, part in enumerate(self.parts)
        ]
        return self._joined(xp, xp.stack(draws, axis=1))

    def _sample_given(
        self, xp: ModuleType, x: Array, sigma: Array, key: Key, first_chain: int
    ) -> Array:
        draws = [
            part._sample_given(xp, patch, sigma, key.fold(f"patch {j}"), first_chain)
            for j, (part, patch) in enumerate(zip(self.parts, self._columns(xp, x), strict=True))
        ]
        return self._joined(xp, xp.stack(draws, axis=1))


def can_condition(prior: PatchGrid, measurement: LinearGaussian) -> bool:
    """Whether the posterior has a closed form; one too large to keep is refused by name."""
    check_size_of_parts(prior.tiling, prior.mixture)
    try:
        xp, like = prior.mixture._xp, prior.mixture._float64.means
        return rows_of_patches(xp, measurement, prior.tiling, prior.shift, like) is not None
    except ValueError:
        return False


def check_size_of_parts(tiling: Tiling, mixture: GaussianMixture) -> None:
    """Refuse to keep a mixture for every patch where that takes too much memory."""
    n = tiling.n_patches * mixture.n_components * tiling.patch_size**2
    if n > _LARGEST:
        raise ValueError(
            f"image_shape {tiling.image_shape} has {tiling.n_patches} patches, whose posteriors "
            f"hold {n:.2g} numbers together: sample by posterior.split_gibbs"
        )


def separated(
    xp: ModuleType,
    measurement: LinearGaussian,
    y: Array,
    tiling: Tiling,
    shift: tuple[int, int],
    mixture: GaussianMixture,
) -> tuple[list[Array], list[Array], float]:
    """Rows (m_j, patch size) that see each patch, their data with unit noise, half the misfit."""
    like = mixture._float64.means
    found = rows_of_patches(xp, measurement, tiling, shift, like)
    if found is None:
        raise ValueError(
            "measurement must not mix patches, for a posterior in closed form: sample by "
            "posterior.split_gibbs"
        )
    rows, places, gram = found
    white = measurement.whiten(as_cast(y, like, xp)[None, ...])
    if gram is None:
        flat = in_reals(xp, flatten_events(white, xp))
        return rows, [xp.take(flat[0, :], i) for i in places], 0.0
    explained = fit(xp, measurement, gram, white)
    data = tiling.split(xp, explained.y, shift)
    misfit = 0.5 * float(xp.sum(xp.abs(explained.misfit) ** 2))
    return rows, [xp.take(data[j, :], i) for j, i in enumerate(places)], misfit


def rows_of_patches(
    xp: ModuleType,
    measurement: LinearGaussian,
    tiling: Tiling,
    shift: tuple[int, int],
    like: Array,
) -> Any:
    """What sees each patch: whitened rows and where their data stand; None where any is shared.

    Where the precision is diagonal in the pixels, it stands for the rows, and its form comes too.
    """
    gram = measurement.gram(like)
    if gram is not None and gram.is_identity:
        gains = tiling.split(xp, xp.sqrt(gram.values)[None, :], shift)
        places = [xp.nonzero(gains[j, :] > 0)[0] for j in range(tiling.n_patches)]
        eye = xp.eye(tiling.patch_size, dtype=like.dtype)
        rows = [xp.take(gains[j, :, None] * eye, i, axis=0) for j, i in enumerate(places)]
        return rows, places, gram
    if size(measurement.output_shape) * size(measurement.event_shape) > _LARGEST_MATRIX:
        return None
    matrix = real_matrix(measurement._whitened, like)
    m = matrix.shape[0]
    by_patch = xp.reshape(tiling.split(xp, matrix, shift), (m, tiling.n_patches, -1))
    touched = host(xp.any(by_patch != 0, axis=2))
    if np.any(touched.sum(axis=1) > 1):
        return None
    places = [xp.asarray(np.flatnonzero(touched[:, j])) for j in range(tiling.n_patches)]
    return [xp.take(by_patch[:, j, :], i, axis=0) for j, i in enumerate(places)], places, None


def _conditioned(part: GaussianMixture, rows: Array, data: Array) -> tuple[GaussianMixture, float]:
    """The posterior of a patch and the log evidence of its data, less that of unit noise at 0."""
    from ..measurement import LinearGaussian

    if rows.shape[0] == 0:
        return part, 0.0
    measurement = LinearGaussian(rows, 1.0, event_shape=part.event_shape)
    given = part.posterior(measurement, data)
    assert given.log_evidence is not None
    return given, given.log_evidence + 0.5 * rows.shape[0] * math.log(2 * math.pi)
