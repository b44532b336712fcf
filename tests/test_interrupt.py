"""Ctrl-C ends a long run, and nobody goes on working."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import diffpost_np as dp

SCRIPT = textwrap.dedent(
    """
    import time
    import numpy as np
    import diffpost_np as dp

    prior = dp.priors.GaussianMixture([0.4, 0.6], np.ones((2, 32)), np.stack([np.eye(32)] * 2))
    measurement = dp.LinearGaussian(np.ones((1, 32)), 1.0)

    def run(n_steps, **options):
        return dp.posterior.langevin(
            prior, measurement, [1.0], n_samples=4096, step_size=1e-3, n_steps=n_steps, rng=0,
            **options,
        )

    run(2)
    seen = []

    def report(progress):
        if not seen:
            print("running", flush=True)
        seen.append(progress)

    try:
        run(10**8, progress=report)
    except KeyboardInterrupt:
        before = time.process_time()
        time.sleep(0.5)
        print("busy" if time.process_time() - before > 0.25 else "idle", flush=True)
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child on Windows")
def test_interrupt_during_a_kernel_run():
    child = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert out == "idle\n"
    assert child.returncode == 0


def test_interrupt_in_a_users_score_comes_through():
    calls = []

    def score(x, sigma):
        calls.append(sigma)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return -x

    measurement = dp.LinearGaussian(np.eye(2), 1.0)
    with pytest.raises(KeyboardInterrupt):
        dp.posterior.annealed_smc(
            score, measurement, [0.0, 1.0], initial=np.random.default_rng(0).normal(size=(500, 2))
        )
    assert len(calls) == 5
