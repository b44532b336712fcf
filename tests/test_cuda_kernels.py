"""The CUDA kernels against the reference: built by the C compiler, and on a device where one is."""

import functools
import inspect
import re
import subprocess
import sys

import array_api_compat.numpy as xp
import cuda_host
import numpy as np
import pytest
from cuda_host import same_bits

import diffpost_np as dp
from diffpost_np import _dispatch
from diffpost_np._cuda import given as cuda_given
from diffpost_np._cuda import gram as cuda_gram
from diffpost_np._cuda import loader
from diffpost_np._cuda import mixture as cuda_mixture
from diffpost_np._dispatch import KERNELS
from diffpost_np._philox import Stream, random_bits, random_normal, random_uniform
from diffpost_np._rows import Linear, advance_rows
from diffpost_np._xp import host, map_rows
from diffpost_np.hardness._score import one_way_score
from diffpost_np.lewis._weights.gram import (
    SMALLEST_FORM,
    lewis_pass,
    quadratic_forms,
    weighted_gram,
)
from diffpost_np.priors._covariance import Spectral
from diffpost_np.priors._mixture_given import mixture_choose, mixture_draw_chosen
from diffpost_np.priors._mixture_math import (
    Tables,
    mixture_log_density,
    mixture_responsibilities,
    mixture_score,
)
from diffpost_np.sampling._steps.table import Cloud, mixture_steps
from diffpost_np.sampling._steps.trace import Table

DTYPES = [np.float64, np.float32]
FORMS = ["scalar", "scalars", "diagonal", "shared diagonal", "full", "shared full"]
FORMS += ["low rank", "shared low rank", "high rank"]
STREAM = Stream((0xDEADBEEF, 0x12345678), 5, 17, 0x00030201)
TABLE = np.array([[0.8, 0.9, 0.2, 0.1, 0.5], [0.3, 1.0, 0.1, 0.2, 0.4], [0.5, 0.7, 0.3, 0.1, 0.1]])
SAME_LEVEL = np.array([[0.8, 0.9, 0.2, 0.1, 0.5], [0.8, 1.0, 0.1, 0.2, 0.4]])


@pytest.fixture(scope="module", params=["cc", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request, tmp_path_factory):
    """The namespace whose operations run the CUDA kernels."""
    if request.param == "gpu":
        yield cuda_host.cupy_namespace()
        return
    folder = tmp_path_factory.mktemp("cuda")
    with pytest.MonkeyPatch.context() as patch, cuda_host.stand_in(folder) as (cupy, namespace):
        patch.setitem(sys.modules, "cupy", cupy)
        yield namespace


def move(device, value):
    """Arrays, and what holds arrays, as arrays of the device's namespace."""
    if isinstance(value, np.ndarray):
        return device.asarray(value)
    if isinstance(value, Spectral):
        return Spectral(move(device, value.values), move(device, value.basis))
    if isinstance(value, dp.priors.LowRank):
        return dp.priors.LowRank(move(device, value.factor_matrix), move(device, value.diag))
    if isinstance(value, tuple) and not isinstance(value, Stream):
        parts = [move(device, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def run(device, operation, *arguments):
    """The result of the kernel, which must take these arguments, as a NumPy array."""
    kernel = _dispatch.find_kernel(operation.__name__, device)
    result = kernel(device, *arguments_on(device, operation, arguments))
    if isinstance(result, Cloud):
        result = (result.y, *result.past)
    parts = result if isinstance(result, tuple) else (result,)
    assert all(isinstance(part, device.ndarray) for part in parts)
    parts = tuple(host(part) for part in parts)
    return parts if isinstance(result, tuple) else parts[0]


def covers(device, operation, *arguments):
    """Whether the kernel takes these arguments."""
    kernel = _dispatch.find_kernel(operation.__name__, device)
    return kernel(device, *arguments_on(device, operation, arguments)) is not NotImplemented


def arguments_on(device, operation, arguments):
    """All on the device but tables of rows, which are data of the host."""
    names = list(inspect.signature(operation).parameters)[1:]
    pairs = zip(names, arguments, strict=False)
    return [a if name in ("rows", "table") else move(device, a) for name, a in pairs]


def reference(operation, *arguments):
    with dp.reference():
        return operation(xp, *arguments)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 8), (130, 3), (2, 0), (0, 3)])
def test_fills_have_the_bits_of_the_reference(device, dtype, shape):
    for operation, rest in [
        (random_bits, ()),
        (random_uniform, (dtype,)),
        (random_normal, (dtype,)),
    ]:
        arguments = (STREAM, *shape, *rest)
        assert same_bits(run(device, operation, *arguments), reference(operation, *arguments))


def mixture(form, dim, dtype, n_components=3, weights=(0.0, 0.3, 0.7)):
    """An asymmetric mixture that overlaps, a component of weight zero, and points around it."""
    rng = np.random.default_rng(dim)
    k = 1 if "shared" in form else n_components
    means = 1.5 * rng.standard_normal((n_components, dim)) / np.sqrt(dim)
    spread = np.exp(rng.uniform(-1, 1, size=(k, dim)))
    factor = rng.standard_normal((k, dim, 9))
    root = rng.standard_normal((k, dim, dim)) / np.sqrt(dim) + np.eye(dim)
    covs = {
        "scalar": 0.7,
        "scalars": spread[:, 0],
        "diagonal": spread,
        "full": root @ root.swapaxes(1, 2) + 0.3 * np.eye(dim),
        "low rank": dp.priors.LowRank(factor[..., :2], spread),
        "high rank": dp.priors.LowRank(factor, spread),
    }[form.removeprefix("shared ")]
    x = (means[rng.integers(0, n_components, 9)] + rng.standard_normal((9, dim))).astype(dtype)
    return x, dp.priors.GaussianMixture(np.array(weights), means, covs).tables(np.dtype(dtype))


def rounding(dim, dtype):
    """How far two orders of summation may lie apart, relative to the largest entry.

    A logit is a sum of dim + 3 rounded terms that add up to about dim here; its absolute error is
    the relative error of a weight. Seen: at most a tenth of this.
    """
    return 8 * (dim + 3) * np.finfo(dtype).eps


def check_close(ours, expected, tolerance):
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 5, 35])
@pytest.mark.parametrize("levels", ["one", "each"])
def test_mixture_kernels_agree_with_the_reference(device, form, dtype, dim, levels):
    x, tables = mixture(form, dim, dtype)
    s2 = np.linspace(0.0, 2.0, len(x), dtype=dtype) if levels == "each" else x[:1, 0] ** 2
    for operation in (mixture_score, mixture_log_density):
        ours, expected = run(device, operation, x, s2, tables), reference(operation, x, s2, tables)
        check_close(ours, expected, rounding(dim, dtype))


@pytest.mark.parametrize("form", FORMS)
def test_far_points_and_strided_batches(device, form):
    x, tables = mixture(form, 5, np.float64)
    far = np.concatenate([x, 1e6 * x])[::2]
    for operation in (mixture_score, mixture_log_density):
        arguments = (far, np.array([1e-12]), tables)
        expected = reference(operation, *arguments)
        np.testing.assert_allclose(run(device, operation, *arguments), expected, rtol=1e-9)


def measurement(likelihood, n, dtype, dim=5):
    """A likelihood with three outputs, unequal weights, and one y or one for each chain."""
    if likelihood == "none":
        return None
    rng = np.random.default_rng(1)
    shape = (1 if likelihood == "one y" else n, 3)
    parts = rng.standard_normal((3, dim)), rng.uniform(0.5, 2, 3), rng.standard_normal(shape)
    return Linear(*(a.astype(dtype) for a in parts))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("likelihood", "dim"), [("none", 5), ("one y", 5), ("a y each", 5), ("a y each", 35)]
)
def test_rows_agree_with_the_reference(device, form, dtype, likelihood, dim):
    x, tables = mixture(form, dim, dtype)
    arguments = (x, tables, TABLE, measurement(likelihood, len(x), dtype, dim), STREAM)
    before = x.copy()
    ours, expected = run(device, advance_rows, *arguments), reference(advance_rows, *arguments)
    check_close(ours, expected, 2 * len(TABLE) * rounding(dim, dtype))
    assert same_bits(x, before)


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank", "high rank"])
@pytest.mark.parametrize("dim", [5, 35])
def test_a_chain_depends_on_nothing_but_itself(device, form, dim):
    """Whether others are with it in a team or not."""
    x, tables = mixture(form, dim, np.float64)
    linear = measurement("a y each", len(x), np.float64, dim)
    whole = run(device, advance_rows, x, tables, TABLE, linear, STREAM)
    part = linear._replace(y=linear.y[4:])
    later = STREAM._replace(first_chain=STREAM.first_chain + 4)
    assert same_bits(run(device, advance_rows, x[4:], tables, TABLE, part, later), whole[4:])
    for operation in (mixture_score, mixture_log_density):
        together = run(device, operation, x, np.array([0.3]), tables)
        assert same_bits(run(device, operation, x, np.full(9, 0.3), tables), together)


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank"])
def test_rows_may_be_split_among_launches(device, form, monkeypatch):
    """Rows of one launch share the smoothed mixture where their noise levels are the same."""
    x, tables = mixture(form, 5, np.float64)
    together = [run(device, advance_rows, x, tables, t, None, STREAM) for t in (TABLE, SAME_LEVEL)]
    monkeypatch.setattr(cuda_mixture, "TABLE_BYTES", 1)
    split = [run(device, advance_rows, x, tables, t, None, STREAM) for t in (TABLE, SAME_LEVEL)]
    for a, b in zip(split, together, strict=True):
        check_close(a, b, rounding(5, np.float64))


STEPS = Table(
    step=np.array([0, 0, 1, 3]),
    sigma=np.array([0.8, 0.5, np.nan, 0.3]),
    point=np.array(
        [
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.9, 0.1, 0.0, -0.2, 0.3, 0.2],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.4, 0.5, -0.1, 0.3, 0.0, 0.6],
        ]
    ),
    state=np.array(
        [
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.5, 0.4, 0.1, 0.2, 0.0, 0.3],
            [0.9, 0.2, -0.1, 0.1, 0.2, 0.0],
            [0.6, 0.3, 0.1, -0.4, 0.0, 0.0],
        ]
    ),
    n_past=3,
)
"""Rows with noise in every place, one that evaluates nothing, and a step that is left out."""


def cloud_of(x):
    """Points, and other ones that were denoised before."""
    return Cloud(x, (0.5 * x, x[::-1] - 1, 1 - x))


def check_steps(device, table, form, dim, dtype):
    x, tables = mixture(form, dim, dtype)
    arguments, before = (cloud_of(x), table, tables, STREAM), x.copy()
    y, past, _ = reference(mixture_steps, *arguments)
    ours = run(device, mixture_steps, *arguments)
    for a, b in zip(ours, (y, *past), strict=True):
        check_close(a, b, 2 * len(table.step) * rounding(dim, dtype))
    assert same_bits(x, before)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 5, 35])
def test_steps_of_integrators_agree_with_the_reference(device, form, dtype, dim):
    check_steps(device, STEPS, form, dim, dtype)


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank"])
@pytest.mark.parametrize("row", range(4))
def test_single_steps_agree_with_the_reference(device, form, row):
    check_steps(device, STEPS.of_rows(row, row + 1), form, 5, np.float64)


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank", "high rank"])
@pytest.mark.parametrize("dim", [5, 35])
def test_steps_may_be_split_among_launches_and_chains(device, form, dim, monkeypatch):
    x, tables = mixture(form, dim, np.float64)
    cloud = cloud_of(x)
    whole = run(device, mixture_steps, cloud, STEPS, tables, STREAM)
    part = Cloud(x[4:], tuple(p[4:] for p in cloud.past))
    later = STREAM._replace(first_chain=STREAM.first_chain + 4)
    for a, b in zip(run(device, mixture_steps, part, STEPS, tables, later), whole, strict=True):
        assert same_bits(a, b[4:])
    monkeypatch.setattr(cuda_mixture, "TABLE_BYTES", 1)
    for a, b in zip(run(device, mixture_steps, cloud, STEPS, tables, STREAM), whole, strict=True):
        check_close(a, b, rounding(dim, np.float64))


def check_chosen(chosen, x, s2, u, tables):
    """Each uniform lies, but for rounding, in the interval of its component.

    So the choice is that of the reference wherever a uniform is not within rounding of a boundary.
    """
    exact = Tables(*(a.astype(float) for a in tables[:2]), tables.covs.astype(xp, np.float64))
    weights = reference(mixture_responsibilities, *(a.astype(float) for a in (x, s2)), exact)
    ends = np.cumsum(np.pad(weights, [(0, 0), (1, 0)]), axis=1)
    point, tolerance = np.arange(len(x)), rounding(x.shape[1], x.dtype)
    assert chosen.dtype == np.int64 and chosen.shape == (len(x),)
    assert np.all(ends[point, chosen] <= u[:, 0] + tolerance)
    assert np.all(u[:, 0] - tolerance <= ends[point, chosen + 1])
    at_zero = u[:, 0] == 0
    assert np.all(np.where(at_zero, chosen == 0, np.isfinite(tables.log_weights[chosen])))


def hard_uniforms(n, dtype):
    """From 0, which no generator gives, to the last number below 1."""
    u = np.linspace(0, 1, n, dtype=dtype)[:, None]
    return np.clip(u, 0, 1 - np.finfo(dtype).epsneg, dtype=dtype)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 5, 35])
@pytest.mark.parametrize("levels", ["one", "each"])
def test_components_are_chosen_by_the_uniforms(device, form, dtype, dim, levels):
    """A component without weight is neither the first nor the last resort."""
    for weights in ((0.0, 0.3, 0.7), (0.3, 0.7, 0.0)):
        x, tables = mixture(form, dim, dtype, weights=weights)
        s2 = np.linspace(0.0, 2.0, len(x), dtype=dtype) if levels == "each" else x[:1, 0] ** 2
        u = hard_uniforms(len(x), dtype)[:: 1 if weights[0] else -1].copy()
        if "rank" in form and dtype == np.float32:  # squares would cancel
            assert not covers(device, mixture_choose, x, s2, u, tables)
            continue
        chosen = run(device, mixture_choose, x, s2, u, tables)
        check_chosen(chosen, x, s2, u, tables)
        alone = x[-1:], s2[-1:], u[-1:], tables
        assert run(device, mixture_choose, *alone) == chosen[-1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [1, 5, 35])
@pytest.mark.parametrize("levels", ["one", "each"])
def test_draws_of_chosen_components_agree_with_the_reference(device, form, dtype, dim, levels):
    x, tables = mixture(form, dim, dtype)
    s2 = np.linspace(0.0, 2.0, len(x), dtype=dtype) if levels == "each" else x[:1, 0] ** 2
    z, chosen = random_normal(xp, STREAM, *x.shape, dtype), np.arange(len(x)) % 3
    arguments = x, s2, chosen, z, tables
    if "rank" in form:  # priors draw these in another way
        assert not covers(device, mixture_draw_chosen, *arguments)
        return
    ours = run(device, mixture_draw_chosen, *arguments)
    check_close(ours, reference(mixture_draw_chosen, *arguments), rounding(dim, dtype))


@pytest.mark.parametrize("form", FORMS)
def test_draws_given_far_points(device, form):
    x, tables = mixture(form, 5, np.float64)
    far, s2, u = 1e6 * x, np.array([1e-3]), hard_uniforms(len(x), np.float64)
    arguments = far, s2, u, tables
    chosen = run(device, mixture_choose, *arguments)
    np.testing.assert_array_equal(chosen[1:], reference(mixture_choose, *arguments)[1:])
    if "rank" not in form:
        arguments = far, s2, chosen, x, tables
        expected = reference(mixture_draw_chosen, *arguments)
        np.testing.assert_allclose(
            run(device, mixture_draw_chosen, *arguments), expected, rtol=1e-9
        )


@pytest.mark.parametrize("form", ["diagonal", "full", "low rank"])
def test_a_choice_depends_on_nothing_but_its_point(device, form):
    """Many tiles, and more teams than a block has."""
    weights = np.array([1, 2, 0, 3, 1, 2, 1]) / 10
    dtype = np.float64 if form == "low rank" else np.float32
    x, tables = mixture(form, 35, dtype, len(weights), weights)
    x, s2 = np.concatenate([x + shift for shift in (0, 0.1, -0.2, 0.3)]), x[:1, 0] ** 2
    u = random_uniform(xp, STREAM, len(x), 1, dtype)
    whole = run(device, mixture_choose, x, s2, u, tables)
    check_chosen(whole, x, s2, u, tables)
    assert len(set(whole)) > 3
    assert same_bits(run(device, mixture_choose, x[5:], s2, u[5:], tables), whole[5:])


@pytest.mark.parametrize("form", ["full", "high rank"])
def test_few_points_may_be_left_for_the_last_launch(device, form, monkeypatch):
    """Fewer than a team takes together."""
    x, tables = mixture(form, 35, np.float64)
    u = hard_uniforms(len(x), np.float64)
    calls = [(mixture_choose, (x, x[:1, 0] ** 2, u, tables), 8 * 3 * 8)]
    calls += [(op, (x, np.array([0.3]), tables), 8) for op in (mixture_score, mixture_log_density)]
    for operation, arguments, n_bytes in calls:
        whole = run(device, operation, *arguments)
        for module in (cuda_mixture, cuda_given):
            in_blocks = functools.partial(map_rows, n_bytes=n_bytes)
            monkeypatch.setattr(module, "map_rows", in_blocks)
        assert same_bits(run(device, operation, *arguments), whole)
        monkeypatch.undo()


@pytest.mark.parametrize("form", ["scalar", "full"])
def test_one_component_is_always_chosen(device, form):
    x, tables = mixture(form, 5, np.float64, n_components=1, weights=[1.0])
    u = hard_uniforms(len(x), np.float64)
    assert not np.any(run(device, mixture_choose, x, np.ones(1), u, tables))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", [[0.05], [0.17], [0.8], [3.0], np.geomspace(0.01, 5, 40)])
@pytest.mark.parametrize("rows", ["one", "each"])
def test_signs_and_lattices_agree_with_the_reference(device, dtype, levels, rows):
    prior = dp.hardness.one_way_instance(5, 4).prior
    x = prior.sample(40, rng=0, like=np.zeros(0, dtype))
    phase = np.array([[0.0, 0.5, 0.5, 0.0]] if rows == "one" else x[:, -4:] > 0, dtype) / 2
    arguments = x, np.array(levels, dtype), phase, prior.radius, prior.spacing
    ours, expected = run(device, one_way_score, *arguments), reference(one_way_score, *arguments)
    lowest = min(levels)  # exponents of neighbours are of order x / sigma^2
    check_close(ours, expected, 16 * np.finfo(dtype).eps * max(1.0, 1 / lowest**2))


def test_what_the_kernels_do_not_cover_runs_the_reference(device):
    rng = np.random.default_rng(0)
    x, s2 = rng.standard_normal((2, 4000)), np.ones(1)
    tables = Tables(np.zeros(1), np.zeros((1, 4000)), Spectral(np.ones((1, 1))))
    on_device = (move(device, a) for a in (x, s2, tables))
    assert loader.plan_teams(4000, 8000, 8) is None
    assert loader.plan_teams(1500, 4500, 8).n_lanes == loader.WARP
    result = mixture_score(device, *on_device)
    expected = device.asarray(reference(mixture_score, x, s2, tables))
    assert bool(device.all(device.abs(result - expected) <= 1e-12))
    assert not covers(device, mixture_choose, x, s2, x[:, :1], tables)
    assert not covers(device, mixture_draw_chosen, x, s2, np.array([0, 0]), x, tables)


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("lanes", [loader.FEW, loader.MANY])
def test_teams_fit_their_device(itemsize, lanes):
    for dim in range(1, 500):
        teams = [loader.plan_teams(dim, 3 * dim, itemsize, lanes, n) for n in (1, loader.TOGETHER)]
        assert teams[0].n_lanes == teams[1].n_lanes  # else a chain would not keep its bits
        for team in teams:
            assert team.n_lanes in (1, 2, 4, 8, 16, 32) and team.n_threads % loader.WARP == 0
            assert min(dim / lanes.entries, lanes.largest) <= team.n_lanes
            assert 3 * dim <= team.memory < 3 * dim + loader.BANKS
            in_block = team.n_threads // team.n_lanes
            shared = in_block * team.memory * team.n_together * itemsize
            assert 0 < shared <= loader.SHARED_BYTES and team.n_threads <= loader.BLOCK


SHAPES = [(1, 1), (1, 20), (7, 3), (33, 8), (300, 20), (40, 128), (35, 89), (2049, 2), (4097, 9)]
FEW = 64
"""Threads of a block that still has several groups: meetings of threads take time here."""
TALL_RTOL = {np.float64: 1e-12, np.float32: 2e-5}


def tall(n, d, dtype=np.float64):
    """A table with a row of zeros, and M with |M' x| about 1."""
    rng = np.random.default_rng(n + d)
    X, M = rng.standard_normal((n, d)), rng.standard_normal((d, d)) / d
    X[n // 2] = 0 if n > 1 else X[0]
    return X.astype(dtype), M


def check_tall(ours, expected, dtype, factor=1.0):
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    rtol = factor * TALL_RTOL[dtype]
    np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_tall_kernels_agree_with_the_reference(device, dtype, n, d):
    X, M = tall(n, d, dtype)
    w = np.random.default_rng(0).random(n).astype(dtype)
    for arguments in ((X,), (X, w)):
        gram = run(device, weighted_gram, *arguments)
        check_tall(gram, reference(weighted_gram, *arguments), dtype)
        assert np.all(gram == gram.T)
    ours, expected = run(device, lewis_pass, X, M, 1.0), reference(lewis_pass, X, M, 1.0)
    for a, b in zip(ours, expected, strict=True):
        check_tall(a, b, dtype)
    for columns in {1, d, d + 2}:
        M = np.random.default_rng(columns).standard_normal((d, columns))
        q = run(device, quadratic_forms, X, M)
        check_tall(q, reference(quadratic_forms, X, M), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 3.0])
def test_passes_of_every_norm_agree_with_the_reference(device, dtype, p, monkeypatch):
    """Rows so short that their form underflows count as zero, those above the bound do not."""
    monkeypatch.setattr(cuda_gram, "THREADS", FEW)
    X, M = tall(150, 7, dtype)
    bound = SMALLEST_FORM[np.dtype(dtype).name] ** 0.5 / np.linalg.norm(X[:2] @ M, axis=1)
    X[:2] *= (bound * [0.8, 1.25])[:, None].astype(dtype)
    (w, gram), expected = run(device, lewis_pass, X, M, p), reference(lewis_pass, X, M, p)
    assert w[0] == w[75] == 0 and (w[1] > 0 or p == 3)  # its cube underflows
    np.testing.assert_allclose(w, expected[0], rtol=10 * TALL_RTOL[dtype], atol=0)
    check_tall(gram, expected[1], dtype, 10)
    assert not np.any(run(device, lewis_pass, X[:1], M, p)[1])


@pytest.mark.parametrize("bad", [np.nan, 1e200])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_number_is_reported_as_on_the_cpu(device, dtype, bad, monkeypatch):
    monkeypatch.setattr(cuda_gram, "THREADS", FEW)
    X, M = tall(30, 3, dtype)
    X[4, 1] = bad if dtype == np.float64 or bad != bad else 1e30
    with np.errstate(over="ignore"):
        ours, expected = run(device, lewis_pass, X, M, 1.5), lewis_pass(xp, X, M, 1.5)
    assert np.isnan(ours[1]).all() and np.isnan(expected[1]).all()
    assert ours[0][4] == (0 if bad != bad else np.inf)
    others = np.arange(30) != 4
    np.testing.assert_allclose(ours[0][others], expected[0][others], rtol=TALL_RTOL[dtype])


def test_tall_kernels_repeat_to_the_bit(device, monkeypatch):
    monkeypatch.setattr(cuda_gram, "THREADS", FEW)
    X, M = tall(200, 12)
    runs = [run(device, lewis_pass, X, M, 1.0) for _ in range(3)]
    for w, gram in runs[1:]:
        assert same_bits(w, runs[0][0]) and same_bits(gram, runs[0][1])


def test_tall_tables_in_any_order_and_one_weight_for_all_rows(device, monkeypatch):
    monkeypatch.setattr(cuda_gram, "THREADS", FEW)
    X, M = tall(60, 6)
    wide, w = X[::2, ::-1], np.array([0.3])
    check_tall(run(device, weighted_gram, wide, w), 0.3 * wide.T @ wide, np.float64)
    for other in (wide, np.asfortranarray(wide)):
        ours, expected = run(device, lewis_pass, other, M.T, 1.0), lewis_pass(xp, wide, M.T, 1.0)
        assert same_bits(other, wide)
        for a, b in zip(ours, expected, strict=True):
            check_tall(a, b, np.float64)


def test_single_precision_sums_are_carried_on_in_double(device):
    """Of few ones after 2^28, single precision keeps none; a thread loses those of one strip."""
    X = np.ones((8192, 1), np.float32)
    X[0] = 2.0**14
    assert abs(run(device, weighted_gram, X)[0, 0] - (2.0**28 + 8191)) <= 4


def test_tables_beyond_the_kernels_run_the_reference(device):
    X, M = tall(50, cuda_gram.LARGEST + 1)
    for operation, *rest in ((weighted_gram,), (quadratic_forms, M), (lewis_pass, M, 1.0)):
        there, kernel = arguments_on(device, operation, (X, *rest)), operation.__name__
        assert _dispatch.find_kernel(kernel, device)(device, *there) is NotImplemented
        ours, expected = operation(device, *there), reference(operation, X, *rest)
        for a, b in zip(ours, expected, strict=True):
            check_tall(host(a), b, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strips_fit_their_blocks(dtype):
    largest = int(re.search(r"LARGEST_BLOCK = (\d+)", loader.source())[1])
    for d in range(1, cuda_gram.LARGEST + 1):
        strips = cuda_gram.plan(np.empty((1, d), dtype))
        quarter = cuda_gram.quarter_of(d)
        assert quarter * (quarter + 1) // 2 <= strips.n_threads <= largest
        assert strips.n_lanes in (1, 2, 4, 8, 16, 32) and strips.n_threads % loader.WARP == 0
        assert strips.n_rows * strips.n_lanes == cuda_gram.SIDE * cuda_gram.THREADS
        assert cuda_gram.SPAN % strips.n_rows == 0 and strips.shared_bytes <= loader.SHARED_BYTES
    assert cuda_gram.plan(np.empty((1, cuda_gram.LARGEST + 1), dtype)) is None


OPERATIONS = [random_bits, random_uniform, random_normal]
OPERATIONS += [mixture_score, mixture_log_density, advance_rows, mixture_steps]
OPERATIONS += [one_way_score, mixture_choose, mixture_draw_chosen]
OPERATIONS += [weighted_gram, quadratic_forms, lewis_pass]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_kernels_take_the_arguments_of_their_operations(operation):
    kernel = _dispatch._load(KERNELS[operation.__name__, "cupy"])
    assert inspect.signature(kernel).parameters.keys() == (
        inspect.signature(operation).parameters.keys()
    )


def test_every_kernel_is_tested():
    kernels = {name for name, space in KERNELS if space == "cupy"}
    assert kernels == {operation.__name__ for operation in OPERATIONS}


def test_nothing_imports_cupy_before_an_array_asks_for_it():
    code = (
        "import sys, diffpost_np._cuda.random, diffpost_np._cuda.mixture\n"
        "import diffpost_np._cuda.rows, diffpost_np._cuda.one_way, diffpost_np._cuda.given\n"
        "import diffpost_np._cuda.gram, diffpost_np._cuda.steps\n"
        "raise SystemExit('cupy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
