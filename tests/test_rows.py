"""Rows from arrays, memory maps, sparse matrices, Dask and blocks: the same bits, or an error."""

import lewis_oracles as oracle
import numpy as np
import pytest
import scipy.sparse

import diffpost_np as dp
from diffpost_np.lewis._rows import rows
from diffpost_np.lewis._rows.rows import as_rows
from diffpost_np.lewis._rows.tiles import TILE

N, D = 3 * TILE + 77, 5
X = oracle.rough(N, D)
CUTS = np.sort(np.random.default_rng(0).integers(0, N, 40))
BENT = X * np.logspace(0, -6, D) @ np.vander(np.linspace(1, 2, D))


def memory_map(table, folder, dtype):
    """The table in a file, mapped into memory to be read."""
    table.astype(dtype).tofile(folder / f"{ord(dtype[0])}")
    return np.memmap(folder / f"{ord(dtype[0])}", dtype, "r", shape=table.shape)


def sources(table, folder):
    """The same rows from everywhere."""
    pieces = np.split(table, CUTS)  # some are empty
    yield "memory map", memory_map(table, folder, "=f8")
    yield "big-endian memory map", memory_map(table, folder, ">f8")
    yield "columns first", np.asfortranarray(table)
    yield "every other row", np.repeat(table, 2, axis=0)[::2]
    yield "big-endian", table.astype(">f8")
    yield "list of blocks", pieces
    yield "tuple of two", (table[:100], table[100:])
    yield "function", lambda: iter(pieces)
    yield "generator function", lambda: (piece for piece in pieces)
    yield "few rows at a time", lambda: (table[i : i + 7] for i in range(0, len(table), 7))
    yield "sparse", scipy.sparse.csr_array(table)
    yield "sparse blocks", [scipy.sparse.coo_array(piece) for piece in pieces if len(piece)]


@pytest.mark.parametrize("table", [X, BENT], ids=["as it is", "transformed"])
def test_the_source_does_not_matter_to_the_bits(table, tmp_path):
    weights, scores = dp.lewis.lewis_weights(table, tol=1e-6), dp.lewis.leverage_scores(table)
    for name, source in sources(table, tmp_path):
        found = dp.lewis.lewis_weights(source, tol=1e-6)
        assert np.all(found.weights == weights.weights), name
        assert np.all(dp.lewis.leverage_scores(source) == scores), name
    sketched = [
        dp.lewis.leverage_scores(source, method="sketch", rng=0) for source in (table, [table])
    ]
    assert np.all(sketched[0] == sketched[1])


def test_dask():
    array = pytest.importorskip("dask.array", reason="Dask is not installed")
    whole = dp.lewis.lewis_weights(X)
    for chunks in ((1000, D), (2999, 2), (N, 1)):
        found = dp.lewis.lewis_weights(array.from_array(X, chunks=chunks))
        assert np.all(found.weights == whole.weights)


def test_single_precision_blocks():
    small = X.astype(np.float32)
    found = dp.lewis.lewis_weights([small[:50], small[50:]])
    assert found.weights.dtype == np.float32
    assert np.all(found.weights == dp.lewis.lewis_weights(small).weights)


def test_integers_and_lists():
    table = np.random.default_rng(0).integers(-3, 4, (50, 3))
    want = dp.lewis.lewis_weights(table.astype(float)).weights
    for source in (table, table.tolist(), [table[:20], table[20:]]):
        assert np.all(dp.lewis.lewis_weights(source).weights == want)


def test_chunks_are_whole_tiles():
    rows = as_rows(lambda: np.array_split(X, 100))
    starts = [(start, len(chunk)) for start, chunk in rows.chunks()]
    assert all(start % TILE == 0 for start, _ in starts) and sum(n for _, n in starts) == N
    assert rows.n == N and rows.d == D


@pytest.mark.parametrize("table", [X, BENT], ids=["as it is", "transformed"])
def test_several_chunks(table, monkeypatch):
    whole, scores = dp.lewis.lewis_weights(table), dp.lewis.leverage_scores(table)
    monkeypatch.setattr(rows, "_CHUNK_BYTES", 1)
    for source in (table, np.split(table, CUTS)):
        assert len(list(as_rows(source).chunks())) == 4
        np.testing.assert_allclose(dp.lewis.lewis_weights(source).weights, whole.weights, 1e-9)
        np.testing.assert_allclose(dp.lewis.leverage_scores(source), scores, rtol=1e-9)


def test_memory_is_that_of_a_chunk():
    """A table of 400 MB that is never there."""
    import tracemalloc

    def blocks():
        rng = np.random.default_rng(0)
        return (rng.normal(size=(50_000, 50)) for _ in range(20))

    tracemalloc.start()
    dp.lewis.lewis_weights(blocks, tol=0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


def test_take():
    wanted = np.array([0, 5, TILE, N - 1])
    for source in (X, [X[:3], X[3:]]):
        assert np.all(as_rows(source).take(wanted) == X[wanted])


def broken(k, block):
    """Blocks of which number k is another."""
    blocks = [X[:10], X[10:20], X[20:30]]
    blocks[k] = block
    return blocks


def failing():
    yield X[:10]
    yield X[10:20]
    raise OSError("the disk is gone")


def absent():
    raise FileNotFoundError("no such file")


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        (iter([X]), TypeError, "X must be readable several times, got an iterator"),
        ((block for block in [X]), TypeError, "X must be readable several times"),
        (lambda: X, TypeError, "X must return an iterator over blocks"),
        (lambda: 3, TypeError, "X must return an iterator over blocks"),
        (lambda: iter(()), ValueError, "X must have at least one row"),
        ([X[:0], X[:0]], ValueError, "X must have at least one row"),
        (
            broken(2, X[:5, :4]),
            ValueError,
            r"block 2 of X must have shape \(any, 5\), got \(5, 4\)",
        ),
        (lambda: broken(1, X[0]), ValueError, r"block 1 of X must have shape \(any, any\)"),
        (lambda: broken(1, "text"), TypeError, "block 1 of X must hold numbers"),
        (lambda: broken(1, None), TypeError, "block 1 of X must be an array"),
        (lambda: broken(1, X[:5].astype(np.float32)), TypeError, "X: block 1 is float32, block 0"),
        (lambda: broken(1, X[:5] + 1j), TypeError, "block 1 of X must be real"),
        (absent, ValueError, "X could not be read: no such file"),
        (failing, ValueError, "block 2 of X could not be read: the disk is gone"),
        (broken(2, np.full((1, D), np.nan)), ValueError, "X must be finite, got nan at row 20"),
        (scipy.sparse.csr_array((0, 4)), ValueError, "X must have shape"),
        (None, TypeError, "X must be an array"),
        (np.ma.masked_array(X), TypeError, "X is a masked array: fill it, or leave out"),
        (X > 0, TypeError, r"booleans: cast them, by astype\(float\)"),
    ],
)
def test_what_cannot_be_read_is_named(source, error, match):
    for function in (dp.lewis.lewis_weights, dp.lewis.leverage_scores):
        with pytest.raises(error, match=match):
            function(source)


def test_a_function_whose_rows_change_is_refused():
    calls = []

    def blocks():
        calls.append(1)
        return [X[: 9000 + 1000 * len(calls)]]

    with pytest.raises(ValueError, match="same rows in every pass"):
        dp.lewis.lewis_weights(blocks)


def test_a_function_that_returns_one_iterator_is_refused():
    for blocks in ([X], np.array_split(X, 5)):
        once = iter(blocks)
        with pytest.raises(TypeError, match="X must return a fresh iterator"):
            dp.lewis.lewis_weights(lambda once=once: once)
