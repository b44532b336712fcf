"""The CUDA sources through NVIDIA's compiler, which needs no device."""

import re

import cuda_nvrtc
import pytest

from diffpost_np._cuda import loader
from diffpost_np._dispatch import KERNELS

ADDED_BY_CUPY = ("-ftz=true", "--device-as-default-execution-space")
NAMES = {name for name, space in KERNELS if space == "cupy"} | {"mixture_logits"}


def compile_kernels(options, capability=80):
    """The PTX of every kernel, by name, compiled as CuPy does."""
    options = (*options, *ADDED_BY_CUPY, f"-arch=compute_{capability}")
    ptx, log = cuda_nvrtc.compile_ptx(loader.source(), options)
    assert log == "", log
    return dict(re.findall(r"\.entry (\w+)\((.*?)\n}", ptx, flags=re.DOTALL))


@pytest.mark.parametrize("itemsize", [8, 4])
@pytest.mark.parametrize("n_together", [1, loader.TOGETHER])
@pytest.mark.parametrize("capability", [75, 80, 90, 100])
def test_compiles_without_a_warning(itemsize, n_together, capability):
    assert set(compile_kernels(loader.options(itemsize, n_together), capability)) == NAMES


@pytest.mark.parametrize("itemsize", [8, 4])
@pytest.mark.parametrize("name", ["random_bits", "random_uniform", "random_normal"])
def test_random_kernels_round_every_operation_and_stay_in_registers(itemsize, name):
    ptx = compile_kernels(loader.options(itemsize))[name]
    assert not re.findall(r"(?:fma|mad)\.\w+(?:\.\w+)?\.f\d+|\.approx|\.local|\bcall\b", ptx)


@pytest.mark.parametrize("itemsize", [8, 4])
def test_tiles_are_moved_in_wide_pieces_and_stay_in_registers(itemsize):
    kernels = compile_kernels(loader.options(itemsize, loader.TOGETHER))
    wide = {8: "v2.f64", 4: "v4.f32"}[itemsize]
    for name in ("mixture_score", "mixture_log_density", "mixture_logits"):
        assert set(re.findall(r"\bld\.shared\.([\w.]+)", kernels[name])) == {wide}
        assert ".local" not in kernels[name]


@pytest.mark.parametrize("itemsize", [8, 4])
@pytest.mark.parametrize("name", ["weighted_gram", "quadratic_forms", "lewis_pass"])
def test_squares_of_tall_kernels_stay_in_registers(itemsize, name):
    assert ".local" not in compile_kernels(loader.options(itemsize))[name]


@pytest.mark.parametrize("itemsize", [8, 4])
def test_contraction_would_be_noticed(itemsize):
    options = [o for o in loader.options(itemsize) if o != "--fmad=false"]
    assert "fma.rn" in compile_kernels(options)["random_normal"]


def test_a_warning_would_be_noticed():
    _, log = cuda_nvrtc.compile_ptx("__global__ void f() { int unused; }", ())
    assert "warning" in log


def test_an_error_is_raised_with_its_line():
    with pytest.raises(RuntimeError, match=r"kernels\.cu\(1\): error"):
        cuda_nvrtc.compile_ptx("__global__ void f() { missing(); }", ())
