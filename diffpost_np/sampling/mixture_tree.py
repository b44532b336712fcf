"""`mixture_tree`: which components of a mixture the diffusion decides between, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import fraction, integer

if TYPE_CHECKING:
    from ._overlap.separation import Laws

__all__ = ["MixtureTree", "mixture_tree"]


@dataclass(frozen=True)
class MixtureTree:
    """A part of a mixture that noise of some level melts together and does not leave.

    Parameters
    ----------
    subset : tuple of int
        Its components.
    noise_amount : float
        Ornstein-Uhlenbeck time at which they have merged; 0 for a single one.
    children : tuple of MixtureTree, optional
        The parts it is made of, which had merged before.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> prior = dp.priors.GaussianMixture([0.2, 0.3, 0.5], [[0.0], [1.0], [90.0]], 0.5)
    >>> tree = dp.sampling.mixture_tree(prior)
    >>> [node.subset for node in tree.path(0)]
    [(0,), (0, 1), (0, 1, 2)]
    """

    subset: tuple[int, ...]
    noise_amount: float
    children: tuple[MixtureTree, ...] = ()

    def path(self, component: int) -> tuple[MixtureTree, ...]:
        """List the parts around a component, from itself to the root.

        Parameters
        ----------
        component : int
            Index of a component of this part.

        Returns
        -------
        tuple of MixtureTree
            The parts, each within the next. After noise of the `noise_amount` of one,
            `noise_then_denoise` turns samples of the component into samples of that part.

        Raises
        ------
        ValueError
            If there is no such component.
        TypeError
            If it is not an integer.
        """
        component = integer("component", component, minimum=0)
        if component not in self.subset:
            raise ValueError(f"component must be one of {self.subset}, got {component}")
        inner = [child.path(component) for child in self.children if component in child.subset]
        return (*(inner[0] if inner else ()), self)

    def __repr__(self) -> str:
        inner = f", {len(self.children)} children" if self.children else ""
        return f"<components {self.subset} from time {self.noise_amount:.3g} on{inner}>"


def mixture_tree(prior: Any, eps: float = 0.1) -> MixtureTree:
    """Arrange the components of a mixture by the noise that melts them together.

    Read from the root, the tree says what the reverse process decides at which time, coarse
    features before fine ones. An inner node is a group whose components are all within eps of
    each other in total variation at its `noise_amount`, while the group as a whole is still at
    least 1 - eps^2 away from the rest.

    Parameters
    ----------
    prior : GaussianMixture
        The mixture; all its weights are positive.
    eps : float, optional
        What counts as merged and as separated, inside (0, 1).

    Returns
    -------
    MixtureTree
        The root, which has all components; every leaf is one of them.

    Raises
    ------
    ValueError
        If `eps` is out of range, or a weight of `prior` is zero.
    TypeError
        If `prior` is not a Gaussian mixture.

    Notes
    -----
    Groups come from single linkage by the times at which pairs merge, which for a shared
    variance is that by the distances of the means. Groups that do not stay apart for long enough
    are left out, so that a node may have many children. Where pairs share a covariance their
    times are exact; else, and where the groups of `critical_window` are not exact, bounds there
    make groups merge late and count as separated only if they are.

    References
    ----------
    Li, Karan, Chen, arXiv 2502.00921, definition 8 and corollary 1.

    Examples
    --------
    Four components in two pairs:

    >>> import diffpost_np as dp
    >>> means = [[-500.0, -3.0], [-500.0, 3.0], [500.0, -3.0], [500.0, 3.0]]
    >>> prior = dp.priors.GaussianMixture([0.1, 0.2, 0.3, 0.4], means, 1.0)
    >>> tree = dp.sampling.mixture_tree(prior)
    >>> tree.children
    (<components (0, 1) from time 3.17 on, 2 children>, <components (2, 3) from time 3.17 on, ...>)
    >>> tree
    <components (0, 1, 2, 3) from time 8.29 on, 2 children>
    """
    from ._overlap.components import Pairs, components_of
    from ._overlap.separation import last_time, laws_of

    parts, eps = components_of(prior), fraction("eps", eps)
    if not np.all(parts.weights > 0):
        raise ValueError(f"prior must have positive weights, got {parts.weights}")
    k = len(parts.weights)
    if k == 1:
        return MixtureTree((0,), 0.0)
    pairs = Pairs(parts)
    merge = last_time(lambda t: _above(pairs.total_variation(t), eps), (k, k))
    return _grown(laws_of(parts), np.maximum(merge, 0.0), eps)


def _above(distance: np.ndarray, eps: float) -> np.ndarray:
    """Of any two; what differs from itself does so by rounding."""
    return (distance > eps) & ~np.eye(len(distance), dtype=bool)


def _grown(laws: Laws, merge: np.ndarray, eps: float) -> MixtureTree:
    """The tree of single linkage without the groups that overlap with the rest."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    k = len(merge)
    forest: list[tuple[MixtureTree, ...]] = [(MixtureTree((i,), 0.0),) for i in range(k)]
    for first, second, _, size in linkage(squareform(merge, checks=False), "single"):
        inner = forest[int(first)] + forest[int(second)]
        nodes = tuple(sorted(inner, key=lambda node: node.subset))
        subset = sorted(i for node in nodes for i in node.subset)
        rest = [i for i in range(k) if i not in subset]
        time = float(np.max(merge[np.ix_(subset, subset)]))
        if size == k or laws.overlap(subset, rest, time) <= eps**2:
            nodes = (MixtureTree(tuple(subset), time, nodes),)
        forest.append(nodes)
    return forest[-1][0]
