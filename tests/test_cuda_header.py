"""The CUDA sources, compiled by the C compiler and run, against the reference."""

import ctypes
import sys

import array_api_compat.numpy as xp
import cuda_host
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np import _philox
from diffpost_np._cuda import loader
from diffpost_np._cuda import mixture as cuda_mixture
from diffpost_np._cuda import random as cuda_random
from diffpost_np._cuda import rows as cuda_rows
from diffpost_np._philox import Stream
from diffpost_np._rows import Linear, advance_rows
from diffpost_np.priors._mixture_math import mixture_log_density, mixture_score

DTYPES = [np.float64, np.float32]
FORMS = ["scalar", "scalars", "diagonal", "shared diagonal", "full", "shared full"]
FORMS += ["low rank", "shared low rank"]
STREAM = Stream((0xDEADBEEF, 0x12345678), 5, 17, 0x00030201)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """CuPy's place taken by the C compiler for the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        with cuda_host.stand_in(tmp_path_factory.mktemp("cuda")) as module:
            patch.setitem(sys.modules, "cupy", module)
            clear()
            yield
    clear()


def clear():
    loader._module.cache_clear()
    loader._kernel.cache_clear()


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


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


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
    library = cuda_host.build(tmp_path, np.dtype(dtype).itemsize, flags)
    words = hard_words()
    ours = transform(library, "normals", words, dtype)
    assert np.mean(ours != reference_transform("normals", words, dtype)) > 0.01


@pytest.mark.parametrize("dtype", ["bits", *DTYPES])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 8), (130, 3), (2, 0), (0, 3)])
def test_fills_have_the_bits_of_the_reference(device, dtype, shape):
    if dtype == "bits":
        ours = cuda_random.random_bits(xp, STREAM, *shape)
        with dp.reference():
            assert same_bits(ours, _philox.random_bits(xp, STREAM, *shape))
        return
    for name in ("random_uniform", "random_normal"):
        ours = getattr(cuda_random, name)(xp, STREAM, *shape, dtype)
        with dp.reference():
            assert same_bits(ours, getattr(_philox, name)(xp, STREAM, *shape, dtype))


def mixture(form, dim, dtype, n_components=3):
    """An asymmetric mixture with a component of weight zero, and points around it."""
    rng = np.random.default_rng(dim)
    k = 1 if "shared" in form else n_components
    means = 2 * rng.standard_normal((n_components, dim))
    spread = np.exp(rng.uniform(-1, 1, size=(k, dim)))
    factor = rng.standard_normal((k, dim, 2))
    root = rng.standard_normal((k, dim, dim)) / np.sqrt(dim) + np.eye(dim)
    covs = {
        "scalar": 0.7,
        "scalars": spread[:, 0],
        "diagonal": spread,
        "full": root @ root.swapaxes(1, 2) + 0.3 * np.eye(dim),
        "low rank": dp.priors.LowRank(factor, spread),
    }[form.removeprefix("shared ")]
    weights = np.array([0.0, 0.3, 0.7])
    x = (means[rng.integers(0, n_components, 9)] + rng.standard_normal((9, dim))).astype(dtype)
    return x, dp.priors.GaussianMixture(weights, means, covs).tables(np.dtype(dtype))


def rounding(x, s2, tables):
    """Bound on the relative error of a softmax-weighted solve, from the error of its logits.

    A quadratic form q of dim terms is off by a few (dim + 4) eps q in either code, through the
    condition number of a change of basis (below 10 here); the weights inherit that.
    """
    dim = x.shape[1]
    with dp.reference():
        delta = x[None] - tables.means[:, None]
        quadratic = tables.covs.solve(xp, delta, s2)[1]
    return 10 * (dim + 4) * np.finfo(x.dtype).eps * max(1.0, quadratic.max())


def check_close(ours, expected, tolerance):
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 5, 35])
@pytest.mark.parametrize("levels", ["one", "each"])
def test_mixture_kernels_agree_with_the_reference(device, form, dtype, dim, levels):
    x, tables = mixture(form, dim, dtype)
    s2 = np.linspace(0.0, 2.0, len(x), dtype=dtype) if levels == "each" else x[:1, 0] ** 2
    tolerance = rounding(x, s2, tables)
    ours = cuda_mixture.mixture_score(xp, x, s2, tables)
    density = cuda_mixture.mixture_log_density(xp, x, s2, tables)
    with dp.reference():
        check_close(ours, mixture_score(xp, x, s2, tables), tolerance)
        check_close(density, mixture_log_density(xp, x, s2, tables), tolerance)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("likelihood", ["none", "one y", "a y each"])
def test_rows_agree_with_the_reference(device, form, dtype, likelihood):
    x, tables = mixture(form, 5, dtype)
    rng = np.random.default_rng(1)
    table = np.array([[0.8, 0.9, 0.2, 0.1, 0.5], [0.3, 1.0, 0.1, 0.2, 0.4]])
    linear = None
    if likelihood != "none":
        n = 1 if likelihood == "one y" else len(x)
        parts = rng.standard_normal((3, 5)), rng.uniform(0.5, 2, 3), rng.standard_normal((n, 3))
        linear = Linear(*(a.astype(dtype) for a in parts))
    tolerance = 2 * len(table) * rounding(x, np.array([0.09], dtype=dtype), tables)
    before = x.copy()
    ours = cuda_rows.advance_rows(xp, x, tables, table, linear, STREAM)
    with dp.reference():
        check_close(ours, advance_rows(xp, x, tables, table, linear, STREAM), tolerance)
    assert same_bits(x, before)
