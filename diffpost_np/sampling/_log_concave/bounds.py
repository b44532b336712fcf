"""Whether a score keeps the bounds on its curvature that were stated, as far as chains see it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType

from ..._run import Run
from ..._xp import Array

_SLACK = 0.01


class Watched:
    """A force that keeps its first two points and values, between which it is looked at."""

    def __init__(self, force: Callable[[Array], Array]) -> None:
        self.force = force
        self.seen: list[tuple[Array, Array]] = []

    def __call__(self, x: Array) -> Array:
        value = self.force(x)
        self.seen.append((x, value))
        return value

    def reasons(self, run: Run, smoothness: float, strong_convexity: float) -> tuple[str, ...]:
        """What is wrong: m |x - y|^2 <= (g(y) - g(x))'(x - y), |g(x) - g(y)| <= L |x - y|."""
        xp, ((x, g), (y, f)) = run.xp, self.seen[:2]
        distance, change = _norm(xp, x - y), _norm(xp, g - f)
        rounding = 16 * float(xp.finfo(x.dtype).eps) * (_norm(xp, g) + smoothness * _norm(xp, x))
        steepest = (1 + _SLACK) * smoothness * distance + rounding
        if bool(xp.any(change > steepest)):
            return ("the score changes faster than smoothness allows",)
        work = xp.sum((f - g) * (x - y), axis=1)
        if bool(xp.any(work < ((1 - _SLACK) * strong_convexity * distance - rounding) * distance)):
            return ("the score is less convex than strong_convexity says",)
        return ()


def warn_of(run: Run, reasons: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons, as warnings too."""
    for reason in reasons:
        warnings.warn(f"{run.name}: {reason}", RuntimeWarning, stacklevel=5)
    return reasons


def _norm(xp: ModuleType, x: Array) -> Array:
    return xp.linalg.vector_norm(x, axis=1)
