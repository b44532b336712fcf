"""Whitening by the rest of a cloud: round trips, threads, and moves that keep their target."""

import numba
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._products import fold_slices, product
from diffpost_np._xp import numpy_namespace
from diffpost_np.posterior import _ghmc, _moves
from diffpost_np.posterior._metric import cloud_metric


@pytest.mark.parametrize("n", [2, 15, 20, 99, 103])
def test_each_fold_is_whitened_by_the_others(xp, n):
    cloud = np.random.default_rng(0).standard_normal((n, 3)) @ np.diag([1, 20, 0.1]) + 5
    x = xp.array(cloud)
    metric = cloud_metric(xp.xp, x)
    u = metric.whiten(xp.xp, x)
    np.testing.assert_allclose(xp.numpy(metric.events(xp.xp, u)), cloud, rtol=1e-9)
    folds = fold_slices(n, max(1, min(10, n // 2)))
    assert metric.roots.shape[0] == len(folds)
    for k, fold in enumerate(folds):
        others = np.delete(cloud, fold, axis=0) if len(folds) > 1 else cloud
        means = xp.numpy(metric.means)[fold]
        np.testing.assert_allclose(means, others.mean(axis=0) + 0 * means, rtol=1e-12)
        root = xp.numpy(metric.roots)[k]
        cov = np.cov(others.T, bias=True)
        np.testing.assert_allclose(root @ root.T, cov, atol=2e-6 * np.trace(cov))


def test_the_gradient_is_turned_by_the_same_root():
    x = np.random.default_rng(1).standard_normal((60, 4))
    metric, xp = cloud_metric(numpy_namespace, x), numpy_namespace
    u, step = metric.whiten(xp, x), 1e-6 * np.eye(4)[[2]]
    change = (metric.events(xp, u + step) - metric.events(xp, u - step)) / 2e-6
    np.testing.assert_allclose(metric.gradient(xp, x)[:, 2], np.sum(change * x, axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d", [(21, 50), (25, 50), (120, 300)])
def test_fewer_points_than_dimensions(n, d, dtype):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = (rng.standard_normal((n, d)) * np.geomspace(1, 100, d)).astype(dtype)
        assert np.all(np.isfinite(cloud_metric(numpy_namespace, x).roots))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_cloud_of_a_few_copies(dtype):
    points = np.random.default_rng(3).standard_normal((2, 4)).astype(dtype)
    for share in (10, 2, 198):
        x = np.repeat(points, [share, 200 - share], axis=0)
        metric = cloud_metric(numpy_namespace, x)
        u = metric.whiten(numpy_namespace, x)
        back = metric.events(numpy_namespace, u)
        np.testing.assert_allclose(back, x, atol=1e3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("n_rows", [1, 1003, 5000])
def test_products_by_folds_have_the_same_bits_on_any_threads(n_rows):
    rng = np.random.default_rng(2)
    rows, matrices = rng.standard_normal((n_rows, 40)), rng.standard_normal((7, 40, 30))
    results, available = [], numba.get_num_threads()
    for n_threads in (1, available):
        numba.set_num_threads(n_threads)
        results.append(product(numpy_namespace, rows, matrices))
    numba.set_num_threads(available)
    np.testing.assert_array_equal(*results)
    with dp.reference():
        expected = product(numpy_namespace, rows, matrices)
    np.testing.assert_allclose(results[0], expected, rtol=1e-12, atol=1e-12)


def moved_square(seed, n, d, n_moves=10):
    """Mean square of independent standard normals after exact moves by their own metric."""
    xp = numpy_namespace

    def evaluate(x):
        density = -0.5 * np.sum(x * x, axis=1)
        return _moves.Point(x, -x, np.zeros(len(x)), np.zeros_like(x), density)

    x, key = dp.random.normal(dp.random.key(seed), (n, d)), dp.random.key(seed).fold("moves")
    metric = cloud_metric(xp, x)
    target = _moves.Target(xp, evaluate, metric, 1.0, True, key, lambda x: -x)
    walk = target.start(evaluate(x), 0.3, 0)
    for step in range(n_moves):
        walk, _ = _ghmc.split_ghmc(target, walk, step)
    return np.mean(walk.point.x**2)


def test_moves_keep_their_target():
    """By a covariance that it is part of, a cloud shrinks by 3 %: fifteen standard errors."""
    n, d, n_clouds = 200, 64, 40
    mean = np.mean([moved_square(seed, n, d) for seed in range(n_clouds)])
    assert abs(mean - 1) < 4.5 * np.sqrt(2 / (n * d * n_clouds))
