"""Mixtures of one variance by inner products with their means: the same denoiser."""

import contextlib
import functools

import numpy as np
import pytest

import diffpost_np as dp
from diffpost_np._philox import Stream
from diffpost_np.priors._dual import DualMixture, dual_of
from diffpost_np.sampling._diffusion.subspace import subspace
from diffpost_np.sampling._methods import METHODS
from diffpost_np.sampling._steps.table import Cloud, mixture_steps
from diffpost_np.sampling._steps.trace import trace

VARIANCE = 0.5
STREAM = Stream((1, 2), 0, 0, 0)


def prior(n_components, d, rank=None, scale=1.5):
    """Unequal weights, one of them zero, and means far from the origin; in a plane of some rank."""
    rng = np.random.default_rng(n_components + d)
    means = rng.normal(size=(n_components, d))
    means[:, d if rank is None else rank :] = 0
    means = means @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    weights = rng.dirichlet(np.ones(n_components))
    weights[1] = 0
    return dp.priors.GaussianMixture(weights / weights.sum(), 5 + scale * means, VARIANCE)


CASES = {
    "few components": prior(5, 12),
    "many components": prior(20, 6, scale=0.5),
    "a plane": prior(9, 7, rank=2),
    "two components": prior(3, 3),
}


def dual(mixture, dtype=np.float64):
    return dual_of(mixture.tables(np.dtype(dtype)), VARIANCE)


def points(mixture, sigma, n=70):
    d = mixture.means.shape[1]
    noise = np.random.default_rng(0).normal(size=(n, d))
    return mixture.sample(n, rng=0) + sigma * noise


@pytest.mark.parametrize("name", CASES)
class TestCoordinates:
    @pytest.mark.parametrize("sigma", [1e-3, 0.4, 5.0, 80.0])
    def test_denoised_points_are_the_same(self, name, sigma):
        mixture, found = CASES[name], dual(CASES[name])
        x = points(mixture, sigma)
        denoised = found.mixture.denoise(np, (x - found.centre) @ found.columns, sigma**2)
        want = (mixture.denoise(x, sigma) - found.centre) @ found.columns
        np.testing.assert_allclose(denoised, want, rtol=1e-11, atol=1e-11)

    def test_the_way_back(self, name):
        mixture, found = CASES[name], dual(CASES[name])
        used = mixture.means[mixture.weights > 0] - found.centre
        np.testing.assert_allclose(used @ found.columns @ found.back, used, rtol=0, atol=1e-12)
        rank = np.linalg.matrix_rank(used)
        assert found.columns.shape[1] == rank
        assert found.mixture.others.shape == (len(used) - 1 - rank, rank)

    @pytest.mark.parametrize("method", ["ddim", "heun", "unipc_3"])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_the_kernel_agrees_with_the_reference(self, name, method, dtype):
        if name == "a plane" and dtype == np.float32:
            pytest.skip("rounded means lie in no plane")
        mixture, found = CASES[name], dual(CASES[name], dtype)
        table = trace(METHODS[method].step, np.geomspace(10, 0.1, 9))
        y = ((points(mixture, 10.0) - found.centre) @ found.columns).astype(dtype)
        cloud = Cloud(y, (np.zeros_like(y),) * table.n_past)
        run = functools.partial(mixture_steps, np, cloud, table, found.mixture, STREAM)
        with dp.reference():
            want = run()
        rtol = 3e-5 if dtype == np.float32 else 1e-12
        for a, b in zip((run().y, *run().past), (want.y, *want.past), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b)))


def taken(mixture, dtype=np.float64):
    """The coordinates that a run of `ddim` takes."""
    table = trace(METHODS["ddim"].step, np.geomspace(10, 0.1, 9))
    found = subspace(mixture.tables(np.dtype(dtype)), table)
    return None if found is None else type(found.mixture)


class TestWhereDigitsWouldBeLost:
    """Orthonormal columns, or none, take over."""

    def draws_of(self, means, variance=1.0):
        mixture = dp.priors.GaussianMixture(np.full(len(means), 1 / len(means)), means, variance)
        draw = functools.partial(dp.sampling.sample, n_samples=30, n_steps=20, rng=0)
        whole = draw(mixture).samples
        with dp.reference():
            plain = draw(mixture).samples
        np.testing.assert_allclose(whole, plain, rtol=1e-9, atol=1e-9 * np.max(np.abs(plain)))
        return taken(mixture)

    def means(self, n=4, d=12):
        """Around the origin, where chains start."""
        means = np.random.default_rng(0).normal(size=(n, d))
        return means - means.mean(axis=0) if n > 1 else means

    def test_nothing_is_lost_here(self):
        assert self.draws_of(self.means()) is DualMixture

    def test_nearly_dependent_means(self):
        means = self.means()
        means[3] = means[2] + 1e-5 * means[1]
        assert self.draws_of(means) is not DualMixture

    @pytest.mark.parametrize("scale", [1e3, 1e-9])
    def test_means_far_apart_and_close_together(self, scale):
        assert self.draws_of(scale * self.means()) is not DualMixture

    @pytest.mark.parametrize("scale", [1e-12, 1e9])
    @pytest.mark.parametrize("reference", [False, True])
    def test_any_unit(self, scale, reference):
        """Squares of such numbers would not fit into single precision."""
        means, weights = self.means(), np.full(4, 0.25)
        like, draws = np.zeros(0, np.float32), []
        for unit in (1.0, scale):
            mixture = dp.priors.GaussianMixture(weights, unit * means, unit**2)
            levels = unit * np.append(np.geomspace(50, 0.01, 20), 0)
            start = levels[0] * np.random.default_rng(1).normal(size=(40, 12))
            options = {"schedule": levels, "initial": start.astype(np.float32), "like": like}
            with dp.reference() if reference else contextlib.nullcontext():
                draws.append(dp.sampling.sample(mixture, 40, rng=0, **options).samples / unit)
        of_start = np.finfo(np.float32).eps * np.max(np.abs(start / unit))
        np.testing.assert_allclose(draws[1], draws[0], rtol=0, atol=of_start)

    def test_one_mean(self):
        assert self.draws_of(np.ones((3, 1)) * self.means(1)) is not DualMixture

    def test_one_component_in_use(self):
        mixture = dp.priors.GaussianMixture([1.0, 0.0, 0.0, 0.0], self.means(), 1.0)
        assert taken(mixture) is not DualMixture
        assert np.all(np.isfinite(dp.sampling.sample(mixture, 5, rng=0).samples))

    def test_few_dimensions_are_left_alone(self):
        assert taken(dp.priors.GaussianMixture(np.full(4, 0.25), self.means(4, 2), 1.0)) is None
