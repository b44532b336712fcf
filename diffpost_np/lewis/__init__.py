"""Lewis weights and leverage scores of tall regressions, and sampling of their rows."""

from .active_lad import ActiveFit, active_lad
from .embedding import SubspaceEmbedding, subspace_embedding
from .leverage import leverage_scores
from .sampling import RowSample, sample_rows, sample_size
from .weights import LewisWeights, lewis_weights

__all__ = [
    "ActiveFit",
    "LewisWeights",
    "RowSample",
    "SubspaceEmbedding",
    "active_lad",
    "leverage_scores",
    "lewis_weights",
    "sample_rows",
    "sample_size",
    "subspace_embedding",
]
