"""Keys: all that a run's random numbers depend on."""

from __future__ import annotations

import functools
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from ._checks import integer
from ._philox import MASK, Stream, philox, random_bits

__all__ = ["Key", "key"]

_REMEMBERED = 128
"""Keys last made, which short runs would take a tenth of a millisecond to make again."""


@dataclass(frozen=True)
class Key:
    """A key of 64 bits, in two words: all that a run's random numbers depend on.

    Parameters
    ----------
    word0, word1 : int
        The two words, each in [0, 2^32).

    Examples
    --------
    >>> import diffpost_np as dp
    >>> a = dp.random.Key(1, 2)
    >>> a.fold("left") == a.fold("right")
    False

    NumPy's generators take a key for a seed, so priors with a `sample` of their own may, too:

    >>> import numpy as np
    >>> float(np.random.default_rng(a).normal()) == float(np.random.default_rng(a).normal())
    True
    """

    word0: int
    word1: int

    def __post_init__(self) -> None:
        for name in ("word0", "word1"):
            value = integer(name, getattr(self, name), minimum=0)
            if value > MASK:
                raise ValueError(f"{name} must be below 2^32, got {value}")
            object.__setattr__(self, name, value)

    def fold(self, name: str) -> Key:
        """Derive the key of the stream called `name`.

        Parameters
        ----------
        name : str
            Any text; different texts give independent streams.

        Returns
        -------
        Key
            The derived key.

        Raises
        ------
        TypeError
            If `name` is no text.
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be text, got {name!r}")
        return _folded(self, name)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """Make the words that seed a bit generator of NumPy, which takes a key for this method.

        Parameters
        ----------
        n_words : int
            How many, at least 1.
        dtype : dtype, optional
            Either uint32 or uint64.

        Returns
        -------
        array, shape (n_words,)
            Words of a stream of its own.

        Raises
        ------
        ValueError
            If `n_words` is less than 1.
        TypeError
            If `dtype` is another one.
        """
        if dtype not in (np.uint32, np.uint64):
            raise TypeError(f"dtype must be uint32 or uint64, got {dtype!r}")
        n = integer("n_words", n_words) * np.dtype(dtype).itemsize // 4
        own = Stream(self.fold("numpy.random").words, first_chain=0, step=0, tag=0)
        words = random_bits(numpy_namespace, own, 1, n)[0].astype(dtype)
        return words if n == n_words else words[::2] | words[1::2] << np.uint64(32)

    @property
    def words(self) -> tuple[int, int]:
        """The two words."""
        return self.word0, self.word1


np.random.bit_generator.ISeedSequence.register(Key)


@functools.lru_cache(_REMEMBERED)
def _folded(key: Key, name: str) -> Key:
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    words = philox(None, struct.unpack("<4I", digest), key.words)
    return Key(words[0], words[1])


def key(rng: Any = None) -> Key:
    """Turn what people seed with into a `Key`.

    Parameters
    ----------
    rng : None, int, sequence of int, SeedSequence, Generator or Key, optional
        Whatever `numpy.random.default_rng` takes (SPEC 7), of which 64 bits are drawn, so a
        `Generator` moves on by one draw; a `Key` is returned as it is. None takes fresh
        entropy.

    Returns
    -------
    Key
        The key.

    Raises
    ------
    TypeError
        If `rng` is none of these.
    ValueError
        If a seed is negative.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> dp.random.key(0) == dp.random.key(0)
    True
    """
    if isinstance(rng, Key):
        return rng
    if isinstance(rng, bool | float | str):
        raise TypeError(f"rng must be what numpy.random.default_rng takes or a Key, got {rng!r}")
    try:
        return _of_seed(rng) if type(rng) is int else _drawn(rng)
    except TypeError as error:
        raise TypeError(
            f"rng must be what numpy.random.default_rng takes or a Key: {error}"
        ) from None
    except ValueError as error:
        raise ValueError(f"rng is not a usable seed: {error}") from None


def _drawn(rng: Any) -> Key:
    word = int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    return Key(word & MASK, word >> 32)


_of_seed = functools.lru_cache(_REMEMBERED)(_drawn)
