"""What is installed and in use: for bug reports, and to see which kernels run."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from importlib import metadata
from typing import Any

from ._checks import choice

_PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "array-api-compat",
    "threadpoolctl",
    "tqdm",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "cupy",
    "array-api-strict",
    "scikit-learn",
)


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show versions, usable backends and kernels, and threads.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, optional
        Print, or return a dictionary.

    Returns
    -------
    dict or None
        With `mode="dicts"` the tables `versions`, `backends`, `kernels` (operations by the
        kind of array they have a kernel for) and `threads`.

    Raises
    ------
    ValueError
        If `mode` is neither of the two.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> config = dp.show_config(mode="dicts")
    >>> config["backends"]["numpy"]
    'Numba kernels'
    """
    choice("mode", mode, ("stdout", "dicts"))
    config: dict[str, dict[str, Any]] = {
        "versions": _versions(),
        "backends": {"numpy": _numba(), "cupy": _cupy(), "others": "reference code"},
        "kernels": _kernels(),
        "threads": _threads(),
    }
    if mode == "dicts":
        return config
    for title, table in config.items():
        print(f"{title}:")
        for name, value in table.items():
            print(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
    return None


def _versions() -> dict[str, str]:
    from . import __version__

    found = {"diffpost_np": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _numba() -> str:
    try:
        importlib.import_module("numba")
    except Exception as error:
        return f"no kernels, Numba cannot be imported: {error}"
    return "Numba kernels"


def _cupy() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "not installed"
    try:
        count = importlib.import_module("cupy").cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"installed, but no device: {error}"
    return f"CUDA kernels, {count} device(s)"


def _kernels() -> dict[str, list[str]]:
    from ._dispatch import KERNELS

    table: dict[str, list[str]] = {"numpy": [], "cupy": []}
    for operation, backend in sorted(KERNELS):
        table.setdefault(backend, []).append(operation)
    return table


def _threads() -> dict[str, Any]:
    import threadpoolctl

    counts: dict[str, Any] = {"cores": os.cpu_count()}
    if (numba := sys.modules.get("numba")) is not None:
        counts["numba"] = numba.get_num_threads()
    pools = threadpoolctl.threadpool_info()
    return counts | {pool["prefix"]: pool["num_threads"] for pool in pools}
