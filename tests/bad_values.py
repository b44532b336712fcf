"""What people hand over by mistake, by the kind of argument that was wanted.

A kind maps a valid value to wrong ones: `name of the mistake: (value, error)`.
"""

import array_api_strict
import numpy as np

BOTH = (TypeError, ValueError)


def real(valid):
    """A real array of one shape and namespace; lists are welcome where this one is a list."""
    a = np.asarray(valid, dtype=float)
    first = np.zeros(a.shape, bool)
    first.flat[0] = True
    return {
        "NaN": (np.where(first, np.nan, a), ValueError),
        "inf": (np.where(first, np.inf, a), ValueError),
        "-inf": (np.where(first, -np.inf, a), ValueError),
        "complex": (a + 0j, TypeError),
        "objects": (a.astype(object), TypeError),
        "strings": (a.astype(str), TypeError),
        "booleans": (a > 0, TypeError),
        "half precision": (a.astype(np.float16), TypeError),
        "masked": (np.ma.masked_array(a), TypeError),
        "dates": (a.astype("datetime64[s]"), TypeError),
        "None": (None, TypeError),
        "text": ("text", TypeError),
        "dict": ({"a": 1}, TypeError),
        "function": (len, TypeError),
        "ragged": ([[1.0], [1.0, 2.0]], BOTH),
        "more axes": (a[None, None, None, None, ...], ValueError),
    }


def weights(valid):
    """Weights of rows, not negative, some of them positive."""
    a = np.asarray(valid)
    wrong = {"negative": (-a, ValueError), "zeros": (0 * a, ValueError)}
    return {**real(valid), **wrong, "empty": (a[:0], ValueError), "table": (a[None], ValueError)}


def complex_(valid):
    """An array that may be complex."""
    return {k: v for k, v in real(valid).items() if k != "complex"}


def mixed(valid):
    """An array that must be of one library with the others."""
    return {**real(valid), "other library": (array_api_strict.asarray(np.array(valid)), TypeError)}


def batch(valid):
    """Points (n, *event)."""
    a = np.asarray(valid)
    return {
        **mixed(valid),
        "one event": (a[0], ValueError),
        "other event": (np.concatenate([a, a], axis=-1), ValueError),
        "empty": (a[:0], ValueError),
    }


def level(valid):
    """A noise level, one or one for each point."""
    return {
        "negative": (-1.0, ValueError),
        "NaN": (np.nan, ValueError),
        "inf": (np.inf, ValueError),
        "one too many": (np.ones(4), ValueError),
        "a column": (np.ones((3, 1)), ValueError),
        "one negative": (np.array([1.0, -1.0, 1.0]), ValueError),
        "complex": (1j, TypeError),
        "text": ("1", TypeError),
        "None": (None, TypeError),
        "other library": (array_api_strict.ones(3), TypeError),
    }


def number(valid):
    """One real number."""
    return {
        "NaN": (np.nan, ValueError),
        "inf": (np.inf, ValueError),
        "complex": (1j, TypeError),
        "text": ("1", TypeError),
        "None": (None, TypeError),
        "list": ([1.0, 2.0], TypeError),
        "array": (np.ones(2), TypeError),
        "function": (len, TypeError),
    }


def optional_number(valid):
    return {k: v for k, v in number(valid).items() if k != "None"}


def not_negative(valid):
    return {**number(valid), "negative": (-0.1, ValueError)}


def positive(valid):
    return {**not_negative(valid), "zero": (0.0, ValueError)}


def fraction(valid):
    """Inside (0, 1)."""
    return {**positive(valid), "one": (1.0, ValueError), "two": (2.0, ValueError)}


def booleans(valid):
    """Which of several things, at least one of them."""
    a = np.asarray(valid)
    return {
        "numbers": (a.astype(float), TypeError),
        "nothing": (a & False, ValueError),
        "objects": (a.astype(object), TypeError),
        "text": ("yes", BOTH),
        "None": (None, TypeError),
        "one": (True, BOTH),
        "empty": (a[:0], ValueError),
        "ragged": ([[True], [True, False]], BOTH),
    }


def index(valid):
    """A whole number from 0."""
    return {
        "negative": (-1, ValueError),
        "a half": (0.5, TypeError),
        "float": (2.0, TypeError),
        "text": ("2", TypeError),
        "None": (None, TypeError),
        "bool": (True, TypeError),
        "array": (np.ones(2, int), TypeError),
        "huge": (2**200, BOTH),
    }


def count(valid):
    """A whole number from 1."""
    return {k: v for k, v in index(valid).items() if k != "huge"} | {"zero": (0, ValueError)}


def optional_count(valid):
    return {k: v for k, v in count(valid).items() if k != "None"}


def rng(valid):
    return {
        "text": ("seed", TypeError),
        "float": (1.5, TypeError),
        "bool": (True, TypeError),
        "object": (object(), TypeError),
        "negative": (-1, ValueError),
        "legacy": (np.random.RandomState, BOTH),
        "floats": ([0.5], TypeError),
    }


def key(valid):
    return {"seed": (3, TypeError), "None": (None, TypeError), "words": ((1, 2), TypeError)}


def progress(valid):
    return {"text": ("yes", TypeError), "None": (None, TypeError), "number": (1, TypeError)}


def function(valid):
    return {"number": (3, TypeError), "text": ("score", TypeError)}


def shape(valid):
    return {
        "empty": ((), BOTH),
        "zero": ((0, 2), ValueError),
        "negative": ((-1,), ValueError),
        "floats": ((2.0,), TypeError),
        "text": ("22", TypeError),
        "other": ((7, 7), ValueError),
    }


def free_shape(valid):
    """A shape that nothing else fixes."""
    return {k: v for k, v in shape(valid).items() if k != "other"}


def offsets(valid):
    """Whole numbers from 0, each below a bound."""
    return {
        "one": ((1,), TypeError),
        "negative": ((-1, 0), ValueError),
        "too far": ((200, 0), ValueError),
        "floats": ((1.0, 0.0), TypeError),
        "text": ("10", TypeError),
        "None": (None, TypeError),
        "number": (1, TypeError),
    }


def choice(valid):
    return {"other": ("nonsense", ValueError), "number": (3, BOTH), "array": (np.ones(2), BOTH)}


def named(valid):
    """One of some names, or an object."""
    return {**choice(valid), "None": (None, BOTH), "function": (len, BOTH)}


def table(valid):
    return {"list": ([], TypeError), "None": (None, TypeError), "text": ("a", TypeError)}


def flag(valid):
    return {"text": ("yes", TypeError), "number": (2, TypeError)}


def thing(valid):
    """An object of the library, or one that looks like it."""
    return {"number": (3, TypeError), "text": ("x", TypeError), "object": (object(), TypeError)}


def required_thing(valid):
    return {**thing(valid), "None": (None, TypeError)}


def text(valid):
    return {"number": (3, TypeError), "None": (None, TypeError), "bytes": (b"a", TypeError)}


def noise_std(valid):
    low = {"zero": (0.0, ValueError), "negative": (np.array([-1.0]), ValueError)}
    return {k: v for k, v in mixed(valid).items() if k != "None"} | low


def whole_numbers(valid):
    """A list of whole numbers from 1."""
    kept = ("NaN", "complex", "strings", "None", "text", "more axes", "booleans", "dict")
    wrong = {name: (value, BOTH) for name, (value, _) in real(valid).items() if name in kept}
    return wrong | {"halves": ([2.5], TypeError), "zero": ([0], ValueError)}


def time(valid):
    """A number or an array of any shape, infinite where a schedule has no end."""
    wrong = real(np.array([0.5]))
    ends = ("inf", "-inf", "more axes", "dict", "function")
    wrong = {name: v for name, v in wrong.items() if name not in ends}
    return wrong | {"negative": (np.array([0.5, -1.0]), ValueError)}


def components(valid):
    """Indices of some components."""
    return {
        "number": (0, TypeError),
        "text": ("01", TypeError),
        "None": (None, TypeError),
        "floats": ([0.0], TypeError),
        "mask": (np.array([True, False]), TypeError),
        "table": ([[0, 1]], TypeError),
        "negative": ([-1], ValueError),
        "beyond": ([0, 99], ValueError),
        "empty": ([], ValueError),
    }


def lists(valid):
    """Arrays, one for each problem."""
    wrong = {k: ([valid[0], v], e) for k, (v, e) in batch(valid[0]).items() if k != "more axes"}
    others = {
        "one array": (valid[0], TypeError),
        "no list": (3, TypeError),
        "nothing": ([], ValueError),
    }
    return wrong | others


def dtype(valid):
    return {
        "half": (np.float16, TypeError),
        "int": (np.int64, TypeError),
        "None": (None, TypeError),
    }


def column(valid):
    """A number, or one for each point."""
    one_each = {"row": (np.ones((1, 3)), ValueError), "negative": (-valid, ValueError)}
    return mixed(valid) | one_each


def levels(valid):
    """Several levels in [0, 1]."""
    return {
        "beyond": ([0.5, 1.5], ValueError),
        "NaN": ([0.5, np.nan], ValueError),
        "empty": ([], ValueError),
        "table": (np.full((2, 2), 0.5), ValueError),
        "text": (["a"], TypeError),
    }


def entries(valid):
    """A list of things of one kind."""
    return {"number": (3, TypeError), "text": ("x", TypeError), "numbers": ([3], TypeError)}


def names(valid):
    """A list of some of the names that there are."""
    return {**entries(valid), "numbers": ([3], ValueError), "unknown": (["x"], ValueError)}


def noise_levels(valid):
    wrong = {"numbers": (["x"], TypeError), "zero": ([0.0], ValueError), "empty": ([], ValueError)}
    return {**entries(valid), **wrong}


def problems(valid):
    return {**entries(valid), "empty": ([], ValueError)}


def prior(valid):
    """A class is not a prior, one of its instances is."""
    return {**required_thing(valid), "class": (type(valid), TypeError)}


def kept_like(valid):
    """An array that others are made like."""
    wrong = {"number": (3, TypeError), "text": ("x", TypeError)}
    return {**wrong, "half precision": (np.zeros(0, np.float16), TypeError)}


def signs(valid):
    """Rows of signs of any real dtype."""
    kinds = ("complex", "strings", "dates", "None", "text", "dict", "function", "more axes")
    wrong = {k: v for k, v in real(valid).items() if k in kinds}
    return {**wrong, "one row": (np.ones(2), ValueError), "no bits": (np.ones((3, 0)), ValueError)}


def one_way(valid):
    """ "arx", or a function of rows of signs."""
    return {
        "unknown name": ("md5", TypeError),
        "None": (None, TypeError),
        "table": (np.ones((4, 2)), TypeError),
        "other shape": (lambda signs: signs[:, :1], ValueError),
        "no signs": (lambda signs: signs[:, :2] * 0.5, ValueError),
        "lists": (lambda signs: [[1, 1]] * len(signs), TypeError),
    }
