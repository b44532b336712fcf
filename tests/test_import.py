"""What `import diffpost_np` costs: nothing heavy before a function needs it."""

import pathlib
import subprocess
import sys

import pytest

import diffpost_np as dp

HEAVY = {"cupy", "hypothesis", "matplotlib", "numba", "scipy", "sklearn", "tqdm"}
LIGHT = sorted(set(dp._SUBMODULES) - {"testing"})  # which needs Hypothesis


def imported_by(code):
    """The heavy packages that a fresh interpreter holds after some code."""
    # The package that is tested here, wherever it was installed, and nothing of this process.
    path = str(pathlib.Path(dp.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {path!r}); {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


def test_import_is_light():
    assert not imported_by("import diffpost_np")


def test_public_modules_are_light():
    names = ", ".join(f"diffpost_np.{name}" for name in LIGHT)
    assert not imported_by(f"import diffpost_np; {names}")


def test_heavy_packages_would_be_seen():
    code = "from diffpost_np import random; random.normal(random.key(0), (2, 2))"
    assert "numba" in imported_by(code)


def test_a_first_score_imports_no_samplers():
    code = "import numpy as np, diffpost_np as dp; dp.priors.Gaussian(np.zeros(2), 1.0).score"
    code += "(np.zeros((3, 2)), 1.0); assert 'diffpost_np.sampling' not in sys.modules"
    assert "numba" in imported_by(code)


def test_every_public_name_is_there():
    assert {name for name in dp.__all__ if hasattr(dp, name)} == set(dp.__all__) == set(dir(dp))


def test_unknown_names_raise():
    with pytest.raises(AttributeError, match="no attribute 'sampel'"):
        dp.sampel  # noqa: B018
