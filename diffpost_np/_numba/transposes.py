"""Tiles of numbers, transposed in registers so that each of their rows has a lane."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .lanes import REGISTER_BYTES, REGISTERS, shuffled
from .registers import data_of, lanes_of, register_of


@intrinsic
def transpose_into(context, buffer, index, apart, table, first, stride, scale):
    """Put a square of numbers of a flat table into a buffer, its columns as registers.

    The square's rows start at the table's numbers first, first + stride, ...; each is multiplied
    by its lane of `scale`, unless that is None. Its columns are registers `apart` of each other.
    """
    lanes = lanes_of(buffer)

    def code(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        out, at, distance, source, start, step, factor = args
        rows = []
        numbers = data_of(context, builder, table, source)
        for _ in range(lanes.n):
            pointer = builder.bitcast(builder.gep(numbers, [start]), vector.as_pointer())
            rows.append(builder.load(pointer, align=table.dtype.bitwidth // 8))
            start = builder.add(start, step)
        for i, column in enumerate(_transposed(builder, rows)):
            column = column if scale is types.none else builder.fmul(column, factor)
            place = builder.add(at, builder.mul(distance, ir.Constant(at.type, i)))
            pointer = register_of(context, builder, buffer, out, vector, place)
            builder.store(column, pointer, align=REGISTER_BYTES)
        return context.get_dummy_value()

    return types.void(buffer, types.intp, types.intp, table, types.intp, types.intp, scale), code


def _affine(builder, value, factor, shift):
    scaled = builder.mul(value, ir.Constant(value.type, factor))
    return builder.add(scaled, ir.Constant(value.type, shift))


def _chain_of(context, builder, chains, numbers, lanes, part, i):
    """Which chain the i-th lane of a register holds, which is the part-th of a row.

    `chains` has rows of 64-bit lanes; see `lane_place` of `blocks.py`.
    """
    n_rows = 64 // lanes.dtype.bitwidth
    length, in_row = REGISTERS * lanes.n // n_rows, lanes.n // n_rows
    place = _affine(builder, part, in_row, i % n_rows * length + i // n_rows)
    return builder.load(builder.gep(data_of(context, builder, chains, numbers), [place]))


def _two_sides(context, builder, sig, args):
    """Pointers to a tile: in the array to the first number of each lane, and to the registers."""
    (block, _, _, array, chains), lanes = sig.args, lanes_of(sig.args[0])
    rows, row, part, table, numbers = args
    vector = context.get_value_type(lanes)
    table = context.make_array(array)(context, builder, table)
    length = builder.extract_value(table.shape, 1)
    in_array, in_block = [], []
    for i in range(lanes.n):
        chain = _chain_of(context, builder, chains, numbers, lanes, part, i)
        start = builder.gep(table.data, [builder.add(builder.mul(chain, length), row)])
        in_array.append(builder.bitcast(start, vector.as_pointer()))
        index = builder.add(_affine(builder, row, REGISTERS, REGISTERS * i), part)
        in_block.append(register_of(context, builder, block, rows, vector, index))
    return in_array, in_block


def _turn(block, array, chains, into_block):
    """Typing and code of `turn_in` and `turn_out`."""
    if array.layout != "C" or array.dtype != block.dtype:
        raise TypingError(f"an array in C order and of dtype {block.dtype} is wanted, not {array}")

    def code(context, builder, sig, args):
        in_array, in_block = _two_sides(context, builder, sig, args)
        sources, targets = (in_array, in_block) if into_block else (in_block, in_array)
        aligned = array.dtype.bitwidth // 8  # as numbers are; registers of a block are, anyway
        rows = [builder.load(pointer, align=aligned) for pointer in sources]
        for pointer, column in zip(targets, _transposed(builder, rows), strict=True):
            builder.store(column, pointer, align=aligned)
        return context.get_dummy_value()

    return types.void(block, types.intp, types.intp, array, chains), code


@intrinsic
def turn_in(context, block, row, part, array, chains):
    """Put a tile of an array (n, d) into a block: numbers row, row + 1, ... of its chains.

    There are as many of both as a register has lanes; the register is the part-th of a row of
    the block, and `chains` says which row of the array each of its lanes holds.
    """
    return _turn(block, array, chains, True)


@intrinsic
def turn_out(context, block, row, part, array, chains):
    """Put a tile of a block into an array, the other way round."""
    return _turn(block, array, chains, False)


def _transposed(builder, rows):
    """The columns of a square: blocks off the diagonal change sides, of every size in turn."""
    rows, n, size = list(rows), len(rows), 1
    while size < n:
        for i in range(n):
            if not i & size:
                pair = rows[i], rows[i | size]
                low = [c if not c & size else n + (c ^ size) for c in range(n)]
                high = [c | size if not c & size else n + c for c in range(n)]
                rows[i] = shuffled(builder, *pair, low)
                rows[i | size] = shuffled(builder, *pair, high)
        size *= 2
    return rows
