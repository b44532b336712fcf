"""The CUDA sources, compiled by the C compiler and run, against the reference."""

import ctypes
import inspect
import subprocess
import sys

import array_api_compat.numpy as xp
import cuda_host
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np import _dispatch, _philox
from diffpost_np._cuda import loader
from diffpost_np._cuda import rows as cuda_rows
from diffpost_np._dispatch import KERNELS
from diffpost_np._philox import Stream
from diffpost_np._rows import Linear, advance_rows
from diffpost_np.priors._mixture_math import mixture_log_density, mixture_score

DTYPES = [np.float64, np.float32]
FORMS = ["scalar", "scalars", "diagonal", "shared diagonal", "full", "shared full"]
FORMS += ["low rank", "shared low rank"]
STREAM = Stream((0xDEADBEEF, 0x12345678), 5, 17, 0x00030201)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """The namespace whose operations run the CUDA kernels, here built by the C compiler."""
    with (
        pytest.MonkeyPatch.context() as patch,
        cuda_host.stand_in(tmp_path_factory.mktemp("cuda")) as (cupy, namespace),
    ):
        patch.setitem(sys.modules, "cupy", cupy)
        clear()
        yield namespace
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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 8), (130, 3), (2, 0), (0, 3)])
def test_fills_have_the_bits_of_the_reference(device, dtype, shape):
    calls = [("random_bits", ()), ("random_uniform", (dtype,)), ("random_normal", (dtype,))]
    for name, rest in calls:
        ours = getattr(_philox, name)(device, STREAM, *shape, *rest)
        with dp.reference():
            assert same_bits(ours, getattr(_philox, name)(xp, STREAM, *shape, *rest))


def mixture(form, dim, dtype, n_components=3):
    """An asymmetric mixture that overlaps, a component of weight zero, and points around it."""
    rng = np.random.default_rng(dim)
    k = 1 if "shared" in form else n_components
    means = 1.5 * rng.standard_normal((n_components, dim)) / np.sqrt(dim)
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


def rounding(dim, dtype):
    """How far two orders of summation may lie apart, relative to the largest entry.

    A logit is a sum of dim + 3 rounded terms that add up to about dim here; its absolute error is
    the relative error of a weight. Seen: at most a tenth of this.
    """
    return 8 * (dim + 3) * np.finfo(dtype).eps


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
    for operation in (mixture_score, mixture_log_density):
        ours = operation(device, x, s2, tables)
        with dp.reference():
            check_close(ours, operation(xp, x, s2, tables), rounding(dim, dtype))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("likelihood", ["none", "one y", "a y each"])
def test_rows_agree_with_the_reference(device, form, dtype, likelihood):
    x, tables = mixture(form, 5, dtype)
    linear = measurement(likelihood, len(x), dtype)
    before = x.copy()
    ours = advance_rows(device, x, tables, TABLE, linear, STREAM)
    with dp.reference():
        expected = advance_rows(xp, x, tables, TABLE, linear, STREAM)
    check_close(ours, expected, 2 * len(TABLE) * rounding(5, dtype))
    assert same_bits(x, before)


TABLE = np.array([[0.8, 0.9, 0.2, 0.1, 0.5], [0.3, 1.0, 0.1, 0.2, 0.4], [0.5, 0.7, 0.3, 0.1, 0.1]])


def measurement(likelihood, n, dtype):
    rng = np.random.default_rng(1)
    if likelihood == "none":
        return None
    shape = (1 if likelihood == "one y" else n, 3)
    parts = rng.standard_normal((3, 5)), rng.uniform(0.5, 2, 3), rng.standard_normal(shape)
    return Linear(*(a.astype(dtype) for a in parts))


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank"])
def test_a_chain_depends_on_nothing_but_itself(device, form, monkeypatch):
    x, tables = mixture(form, 5, np.float64)
    linear = measurement("a y each", len(x), np.float64)
    whole = advance_rows(device, x, tables, TABLE, linear, STREAM)
    part = linear._replace(y=linear.y[4:])
    later = STREAM._replace(first_chain=STREAM.first_chain + 4)
    assert same_bits(advance_rows(device, x[4:], tables, TABLE, part, later), whole[4:])
    monkeypatch.setattr(cuda_rows, "TABLE_BYTES", 1)  # one row a launch
    assert same_bits(advance_rows(device, x, tables, TABLE, linear, STREAM), whole)


@pytest.mark.parametrize("form", FORMS)
def test_far_points_and_strided_batches(device, form):
    x, tables = mixture(form, 5, np.float64)
    far = np.concatenate([x, 1e6 * x])[::2]
    s2 = np.array([1e-12])
    for operation in (mixture_score, mixture_log_density):
        ours = operation(device, far, s2, tables)
        with dp.reference():
            expected = operation(xp, far, s2, tables)
        np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_what_the_kernels_do_not_cover_runs_the_reference(device):
    x, tables = mixture("scalar", 5, np.float64)
    wide = tables._replace(means=np.zeros((3, 4000)))
    x = np.ones((2, 4000))
    assert loader.plan_teams(4000, 8000, 8) is None
    with dp.reference():
        expected = mixture_score(xp, x, np.ones(1), wide)
    assert same_bits(mixture_score(device, x, np.ones(1), wide), expected)


@pytest.mark.parametrize("itemsize", [4, 8])
def test_teams_fit_their_device(itemsize):
    for dim in range(1, 700):
        teams = loader.plan_teams(dim, 3 * dim, itemsize)
        assert teams.n_lanes in (1, 2, 4, 8, 16, 32) and teams.n_threads % loader.WARP == 0
        assert min(dim, loader.WARP) <= teams.n_lanes < 2 * dim
        shared = teams.n_threads // teams.n_lanes * teams.memory * itemsize
        assert 0 < shared <= loader.SHARED_BYTES and teams.n_threads <= loader.BLOCK


def test_every_registered_kernel_takes_the_arguments_of_its_operation():
    operations = {f.__name__: f for f in vars(_philox).values() if hasattr(f, "__wrapped__")}
    operations |= {f.__name__: f for f in (mixture_score, mixture_log_density, advance_rows)}
    kernels = {name: path for (name, backend), path in KERNELS.items() if backend == "cupy"}
    assert set(kernels) == set(operations)
    for name, path in kernels.items():
        ours, reference = map(inspect.signature, (_dispatch._load(path), operations[name]))
        assert list(ours.parameters) == list(reference.parameters)


def test_nothing_imports_cupy_before_an_array_asks_for_it():
    code = (
        "import sys, diffpost_np._cuda.random, diffpost_np._cuda.mixture, diffpost_np._cuda.rows\n"
        "raise SystemExit('cupy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
