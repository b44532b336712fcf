"""Leverage scores and Lewis weights by other means than the library's."""

import mpmath
import numpy as np
import scipy.linalg

PS = (0.5, 1.0, 1.5, 2.0, 3.0, 3.9, 4.0, 5.0, 6.0, 8.0, 16.0, 50.0)


def leverage(X, rank=None):
    """Squared rows of Q in a pivoted QR decomposition."""
    Q = scipy.linalg.qr(X, mode="economic", pivoting=True)[0]
    return np.sum(Q[:, : rank or X.shape[1]] ** 2, axis=1)


def quadratic_leverage(X):
    """Scores that are accurate relative to themselves, however small: |R^-T x|^2."""
    R = scipy.linalg.qr(X, mode="r")[0][: X.shape[1]]
    return np.sum(scipy.linalg.solve_triangular(R, X.T, trans="T") ** 2, axis=0)


def residual(X, w, p):
    """max |tau_i / w_i - 1| over the rows with a weight."""
    rows = np.flatnonzero(w)
    scale = w[rows] ** (0.5 - 1 / p)
    tau = quadratic_leverage(X[rows] * scale[:, None])
    return np.max(np.abs(tau / w[rows] - 1))


def exact_residual(X, w, p, digits=60):
    """The same in 60 digits."""
    with mpmath.workdps(digits):
        A, d = mpmath.matrix(X.tolist()), X.shape[1]
        e = 1 - 2 / mpmath.mpf(p)
        v = [mpmath.mpf(float(x)) ** e for x in w]
        G = mpmath.matrix(d, d)
        for j in range(d):
            for k in range(d):
                G[j, k] = mpmath.fsum(v[i] * A[i, j] * A[i, k] for i in range(len(w)))
        inverse = G**-1
        forms = [(A[i, :] * inverse * A[i, :].T)[0, 0] * v[i] for i in range(len(w))]
        return float(max(abs(t / mpmath.mpf(float(x)) - 1) for t, x in zip(forms, w, strict=True)))


def fixed_point(X, p, n_iterations=200):
    """Weights by the plain map with a pivoted QR decomposition in each step, for p < 4."""
    w = np.full(len(X), X.shape[1] / len(X))
    for _ in range(n_iterations):
        scale = w ** (0.5 - 1 / p)
        w = (leverage(X * scale[:, None]) / scale**2) ** (p / 2)
    return w


def rough(n, d, seed=0):
    """Rows of very different length."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.exp(rng.normal(size=(n, 1)))
