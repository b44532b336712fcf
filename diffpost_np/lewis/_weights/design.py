"""Passes over a tall X in safe coordinates, each a read of X."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ..._threads import single_threaded_blas
from ..._xp import Array, host
from .._rows.rows import Rows, kind_of
from .._rows.tiles import parts_of
from .basis import Basis
from .gram import lewis_pass, quadratic_forms, weighted_gram


class Design:
    """Passes over Z = X P that count the reads of X."""

    def __init__(self, rows: Rows, basis: Basis, n_reads: int = 0) -> None:
        self.rows, self.xp, self.basis, self.n_reads = rows, rows.xp, basis, n_reads

    @property
    def kind(self) -> str:
        """The precision of Z."""
        return kind_of(self.rows.dtype) if self.basis.P is None else "float64"

    @property
    def rank(self) -> int:
        return self.basis.frame.shape[0]

    @property
    def rounding(self) -> float:
        """Relative error of forms |M' z|^2."""
        return float(np.finfo(self.kind).eps) * self.basis.condition

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """One pass over Z."""
        P = self.basis.P
        self.n_reads += self.rows.reads_per_pass
        for start, chunk in self.rows.chunks():
            yield start, chunk if P is None else self._transformed(chunk, P)

    def _transformed(self, chunk: Array, P: np.ndarray) -> Array:
        """Z of some rows, in float64."""
        xp = self.xp
        P = xp.asarray(P, device=self.rows.device)
        with single_threaded_blas(xp):
            parts = [xp.astype(chunk[part, :], xp.float64) @ P for part in parts_of(chunk)]
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    def gram(self) -> np.ndarray:
        """Z'Z."""
        total = np.zeros((self.rank,) * 2)
        for _, Z in self.chunks():
            total += host(weighted_gram(self.xp, Z))
        return total

    def forms(self, M: np.ndarray) -> Array:
        """|M' z|^2 of all rows, in the dtype of X."""
        place = self._device_matrix(M)
        return self._collected(lambda Z: quadratic_forms(self.xp, Z, place))

    def lewis_pass(self, M: np.ndarray, p: float) -> tuple[Array, np.ndarray]:
        """Weights |M' z|^p of all rows, and Z' diag(w^(1 - 2/p)) Z."""
        place, total = self._device_matrix(M), np.zeros((self.rank,) * 2)

        def one(Z: Array) -> Array:
            nonlocal total
            w, gram = lewis_pass(self.xp, Z, place, p)
            total = total + host(gram)
            return w

        return self._collected(one), total

    def _device_matrix(self, M: np.ndarray) -> Array:
        return self.xp.asarray(M, device=self.rows.device)

    def _collected(self, function: Callable[[Array], Array]) -> Array:
        """A number for each row, chunk by chunk."""
        dtype = self.rows.dtype
        if self.xp is not numpy_namespace:
            parts = [self.xp.astype(function(Z), dtype) for _, Z in self.chunks()]
            return self.xp.concat(parts)
        found = np.empty(self.rows.n or 0, dtype)
        for start, Z in self.chunks():
            found[start : start + len(Z)] = function(Z)
        return found

    def zeros(self) -> Array:
        """A zero for each row."""
        return self.xp.zeros(self.rows.n, dtype=self.rows.dtype, device=self.rows.device)
