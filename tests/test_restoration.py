"""The examples that restore photographs and fit their prior, on small pieces."""

import importlib
import pathlib

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np.priors._units import strange_values

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
TASKS = ("inpainting", "deblurring", "super-resolution", "denoising")
SHAPE = (64, 64)


@pytest.fixture
def example(monkeypatch):
    """An example by its name, which finds the others beside it."""
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    if not EXAMPLES.exists():
        pytest.skip("the examples are not beside the tests")
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def piece(example, name="astronaut"):
    return example("photographs").test(name)[20:84, 100:164]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_from_the_photograph_to_the_scores(name, example):
    truth, restoration = piece(example), example("restoration")
    assert set(restoration.TASKS) == set(TASKS)
    few = {"n_levels": 10, "sweeps_per_level": 2}
    found = restoration.restored(name, truth, seed=0, n_samples=20, **few)
    assert not found.result.warnings and found.result.samples.shape == (20, *SHAPE)
    assert found.measured.ndim == 2 and found.classical.shape == SHAPE
    assert found.scores["gain"] > -1.5 and 0.6 < found.scores["coverage"] < 1
    assert found.scores["mean PSNR"] > found.scores["sample PSNR"] > 15


@pytest.mark.parametrize("noise", [0.01, 0.2])
@pytest.mark.parametrize("name", TASKS)
def test_photographs_are_not_strange(name, noise, example):
    """To the sampler that warns of other units, which it notices."""
    prior = dp.priors.PatchProduct(dp.priors.photograph_patches(), SHAPE, (8, 8))
    task = example("restoration").TASKS[name]
    for image in example("photographs").NAMES:
        truth = piece(example, image)
        measurement = dp.LinearGaussian(task.measurement(SHAPE, 0), noise)
        y = measurement.simulate(truth, rng=0)
        assert not strange_values(prior, measurement, y)
        assert strange_values(prior, measurement, 255 * y)


@pytest.mark.parametrize("name", ["blur", "large blocks", "Fourier", "mean"])
def test_photographs_are_not_strange_to_what_averages(name, example):
    """Nor is a black image: little of independent patches is left, and all of its brightness."""
    prior = dp.priors.PatchProduct(dp.priors.photograph_patches(), SHAPE, (8, 8))
    operator = {
        "blur": dp.operators.convolution(dp.operators.gaussian_kernel(8.0), SHAPE),
        "large blocks": dp.operators.downsample(SHAPE, 32),
        "Fourier": dp.operators.subsampled_fourier(np.random.default_rng(0).random(SHAPE) < 0.3),
        "mean": dp.operators.downsample(SHAPE, 64),
    }[name]
    measurement = dp.LinearGaussian(operator, 0.01)
    truths = [piece(example, image) for image in example("photographs").NAMES]
    for truth in (*truths, np.zeros(SHAPE), np.ones(SHAPE)):
        assert not strange_values(prior, measurement, measurement.simulate(truth, rng=0))
    for truth in truths:
        y = measurement.simulate(255 * truth, rng=0)
        assert strange_values(prior, measurement, y)


def test_a_small_table_is_fitted(example, capsys):
    """Densities grow, and the parts are those of a mixture on patches without their mean."""
    fit, rng = example("fit_photograph_patches"), np.random.default_rng(0)
    patches = fit.sampled([piece(example), piece(example, "cat")], 1500, rng)
    np.testing.assert_allclose(patches.mean(axis=1), 0, atol=1e-6)
    basis = fit.without_mean()
    np.testing.assert_allclose(basis.T @ basis, np.eye(63), atol=1e-12)
    weights, covs = fit.fitted(patches @ basis, 3, 4, rng)
    assert weights.sum() == pytest.approx(1.0) and covs.shape == (3, 63, 63)
    assert np.linalg.eigvalsh(covs).min() > 0.9 * fit.FLOOR
    lines = capsys.readouterr().out.splitlines()
    densities = [float(line.split()[4]) for line in lines]
    assert np.all(np.diff(densities) > -0.01)
