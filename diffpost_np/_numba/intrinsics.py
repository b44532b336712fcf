"""Operations on the bits of a lane that Numba has no words for, emitted as LLVM code.

Each is written once for float64 and float32 and takes its format from its first argument, a
real or the unsigned word of the same width. Sums and products carry no fast-math flag, so they
round one by one; `fma` and `fused_polynomial` fuse where that is wanted.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy import float32


class Format:
    """How a floating type is laid out in its word, with constants of both kinds."""

    def __init__(self, real, word, llvm_real, n_mantissa, root_half):
        self.type, self.real, self.word = real, llvm_real, ir.IntType(word.bitwidth)
        self.n_bits, self.n_mantissa = word.bitwidth, n_mantissa
        self.root_half = self.integer(root_half)

    def integer(self, value):
        return ir.Constant(self.word, value)

    def number(self, value):
        return ir.Constant(self.real, float(value if self.n_bits == 64 else float32(value)))

    def power_of_two(self, n):
        """The bits of 2^n."""
        bias = 2 ** (self.n_bits - self.n_mantissa - 2) - 1
        return self.integer((bias + n) << self.n_mantissa)


_FLOAT64 = Format(types.float64, types.uint64, ir.DoubleType(), 52, 0x3FE6A09E667F3BCD)
_FLOAT32 = Format(types.float32, types.uint32, ir.FloatType(), 23, 0x3F3504F3)
_FORMATS = {
    types.float64: _FLOAT64,
    types.uint64: _FLOAT64,
    types.float32: _FLOAT32,
    types.uint32: _FLOAT32,
}


def _unary(emit, n_results=1):
    @intrinsic
    def operation(context, a):
        form = _FORMATS[a]
        result = form.type if n_results == 1 else types.UniTuple(form.type, n_results)
        return result(a), lambda _, builder, __, args: emit(builder, form, *args)

    return operation


def _binary(emit):
    @intrinsic
    def operation(context, a, b):
        form = _FORMATS[a]
        return form.type(a, b), lambda _, builder, __, args: emit(builder, form, *args)

    return operation


def _square_root(builder, form, x):
    return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [form.real]), [x])


def _split(builder, form, x):
    """m in [sqrt(1/2), sqrt(2)) and the real e with x = m 2^e, for positive normal x."""
    shifted = builder.sub(builder.bitcast(x, form.word), form.root_half)
    exponent = builder.ashr(shifted, form.integer(form.n_mantissa))
    fraction = builder.and_(shifted, form.integer(2**form.n_mantissa - 1))
    m = builder.bitcast(builder.add(fraction, form.root_half), form.real)
    pair = ir.Constant(ir.ArrayType(form.real, 2), ir.Undefined)
    pair = builder.insert_value(pair, m, 0)
    return builder.insert_value(pair, builder.sitofp(exponent, form.real), 1)


def _fraction(builder, form, word):
    """(k + 1/2) / 2^p of the p leading bits of a word: the mantissa of a number of [1, 2)."""
    mantissa = builder.lshr(word, form.integer(form.n_bits - form.n_mantissa))
    number = builder.bitcast(builder.or_(mantissa, form.power_of_two(0)), form.real)
    return builder.fsub(number, form.number(1.0 - 2.0 ** (-form.n_mantissa - 1)))


def _uniform_with_tail(builder, form, word):
    """A uniform of (0, 1] that is as fine near 0 as its word allows, for a radius."""
    if form is _FLOAT64:
        return _fraction(builder, form, word)
    scaled = builder.fmul(builder.uitofp(word, form.real), form.number(2.0**-32))
    return builder.fadd(scaled, form.number(2.0**-33))


def _negate_if_odd(builder, form, x, word):
    sign = builder.shl(word, form.integer(form.n_bits - 1))
    return builder.bitcast(builder.xor(builder.bitcast(x, form.word), sign), form.real)


def _scale_by_exponent(builder, form, x, n):
    """x 2^i for a number n = 1.5 2^mantissa + i that keeps the integer i in its lowest bits."""
    shift = builder.shl(builder.bitcast(n, form.word), form.integer(form.n_mantissa))
    return builder.bitcast(builder.add(builder.bitcast(x, form.word), shift), form.real)


def _polynomial(table64, table32, add):
    def emit(builder, form, z):
        value, *rest = map(form.number, table64 if form is _FLOAT64 else table32)
        for coefficient in rest:
            value = add(builder, form, value, z, coefficient)
        return value

    return _unary(emit)


def polynomial(table64, table32):
    """Horner's rule on constants, highest power first, every operation rounded."""

    def add(builder, form, value, z, c):
        return builder.fadd(builder.fmul(value, z), c)

    return _polynomial(table64, table32, add)


def fused_polynomial(table64, table32):
    """Horner's rule in fused operations."""
    return _polynomial(table64, table32, lambda builder, _, *terms: builder.fma(*terms))


sqrt = _unary(_square_root)
split = _unary(_split, n_results=2)
fraction = _unary(_fraction)


def constant(value64, value32):
    """A function that returns a constant in the type of its argument."""
    return _unary(lambda builder, form, _: form.number(value64 if form is _FLOAT64 else value32))


uniform_with_tail = _unary(_uniform_with_tail)
negate_if_odd = _binary(_negate_if_odd)
scale_by_exponent = _binary(_scale_by_exponent)


@intrinsic
def fma(context, x, y, z):
    """x y + z, rounded once."""
    return x(x, y, z), lambda _, builder, __, args: builder.fma(*args)
