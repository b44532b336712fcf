"""Noise schedules x_t = alpha(t) x_0 + sigma(t) eps, and grids of noise levels.

Everywhere else the library speaks of the noise level sigma(t) / alpha(t) alone; a schedule
translates between it and the clock and scaling of somebody's network or paper.
"""

from ._base import Schedule
from ._elementary import EDM, VE, Flow
from ._grids import (
    exponential_windows,
    geometric_variance,
    karras,
    uniform_log_snr,
    uniform_time,
)
from ._table import VPTable
from ._variance_preserving import OU, VPCosine, VPLinear

__all__ = [
    "EDM",
    "OU",
    "VE",
    "Flow",
    "Schedule",
    "VPCosine",
    "VPLinear",
    "VPTable",
    "exponential_windows",
    "geometric_variance",
    "karras",
    "uniform_log_snr",
    "uniform_time",
]
