"""Lewis weights and leverage scores of tall regressions, and sampling of their rows."""

from .weights import LewisWeights, lewis_weights

__all__ = ["LewisWeights", "lewis_weights"]
