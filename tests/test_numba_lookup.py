"""Exponentials have the same bits on machines with other instructions."""

import subprocess
import sys

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

OTHER = {"AVX2": {"avx512f": False}, "bits": {"avx512f": False, "avx2": False}}

EXPONENTIALS = """
import llvmlite.binding as binding
features = binding.get_host_cpu_features()
features.update({lacks})
binding.get_host_cpu_features = lambda: features

import sys
import numpy as np
from numba import njit
from diffpost_np._numba.blocks import rows
from diffpost_np._numba.lanes import get, put
from diffpost_np._numba.powers import exp_or_zero

@njit
def exp_rows(out, x):
    for row in range(x.shape[0]):
        put(out, row, exp_or_zero(get(x, row)))

for dtype in (np.float64, np.float32):
    x, out = rows(64, dtype), rows(64, dtype)
    x.flat[:1000] = np.linspace(-70, 0, 1000)
    exp_rows(out, x)
    sys.stdout.buffer.write(out.ravel()[:1000].tobytes())
"""


def exponentials(lacks):
    script = EXPONENTIALS.replace("{lacks}", repr(lacks))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout


@pytest.mark.parametrize("other", OTHER)
def test_exponentials_do_not_depend_on_the_machine(other):
    if other == "AVX2" and not get_host_cpu_features().get("avx2"):
        pytest.skip("this machine has no AVX2")
    here, there = exponentials({}), exponentials(OTHER[other])
    assert len(here) == 12000
    assert np.array_equal(np.frombuffer(here, np.uint8), np.frombuffer(there, np.uint8))
