"""The function that instances hide, against plain integers, and what a one-way function shows."""

import numpy as np
import pytest

import diffpost_np as dp

ROUNDS = 16


def by_integers(bits, m_bits):
    """One row of bits, lowest first, through Python's integers."""
    n = len(bits)
    n_words = 2 * -(-n // 64)
    length = max(4, -(-n // n_words))
    mask = 2**length - 1
    right, left = max(1, length // 4), max(1, (3 * length + 16) // 32)

    def turned(word, by):
        by %= length
        return (word << by | word >> (length - by)) & mask

    number = sum(int(b) << i for i, b in enumerate(bits))
    words = [number >> (length * i) & mask for i in range(n_words)]
    result, block = [], 0
    while len(result) < m_bits:
        state = list(words)
        for count in range(ROUNDS * n_words):
            i, j = count % n_words, (count + 1) % n_words
            constant = (block * ROUNDS * n_words + count + 1) * 0x9E3779B97F4A7C15 % 2**64
            total = turned(state[i], length - right) + state[j] & mask
            state[i] = total ^ constant >> (64 - length)
            state[j] = turned(state[j], left) ^ state[i]
        result += [
            (a ^ b) >> k & 1 for a, b in zip(state, words, strict=True) for k in range(length)
        ]
        block += 1
    return result[:m_bits]


@pytest.mark.parametrize("n_bits", [1, 2, 5, 6, 31, 64, 65, 200, 256])
@pytest.mark.parametrize("m_bits", [1, 6, 300])
def test_against_plain_integers(n_bits, m_bits, xp):
    signs = np.random.default_rng(n_bits).choice([-1.0, 1.0], (3, n_bits))
    found = dp.hardness.arx(xp.array(signs), m_bits)
    assert xp.owns(found) and found.dtype == xp.xp.float64
    expected = [by_integers(row > 0, m_bits) for row in signs]
    np.testing.assert_array_equal(xp.numpy(found), 2.0 * np.array(expected) - 1)


def test_a_turned_bit_turns_half_of_the_image():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (500, 64))
    for bit in (0, 17, 40, 63):
        other = signs.copy()
        other[:, bit] *= -1
        turned = dp.hardness.arx(signs, 64) != dp.hardness.arx(other, 64)
        assert abs(turned.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(turned.size)
        assert np.all(np.abs(turned.mean(axis=0) - 0.5) < 5 * 0.5 / np.sqrt(500))


@pytest.mark.parametrize("n_bits", [10, 14])
def test_images_repeat_as_those_of_random_functions_do(n_bits):
    """A share of 1 - 1/e of all images comes, with a standard deviation of .16 2^(n/2)."""
    number = np.arange(2**n_bits)[:, None]
    signs = (number >> np.arange(n_bits) & 1) * 2.0 - 1
    images = (dp.hardness.arx(signs, n_bits) > 0) @ 2 ** np.arange(n_bits)
    n_images = len(np.unique(images))
    expected = 2**n_bits * (1 - np.exp(-1))
    deviation = 2 ** (n_bits / 2) * np.sqrt(np.exp(-1) - 2 * np.exp(-2))
    assert abs(n_images - expected) < 4.5 * deviation


@pytest.mark.parametrize("n_bits", range(1, 9))
def test_no_function_of_few_bits_is_constant(n_bits):
    number = np.arange(2**n_bits)[:, None]
    signs = (number >> np.arange(n_bits) & 1) * 2.0 - 1
    assert len(np.unique(dp.hardness.arx(signs, n_bits), axis=0)) >= 2 ** (n_bits - 1)


def test_rows_of_any_number_type():
    signs = np.array([[1, -1, 1, 1], [-1, -1, 1, -1]])
    for dtype in (np.int8, np.float32, np.float64):
        found = dp.hardness.arx(signs.astype(dtype), 4)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, dp.hardness.arx(signs, 4))
