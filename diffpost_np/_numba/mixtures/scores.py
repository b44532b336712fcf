"""Logits and scores of a block of points: the code for a form, chosen when a kernel is compiled."""

from __future__ import annotations

from numba.extending import overload

from ..blocks import block_code
from ..device import device, zero_like
from ..lanes import get, put
from .axes import (
    diagonal_logits,
    diagonal_score,
    dual_denoised,
    rotated_logits,
    rotated_score,
    shared_common,
    shared_denoised,
    shared_logits,
    shared_score,
)
from .forms import Diagonal, Dual, Factored, Full, LowRank, Rotated, Shared
from .full import factored_score, full_logits, full_score, low_rank_logits, low_rank_score


@device
def _no_common(form, level, work):
    return zero_like(get(work.x, 0))


_CODE = {
    Shared: (shared_logits, shared_common, shared_score),
    Diagonal: (diagonal_logits, _no_common, diagonal_score),
    Rotated: (rotated_logits, _no_common, rotated_score),
    Full: (full_logits, _no_common, full_score),
    Factored: (full_logits, _no_common, factored_score),
    LowRank: (low_rank_logits, _no_common, low_rank_score),
}


def logits(form, level, work):
    """Logits of the points `work.x`, up to the `common` part."""
    raise NotImplementedError


def common(form, level, work):
    """What all logits of a lane lack."""
    raise NotImplementedError


def score(form, level, work, scale):
    """Set `work.drift` to `scale` times the score."""
    raise NotImplementedError


def denoised(form, level, work, variance):
    """Set `work.drift` to the denoised points: x and `variance` times the score."""
    raise NotImplementedError


@overload(logits)
def _logits(form, level, work):
    code = _CODE[form.instance_class][0]
    return lambda form, level, work: code(form, level, work)


@overload(common)
def _common(form, level, work):
    code = _CODE[form.instance_class][1]
    return lambda form, level, work: code(form, level, work)


@overload(score)
def _score(form, level, work, scale):
    code = _CODE[form.instance_class][2]
    return lambda form, level, work, scale: code(form, level, work, scale)


@block_code
def _score_added(form, level, work, variance):
    score(form, level, work, variance)
    for row in range(form.means.shape[1]):
        put(work.drift, row, get(work.x, row) + get(work.drift, row))


_DENOISED = {Shared: shared_denoised, Dual: dual_denoised}


@overload(denoised)
def _denoised(form, level, work, variance):
    code = _DENOISED.get(form.instance_class, _score_added)
    return lambda form, level, work, variance: code(form, level, work, variance)
