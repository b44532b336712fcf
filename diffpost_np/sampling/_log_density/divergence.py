"""Divergence of the probability flow, tr(I - J) in log sigma, J the Jacobian of the denoiser.

J is I plus sigma^2 times the Hessian of the log density, hence symmetric.
"""

from __future__ import annotations

import math
from typing import Any

from ..._checks import choice, integer
from ..._run import Run
from ..._xp import Array
from ...priors import GaussianMixture
from ...random import Purpose, normal, uniform

_BLOCK = 2**22
"""Numbers in the vectors of one call."""


class Divergence:
    """A column that is the trace, or one for each probe, whose mean estimates it.

    The trace is a closed form, or the sum over all unit vectors v of v'(I - J) v; a probe is a
    random v with E v v' = I, the same at every noise level. Products with J are the prior's, or
    central differences of the score along v.
    """

    def __init__(self, run: Run, divergence: Any, n_probes: Any, probes: Any) -> None:
        kind = choice("divergence", divergence, ("auto", "exact", "hutchinson"))
        self.run, self.probes = run, choice("probes", probes, ("rademacher", "normal"))
        n_probes = integer("n_probes", n_probes, minimum=2)
        self.has_products = hasattr(run.prior, "denoise_vjp")
        self.closed = kind != "hutchinson" and isinstance(run.prior, GaussianMixture)
        self.exact = kind == "exact" or (kind == "auto" and self.has_products) or self.closed
        self.n_columns = 1 if self.exact else n_probes

    def __call__(self, y: Array, sigma: float) -> Array:
        """At flat points (n, d) and one noise level: (n, n_columns)."""
        if self.closed:
            return self._closed_form(y, sigma)[:, None]
        n, d = y.shape
        n_vectors = d if self.exact else self.n_columns
        size = max(1, _BLOCK // (n * d))
        blocks = [
            self._forms(y, sigma, range(first, min(first + size, n_vectors)))
            for first in range(0, n_vectors, size)
        ]
        forms = self.run.xp.concat(blocks, axis=1)
        return self.run.xp.sum(forms, axis=1, keepdims=True) if self.exact else forms

    def _closed_form(self, y: Array, sigma: float) -> Array:
        xp = self.run.xp
        level = xp.asarray([sigma], dtype=y.dtype)
        return y.shape[1] - self.run.prior._denoise_trace(xp, y, level)

    def _forms(self, y: Array, sigma: float, which: range) -> Array:
        """v'(I - J) v for some of the vectors, (n, len(which))."""
        xp = self.run.xp
        v = xp.concat([self._vector(y, j) for j in which])
        at = xp.concat([y] * len(which))
        image = self._products(at, sigma, v) if self.has_products else self._slopes(at, sigma, v)
        return xp.reshape(xp.sum(v * image, axis=1), (len(which), y.shape[0])).T

    def _products(self, y: Array, sigma: float, v: Array) -> Array:
        """(I - J) v, by the prior."""
        run = self.run
        run.n_score_evals += y.shape[0]
        run.n_rounds += 1
        product = run.prior.denoise_vjp(run.shown(y), sigma, run.shown(v))
        return v - run.returned("prior.denoise_vjp", product, y)

    def _slopes(self, y: Array, sigma: float, v: Array) -> Array:
        """-sigma^2 times the central difference of the score over v.

        Scores vary over a length sigma or more; the third root of the rounding error of that
        balances rounding and curvature.
        """
        h = sigma * float(self.run.xp.finfo(y.dtype).eps) ** (1 / 3)
        ahead, behind = self.run.score(y + h * v, sigma), self.run.score(y - h * v, sigma)
        return (-(sigma**2) / (2 * h)) * (ahead - behind)

    def _vector(self, y: Array, j: int) -> Array:
        """Unit vectors, or probe j of every chain, (n, d)."""
        run, xp = self.run, self.run.xp
        if self.exact:
            unit = xp.asarray(xp.arange(y.shape[1], device=run.device) == j, dtype=y.dtype)
            return xp.broadcast_to(unit, y.shape)
        where = {"step": j, "purpose": Purpose.DIRECTION, "first_chain": run.first_chain}
        if self.probes == "normal":
            return normal(run.key, tuple(y.shape), **where, like=y)
        side = uniform(run.key, tuple(y.shape), **where, like=y) < 0.5
        return xp.where(side, xp.ones_like(y), -xp.ones_like(y))


def estimate(xp: Any, columns: Array) -> tuple[Array, Array]:
    """Mean over columns, and its standard error, zero for a single one."""
    mean = xp.mean(columns, axis=1)
    m = columns.shape[1]
    if m == 1:
        return mean, xp.zeros_like(mean)
    return mean, xp.std(columns, axis=1, correction=1) / math.sqrt(m)
