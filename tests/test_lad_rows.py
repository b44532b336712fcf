"""Exact fits of rows that are not an array in memory: the same fits as if they were."""

import itertools

import lad_cases as cases
import numpy as np
import pytest
import scipy.sparse

import diffpost_np as dp
from diffpost_np.lewis._rows import rows

N = 20_000
X, Y = cases.table(N, 3)
CUTS = [0, 100, 7000, 7001, N]
SLICES = [slice(a, b) for a, b in itertools.pairwise(CUTS)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(rows, "_CHUNK_BYTES", 1)


@pytest.fixture(scope="module")
def in_memory():
    return dp.lewis.lad(X, Y, intercept=True, rng=0)


def assert_same(fit, other):
    assert np.array_equal(fit.active_set, other.active_set)
    np.testing.assert_array_equal(fit.coef, other.coef)
    np.testing.assert_allclose(fit.objective, other.objective, rtol=1e-15)
    np.testing.assert_allclose(fit.dual, other.dual, atol=1e-9)
    assert fit.gap <= 1e-9


SOURCES = {
    "blocks": lambda: [X[s] for s in SLICES],
    "function": lambda: lambda: (X[s] for s in SLICES),
    "sparse": lambda: scipy.sparse.csr_array(X),
    "sparse blocks": lambda: [scipy.sparse.csr_array(X[s]) for s in SLICES],
    "strided": lambda: np.asfortranarray(np.repeat(X, 2, axis=1))[:, ::2],
}


@pytest.mark.parametrize("name", SOURCES)
def test_same_fit(name, in_memory):
    assert_same(dp.lewis.lad(SOURCES[name](), Y, intercept=True, rng=0), in_memory)


def test_memory_map(tmp_path, in_memory):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same(dp.lewis.lad(mapped, Y, intercept=True, rng=0), in_memory)


def test_dask(in_memory):
    dask = pytest.importorskip("dask.array", reason="Dask is not installed")
    rows = dask.from_array(X, chunks=(3000, 2))
    assert_same(dp.lewis.lad(rows, Y, intercept=True, rng=0), in_memory)


def test_pairs_of_blocks(in_memory):
    pairs = [(X[s], Y[s]) for s in SLICES]
    assert_same(dp.lewis.lad(pairs, intercept=True, rng=0), in_memory)
    assert_same(dp.lewis.lad(lambda: iter(pairs), intercept=True, rng=0), in_memory)


def test_pairs_of_blocks_with_several_targets(in_memory):
    pairs = [(X[s], np.column_stack([Y[s], -Y[s]])) for s in SLICES]
    fit = dp.lewis.lad(pairs, intercept=True, rng=0)
    np.testing.assert_array_equal(fit.coef, [in_memory.coef, -in_memory.coef])
    with pytest.raises(ValueError, match=r"\by must have as many columns in every block"):
        dp.lewis.lad([*pairs[:2], (X[:5], Y[:5])])
    with pytest.raises(ValueError, match=r"\by, block 0, must have shape"):
        dp.lewis.lad([(X[:1], 1.0)])


@pytest.mark.parametrize("paired", [False, True])
def test_data_frames_as_blocks(in_memory, paired):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    blocks = [pandas.DataFrame(X[s]) for s in SLICES]
    pairs = [(block, pandas.Series(Y[s])) for block, s in zip(blocks, SLICES, strict=True)]
    given = (pairs,) if paired else (blocks, Y)
    assert_same(dp.lewis.lad(*given, intercept=True, rng=0), in_memory)


def test_weights_and_few_rows():
    weight = np.arange(N) % 3 + 0.5
    for n in (50, N):
        blocks = [X[:20], X[20:n]]
        fit = dp.lewis.lad(blocks, Y[:n], sample_weight=weight[:n], rng=0)
        assert_same(fit, dp.lewis.lad(X[:n], Y[:n], sample_weight=weight[:n], rng=0))


def test_how_often_rows_are_read():
    reads = []

    def blocks():
        reads.append(1)
        return (X[s] for s in SLICES)

    fit = dp.lewis.lad(blocks, Y, rng=0)
    assert fit.n_passes == 1 and len(reads) <= 6


@pytest.mark.parametrize("row", [3, 7000, N - 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_found(row, value):
    spoiled = X.copy()
    spoiled[row, 1] = value
    for given in (spoiled, [spoiled[s] for s in SLICES]):
        with pytest.raises(ValueError, match=r"X\b.* must be finite"):
            dp.lewis.lad(given, Y, rng=0)


def test_mistakes_are_named():
    with pytest.raises(TypeError, match=r"\by must be an array"):
        dp.lewis.lad([X, X])
    with pytest.raises(ValueError, match=r"\bX must have at least one row"):
        dp.lewis.lad([])
    with pytest.raises(ValueError, match=r"\bX must have the same rows"):
        dp.lewis.lad([X], Y[:-1], rng=0)
    with pytest.raises(ValueError, match=r"\by must have shape"):
        dp.lewis.lad(X, Y[:-1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("n_passes", range(2, 6))
def test_blocks_that_turn_bad_in_a_later_pass(n_passes, value):
    reads = []

    def blocks():
        reads.append(1)
        for s in SLICES:
            block = X[s].copy()
            if s.start == 7001 and len(reads) >= n_passes:
                block[:, 1] = value
            yield block

    with pytest.raises(ValueError, match=r"X\b.* must be finite"):
        dp.lewis.lad(blocks, Y, rng=0)
