"""NVRTC through ctypes: CUDA's run-time compiler from NVIDIA's wheel, which needs no driver."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import pathlib

import pytest


def _library():
    """A libnvrtc of the `nvidia` packages, or None."""
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else map(pathlib.Path, spec.submodule_search_locations or ())
    found = sorted(path for folder in folders for path in folder.rglob("libnvrtc.so.*"))
    return found[-1] if found else None


@functools.cache
def _load():
    path = _library()
    if path is None:
        pytest.skip("NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    return ctypes.CDLL(str(path))


def _text(nvrtc, program, kind):
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{kind}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{kind}")(program, buffer)
    return buffer.value.decode()


def compile_ptx(source, options):
    """The PTX of a CUDA source and the compiler's log; a failure raises with the log."""
    nvrtc, program = _load(), ctypes.c_void_p()
    code = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
    )
    assert code == 0, f"nvrtcCreateProgram returned {code}"
    flags = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), flags)
    log = _text(nvrtc, program, "ProgramLog")
    ptx = "" if failed else _text(nvrtc, program, "PTX")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise RuntimeError(log)
    return ptx, log
