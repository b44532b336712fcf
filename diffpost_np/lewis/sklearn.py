"""Regressors for scikit-learn; needs the extra `sklearn`."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import (
        _check_sample_weight,
        check_is_fitted,
        check_random_state,
        validate_data,
    )
except ImportError as _error:
    raise ImportError(
        "diffpost_np.lewis.sklearn needs scikit-learn: python -m pip install 'diffpost_np[sklearn]'"
    ) from _error

from .._checks import fraction
from ._exact.fit import power_of_two
from ._exact.reduced import unit_rows
from .active_lad import active_lad
from .lad import lad

__all__ = ["ActiveLADRegressor", "LADRegressor"]

_DTYPES = (np.float64, np.float32)
_SAME = 1e-9
"""Change of a loss that makes no other fit of it, beside rounding."""
_ROUNDING = 64 * float(np.finfo(float).eps)


def _real(y: np.ndarray) -> np.ndarray:
    """Targets as they are if float32, else in float64, whatever X is."""
    return y if y.dtype == np.float32 else y.astype(np.float64)


def _shortest(X: np.ndarray, weight: np.ndarray, b: np.ndarray, rank: int, loss: Any) -> np.ndarray:
    """The shortest coefficients (..., d) with the fit of `b`, or `b` where these would move it.

    They differ by vectors that X takes to zero. These are found for columns of one size, so that
    rounding costs length and not the fit.
    """
    column = np.array([power_of_two(v) for v in np.max(np.abs(X), axis=0)])
    X = X[weight > 0] / column
    nothing = np.linalg.svd(np.linalg.qr(unit_rows(np, X), mode="r"))[2][rank:].T
    along = np.linalg.lstsq(nothing / column[:, None], np.atleast_2d(b).T, rcond=None)[0]
    move = (nothing @ along).T.reshape(b.shape)
    weight = weight[weight > 0]
    moved = np.abs(move @ X.T) @ weight
    rounding = _ROUNDING * (np.abs(b * column) @ np.abs(X).T @ weight)
    same = moved <= _SAME * np.asarray(loss) + rounding
    return np.where(same[..., None], b - move / column, b)


class _Linear(RegressorMixin, BaseEstimator):
    """Predictions of a linear model."""

    def predict(self, X: Any) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        X : array, shape (n, d)
            Rows.

        Returns
        -------
        array, shape (n,) or (n, k)
            X coef_ + intercept_.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=_DTYPES)
        return X @ self.coef_.T + self.intercept_


class LADRegressor(_Linear):
    """Least absolute deviations, or another quantile: `diffpost_np.lewis.lad` for scikit-learn.

    Where columns are dependent, the coefficients are the shortest with the same fit, or those of
    `lad` where columns differ so much in size that rounding would tell these apart.

    Parameters
    ----------
    quantile : float, optional
        The conditional quantile to fit, in (0, 1); the median by default.
    fit_intercept : bool, optional
        Whether a constant is fitted, too.

    Attributes
    ----------
    coef_ : array, shape (d,) or (k, d)
        Coefficients, in float32 where X and y are.
    intercept_ : float or array, shape (k,)
        Constants.
    gap_ : float or array, shape (k,)
        Relative bound of how much the loss could fall.
    n_iter_ : int
        Steps of the interior point.
    n_features_in_ : int
        Columns that were fitted.
    feature_names_in_ : array, shape (d,)
        Their names, where they had any.

    Examples
    --------
    >>> import numpy as np
    >>> from diffpost_np.lewis.sklearn import LADRegressor
    >>> X = np.arange(20.0)[:, None]
    >>> y = 2 * X[:, 0] + 1
    >>> y[3] = 1000.0
    >>> model = LADRegressor().fit(X, y)
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    """

    def __init__(self, *, quantile: float = 0.5, fit_intercept: bool = True) -> None:
        self.quantile = quantile
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LADRegressor:
        """Fit the model.

        Parameters
        ----------
        X : array, shape (n, d)
            Rows.
        y : array, shape (n,) or (n, k)
            Targets.
        sample_weight : array, shape (n,), optional
            Weights of the rows, not negative.

        Returns
        -------
        LADRegressor
            Itself.
        """
        quantile = fraction("quantile", self.quantile)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=_DTYPES)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        # one seed: which of several best fits it is may depend on the pilot
        options = {"sample_weight": sample_weight, "quantile": quantile, "rng": 0}
        result = lad(X, y.astype(np.float64), intercept=self.fit_intercept, **options)
        b = np.concatenate([result.coef, np.expand_dims(result.intercept, -1)], axis=-1)
        if result.rank < X.shape[1] + self.fit_intercept:
            wide = np.insert(X.astype(np.float64), X.shape[1], self.fit_intercept, axis=1)
            weight = np.ones(len(X)) if sample_weight is None else sample_weight
            b = _shortest(wide, weight, b, result.rank, result.objective)
        b = b.astype(np.result_type(X, _real(y)))
        self.coef_, self.intercept_ = b[..., :-1], b[..., -1] * self.fit_intercept
        self.gap_, self.n_iter_ = result.gap, result.n_iterations
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class ActiveLADRegressor(_Linear):
    """Robust regression from few labels: `diffpost_np.lewis.active_lad` for scikit-learn.

    scikit-learn hands over all labels; only those of `labelled_` are looked at.

    Parameters
    ----------
    n_draws : int, optional
        Number of draws; by default that of `sample_size` for `eps` and `delta`.
    eps, delta : float, optional
        The loss is to be within 1 + eps of the least with probability 1 - delta.
    p : float, optional
        Power of the loss, in [1, 2].
    huber : float, optional
        Threshold of Huber's loss, instead of a power.
    fit_intercept : bool, optional
        Whether a constant is fitted, too.
    method : {"iid", "poisson", "pivotal"}, optional
        How rows are drawn.
    random_state : int, RandomState or None, optional
        Seed of the draws.

    Attributes
    ----------
    coef_ : array, shape (d,)
        Coefficients.
    intercept_ : float
        The constant.
    labelled_ : array of int
        Rows whose labels were used.
    n_labels_ : int
        How many these are.
    n_features_in_ : int
        Columns that were fitted.
    feature_names_in_ : array, shape (d,)
        Their names, where they had any.

    Examples
    --------
    >>> import numpy as np
    >>> from diffpost_np.lewis.sklearn import ActiveLADRegressor
    >>> X = np.random.default_rng(0).normal(size=(5000, 2))
    >>> model = ActiveLADRegressor(n_draws=200, random_state=0).fit(X, X @ [1.0, -1.0])
    >>> model.coef_.round(6), model.n_labels_ <= 200
    (array([ 1., -1.]), True)
    """

    def __init__(
        self,
        *,
        n_draws: int | None = None,
        eps: float = 0.1,
        delta: float = 0.1,
        p: float = 1.0,
        huber: float | None = None,
        fit_intercept: bool = True,
        method: str = "iid",
        random_state: Any = None,
    ) -> None:
        self.n_draws = n_draws
        self.eps = eps
        self.delta = delta
        self.p = p
        self.huber = huber
        self.fit_intercept = fit_intercept
        self.method = method
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> ActiveLADRegressor:
        """Fit the model to a few of the labels.

        Parameters
        ----------
        X : array, shape (n, d)
            Rows.
        y : array, shape (n,)
            Labels.

        Returns
        -------
        ActiveLADRegressor
            Itself.
        """
        X, y = validate_data(self, X, y, y_numeric=True, dtype=_DTYPES)
        seed = check_random_state(self.random_state).randint(2**31)
        by_error = {"eps": self.eps, "delta": self.delta}
        draws: dict[str, Any] = by_error if self.n_draws is None else {"m": self.n_draws}
        result = active_lad(
            X,
            lambda rows: _real(y[rows]),
            p=self.p,
            huber=self.huber,
            intercept=self.fit_intercept,
            method=self.method,
            rng=seed,
            **draws,
        )
        self.coef_, self.intercept_ = result.coef, result.intercept
        self.labelled_, self.n_labels_ = result.asked, result.n_labels
        return self
