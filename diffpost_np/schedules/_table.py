"""The variance-preserving schedule of a discrete-time network, as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from .._xp import Array, as_float_array, device_of
from ._base import Level
from ._variance_preserving import VariancePreserving


@dataclass(frozen=True, repr=False)
class VPTable(VariancePreserving):
    """Variance preserving on a table of steps, as discrete-time networks are trained.

    Parameters
    ----------
    alphas_cumprod : sequence of float, shape (T,)
        The squares of alpha, strictly decreasing inside (0, 1), at t = 0, 1, ..., T - 1.

    Raises
    ------
    ValueError
        If the table is not decreasing inside (0, 1) or has fewer than two entries.

    Notes
    -----
    Between the entries log-SNR is linear in t; wrap a network that wants integers as
    `lambda x, t: network(x, np.rint(t))`. Give the table in float64: the first entries differ
    from 1 by little, and a float32 table has the first noise level to four digits only.

    References
    ----------
    Ho, Jain and Abbeel, Denoising diffusion probabilistic models, NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> ddpm = dp.schedules.VPTable(np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000)))
    >>> round(ddpm.noise_level(0.0), 6), round(ddpm.time_at_noise_level(1.0), 3)
    (0.010001, 258.093)
    """

    alphas_cumprod: Any
    _table: np.ndarray = field(init=False, compare=False)

    def __post_init__(self) -> None:
        squares = as_float_array(
            "alphas_cumprod", self.alphas_cumprod, shape=(None,), dtype=np.dtype(np.float64)
        )
        if squares.shape[0] < 2 or not np.all(np.diff(squares) < 0.0):
            raise ValueError("alphas_cumprod must have two or more strictly decreasing entries")
        if not 0.0 < squares[-1] < squares[0] < 1.0:
            raise ValueError(
                f"alphas_cumprod must lie inside (0, 1), got {squares[0]:g} to {squares[-1]:g}"
            )
        object.__setattr__(self, "alphas_cumprod", tuple(squares.tolist()))
        object.__setattr__(self, "_table", 0.5 * (np.log1p(-squares) - np.log(squares)))

    @property
    def times(self) -> tuple[float, float]:
        """First and last step."""
        return 0.0, float(len(self.alphas_cumprod) - 1)

    @property
    def noise_levels(self) -> tuple[float, float]:
        """Noise levels at these steps."""
        return math.exp(self._table[0]), math.exp(self._table[-1])

    def __repr__(self) -> str:
        return f"VPTable({len(self.alphas_cumprod)} steps)"

    def _alpha(self, xp: ModuleType, t: Array) -> Array:
        return Level.of_log(xp, self._log_level(xp, t)).amplitudes(xp)[0]

    def _sigma(self, xp: ModuleType, t: Array) -> Array:
        return Level.of_log(xp, self._log_level(xp, t)).amplitudes(xp)[1]

    def _level(self, xp: ModuleType, t: Array) -> Array:
        return xp.exp(self._log_level(xp, t))

    def _log_level(self, xp: ModuleType, t: Array) -> Array:
        last = len(self.alphas_cumprod) - 2
        index = xp.where(t < last, xp.floor(t), float(last))
        low, high = self._between(xp, index)
        return low * (1.0 - (t - index)) + high * (t - index)

    def _time(self, xp: ModuleType, level: Level) -> Array:
        table = self._table_like(xp, level.log)
        inner = table[1:-1]
        index = xp.astype(xp.searchsorted(inner, level.log), level.log.dtype)
        low, high = self._between(xp, index)
        return index + (level.log - low) / (high - low)

    def _table_like(self, xp: ModuleType, like: Array) -> Array:
        return xp.asarray(self._table, dtype=like.dtype, device=device_of(like))

    def _between(self, xp: ModuleType, index: Array) -> tuple[Array, Array]:
        """The entries of the table at `index` and after it."""
        table = self._table_like(xp, index)
        place = xp.reshape(xp.astype(index, xp.int64), (-1,))
        low, high = xp.take(table, place), xp.take(table, place + 1)
        return xp.reshape(low, index.shape), xp.reshape(high, index.shape)
