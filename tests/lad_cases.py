"""Regressions to fit with least absolute errors, and two other ways to the least loss."""

import itertools

import numpy as np
from scipy.optimize import linprog


def table(n, d, seed=0, high_leverage=0.01):
    """Gaussian rows, some of them long, and targets with heavy noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[rng.choice(n, int(n * high_leverage), replace=False)] *= 100.0
    return X, X @ rng.standard_normal(d) + rng.standard_t(1.5, n)


def loss(X, y, b, quantile=0.5, weight=1.0):
    r = y - X @ b
    return float(np.sum(weight * np.maximum(quantile * r, (quantile - 1) * r)))


def least_loss(X, y, quantile=0.5, weight=None):
    """The optimum of the dual, by HiGHS."""
    weight = np.ones(len(y)) if weight is None else weight
    box = [(quantile - 1, quantile)] * len(y)
    done = linprog(-weight * y, A_eq=(X * weight[:, None]).T, b_eq=np.zeros(X.shape[1]), bounds=box)
    assert done.status == 0
    return -done.fun


def least_loss_of_all_vertices(X, y, quantile=0.5):
    """The least loss over the fits that go through d independent rows."""
    d = X.shape[1]
    losses = []
    for rows in map(list, itertools.combinations(range(len(y)), d)):
        if abs(np.linalg.det(X[rows])) > 1e-9:
            losses.append(loss(X, y, np.linalg.solve(X[rows], y[rows]), quantile))
    return min(losses)


def with_ones(X):
    return np.column_stack([X, np.ones(len(X))])
