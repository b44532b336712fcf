"""Matrix times block, in explicit vector code.

A block holds a batch of chains with the chain innermost, (depth, lanes). A tile of some rows by
some vectors of lanes stays in registers for the whole depth, so the speed is that of the fused
multiply-add, and every entry is one sum in the order of the depth: it depends neither on the
other lanes nor on the tile it falls into.
"""

from __future__ import annotations

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_WIDE = get_host_cpu_features().get("avx512f", False)
_VECTOR_BYTES, _N_VECTORS, _N_ROWS = (64, 4, 6) if _WIDE else (32, 2, 4)
_INDEX, _LANE = ir.IntType(64), ir.IntType(32)


class _Tile:
    """Emits the code of one tile: rows x vectors of lanes."""

    def __init__(self, builder, real, n_rows):
        self.builder, self.real, self.n_rows = builder, real, n_rows
        self.n_bytes = 8 if real == ir.DoubleType() else 4
        self.width = _VECTOR_BYTES // self.n_bytes
        self.vector = ir.VectorType(real, self.width)

    def places(self, start, stride, n):
        """Indices start, start + stride, ..."""
        b = self.builder
        return [b.add(start, b.mul(stride, ir.Constant(_INDEX, i))) for i in range(n)]

    def vectors(self, start):
        return self.places(start, ir.Constant(_INDEX, self.width), _N_VECTORS)

    def pointer(self, data, index):
        pointer = self.builder.gep(data, [index])
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def load(self, data, index):
        return self.builder.load(self.pointer(data, index), align=self.n_bytes)

    def store(self, value, data, index):
        self.builder.store(value, self.pointer(data, index), align=self.n_bytes)

    def broadcast(self, data, index):
        scalar = self.builder.load(self.builder.gep(data, [index]))
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(_LANE, 0))
        zeros = ir.Constant(ir.VectorType(_LANE, self.width), [0] * self.width)
        return self.builder.shuffle_vector(one, undefined, zeros)

    def fma(self, x, y, z):
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.width}f{8 * self.n_bytes}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [x, y, z])

    def multiply(self, out, a, x, depth, lanes, row, lane, accumulate):
        """out[rows, lanes] (+)= a[rows, :] x[:, lanes]."""
        b = self.builder
        out_rows = self.places(b.add(b.mul(row, lanes), lane), lanes, self.n_rows)
        targets = [place for start in out_rows for place in self.vectors(start)]
        a_rows = self.places(b.mul(row, depth), depth, self.n_rows)
        sums = [cgutils.alloca_once(b, self.vector) for _ in targets]
        for slot, place in zip(sums, targets, strict=True):
            zero = ir.Constant(self.vector, [ir.Constant(self.real, 0.0)] * self.width)
            b.store(self.load(out, place) if accumulate else zero, slot)
        with cgutils.for_range(b, depth) as loop:
            start = b.add(b.mul(loop.index, lanes), lane)
            columns = [self.load(x, place) for place in self.vectors(start)]
            for r, a_row in enumerate(a_rows):
                factor = self.broadcast(a, b.add(a_row, loop.index))
                for v, column in enumerate(columns):
                    slot = sums[r * _N_VECTORS + v]
                    b.store(self.fma(factor, column, b.load(slot)), slot)
        for slot, place in zip(sums, targets, strict=True):
            self.store(b.load(slot), out, place)


def _tile(n_rows, accumulate):
    @intrinsic
    def tile(context, out, a, x, row, lane):
        def code(context, builder, signature, arguments):
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
            ]
            depth, lanes = cgutils.unpack_tuple(builder, arrays[2].shape)
            emitter = _Tile(builder, context.get_value_type(signature.args[0].dtype), n_rows)
            data = [array.data for array in arrays]
            emitter.multiply(*data, depth, lanes, *arguments[3:], accumulate)
            return context.get_dummy_value()

        return types.void(out, a, x, types.intp, types.intp), code

    return tile


def _multiplier(accumulate):
    full, pair, single = (_tile(n, accumulate) for n in (_N_ROWS, 2, 1))

    @njit(error_model="numpy")
    def multiply(out, a, x):
        lanes_per_tile = _N_VECTORS * (_VECTOR_BYTES // out.itemsize)
        for lane in range(0, out.shape[1], lanes_per_tile):
            row = 0
            while row + _N_ROWS <= out.shape[0]:
                full(out, a, x, row, lane)
                row += _N_ROWS
            while row + 2 <= out.shape[0]:
                pair(out, a, x, row, lane)
                row += 2
            if row < out.shape[0]:
                single(out, a, x, row, lane)

    return multiply


multiply = _multiplier(accumulate=False)
multiply_add = _multiplier(accumulate=True)
