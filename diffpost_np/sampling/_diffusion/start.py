"""Where chains start: points of the data plus noise of the largest level."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..._run import Run, is_mixture
from ..._xp import Array
from ...random import Purpose, normal


def start(run: Run, initial: Any, sigma: float) -> Array:
    """Flat points at noise level sigma: N(0, I) rescaled, prior draws with noise, or the user's."""
    if initial is None:
        return math.sqrt(1 + sigma**2) * noise(run)
    if not isinstance(initial, str):
        return run.initial(initial, run.n_samples, first_chain=run.first_chain)
    if initial != "marginal":
        raise ValueError(f"initial must be 'marginal', points or a function, got {initial!r}")
    x = run.initial(None, run.n_samples, first_chain=run.first_chain)
    return x + sigma * noise(run)


def noise(run: Run) -> Array:
    """Standard normals (n, d) for the start."""
    like = run.xp.zeros(1, dtype=run.dtype, device=run.device)
    where = {"purpose": Purpose.INITIAL, "stage": 3, "first_chain": run.first_chain}
    return normal(run.key, (run.n_samples, run.d), like=like, **where)


def reasons_to_distrust(run: Run, centre: Array | None, sigma: float) -> tuple[str, ...]:
    """A mean that N(0, I) ignores, if it is more than a standard deviation away; warned of."""
    offset = _mean_offset(run, centre, sigma)
    if not offset > 1:
        return ()
    reason = (
        f"the prior's mean lies {offset:.1f} standard deviations of the largest noise away from "
        "the origin, where N(0, I) starts: take a larger sigma_max, or initial='marginal'"
    )
    warnings.warn(f"{run.name}: {reason}", RuntimeWarning, stacklevel=5)
    return (reason,)


def _mean_offset(run: Run, centre: Array | None, sigma: float) -> float:
    """Distance of the mean, the prior's own or that of the points denoised first."""
    xp = run.xp
    if is_mixture(run.prior):
        centre = xp.reshape(run.prior.mean(), (-1,))
    if centre is None:  # a method that asked for no score
        return 0.0
    return float(xp.linalg.vector_norm(centre)) / math.sqrt(1 + sigma**2)
