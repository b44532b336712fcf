"""The installed package has every file that is not Python, and each can be read."""

import pathlib
from importlib import resources

import numpy as np
import pytest

import diffpost_np
from diffpost_np._cuda import loader

PATTERNS = (".cuh", ".cu", ".npz", "py.typed")


def data_files(folder):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from data_files(entry)
        elif entry.name.endswith(PATTERNS):
            yield entry


FILES = {entry.name: entry for entry in data_files(resources.files(diffpost_np))}


def test_nothing_is_missing():
    assert {"py.typed", "photograph_patches.npz", *loader.FILES} <= set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_data_file_opens(name):
    with FILES[name].open("rb") as file:
        if name.endswith(".npz"):
            with np.load(file) as arrays:
                assert all(arrays[key].size for key in arrays)
        else:
            assert bool(file.read()) == (name != "py.typed")


def test_every_folder_with_code_is_a_package():
    root = pathlib.Path(diffpost_np.__file__).parent
    assert {p.parent for p in root.rglob("*.py")} == {p.parent for p in root.rglob("__init__.py")}


def test_the_source_for_the_compiler_is_all_of_its_files():
    lines = [line for name in loader.FILES for line in FILES[name].read_text().splitlines()]
    expected = [line for line in lines if not line.startswith('#include "')]
    assert loader.source().splitlines() == expected
    assert loader.source().isascii()
