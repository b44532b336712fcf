"""Random numbers of the CUDA headers, built by the C compiler, to the bit of the reference."""

import ctypes

import array_api_compat.numpy as xp
import cuda_host
import numpy as np
import pytest
from cuda_host import same_bits

from diffpost_np import _philox

DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    return {dtype: cuda_host.build(folder, np.dtype(dtype).itemsize) for dtype in DTYPES}


def transform(library, name, words, dtype):
    """A transform of the header on rows of four words, and the variates a row gives."""
    out = np.empty((len(words), 16 // np.dtype(dtype).itemsize), dtype=dtype)
    arguments = cuda_host.argument(words), cuda_host.argument(out), ctypes.c_int64(len(words))
    getattr(library, f"host_{name}")(*arguments)
    return out


def reference_transform(name, words, dtype):
    w = [words[:, i].astype(np.uint64) for i in range(4)]
    if name == "normals":
        pair = _philox._normal_pair64 if dtype == np.float64 else _philox._normal_pair32
        groups = [w] if dtype == np.float64 else [w[:2], w[2:]]
        return np.stack([z for group in groups for z in pair(xp, *group)], axis=1)
    if dtype == np.float64:
        return np.stack([_philox._uniform52(xp, w[i + 1], w[i]) for i in (0, 2)], axis=1)
    return np.stack([_philox._fraction(xp, v >> np.uint64(9), 23, dtype) for v in w], axis=1)


def hard_words():
    """Random words, and all combinations of the extreme ones: ends, middle and their neighbours."""
    ends = [0, 1, 2, 3, 511, 512, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 512, 2**32 - 2, 2**32 - 1]
    extreme = np.stack(np.meshgrid(*[ends] * 4), axis=-1).reshape(-1, 4)
    plain = np.random.default_rng(0).integers(0, 2**32, size=(200_000, 4))
    small = plain[:40_000] >> np.arange(40_000)[:, None] % 32  # every binary exponent
    return np.concatenate([extreme, plain, small]).astype(np.uint32)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_random123(libraries, counter, key, words):
    w = np.array(counter, dtype=np.uint32)
    libraries[np.float64].host_philox(cuda_host.argument(w), *(ctypes.c_uint32(k) for k in key))
    assert tuple(w) == words


@pytest.mark.parametrize("name", ["uniforms", "normals"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_transforms_have_the_bits_of_the_reference(libraries, name, dtype):
    words = hard_words()
    ours = transform(libraries[dtype], name, words, dtype)
    assert np.isfinite(ours).all()
    assert same_bits(ours, reference_transform(name, words, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_contraction_would_be_noticed(tmp_path, dtype):
    flags = ("-O2", "-ffp-contract=fast", "-march=native")
    if not cuda_host.has_fma(flags):
        pytest.skip("this processor has no fused multiply-add")
    library = cuda_host.build(tmp_path, np.dtype(dtype).itemsize, flags=flags)
    words = hard_words()
    ours = transform(library, "normals", words, dtype)
    assert np.mean(ours != reference_transform("normals", words, dtype)) > 0.01
