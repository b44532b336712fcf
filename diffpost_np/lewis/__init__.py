"""Lewis weights, sampling of rows, and robust regression of tall tables."""

from ._exact.intervals import Intervals
from .active_lad import ActiveFit, active_lad
from .embedding import SubspaceEmbedding, subspace_embedding
from .lad import LADResult, lad
from .leverage import leverage_scores
from .sampling import RowSample, sample_rows, sample_size
from .weights import LewisWeights, lewis_weights

__all__ = [
    "ActiveFit",
    "Intervals",
    "LADResult",
    "LewisWeights",
    "RowSample",
    "SubspaceEmbedding",
    "active_lad",
    "lad",
    "leverage_scores",
    "lewis_weights",
    "sample_rows",
    "sample_size",
    "subspace_embedding",
]
