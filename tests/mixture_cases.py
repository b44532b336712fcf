"""Mixtures that floating point finds hard, and dense formulas for them in many digits."""

import functools
import math

import mpmath
import numpy as np

import diffpost_np as dp

DIGITS = 100
WEIGHTS = np.array([0.0, 0.3, 0.7])
MEANS = np.array([[5.0, 5.0, -5.0], [0.5, -1.0, 2.0], [0.5, 1.5, 2.0]])
K, D = MEANS.shape
FORMS = ("shared", "scalar", "diagonal", "full", "tied", "low_rank")
SPECTRA = {"plain": None, "graded": (-6, 6), "tight": (-12, 0), "wide": (0, 12)}
"""Decades of the eigenvalues of covariances."""


def parameters(form, spectrum, dtype=np.float64):
    """The floats of covariances of a form, by name, with this spectrum."""
    rng = np.random.default_rng(0)
    decades = SPECTRA[spectrum]
    if decades is None:
        v = rng.uniform(0.2, 2.0, (K, D))
    else:
        v = np.stack([rng.permutation(10.0 ** np.linspace(*decades, D)) for _ in range(K)])
    if form == "low_rank":
        columns, diag = _low_rank(spectrum, v, rng)
        return {"columns": columns.astype(dtype), "diag": diag.astype(dtype)}
    if form in ("full", "tied"):
        q = np.linalg.qr(rng.normal(size=(K, D, D)))[0]
        c = (q * v[:, None, :]) @ q.transpose(0, 2, 1)
        v = (0.5 * (c + c.transpose(0, 2, 1)))[: K if form == "full" else 1]
    chosen = {"shared": (0, 0), "scalar": (slice(None), 0)}.get(form, ...)
    return {"covs": np.asarray(v[chosen], dtype)}


def _low_rank(spectrum, v, rng):
    """Two columns of size 1 (wide: 1e6) and a diagonal: graded, or all at the lower end."""
    columns = rng.normal(size=(K, D, 2)) * (1e6 if spectrum == "wide" else 1.0)
    level = {"tight": 1e-12, "wide": 1.0}.get(spectrum)
    return columns, v if level is None else np.full((K, D), level)


def mixture(form, parts, means, weights=WEIGHTS):
    """The library's prior with these parameters."""
    covs = dp.priors.LowRank(parts["columns"], parts["diag"]) if form == "low_rank" else None
    return dp.priors.GaussianMixture(weights, means, parts["covs"] if covs is None else covs)


def dense(form, parts):
    """The matrices (K, d, d) that the parameters stand for."""
    eye = np.eye(D, dtype=int)
    if form == "low_rank":
        return [f.dot(f.T) + eye * v for f, v in zip(parts["columns"], parts["diag"], strict=True)]
    c = parts["covs"]
    if form == "shared":
        return [eye * c[()]] * K
    if form in ("scalar", "diagonal"):
        return [eye * v for v in c]
    return [(m + m.T) / 2 for m in c] * (1 if form == "full" else K)


def solve(matrix, b):
    """C^-1 b and the determinant, by elimination with pivots."""
    n = len(matrix)
    a = np.concatenate([matrix, b], axis=1).astype(object)
    det = mpmath.mpf(1)
    for i in range(n):
        pivot = i + int(np.argmax(np.abs(a[i:, i])))
        if pivot != i:
            a[[i, pivot]], det = a[[pivot, i]], -det
        det = det * a[i, i]
        for j in range(i + 1, n):
            a[j] = a[j] - a[i] * (a[j, i] / a[i, i])
    for i in reversed(range(n)):
        a[i] = a[i] / a[i, i]
        for j in range(i):
            a[j] = a[j] - a[i] * a[j, i]
    return a[:, n:], det


def softmax(logs):
    """Probabilities, and the log of the sum."""
    peak = max(logs)
    terms = [mpmath.exp(v - peak) for v in logs]
    total = mpmath.fsum(terms)
    return [v / total for v in terms], peak + mpmath.log(total)


def log_or_zero(weight):
    return mpmath.log(weight) if weight else -mpmath.inf


def oracle(answers, form, name):
    """One of the `answers(form, given)` as a function of the inputs by name.

    All are computed at once and kept, since every output is asked for at the same inputs.
    """

    def exact(**given):
        arrays = {k: np.asarray(a, dtype=object) for k, a in given.items()}
        shapes = tuple((k, a.shape) for k, a in arrays.items())
        values = tuple(v for a in arrays.values() for v in a.ravel())
        return _kept(answers, form, shapes, values)[name]

    return exact


@functools.lru_cache(maxsize=16)
def _kept(answers, form, shapes, values):
    values = iter(values)
    given = {
        name: np.array([next(values) for _ in range(math.prod(shape))], object).reshape(shape)
        for name, shape in shapes
    }
    with mpmath.workdps(DIGITS):
        return answers(form, given)
