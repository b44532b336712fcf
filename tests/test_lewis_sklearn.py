"""The estimators under scikit-learn's own checks, and against the functions they call."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import diffpost_np as dp
from diffpost_np.lewis.sklearn import ActiveLADRegressor, LADRegressor

ESTIMATORS = [
    LADRegressor(),
    LADRegressor(quantile=0.2, fit_intercept=False),
    ActiveLADRegressor(random_state=0),
    ActiveLADRegressor(n_draws=500, huber=1.0, random_state=0),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_scikit_learns_own_checks(estimator):
    """All of them; that of other array types skips itself without an environment variable."""
    for instance, check in estimator_checks_generator(estimator):
        try:
            check(instance)
        except Exception as error:
            if type(error).__name__ != "SkipTest":
                raise


def table(n=300):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, X @ [1.0, 0.0, -2.0] + 0.5 + rng.standard_t(2, size=n)


@pytest.mark.parametrize("quantile", [0.1, 0.5])
def test_lad_regressor_is_lad(quantile):
    X, y = table()
    weight = np.random.default_rng(1).uniform(size=len(y))
    model = LADRegressor(quantile=quantile).fit(X, y, sample_weight=weight)
    fit = dp.lewis.lad(X, y, sample_weight=weight, quantile=quantile, intercept=True)
    np.testing.assert_array_equal(model.coef_, fit.coef)
    np.testing.assert_array_equal(model.predict(X), X @ fit.coef + fit.intercept)
    both = LADRegressor(quantile=quantile).fit(X, np.column_stack([y, -y]))
    assert both.coef_.shape == (2, 3) and both.predict(X).shape == (300, 2)


def test_one_of_several_best_fits_is_always_the_same():
    """An even number of rows of each kind: each median is an interval."""
    X = np.eye(4)[np.repeat(np.arange(4), 5000)]
    y = np.random.default_rng(0).normal(size=len(X))
    fits = [LADRegressor(fit_intercept=False).fit(X, y).coef_ for _ in range(4)]
    for b in fits[1:]:
        np.testing.assert_array_equal(b, fits[0])


def test_dependent_columns_get_the_shortest_coefficients():
    X, y = table()
    wide = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(X))])
    plain, model = LADRegressor().fit(X, y), LADRegressor().fit(wide, y)
    np.testing.assert_allclose(model.predict(wide), plain.predict(X), rtol=1e-9, atol=1e-9)
    full = np.column_stack([wide, np.ones(len(X))])
    b = np.append(model.coef_, model.intercept_)
    np.testing.assert_allclose(b, np.linalg.pinv(full) @ (full @ b), rtol=1e-8, atol=1e-9)


def test_active_regressor_spends_few_labels():
    X, y = table(3000)
    model = ActiveLADRegressor(n_draws=200, random_state=1).fit(X, y)
    assert model.n_labels_ == len(model.labelled_) <= 200
    masked = y.copy()
    masked[np.setdiff1d(np.arange(3000), model.labelled_)] = 1e6  # labels that nobody looks at
    again = ActiveLADRegressor(n_draws=200, random_state=1).fit(X, masked)
    np.testing.assert_array_equal(again.coef_, model.coef_)
    assert np.abs(model.coef_ - [1.0, 0.0, -2.0]).max() < 0.5


def test_in_a_pipeline():
    X, y = table()
    scores = cross_val_score(make_pipeline(StandardScaler(), LADRegressor()), X, y, cv=3)
    assert np.all(np.isfinite(scores))


def dependent(name, dtype=np.float64):
    """Dependent columns of different sizes, and targets."""
    g = np.random.default_rng(0)
    X, D = g.normal(size=(200, 3)), np.eye(3)[g.integers(0, 3, 200)]
    time = 1.7e18 + g.integers(0, 10**15, 200)
    columns = {
        "time stamps": np.column_stack([time, X[:, 0] * 1e-3, D]),
        "repeated": np.column_stack([X * [1e-8, 1.0, 1e8], X[:, 1]]),
        "repeated, large": np.column_stack([X, X[:, 0] * 1e8]),
        "sums": np.column_stack([X * [1e-8, 1.0, 1e8], X[:, 0] + X[:, 1]]),
    }
    return columns[name].astype(dtype), X.sum(axis=1) + D @ [1, 2, 3] + g.standard_cauchy(200)


@pytest.mark.parametrize("name", ["time stamps", "repeated", "repeated, large", "sums"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dependent_columns_of_other_sizes_keep_the_fit(name, dtype):
    X, y = dependent(name, dtype)
    weight = np.random.default_rng(1).uniform(size=200) * 1e-60
    y = np.column_stack([y, 1e3 * np.roll(y, 1)])
    fit = dp.lewis.lad(X, y, intercept=True, sample_weight=weight)
    model = LADRegressor().fit(X, y, sample_weight=weight)
    loss = 0.5 * weight @ np.abs(y - model.predict(X))
    np.testing.assert_allclose(loss, fit.objective, rtol=1e-7)
    ours = np.linalg.norm(np.column_stack([model.coef_, model.intercept_]), axis=1)
    theirs = np.linalg.norm(np.column_stack([fit.coef, fit.intercept]), axis=1)
    assert np.all(ours <= theirs * (1 + 1e-9))


def test_a_move_that_changes_the_fit_is_not_made(monkeypatch):
    X, y = dependent("repeated")
    monkeypatch.setattr("diffpost_np.lewis.sklearn.unit_rows", lambda xp, X: np.eye(5))
    fit, model = dp.lewis.lad(X, y, intercept=True), LADRegressor().fit(X, y)
    np.testing.assert_array_equal(model.coef_, fit.coef)


@pytest.mark.parametrize("model", [LADRegressor(), ActiveLADRegressor(n_draws=200, random_state=0)])
def test_targets_keep_their_precision(model):
    X, y = table()
    X, y = X.astype(np.float32), y.astype(np.float32)
    assert model.fit(X, y).coef_.dtype == np.float32
    y = y.astype(np.float64)
    plain = model.fit(X, y).coef_
    assert plain.dtype == np.float64
    np.testing.assert_array_equal(model.fit(X, y * 2.0**500).coef_, plain * 2.0**500)


def test_weights_keep_their_precision():
    X, y = table()
    plain = LADRegressor().fit(X.astype(np.float32), y).coef_
    small = LADRegressor().fit(X.astype(np.float32), y, sample_weight=np.full(300, 2.0**-200))
    np.testing.assert_array_equal(small.coef_, plain)


def test_one_quantile_only():
    with pytest.raises(TypeError, match="quantile must be a real number"):
        LADRegressor(quantile=[0.2, 0.5]).fit(*table())
