"""Operations on the bits of lanes that Numba has no words for, emitted as LLVM code.

Each is written once for float64 and float32 and takes its format from its first argument, reals
or the unsigned words of the same width.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import Lanes


class Format:
    """How the reals of some lanes are laid out in their words, with constants of both kinds."""

    def __init__(self, lanes):
        wide = lanes.dtype.bitwidth == 64
        self.wide, self.n, self.n_bits = wide, lanes.n, lanes.dtype.bitwidth
        self.n_mantissa, root_half = (52, 0x3FE6A09E667F3BCD) if wide else (23, 0x3F3504F3)
        self.type = Lanes(types.float64 if wide else types.float32, lanes.n)
        self.real = ir.VectorType(ir.DoubleType() if wide else ir.FloatType(), lanes.n)
        self.word = ir.VectorType(ir.IntType(self.n_bits), lanes.n)
        self.root_half = self.integer(root_half)

    def integer(self, value):
        return ir.Constant(self.word, [value] * self.n)

    def number(self, value):
        return ir.Constant(self.real, [float(value if self.wide else np.float32(value))] * self.n)

    def power_of_two(self, n):
        """The bits of 2^n."""
        bias = 2 ** (self.n_bits - self.n_mantissa - 2) - 1
        return self.integer((bias + n) << self.n_mantissa)

    def fma(self, builder, x, y, z):
        kind = ir.FunctionType(self.real, [self.real] * 3)
        name = f"llvm.fma.v{self.n}f{self.n_bits}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [x, y, z])


def unary(emit, n_results=1):
    @intrinsic
    def operation(context, a):
        form = Format(a)
        result = form.type if n_results == 1 else types.UniTuple(form.type, n_results)
        return result(a), lambda _, builder, __, args: emit(builder, form, *args)

    return operation


def binary(emit):
    @intrinsic
    def operation(context, a, b):
        form = Format(a)
        return form.type(a, b), lambda _, builder, __, args: emit(builder, form, *args)

    return operation


def _square_root(builder, form, x):
    kind = ir.FunctionType(form.real, [form.real])
    name = f"llvm.sqrt.v{form.n}f{form.n_bits}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [x])


def _split(builder, form, x):
    """m in [sqrt(1/2), sqrt(2)) and the real e with x = m 2^e, for positive normal x."""
    shifted = builder.sub(builder.bitcast(x, form.word), form.root_half)
    exponent = builder.ashr(shifted, form.integer(form.n_mantissa))
    mantissa = builder.and_(shifted, form.integer(2**form.n_mantissa - 1))
    m = builder.bitcast(builder.add(mantissa, form.root_half), form.real)
    return cgutils.pack_array(builder, [m, builder.sitofp(exponent, form.real)])


def _fraction(builder, form, word):
    """(k + 1/2) / 2^p of the p leading bits of a word: the mantissa of a number of [1, 2)."""
    mantissa = builder.lshr(word, form.integer(form.n_bits - form.n_mantissa))
    number = builder.bitcast(builder.or_(mantissa, form.power_of_two(0)), form.real)
    return builder.fsub(number, form.number(1.0 - 2.0 ** (-form.n_mantissa - 1)))


def _to_real(builder, form, word):
    return builder.uitofp(word, form.real)


def _uniform_with_tail(builder, form, word):
    """A uniform of (0, 1] that is as fine near 0 as its word allows, for a radius."""
    if form.wide:
        return _fraction(builder, form, word)
    scaled = builder.fmul(builder.uitofp(word, form.real), form.number(2.0**-32))
    return builder.fadd(scaled, form.number(2.0**-33))


def _negate_if_odd(builder, form, x, word):
    sign = builder.shl(word, form.integer(form.n_bits - 1))
    return builder.bitcast(builder.xor(builder.bitcast(x, form.word), sign), form.real)


def polynomial(table64, table32):
    """Horner's rule on constants, highest power first, rounding every operation."""

    def emit(builder, form, z):
        value, *rest = map(form.number, table64 if form.wide else table32)
        for c in rest:
            value = builder.fadd(builder.fmul(value, z), c)
        return value

    return unary(emit)


def constant(value64, value32):
    """A function that returns a constant in the type of its argument."""
    return unary(lambda builder, form, _: form.number(value64 if form.wide else value32))


sqrt = unary(_square_root)
split = unary(_split, n_results=2)
fraction = unary(_fraction)
to_real = unary(_to_real)
uniform_with_tail = unary(_uniform_with_tail)
negate_if_odd = binary(_negate_if_odd)


@intrinsic
def narrow(context, even, odd):
    """The lower 32 bits of two vectors of words, by turns."""

    def code(context, builder, sig, args):
        kind = args[0].type
        mask, half = (ir.Constant(kind, [value] * even.n) for value in (2**32 - 1, 32))
        both = builder.or_(builder.and_(args[0], mask), builder.shl(args[1], half))
        return builder.bitcast(both, ir.VectorType(ir.IntType(32), 2 * even.n))

    return Lanes(types.uint32, 2 * even.n)(even, odd), code
