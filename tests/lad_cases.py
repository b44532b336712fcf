"""Regressions to fit with least absolute errors, and two other ways to the least loss."""

import itertools

import numpy as np
from scipy.optimize import linprog

STACKLOSS = np.array(
    [
        (80, 27, 89, 42),
        (80, 27, 88, 37),
        (75, 25, 90, 37),
        (62, 24, 87, 28),
        (62, 22, 87, 18),
        (62, 23, 87, 18),
        (62, 24, 93, 19),
        (62, 24, 93, 20),
        (58, 23, 87, 15),
        (58, 18, 80, 14),
        (58, 18, 89, 14),
        (58, 17, 88, 13),
        (58, 18, 82, 11),
        (58, 19, 93, 12),
        (50, 18, 89, 8),
        (50, 18, 86, 7),
        (50, 19, 72, 8),
        (50, 19, 79, 8),
        (50, 20, 80, 9),
        (56, 20, 82, 15),
        (70, 20, 91, 15),
    ],
    float,
)
"""Air flow, water temperature, acid concentration, and the loss (Brownlee 1965)."""


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
