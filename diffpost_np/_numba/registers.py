"""Single registers of lanes. A buffer is an aligned array, counted in registers."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import REGISTER_BYTES, Lanes, broadcast, shuffled

WIDTH = {np.dtype(t): REGISTER_BYTES // np.dtype(t).itemsize for t in (np.float64, np.float32)}
"""Lanes of a register."""


def registers(n, dtype):
    """Zeros that fill n registers, aligned."""
    raw = np.zeros((n + 1) * REGISTER_BYTES, np.uint8)
    start = -raw.ctypes.data % REGISTER_BYTES
    return raw[start : start + n * REGISTER_BYTES].view(dtype)


def lanes_of(array):
    return Lanes(array.dtype, 8 * REGISTER_BYTES // array.dtype.bitwidth)


def data_of(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


def register_of(context, builder, kind, buffer, vector, index):
    """Pointer to a register of a buffer."""
    start = builder.bitcast(data_of(context, builder, kind, buffer), vector.as_pointer())
    return builder.gep(start, [index])


@intrinsic
def get_register(context, buffer, index):
    """Register of a buffer."""
    lanes = lanes_of(buffer)

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        pointer = register_of(context, builder, buffer, args[0], vector, args[1])
        return builder.load(pointer, align=REGISTER_BYTES)

    return lanes(buffer, types.intp), code


@intrinsic
def put_register(context, buffer, index, value):
    """Write a register of a buffer; a number goes to every lane."""
    lanes = lanes_of(buffer)

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        pointer = register_of(context, builder, buffer, args[0], vector, args[1])
        _, stored = broadcast(context, builder, (lanes, value), (None, args[2]))
        builder.store(stored, pointer, align=REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(buffer, types.intp, value), code


@intrinsic
def prefetch(context, table, index):
    """Bring a number and its cache line nearer; there need not be one."""

    def code(context, builder, sig, args):
        address = builder.gep(data_of(context, builder, table, args[0]), [args[1]])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, near, data = (ir.Constant(word, n) for n in (0, 2, 1))
        builder.call(function, [builder.bitcast(address, byte), read, near, data])
        return context.get_dummy_value()

    return types.void(table, types.intp), code


@intrinsic
def sum_of_lanes(context, value):
    """The sum of all lanes, in double precision: halves first, so in one order always."""

    def code(context, builder, sig, args):
        wide = ir.VectorType(ir.DoubleType(), value.n)
        vector = builder.fpext(args[0], wide) if value.dtype.bitwidth == 32 else args[0]
        n = value.n
        while n > 1:
            halves = [shuffled(builder, vector, vector, range(k, k + n // 2)) for k in (0, n // 2)]
            vector, n = builder.fadd(*halves), n // 2
        return builder.extract_element(vector, cgutils.int32_t(0))

    return types.float64(value), code
