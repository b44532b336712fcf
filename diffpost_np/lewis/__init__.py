"""Lewis weights and leverage scores of tall regressions, and sampling of their rows."""

from ._intervals import Intervals
from .lad import LADResult, lad

__all__ = ["Intervals", "LADResult", "lad"]
