"""Kernel of `posterior/_proposals.py`: proposals from a mixture, formed only where accepted.

With x = mu_k + L_k z the residual y - R x is (y - R mu_k) - R L_k z: so proposals of one component
go together, and one takes its normals and as many sums as there are data.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from ..priors._covariance import LowRank
from ..priors._mixture_draws import shape_chosen
from ..random import Purpose
from .blocks import block_code, choose, lane_place, new_work
from .device import device, normal_pair, zero_like
from .gemm import multiply_add
from .intrinsics import fraction, to_real
from .lanes import LANES, any_lane, fma, get, put, select
from .parallel import for_ranges, kernel
from .powers import exp_or_zero
from .random import counters, draw

_INITIAL, _ACCEPT, _COMPONENT = (
    np.uint64(int(p)) for p in (Purpose.INITIAL, Purpose.ACCEPT, Purpose.COMPONENT)
)
_STEP = np.uint64(0)
_TILE, _BLOCKS_PER_COMPONENT = 2**13, 8
_FACTOR, _DATA, _REST = 1.5, 0.1, 15.0
"""Nanoseconds of a proposal: for each normal, for each product, for all else."""


class Mixture(NamedTuple):
    """A mixture as the data see it."""

    cumulative: np.ndarray  # (K,), of the weights
    offset: np.ndarray  # (K, r), y - R mu_k
    minus_factor: np.ndarray  # (K or 1, r, columns), -R L_k


class Tile(NamedTuple):
    """Proposals of a tile by component, and room for those accepted."""

    chosen: np.ndarray  # (n,)
    order: np.ndarray  # (n,)
    starts: np.ndarray  # (K + 1,)
    numbers: np.ndarray  # (n,)
    components: np.ndarray  # (n,)
    normals: np.ndarray  # (n, columns)


def _fine_uniform(words):
    """A uniform that is as fine near 0 as two words allow."""
    raise NotImplementedError


@overload(_fine_uniform, jit_options={"forceinline": True})
def _fine_uniform_typed(words):
    def wide(words):
        return fraction(get(words, 0))

    def short(words):
        tail = to_real(get(words, 0)) * 2.0**-64 + 2.0**-65
        return to_real(get(words, 1)) * 2.0**-32 + tail

    return wide if words.dtype is types.uint64 else short


@block_code
def _choose_components(tile, n, cumulative, place, work):
    """Set `tile.chosen` by inversion."""
    words, last = work.words, cumulative.shape[0] - 1
    lanes = work.x.shape[1]
    for start in range(0, n, lanes):
        for lane in range(lanes):
            work.chains[lane_place(work.chains, lane)] = place[0] + np.uint64(start + lane)
        chains = counters(words, work.chains)
        draw(words, np.uint64(0), chains, _STEP, _COMPONENT, place[1], place[2])
        level = fraction(get(words, 0)) * cumulative[last]
        index, one = zero_like(level), zero_like(level) + 1.0
        for k in range(last):
            index = index + select(level > cumulative[k], one, 0.0)
        put(work.scratch, 0, index)
        for lane in range(min(lanes, n - start)):
            tile.chosen[start + lane] = int(work.scratch[0, lane])


@block_code
def _sort(tile, n):
    """Set `tile.order` to the proposals, one component after the other."""
    starts = tile.starts
    starts[:] = 0
    for i in range(n):
        starts[tile.chosen[i] + 1] += 1
    for k in range(1, starts.shape[0]):
        starts[k] += starts[k - 1]
    for i in range(n):
        k = tile.chosen[i]
        tile.order[starts[k]] = i
        starts[k] += 1
    for k in range(starts.shape[0] - 1, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0


@block_code
def _normals(work, n_columns, place):
    """Set `work.x` to the normals of the chains."""
    words, per_block = work.words, work.words.shape[0]
    chains = counters(words, work.chains)
    for block in range(-(-n_columns // per_block)):
        draw(words, np.uint64(block), chains, _STEP, _INITIAL, place[1], place[2])
        for i in range(0, per_block, 2):
            z0, z1 = normal_pair(get(words, i), get(words, i + 1))
            put(work.x, block * per_block + i, z0)
            put(work.x, block * per_block + i + 1, z1)


@device
def _ratio(work):
    """exp(-|residual|^2 / 2)."""
    residual, total = work.residual, zero_like(get(work.x, 0))
    for row in range(residual.shape[0]):
        total = fma(get(residual, row), get(residual, row), total)
    return exp_or_zero(total * -0.5)


@block_code
def _keep(tile, count, k, n, work):
    """Store the lanes that `work.scratch` marks; returns how many are stored now."""
    for lane in range(n):
        if work.scratch[0, lane] != 0:
            tile.numbers[count] = work.chains[lane_place(work.chains, lane)]
            tile.components[count] = k
            for j in range(tile.normals.shape[1]):
                tile.normals[count, j] = work.x[j, lane]
            count += 1
    return count


@block_code
def _decide(work, offset, factor, place):
    """Mark accepted lanes of a block in `work.scratch`; returns whether there are any."""
    columns = factor.shape[1]
    for half in range(work.chains.shape[0]):
        put(work.chains, half, get(work.chains, half) + place[0])
    _normals(work, columns, place)
    multiply_add(work.residual, offset, factor, work.x[:columns])
    chains = counters(work.words, work.chains)
    draw(work.words, np.uint64(0), chains, _STEP, _ACCEPT, place[3], place[4])
    ratio = _ratio(work)
    accepted = ratio > _fine_uniform(work.words)
    put(work.scratch, 0, select(accepted, zero_like(ratio) + 1.0, 0.0))
    return any_lane(accepted)


@kernel
def _accept(tile, n, mixture, place, work):
    """Fill a tile with what is accepted among n proposals; returns how many they are."""
    _choose_components(tile, n, mixture.cumulative, place, work)
    _sort(tile, n)
    lanes, count = work.x.shape[1], 0
    for k in range(mixture.offset.shape[0]):
        order = tile.order[tile.starts[k] : tile.starts[k + 1]]
        factor = mixture.minus_factor[min(k, mixture.minus_factor.shape[0] - 1)]
        for block in range(-(-order.shape[0] // lanes)):
            n_lanes = choose(work, order, block)
            if _decide(work, mixture.offset[k], factor, place):
                count = _keep(tile, count, k, n_lanes, work)
    return count


def accepted_proposals(xp, proposals, envelope, first, n):
    """The operation, for the mixtures whose draws the kernel knows."""
    draws = proposals.mixture
    if draws is None or envelope.factor is None:
        return NotImplemented
    if proposals.prepared is None:
        proposals.prepared = _seen(draws, envelope)
    mixture = proposals.prepared
    if mixture is NotImplemented:
        return NotImplemented
    key = proposals.problem.key
    words = np.array([*draws.key.words, *key.words], np.uint64)
    n_components, n_data, n_columns = len(mixture.offset), *mixture.minus_factor.shape[1:]
    dtype = mixture.offset.dtype
    size = min(n, max(_TILE, _BLOCKS_PER_COMPONENT * LANES[dtype] * n_components))
    found = [None] * -(-n // size)

    def task(start, stop):
        tile = _tile(dtype, size, n_components, n_columns)
        work = new_work(dtype, n_columns, 0, 1, n_data)
        for i in range(start, stop):
            place = np.array([first + i * size, *words], np.uint64)
            count = _accept(tile, min(size, n - i * size), mixture, place, work)
            order = np.argsort(tile.numbers[:count])
            found[i] = tile.numbers[order], tile.components[order], tile.normals[order]

    cost = _REST + n_columns * (_FACTOR + _DATA * n_data)
    for_ranges(task, len(found), size * cost)
    numbers, components, normals = (np.concatenate(a) for a in zip(*found, strict=True))
    return numbers, _points(xp, draws.tables, components, normals)


def _points(xp, tables, components, normals):
    """The points that normals stand for, of which there may be none."""
    if len(normals) == 0:
        return np.empty((0, tables.means.shape[1]), tables.means.dtype)
    return shape_chosen(xp, tables, components, normals)


def _seen(draws, envelope):
    """The mixture as the data see it; NotImplemented for covariances it does not know."""
    dtype, factor = envelope.factor.dtype, envelope.factor.astype(np.float64)
    columns = _times_roots(factor, draws.tables.covs)
    if columns is None:
        return NotImplemented
    offset = envelope.y - draws.tables.means.astype(np.float64) @ factor.T
    tables = np.cumulative_sum(draws.weights), offset, -columns
    return Mixture(*(np.ascontiguousarray(a, dtype) for a in tables))


def _times_roots(factor, covs):
    """R times the matrix that colours normals, (K or 1, r, columns)."""
    if isinstance(covs, LowRank):
        spread = factor * np.sqrt(covs.diag)[:, None, :]
        low = factor @ covs.factor_matrix
        n = max(len(spread), len(low))
        return np.concatenate([np.broadcast_to(a, (n, *a.shape[1:])) for a in (spread, low)], 2)
    if covs.basis is None:
        return factor * np.sqrt(covs.values)[:, None, :]
    return factor @ covs.root(np) if isinstance(covs.basis, np.ndarray) else None


_mine = threading.local()


def _tile(dtype, n, n_components, n_columns):
    """The tile of this thread."""
    key = (dtype, n, n_components, n_columns)
    if getattr(_mine, "key", None) != key:
        integers = (np.empty(n, np.int64) for _ in range(4))
        chosen, order, numbers, components = integers
        starts, normals = np.empty(n_components + 1, np.int64), np.empty((n, n_columns), dtype)
        _mine.key, _mine.tile = key, Tile(chosen, order, starts, numbers, components, normals)
    return _mine.tile
