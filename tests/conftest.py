"""Fixtures: the namespaces every function is run on."""

from __future__ import annotations

import hashlib
import os
import pathlib
import tempfile
import warnings

import diffpost_np


def _kernel_cache() -> str:
    """A cache folder named after the kernels' sources, and those of constants they hold.

    Numba does not see what is edited in another file.
    """
    package = pathlib.Path(diffpost_np.__file__).parent
    paths = [*package.glob("_numba/**/*.py"), package / "_philox.py"]
    paths += package.glob("lewis/_exact/*.py")
    text = b"".join(path.read_bytes() for path in sorted(paths))
    name = f"diffpost_np-{hashlib.sha256(text).hexdigest()[:16]}"
    return str(pathlib.Path(tempfile.gettempdir()) / name)


os.environ.setdefault("NUMBA_CACHE_DIR", _kernel_cache())

import array_api_compat.numpy as numpy_namespace  # noqa: E402
import array_api_strict  # noqa: E402
import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

with warnings.catch_warnings():  # beside CuPy it imports what warns
    warnings.simplefilter("ignore")
    import pylops  # noqa: F401

hypothesis.settings.register_profile(
    "default", derandomize=True, deadline=None, database=None, max_examples=50
)
hypothesis.settings.load_profile("default")


class Backend:
    """A namespace with `array`, which makes an array of it, and `numpy`, the way back."""

    def __init__(self, name, xp, freeze=False):
        self.name, self.xp, self.freeze = name, xp, freeze

    def array(self, values, dtype=None):
        made = self.xp.asarray(np.array(values, dtype=dtype))
        if self.freeze:
            made.setflags(write=False)
        return made

    def numpy(self, array):
        return array.get() if hasattr(array, "get") else np.asarray(array)

    def owns(self, array):
        return isinstance(array, type(self.array([0.0])))


def _cupy_or_skip():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.cuda.is_available():
        pytest.skip("no CUDA device")
    import array_api_compat.cupy

    return array_api_compat.cupy


@pytest.fixture(params=["numpy", "readonly", "strict", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """NumPy, NumPy arrays that may not be written to, array-api-strict, and CuPy on a device."""
    if request.param == "strict":
        return Backend("strict", array_api_strict)
    if request.param == "cupy":
        return Backend("cupy", _cupy_or_skip())
    return Backend(request.param, numpy_namespace, freeze=request.param == "readonly")
