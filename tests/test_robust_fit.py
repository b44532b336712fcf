"""Fits by powers of residuals and Huber's loss, against a general minimiser and their own gap."""

import numpy as np
import pytest
from scipy.optimize import minimize

from diffpost_np.lewis._sample.robust_fit import fit, huber_loss, power_loss

LOSSES = {f"power {p}": power_loss(p) for p in (1.01, 1.1, 1.5, 1.9, 2.0)}
LOSSES |= {f"huber {k}": huber_loss(k) for k in (0.01, 0.5, 50.0)}


def problem(seed, n=200, d=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * [1.0, 10.0, 0.1, 1.0]
    X[:3] *= 100
    return X, X @ rng.normal(size=d) + rng.standard_t(1.5, size=n), rng.uniform(0.5, 3.0, n)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_a_general_minimiser(name, seed):
    loss, (X, y, w) = LOSSES[name], problem(seed)
    found = fit(X, y, w, loss, 1e-9)
    assert 0 <= found.gap <= 1e-8 * found.objective
    np.testing.assert_allclose(w @ loss.value(y - X @ found.coef), found.objective, rtol=1e-13)
    options = {"gtol": 1e-10}
    other = minimize(
        lambda b: w @ loss.value(y - X @ b),
        found.coef + 0.01,
        jac=lambda b: -X.T @ (w * loss.slope(y - X @ b)),
        method="BFGS",
        options=options,
    )
    assert found.objective <= other.fun * (1 + 1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_and_weights_are_those_of_the_value(name):
    loss, r, h = LOSSES[name], np.array([-3.0, -0.4, 0.003, 0.2, 7.0]), 1e-6
    slope = (loss.value(r + h) - loss.value(r - h)) / (2 * h)
    np.testing.assert_allclose(loss.slope(r), slope, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(loss.ratio(r, 0.0), loss.slope(r) / r, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_exact_fits_and_dependent_columns(name):
    X, _, w = problem(3)
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    y = X @ np.arange(5.0)
    found = fit(X, y, w, LOSSES[name], 1e-9)
    np.testing.assert_allclose(X @ found.coef, y, atol=1e-6 * np.abs(y).max())


@pytest.mark.parametrize("name", LOSSES)
def test_zero_labels(name):
    X, y, w = problem(5)
    found = fit(X, 0 * y, w, LOSSES[name], 1e-9)
    assert np.all(found.coef == 0) and found.objective == found.gap == 0


def test_a_wide_threshold_is_least_squares():
    X, y, w = problem(4)
    found = fit(X, y, w, huber_loss(1e9), 1e-9)
    root = np.sqrt(w)
    expected = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    np.testing.assert_allclose(found.coef, expected, rtol=1e-9)
