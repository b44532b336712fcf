"""`dp.lewis` on a device: kernels where there are some, and no rows that go through the host.

Where CuPy is missing, array-api-strict stands in for it: its second device refuses what NumPy
would do to its arrays, and what is copied to the host is counted.
"""

import sys

import array_api_strict
import cuda_host
import numpy as np
import pytest
from array_api_strict._array_object import Array

import diffpost_np as dp
from diffpost_np import _dispatch
from diffpost_np._cuda import gram

N, D = 9000, 3  # too many rows for a fit of all at once, or a survey that keeps all
THERE = array_api_strict.Device("device1")
GRAM = ("weighted_gram", "quadratic_forms", "lewis_pass")
RANDOM = ("random_bits", "random_uniform", "random_normal")


class Device:
    """Arrays of another device, the kernels that ran there, and the numbers copied to the host."""

    def __init__(self):
        self.kernels, self.n_copied = [], 0

    def array(self, values):
        return array_api_strict.asarray(np.ascontiguousarray(values), device=THERE)

    def host(self, array):
        self.n_copied += array._array.size
        return np.array(array._array)

    def contiguous(self, array):
        return self.array(array._array)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    with cuda_host.stand_in(tmp_path_factory.mktemp("cuda")) as (cupy, _):
        yield cupy


@pytest.fixture
def device(compiled, monkeypatch):
    made, launch = Device(), gram.Strips.launch

    def counted(strips, name, *arguments):
        made.kernels.append(name)
        launch(strips, name, *arguments)

    for name in GRAM:
        path = _dispatch.KERNELS[name, "cupy"]
        monkeypatch.setitem(_dispatch.KERNELS, (name, "array_api_strict"), path)
    for name in RANDOM:  # words of the reference, which knows of one device
        path = f"cuda_host:{name}"
        monkeypatch.setitem(_dispatch.KERNELS, (name, "array_api_strict"), path)
    monkeypatch.setitem(sys.modules, "cupy", compiled)
    monkeypatch.setattr(gram, "THREADS", 64)
    monkeypatch.setattr(gram.Strips, "launch", counted)
    monkeypatch.setattr(array_api_strict, "ascontiguousarray", made.contiguous, raising=False)
    monkeypatch.setattr(Array, "get", lambda array: made.host(array), raising=False)
    return made


def table(kind="plain"):
    """Rows of several sizes; the last column new, in the span of others, or in one row only."""
    X = np.random.default_rng(0).standard_normal((N, D))
    X[::100] *= 100
    if kind == "dependent":
        X[:, -1] = X[:, 0] + X[:, 1]
    elif kind == "rare":
        X[:, -1] = np.arange(N) == N // 2
    return X


def targets(X):
    return X @ [1.0, -2.0, 0.5] + np.random.default_rng(1).standard_t(1.5, size=N)


def check(device, call, X, *others, kernels=(), rtol=1e-9):
    """The numbers that NumPy's arrays give, on the device, from the kernels."""
    there = [device.array(a) for a in (X, *others)]
    ours, expected = call(*there), call(X, *others)
    assert ours.device == THERE and set(device.kernels) == set(kernels)
    assert device.n_copied < 0.8 * X.size  # some rows are
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours._array, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("kind", ["plain", "dependent", "rare"])
@pytest.mark.parametrize("method", ["auto", "qr"])
def test_leverage_scores(device, kind, method):
    kernels = GRAM[:2] if method == "auto" else GRAM[1:2]
    scores = dp.lewis.leverage_scores
    check(device, lambda X: scores(X, method=method), table(kind), kernels=kernels)


@pytest.mark.parametrize("kind", ["plain", "dependent", "rare"])
@pytest.mark.parametrize("p", [1.0, 3.0])
def test_lewis_weights(device, kind, p):
    def weights(X):
        return dp.lewis.lewis_weights(X, p, tol=1e-6).weights

    check(device, weights, table(kind), kernels=["lewis_pass"], rtol=1e-5)


def test_single_precision(device):
    X = table().astype(np.float32)
    check(device, lambda X: dp.lewis.lewis_weights(X).weights, X, kernels=["lewis_pass"], rtol=1e-3)


@pytest.mark.parametrize("part", ["indices", "scales"])
@pytest.mark.parametrize("method", ["iid", "poisson"])
def test_sample_rows(device, method, part):
    def sample(w):
        return getattr(dp.lewis.sample_rows(w, 40, 0, method=method), part)

    check(device, sample, np.random.default_rng(2).random(N))


def test_subspace_embedding(device):
    def rows(X):
        return dp.lewis.subspace_embedding(X, m=100, rng=0).rows

    check(device, rows, table(), kernels=["lewis_pass"], rtol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "dependent", "rare"])
@pytest.mark.parametrize("options", [{}, {"intercept": True}, {"quantile": 0.2}])
def test_lad(device, kind, options):
    X = table(kind)
    check(device, lambda X, y: dp.lewis.lad(X, y, rng=0, **options).coef, X, targets(X))


def test_lad_with_weights(device):
    X, w = table(), np.random.default_rng(3).exponential(size=N)

    def dual(X, y, w):
        return dp.lewis.lad(X, y, sample_weight=w, rng=0).dual

    check(device, dual, X, targets(X), w)


@pytest.mark.parametrize("where", ["host", "device"])
def test_active_lad(device, where):
    X = table()
    y = targets(X)

    def coef(X):
        def label(rows):
            there = where == "device" and not isinstance(X, np.ndarray)
            return device.array(y[rows]) if there else y[rows]

        return dp.lewis.active_lad(X, label, m=150, rng=0).coef

    check(device, coef, X, kernels=["lewis_pass"], rtol=1e-6)


def test_a_round_trip_would_be_noticed(device):
    with pytest.raises(AssertionError):
        check(device, lambda X: dp.lewis.leverage_scores(X, method="sketch", rng=0), table())
    with pytest.raises(RuntimeError, match="NumPy"):
        np.sum(device.array(np.ones(3)))
