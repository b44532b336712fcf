"""The three kinds of `progress=`, and what becomes of the bar when a run is interrupted."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading

import numpy as np
import pytest

from diffpost_np._progress import Progress, reporter


def run(progress, n=4):
    """A run of n steps; returns how many it took."""
    with reporter(progress, "run") as report:
        for step in range(1, n + 1):
            if report(step, n, ess=step / 8):
                return step
    return n


def test_false_is_silent(capfd):
    assert run(False) == run(np.False_) == 4
    assert capfd.readouterr() == ("", "")


def test_true_shows_one_bar_with_the_numbers(capfd):
    assert run(True) == run(np.True_) == 4
    out, err = capfd.readouterr()
    last = err.split("\r")[-1]
    assert out == "" and last.startswith("run: 100%") and "ess=0.5" in last
    assert err.count("\n") == 2


def test_a_step_may_be_a_fraction(capfd):
    with reporter(True, "run") as report:
        for beta in (0.125, 0.5):
            report(beta, 1.0)
    assert "50%" in capfd.readouterr().err.split("\r")[-1]


def test_function_gets_a_frozen_record():
    seen = []
    assert run(seen.append, n=2) == 2
    assert seen == [Progress(1, 2, {"ess": 0.125}), Progress(2, 2, {"ess": 0.25})]
    with pytest.raises(dataclasses.FrozenInstanceError):
        seen[0].step = 3


@pytest.mark.parametrize("yes", [True, np.True_])
def test_only_true_stops(yes):
    assert run(lambda p: yes if p.step == 2 else None) == 2
    assert run(lambda p: "go on") == run(lambda p: 1) == run(lambda p: np.False_) == 4


def test_errors_of_the_function_come_through():
    with pytest.raises(ZeroDivisionError):
        run(lambda p: 1 / 0)


def test_interrupt_closes_the_bar_and_leaves_no_thread():
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), reporter(True, "run") as report:
        report(1, 4)
        raise KeyboardInterrupt
    assert report.bar.disable and report.bar.n == 0.25
    assert threading.active_count() == before


@pytest.mark.parametrize("wrong", [None, "yes", 1, [True]])
def test_anything_else_is_refused_at_once(wrong):
    with pytest.raises(TypeError, match=r"progress must be False, True or a function, got"):
        reporter(wrong, "run")


def test_tqdm_is_imported_for_the_bar_only():
    code = (
        "import sys; from diffpost_np._progress import reporter; reporter(False, 'run'); "
        "reporter(print, 'run'); sys.exit('tqdm' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
