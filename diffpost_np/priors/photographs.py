"""The mixture on patches of photographs that comes with the library."""

from __future__ import annotations

from importlib import resources

import numpy as np

from .._xp import Array, array_namespace, is_array, placed
from .mixture import GaussianMixture

__all__ = ["photograph_patches"]

SIDE = 8
MEAN, MEAN_STD = 0.5, 0.25
"""Law of the brightness of a patch, the mean of its pixels."""


def photograph_patches(like: Array | None = None) -> GaussianMixture:
    """Load a mixture on patches of 8 x 8 pixels of photographs, with values in [0, 1].

    Parameters
    ----------
    like : array, optional
        An array whose namespace and device the mixture takes: NumPy's by default.

    Returns
    -------
    GaussianMixture
        100 components on events of shape (8, 8), in float64.

    Raises
    ------
    TypeError
        If `like` is no array.

    Notes
    -----
    A patch is its brightness, N(0.5, 0.25^2), plus one of 100 Gaussians with mean zero on what
    is left, independently. These were fitted by expectation-maximisation to 100,000 patches of
    photographs in the wheels of scikit-learn and scikit-image, at full and at half size, by
    `examples/fit_photograph_patches.py`; `examples/photographs.py` names them with their
    authors and licences.

    References
    ----------
    Zoran, Weiss, "From learning models of natural image patches to whole image restoration",
    ICCV 2011.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> patches = dp.priors.photograph_patches()
    >>> patches.n_components, patches.event_shape
    (100, (8, 8))
    >>> dp.priors.PatchGrid(patches, (256, 256), (8, 8)).event_shape
    (256, 256)
    """
    if not (like is None or is_array(like)):
        raise TypeError(f"like must be an array, got {like!r}")
    with resources.files(__package__).joinpath("data/photograph_patches.npz").open("rb") as file:
        table = dict(np.load(file))
    weights, packed = (np.asarray(table[name], np.float64) for name in ("weights", "covs"))
    d, (i, j) = SIDE**2, np.triu_indices(SIDE**2)
    covs = np.empty((len(weights), d, d))
    covs[:, i, j] = covs[:, j, i] = packed + MEAN_STD**2
    means = np.full((len(weights), SIDE, SIDE), MEAN)
    xp = array_namespace(like=like)
    parts = (placed(xp, part, like) for part in (weights / weights.sum(), means, covs))
    return GaussianMixture(*parts)
