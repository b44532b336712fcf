"""The pool of threads: every item once, from any thread, through interrupts and forks."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numba
import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._numba import parallel
from diffpost_np._numba.parallel import for_ranges

KEY = dp.random.Key(1, 2)
LONG = 1e7  # nanoseconds an item is said to take: every item becomes a piece


@pytest.fixture(autouse=True)
def all_threads():
    before = numba.get_num_threads()
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("cost", [0.0, 1e3, LONG])
def test_every_item_once(n, cost):
    counts = np.zeros(n, int)

    def task(first, last):
        counts[first:last] += 1

    for_ranges(task, n, cost)
    assert np.all(counts == 1)


def test_work_is_shared_and_cut_into_short_pieces():
    names, pieces = set(), []

    def task(first, last):
        names.add(threading.current_thread().name)
        pieces.append(last - first)
        time.sleep(0.01)

    for_ranges(task, 60, LONG)
    assert len(names) == numba.config.NUMBA_NUM_THREADS
    assert max(pieces) * LONG <= 1e8


def test_one_thread_is_the_callers():
    numba.set_num_threads(1)
    names = set()
    for_ranges(lambda a, b: names.add(threading.current_thread()), 50, LONG)
    assert names == {threading.current_thread()}


@pytest.mark.parametrize("failing", [0, 30, 59])
def test_errors_come_back(failing):
    def task(first, last):
        if first <= failing < last:
            raise RuntimeError(f"item {failing}")

    with pytest.raises(RuntimeError, match=f"item {failing}"):
        for_ranges(task, 60, LONG)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_an_interrupt_leaves_nobody_working():
    done = []

    def task(first, last):
        time.sleep(0.02)
        done.append(first)

    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for_ranges(task, 1000, LONG)
    so_far = len(done)
    assert so_far < 1000
    time.sleep(0.1)
    assert len(done) == so_far


def test_concurrent_calls_are_independent():
    results = {}

    def run(i):
        total = []
        for_ranges(lambda a, b: total.extend(range(a, b)), 100 + i, LONG)
        results[i] = sorted(total)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[i] == list(range(100 + i)) for i in range(8))


def _normals(queue):
    queue.put(dp.random.normal(KEY, (4000, 50)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_its_own_threads():
    expected = dp.random.normal(KEY, (4000, 50))
    assert parallel._pool is not None
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_normals, args=(queue,))
    child.start()
    received = queue.get()
    child.join(timeout=60)
    assert child.exitcode == 0
    assert np.array_equal(received, expected)


FRESH = """
import numpy as np, diffpost_np as dp
from diffpost_np._numba import random
dp.random.normal(dp.random.Key(1, 2), (3, 2))
stats = random._fill_normal.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_a_new_process_finds_compiled_kernels(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", FRESH],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert runs == [["0", "1"], ["1", "0"]]
