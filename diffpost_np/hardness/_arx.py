"""A function that is hard to invert, as far as anybody knows, made of add, rotate and xor."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from .._checks import integer
from .._xp import Array, array_namespace, device_of, is_array

__all__ = ["arx"]

ROUNDS = 16
SHORTEST_WORD, LONGEST_WORD = 4, 32
MOST_BITS = 2**14
_GOLDEN = 0x9E3779B97F4A7C15
"""2^64 / golden ratio: its multiples fill words evenly."""


class Layout(NamedTuple):
    """How n bits are spread over words, and how far words are rotated."""

    n_words: int
    length: int

    @property
    def rotations(self) -> tuple[int, int]:
        """To the right before the addition, to the left before the xor; 8 and 3 of 32."""
        return max(1, self.length // 4), max(1, (3 * self.length + 16) // 32)

    @property
    def n_bits(self) -> int:
        """Bits of the state, padding included."""
        return self.n_words * self.length

    def steps(self, block: int) -> Iterator[tuple[int, int, int]]:
        """The words that each step of a block combines, and its constant."""
        for count in range(ROUNDS * self.n_words):
            i = count % self.n_words
            multiple = (block * ROUNDS * self.n_words + count + 1) * _GOLDEN % 2**64
            yield i, (i + 1) % self.n_words, multiple >> (64 - self.length)


def layout(n_bits: int) -> Layout:
    """An even number of words of 4 to 32 bits: in shorter ones addition is hardly more than xor."""
    n_words = 2 * -(-n_bits // (2 * LONGEST_WORD))
    return Layout(n_words, max(SHORTEST_WORD, -(-n_bits // n_words)))


def arx(signs: Array, m_bits: int) -> Array:
    """Scramble rows of signs by a cipher and cut the result short.

    Parameters
    ----------
    signs : array, shape (n, n_bits)
        Rows of -1 and 1, at most 2^14 long; entries above 0 count as 1.
    m_bits : int
        Length of the result, up to 2^14.

    Returns
    -------
    array, shape (n, m_bits)
        Signs, in the dtype of `signs`.

    Raises
    ------
    ValueError
        If a number of bits is out of its range.
    TypeError
        If `signs` is not an array of real numbers.

    Notes
    -----
    A permutation P of the bits in 16 rounds, each of which goes around the words and sets
    a <- (a >>> r) + b xor constant, b <- (b <<< l) xor a on neighbours, as the cipher Speck does.
    The result is P(s) xor s, so that running P backwards does not help; beyond the length of s
    come further blocks, with other constants. The cost is linear in n_bits + m_bits.

    No claim is made that this is safe: only that nothing much better than trying all s is
    published for functions of this kind. Up to some 40 bits trying all s takes hours at most.

    References
    ----------
    R. Beaulieu et al., "The SIMON and SPECK families of lightweight block ciphers", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> dp.hardness.arx(np.array([[1, 1, -1, 1], [1, 1, -1, -1]]), 6)
    array([[ 1,  1, -1, -1, -1,  1],
           [-1, -1, -1,  1, -1,  1]])
    """
    xp = array_namespace(signs=signs)
    _check(signs, xp)
    words, plan = _pack(xp, signs), layout(signs.shape[1])
    n_blocks = -(-integer("m_bits", m_bits, maximum=MOST_BITS) // plan.n_bits)
    blocks = [_unpack(xp, _scrambled(words, plan, block), plan) for block in range(n_blocks)]
    bits = xp.concat(blocks, axis=1)[:, :m_bits]
    return 2 * xp.astype(bits, signs.dtype) - 1


def _check(signs: Array, xp: ModuleType) -> None:
    """Refuse what is no rows of signs."""
    if not is_array(signs):
        raise TypeError(f"signs must be an array, got {signs!r}")
    if not xp.isdtype(signs.dtype, ("real floating", "signed integer")):
        raise TypeError(f"signs must hold -1 and 1, got dtype {signs.dtype}")
    if signs.ndim != 2 or not 1 <= signs.shape[1] <= MOST_BITS:
        raise ValueError(
            f"signs must have shape (n, n_bits) with 1 to {MOST_BITS} bits, "
            f"got {tuple(signs.shape)}"
        )


def _scrambled(words: list[Array], plan: Layout, block: int) -> list[Array]:
    """P(s) xor s."""
    state, mask = list(words), 2**plan.length - 1
    right, left = plan.rotations
    for i, j, constant in plan.steps(block):
        turned = _turned_left(state[i], plan.length - right, plan.length)
        state[i] = ((turned + state[j]) & mask) ^ constant
        state[j] = _turned_left(state[j], left, plan.length) ^ state[i]
    return [a ^ b for a, b in zip(state, words, strict=True)]


def _turned_left(word: Array, n: int, length: int) -> Array:
    n %= length
    return ((word << n) & (2**length - 1)) | (word >> (length - n))


def _pack(xp: ModuleType, signs: Array) -> list[Array]:
    """Signs as words, each of shape (n,), the first sign in the lowest bit."""
    n, n_bits = signs.shape
    plan = layout(n_bits)
    padding = xp.zeros((n, plan.n_bits - n_bits), dtype=xp.uint64, device=device_of(signs))
    bits = xp.concat([xp.astype(signs > 0, xp.uint64), padding], axis=1)
    shifted = xp.reshape(bits, (n, plan.n_words, plan.length)) << _positions(xp, plan, signs)
    words = xp.sum(shifted, axis=2)
    return [words[:, i] for i in range(plan.n_words)]


def _unpack(xp: ModuleType, words: list[Array], plan: Layout) -> Array:
    """Bits (n, n_bits) of words."""
    bits = (xp.stack(words, axis=1)[:, :, None] >> _positions(xp, plan, words[0])) & 1
    return xp.reshape(bits, (words[0].shape[0], plan.n_bits))


def _positions(xp: ModuleType, plan: Layout, like: Array) -> Array:
    return xp.arange(plan.length, dtype=xp.uint64, device=device_of(like))
