"""`show_config`: complete, and printed like its dictionary."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import diffpost_np as dp


def test_tables():
    config = dp.show_config(mode="dicts")
    assert list(config) == ["versions", "backends", "kernels", "threads"]
    assert config["versions"]["numpy"] == np.__version__
    assert config["versions"]["diffpost_np"] == dp.__version__
    assert config["backends"]["numpy"] == "Numba kernels"
    assert config["threads"]["cores"] >= 1 and config["threads"]["numba"] >= 1


def test_kernels_are_those_of_the_registry(monkeypatch):
    monkeypatch.setattr("diffpost_np._dispatch.KERNELS", {("b", "numpy"): "", ("a", "numpy"): ""})
    assert dp.show_config(mode="dicts")["kernels"] == {"numpy": ["a", "b"], "cupy": []}


def test_broken_numba_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert dp.show_config(mode="dicts")["backends"]["numpy"].startswith("no kernels, Numba")


def test_prints(capsys):
    assert dp.show_config() is None
    printed = capsys.readouterr().out
    for title, table in dp.show_config(mode="dicts").items():
        assert f"{title}:\n" in printed
        for name in table:
            assert f"  {name}: " in printed


def test_mode_is_checked():
    with pytest.raises(ValueError, match="mode must be one of 'stdout', 'dicts'"):
        dp.show_config(mode="yaml")


def test_importing_the_package_stays_light():
    heavy = {"numba", "cupy", "scipy", "tqdm", "threadpoolctl", "matplotlib"}
    code = "import sys, diffpost_np; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
