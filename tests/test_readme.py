"""The README: its code runs, its commands are those that CI runs, what it names exists."""

import functools
import pathlib
import re

import pytest

import diffpost_np as dp

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def blocks(language):
    return [code for kind, code in BLOCKS if kind == language]


def test_every_kind_of_block_is_known():
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert {kind for kind, _ in BLOCKS} == {"bibtex", "python", "sh", "text"}


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_block_runs(number, tmp_path, monkeypatch):
    """Each in a namespace of its own, as somebody would paste it."""
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], f"README.md block {number}", "exec"), {})


def test_commands_are_those_of_ci():
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert commands == re.findall(r"^readme '(.*)'$", script, flags=re.MULTILINE)
    assert len(commands) == 2


def test_files_exist():
    named = {*re.findall(r"\bexamples/[\w/]+\.\w+", TEXT), *re.findall(r"\]\(([\w/.]+)\)", TEXT)}
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_names_in_the_table_exist():
    rows = re.findall(r"^\| (`.*?`) \|", TEXT, flags=re.MULTILINE)
    assert len(rows) > 10
    for name in re.findall(r"`([\w.]+)`", " ".join(rows)):
        functools.reduce(getattr, name.split("."), dp)
