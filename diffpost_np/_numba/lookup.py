"""A table of eight words, looked up for every lane: from a register, where machines can do that."""

from __future__ import annotations

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import cgutils

from .lanes import REGISTER_BYTES, shuffled

_WORDS = ir.IntType(32)
_PERMUTE = {  # by bytes of a register and bits of a word; it minds only the lowest bits of a word
    (64, 64): "llvm.x86.avx512.permvar.di.512",
    (64, 32): "llvm.x86.avx512.permvar.si.512",
    (32, 32): "llvm.x86.avx2.permd",
}
_HAS_PERMUTE = get_host_cpu_features().get("avx2", False)


def look_up(builder, table, words):
    """table[word mod 8] for a vector of words."""
    if not _HAS_PERMUTE:
        return _chosen_by_bits(builder, table, words)
    n_bits, n_words = words.type.element.width, words.type.count
    n = 8 * REGISTER_BYTES // n_bits
    choose = _permuted if (REGISTER_BYTES, n_bits) in _PERMUTE else _in_halves
    parts = (shuffled(builder, words, words, range(i, i + n)) for i in range(0, n_words, n))
    found = [choose(builder, table, part) for part in parts]
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=True)
        found = [shuffled(builder, a, b, range(2 * a.type.count)) for a, b in pairs]
    return found[0]


def _permuted(builder, table, words):
    """One register: its words choose from the table, repeated to fill another."""
    kind = words.type
    entries = ir.Constant(kind, [table[i % len(table)] for i in range(kind.count)])
    name = _PERMUTE[REGISTER_BYTES, kind.element.width]
    function = ir.FunctionType(kind, [kind, kind])
    permute = cgutils.get_or_insert_function(builder.module, function, name)
    return builder.call(permute, [entries, words])


def _in_halves(builder, table, words):
    """One register of 64-bit words: their lower and higher halves chosen each from its table."""
    n = words.type.count
    halves = builder.bitcast(words, ir.VectorType(_WORDS, 2 * n))
    index = shuffled(builder, halves, halves, [2 * (i // 2) for i in range(2 * n)])
    low = _permuted(builder, [word % 2**32 for word in table], index)
    high = _permuted(builder, [word >> 32 for word in table], index)
    mixed = shuffled(builder, low, high, [i + 2 * n * (i % 2) for i in range(2 * n)])
    return builder.bitcast(mixed, words.type)


def _chosen_by_bits(builder, table, words):
    """Each bit of a word, from the lowest on, takes every other entry of what is left."""

    def constant(value):
        return ir.Constant(words.type, [value] * words.type.count)

    found, bit = [constant(entry) for entry in table], 1
    while len(found) > 1:
        is_set = builder.icmp_unsigned("!=", builder.and_(words, constant(bit)), constant(0))
        pairs = zip(found[::2], found[1::2], strict=True)
        found, bit = [builder.select(is_set, odd, even) for even, odd in pairs], 2 * bit
    return found[0]
