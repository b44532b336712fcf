"""Vectors of lanes as values in Numba: one row of a block, all its chains at once.

Kernels are written without loops over chains. A row is four vector registers, which gives every
operation four independent strands, and nothing is left to a compiler's guess whether a loop is
worth vectorising. Numbers broadcast and take the lanes' type; operations carry no fast-math
flag, so each rounds by itself.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.core.extending import lower_builtin, models, register_model
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic

REGISTER_BYTES = 64 if get_host_cpu_features().get("avx512f", False) else 32
REGISTERS = 4
"""Vector registers of a row."""
ROW_BYTES = REGISTERS * REGISTER_BYTES
LANES = {
    np.dtype(t): ROW_BYTES // np.dtype(t).itemsize
    for t in (np.float64, np.float32, np.uint64, np.uint32)
}
"""Lanes of a row: the chains of a block, for a floating dtype."""


class Lanes(types.Type):
    """A vector of n numbers of one dtype."""

    def __init__(self, dtype, n):
        self.dtype, self.n = dtype, n
        super().__init__(f"Lanes({dtype}, {n})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        element = manager.lookup(lanes.dtype).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.n))


def common_lanes(kinds):
    """The type of the lanes among the types of some arguments."""
    return next((kind for kind in kinds if isinstance(kind, Lanes)), None)


def shuffled(builder, a, b, order):
    """A vector of lanes of a and, counted on, of b."""
    index = list(order)
    lanes = ir.VectorType(ir.IntType(32), len(index))
    return builder.shuffle_vector(a, b, ir.Constant(lanes, index))


def splat(builder, vector, scalar):
    """A scalar in every lane."""
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, empty, zeros)


def broadcast(context, builder, kinds, values):
    """Values of one type of lanes, scalars cast and broadcast."""
    lanes = common_lanes(kinds)
    vector = context.get_value_type(lanes)
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, Lanes):
            yield value
        else:
            yield splat(builder, vector, context.cast(builder, value, kind, lanes.dtype))


def _define(function, emit, result=None):
    """Extend an operator to lanes by the code that `emit(builder, dtype, *vectors)` writes."""

    class Template(AbstractTemplate):
        def generic(self, args, kws):
            lanes = common_lanes(args)
            if lanes is None:
                return None
            return signature(Lanes(result or lanes.dtype, lanes.n), *args)

    infer_global(function)(Template)

    def lower(context, builder, sig, args):
        vectors = broadcast(context, builder, sig.args, args)
        return emit(builder, common_lanes(sig.args).dtype, *vectors)

    for kinds in ((Lanes,), (Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(function, *kinds)(lower)


def _by_kind(real, integer):
    """The builder's method for real or for integer lanes."""

    def emit(builder, dtype, *vectors):
        return getattr(builder, real if isinstance(dtype, types.Float) else integer)(*vectors)

    return emit


def _comparison(symbol):
    def emit(builder, dtype, a, b):
        if isinstance(dtype, types.Float):
            return (
                builder.fcmp_unordered(symbol, a, b)
                if symbol == "!="
                else (builder.fcmp_ordered(symbol, a, b))
            )
        return builder.icmp_unsigned(symbol, a, b)

    return emit


_define(operator.add, _by_kind("fadd", "add"))
_define(operator.sub, _by_kind("fsub", "sub"))
_define(operator.mul, _by_kind("fmul", "mul"))
_define(operator.truediv, _by_kind("fdiv", "udiv"))
_define(operator.neg, _by_kind("fneg", "neg"))
_define(operator.and_, _by_kind("and_", "and_"))
_define(operator.or_, _by_kind("or_", "or_"))
_define(operator.xor, _by_kind("xor", "xor"))
_define(operator.lshift, _by_kind("shl", "shl"))
_define(operator.rshift, _by_kind("lshr", "lshr"))
_define(operator.gt, _comparison(">"), types.boolean)
_define(operator.ne, _comparison("!="), types.boolean)


@intrinsic
def fma(context, x, y, z):
    """x y + z, rounded once."""
    lanes = common_lanes((x, y, z))

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        kind = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fma.v{lanes.n}f{lanes.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, list(broadcast(context, builder, sig.args, args)))

    return lanes(x, y, z), code


@intrinsic
def select(context, mask, x, y):
    """x where the mask holds, else y."""
    lanes = common_lanes((x, y))

    def code(context, builder, sig, args):
        return builder.select(args[0], *broadcast(context, builder, sig.args[1:], args[1:]))

    return lanes(mask, x, y), code


@intrinsic
def any_lane(context, mask):
    """Whether the mask holds in some lane."""

    def code(context, builder, sig, args):
        word = ir.IntType(mask.n)
        return builder.icmp_unsigned("!=", builder.bitcast(args[0], word), ir.Constant(word, 0))

    return types.boolean(mask), code


def _row_pointer(context, builder, kind, block, row, vector):
    data = context.make_array(kind)(context, builder, block).data
    return builder.gep(builder.bitcast(data, vector.as_pointer()), [row])


def _lanes_of_block(block):
    """The lanes of a row: all that a block of its dtype holds."""
    return Lanes(block.dtype, 8 * ROW_BYTES // block.dtype.bitwidth)


@intrinsic
def get(context, block, row):
    """Row of a block (rows, lanes)."""
    lanes = _lanes_of_block(block)

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        pointer = _row_pointer(context, builder, block, *args, vector)
        return builder.load(pointer, align=REGISTER_BYTES)

    return lanes(block, types.intp), code


@intrinsic
def put(context, block, row, value):
    """Write a row of a block; a number goes to every lane."""
    lanes = _lanes_of_block(block)

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        pointer = _row_pointer(context, builder, block, args[0], args[1], vector)
        kinds, values = (lanes, value), (None, args[2])
        _, stored = broadcast(context, builder, kinds, values)
        builder.store(stored, pointer, align=REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(block, types.intp, value), code


@intrinsic
def put_interleaved(context, out, vectors):
    """Write two or four vectors, one number of each in turn."""

    def code(context, builder, sig, args):
        rows = cgutils.unpack_tuple(builder, args[1])
        while len(rows) > 1:
            half = len(rows) // 2
            rows = [_interleaved(builder, *pair) for pair in zip(rows, rows[half:], strict=False)]
        data = context.make_array(out)(context, builder, args[0]).data
        builder.store(rows[0], builder.bitcast(data, rows[0].type.as_pointer()), REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(out, vectors), code


def _interleaved(builder, a, b):
    n = a.type.count
    order = [i for pair in zip(range(n), range(n, 2 * n), strict=True) for i in pair]
    return shuffled(builder, a, b, order)
