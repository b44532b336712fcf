"""Tall regressions: exact robust fits, Lewis weights and leverage scores, sampling of rows."""

from ._intervals import Intervals
from .embedding import SubspaceEmbedding, subspace_embedding
from .lad import LADResult, lad
from .leverage import leverage_scores
from .sampling import RowSample, sample_rows, sample_size
from .weights import LewisWeights, lewis_weights

__all__ = [
    "Intervals",
    "LADResult",
    "LewisWeights",
    "RowSample",
    "SubspaceEmbedding",
    "lad",
    "leverage_scores",
    "lewis_weights",
    "sample_rows",
    "sample_size",
    "subspace_embedding",
]
