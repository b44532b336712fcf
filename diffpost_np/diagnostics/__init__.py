"""Whether samples are what they claim to be: distances, calibration, effective sizes."""

from ._coverage import Coverage, coverage
from ._ranks import Ranks, sbc_ranks
from ._sliced import SlicedWasserstein, sliced_wasserstein
from ._weights import ess

__all__ = [
    "Coverage",
    "Ranks",
    "SlicedWasserstein",
    "coverage",
    "ess",
    "sbc_ranks",
    "sliced_wasserstein",
]
