"""Coordinates in which sums of squares are safe.

Lewis weights and leverage scores of X and of Z = X P are the same for every P that keeps the rank.
Where the columns of X are far from dependent, Z is X itself; elsewhere P comes from a QR
decomposition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._threads import single_threaded_blas
from ..._xp import Array, placed
from .._rows.arrays import triangle_with
from .._rows.rows import Rows
from .._rows.tiles import parts_of
from .survey import Survey

_WELL_CONDITIONED = {"float64": 300.0, "float32": 30.0}
"""Condition up to which X is used as it is: a Gram matrix loses its square."""

_SURELY_REGULAR = 1e-6
"""Smallest singular value, over the largest, that settles the rank without reading more rows."""

_ORDINARY = {"float64": (1e-60, 1e60), "float32": (1e-9, 1e9)}
"""Sizes of columns whose squares, a few of them together, neither overflow nor vanish."""

_ENOUGH = 2048
"""Rows that show the rank of a matrix whose rows are alike."""


class Basis(NamedTuple):
    """Z = X P, and a start for it: a frame F with the columns of Z F close to orthogonal."""

    P: np.ndarray | None  # (d, r), or None where Z is X
    frame: np.ndarray  # (r, r)
    row_space: np.ndarray  # (d, r), orthonormal
    from_all: bool  # whether all rows were asked
    condition: float  # of X, columns of one size; of the rows that were asked
    n_reads: int = 0  # of X, beyond the survey's


def in_double(basis: Basis) -> Basis:
    """The same where Z = X P is formed, in float64, and not X itself."""
    if basis.P is not None:
        return basis
    return basis._replace(P=basis.frame, frame=np.eye(len(basis.frame)))


def basis_of_some(rows: Rows, survey: Survey, kind: str) -> Basis | None:
    """The basis from the rows of the survey, or None where they leave the rank open."""
    if survey.complete or len(survey.some) < rows.d:
        return None
    sizes, step = _sizes(survey), max(1, len(survey.some) // max(_ENOUGH, 5 * rows.d))
    with single_threaded_blas(rows.xp):
        sigma, Vt = _spectrum(_triangle(survey.some[::step] / sizes), rows.d)
    if sigma[-1] < _SURELY_REGULAR * sigma[0]:
        return None
    return _basis(sigma, Vt, sizes, kind, from_all=False)


def basis_of_rows(some: np.ndarray, survey: Survey, kind: str) -> Basis:
    """The basis of X from rows that stand for all of it."""
    sizes = _sizes(survey)
    sigma, Vt = _spectrum(_triangle(some / sizes), len(sizes))
    return _basis(sigma, Vt, sizes, kind, from_all=True)


def basis_of_all(rows: Rows, survey: Survey, kind: str) -> Basis:
    """The basis from all rows: a QR decomposition, tile by tile, with the decision on the rank.

    Its rounding grows with the rows, and may hide whether a direction is null. Turned to the right
    vectors, such a direction is a column of its own, of which QR keeps the digits.
    """
    sizes, n_reads = _sizes(survey), 1
    with single_threaded_blas(rows.xp):
        sigma, Vt = _spectrum(_triangle_of_all(rows, survey, sizes, None), rows.d)
        if _open(sigma, rows.n or len(survey.some), kind):
            R, n_reads = _triangle_of_all(rows, survey, sizes, Vt.T), 2
            sigma, turn = _spectrum(R, rows.d)
            Vt = turn @ Vt
    basis = _basis(sigma, Vt, sizes, kind, from_all=True)
    return basis._replace(n_reads=0 if survey.complete else n_reads)


def _triangle_of_all(
    rows: Rows, survey: Survey, sizes: np.ndarray, turn: np.ndarray | None
) -> np.ndarray:
    """R of all rows, their columns over their sizes, and turned."""
    R = np.zeros((0, rows.d))
    chunks = iter([(0, survey.some)]) if survey.complete else rows.chunks()
    for _, chunk in chunks:
        for part in parts_of(chunk):
            block = _in_units(rows, chunk[part, :], sizes)
            turned = block if turn is None else block @ placed(rows.xp, turn, block)
            R = triangle_with(rows.xp, R, turned)
    return R


def _in_units(rows: Rows, block: Array, sizes: np.ndarray) -> Array:
    """Some rows over the sizes of their columns, in float64."""
    if isinstance(block, np.ndarray):
        return block.astype(np.float64) / sizes
    return rows.xp.astype(block, rows.xp.float64) / placed(rows.xp, sizes, block)


def _null(d: int, kind: str) -> float:
    """Singular value, over the largest, up to which a direction is one of dependent columns."""
    return 10 * float(np.finfo(kind).eps) * d**0.5


def _open(sigma: np.ndarray, n: int, kind: str) -> bool:
    """Whether a singular value may be the rounding of a QR decomposition of n rows."""
    rounding = 8 * float(np.finfo(float).eps) * n**0.5  # eight times the most that was seen
    small = sigma <= rounding * sigma[0]
    return bool(np.any(small & (sigma > _null(len(sigma), kind) * sigma[0])))


def refined(basis: Basis, frame: np.ndarray, kind: str) -> Basis | None:
    """The basis of a frame F with Z F near orthogonal, if Z is too close to dependent itself."""
    if basis.P is not None:
        return None
    G = np.linalg.inv(frame @ frame.T)
    sizes = np.sqrt(np.diagonal(G))
    square = float(np.linalg.cond(G / sizes / sizes[:, None]))
    if square <= 10 * _WELL_CONDITIONED[kind] ** 2:
        return None
    return Basis(frame, np.eye(len(frame)), basis.row_space, True, square**0.5)


def _sizes(survey: Survey) -> np.ndarray:
    """Powers of two of the size of each column, 1 for columns of zeros."""
    _, exponents = np.frexp(survey.largest)
    return np.where(survey.largest > 0, np.ldexp(1.0, exponents - 1), 1.0)


def _triangle(block: np.ndarray) -> np.ndarray:
    """R of a QR decomposition."""
    return np.asarray(np.linalg.qr(block, mode="r"))


def _spectrum(R: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """All d singular values and right vectors."""
    _, sigma, Vt = np.linalg.svd(R)
    return np.pad(sigma, (0, d - len(sigma))), Vt


def _basis(
    sigma: np.ndarray, Vt: np.ndarray, sizes: np.ndarray, kind: str, from_all: bool
) -> Basis:
    d = len(sizes)
    rank = int(np.sum(sigma > _null(d, kind) * sigma[0]))
    P = Vt[:rank].T / sigma[:rank] / sizes[:, None]
    condition = float(sigma[0] / sigma[rank - 1]) if rank else 1.0
    low, high = _ORDINARY[kind]
    ordinary = bool(np.all((sizes > low) & (sizes < high)))
    if rank == d and ordinary and sigma[0] <= _WELL_CONDITIONED[kind] * sigma[-1]:
        return Basis(None, P, np.eye(d), from_all, condition)
    space = np.linalg.qr(Vt[:rank].T * (sizes / np.max(sizes))[:, None])[0]
    return Basis(P, np.eye(rank), np.eye(d) if rank == d else space, from_all, condition)
