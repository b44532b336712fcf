"""Lewis weights: their equation, their laws, closed forms, and what they cost."""

import itertools

import lewis_oracles as oracle
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import diffpost_np as dp
from diffpost_np._xp import numpy_namespace
from diffpost_np.lewis._weights import minimise
from diffpost_np.lewis._weights.gram import lewis_pass

TIGHT = 1e-12
weights_of = dp.lewis.lewis_weights


def weights(X, p=1.0, tol=TIGHT, **options):
    return weights_of(X, p, tol=tol, **options).weights


@st.composite
def problems(draw):
    """A matrix of full rank with rows of several sizes, and p."""
    d = draw(st.integers(1, 5))
    n = draw(st.integers(d + 1, 30))
    p = draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]))
    return oracle.rough(n, d, draw(st.integers(0, 2**32 - 1))), p


@pytest.mark.parametrize("p", oracle.PS)
def test_they_solve_their_equation(p):
    X = oracle.rough(400, 6)
    found = weights_of(X, p, tol=1e-10)
    assert found.converged and found.residual <= 1e-10
    assert oracle.residual(X, found.weights, p) < 2e-10
    assert abs(found.weights.sum() - 6) < 1e-12


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 8.0, 50.0])
def test_they_solve_it_in_sixty_digits(p):
    X = oracle.rough(12, 3, seed=1)
    found = weights_of(X, p, tol=1e-11)
    assert oracle.exact_residual(X, found.weights, p) < 1.1e-11 + 1e-13 * p


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 3.0])
def test_they_are_those_of_the_plain_iteration(p):
    X = oracle.rough(60, 4, seed=2)
    np.testing.assert_allclose(weights(X, p), oracle.fixed_point(X, p), rtol=1e-10)


def test_the_residual_is_a_bound():
    """It holds for every accuracy, and is not far from the truth."""
    X = oracle.rough(500, 5, seed=3)
    for limit in (1, 2, 3, 5):
        with pytest.warns(RuntimeWarning, match="stopped at a residual"):
            found = weights_of(X, tol=1e-14, max_iterations=limit)
        truth = oracle.residual(X, found.weights, 1.0)
        assert 0.2 * found.residual < truth <= found.residual * (1 + 1e-6)


@given(problems())
def test_range_and_sum(problem):
    X, p = problem
    w = weights(X, p)
    assert np.all(w >= 0) and np.all(w <= 1 + 1e-10)
    assert abs(w.sum() - X.shape[1]) < 1e-10


@given(problems(), st.integers(0, 2**32 - 1))
def test_columns_may_be_mixed(problem, seed):
    X, p = problem
    M = np.random.default_rng(seed).normal(size=(X.shape[1],) * 2) + 3 * np.eye(X.shape[1])
    np.testing.assert_allclose(weights(X @ M, p), weights(X, p), rtol=1e-8, atol=1e-14)


@given(problems(), st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_order_signs_and_scale(problem, scale, random):
    X, p = problem
    order, signs = list(range(len(X))), [random.choice((-1, 1)) for _ in X]
    random.shuffle(order)
    changed = scale * (X * np.array(signs)[:, None])[order]
    np.testing.assert_allclose(weights(changed, p), weights(X, p)[order], rtol=1e-9, atol=1e-15)


@given(problems(), st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4))
def test_a_row_may_be_split(problem, parts):
    X, p = problem
    c = np.array(parts) / np.sum(parts)
    w = weights(X, p)
    split = weights(np.concatenate([X[1:], c[:, None] ** (1 / p) * X[0]]), p)
    np.testing.assert_allclose(split[: len(X) - 1], w[1:], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(split[len(X) - 1 :], c * w[0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("p", [1.0, 3.0, 8.0])
def test_copies_share_the_weight(p):
    X = oracle.rough(50, 3)
    np.testing.assert_allclose(weights(np.tile(X, (3, 1)), p), np.tile(weights(X, p) / 3, 3), 1e-10)


@pytest.mark.parametrize("p", oracle.PS)
def test_one_column(p):
    a = np.random.default_rng(0).normal(size=50)
    want = np.abs(a) ** p / np.sum(np.abs(a) ** p)
    np.testing.assert_allclose(weights(a[:, None], p), want, rtol=1e-11)


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 6.0])
def test_stacked_diagonal_matrices(p):
    c = np.abs(np.random.default_rng(0).normal(size=(5, 4))) + 0.1
    X = np.concatenate([np.diag(row) for row in c])
    want = c**p / np.sum(c**p, axis=0)
    np.testing.assert_allclose(weights(X, p), want.reshape(-1), rtol=1e-10)


@pytest.mark.parametrize("p", [1.0, 3.0, 8.0])
def test_cube_and_complete_graph(p):
    cube = np.array(list(itertools.product([-1.0, 1.0], repeat=5)))
    np.testing.assert_allclose(weights(cube, p), 5 / 32, rtol=1e-12)
    pairs = list(itertools.combinations(range(7), 2))
    edges = np.zeros((len(pairs), 7))
    for row, (i, j) in zip(edges, pairs, strict=True):
        row[i], row[j] = 1, -1
    np.testing.assert_allclose(weights(edges, p), 2 / 7, rtol=1e-11)  # of rank 6


@pytest.mark.parametrize("p", [1.0, 3.0, 6.0])
def test_blocks_on_the_diagonal_do_not_meet(p):
    A, B = oracle.rough(40, 3), 1e3 * oracle.rough(30, 2, seed=1)
    w = weights(scipy.linalg.block_diag(A, B), p)
    np.testing.assert_allclose(w, np.concatenate([weights(A, p), weights(B, p)]), rtol=1e-9)


def test_a_row_alone_in_its_direction_has_weight_one():
    X = oracle.rough(6, 6)
    np.testing.assert_allclose(weights(X), 1.0, rtol=1e-12)
    np.testing.assert_allclose(weights(X[:4], 3.0), 1.0, rtol=1e-12)  # fewer rows than columns


def test_two_is_leverage():
    X = oracle.rough(300, 5)
    np.testing.assert_allclose(weights(X, 2.0), oracle.leverage(X), rtol=1e-11)


@pytest.mark.parametrize("p", [1.0, 8.0])
def test_dependent_columns_and_zero_rows(p):
    X = oracle.rough(200, 4)
    wide = np.concatenate([X, X[:, :2] @ [[1.0, 2.0, 0.5], [3.0, -1.0, 0.5]]], axis=1)
    wide = np.concatenate([wide, np.zeros((200, 1))], axis=1)
    wide[7] = X[7] = 0
    found = weights_of(wide, p, tol=1e-10)
    assert found.rank == 4 and found.weights[7] == 0
    np.testing.assert_allclose(found.weights, weights(X, p), rtol=1e-8)


def test_a_matrix_of_zeros():
    found = weights_of(np.zeros((3, 2)))
    assert found.rank == 0 and found.converged and not found.weights.any()


def test_sensitivities_are_below():
    """max |x_i b| / |X b|_1, by linear programming."""
    X = oracle.rough(40, 3)
    w, n, d = weights(X), *X.shape
    ones, zero = np.ones(n), np.zeros(d)
    limits = np.block([[X, -np.eye(n)], [-X, -np.eye(n)], [zero, ones]])
    right, bounds = np.append(np.zeros(2 * n), 1.0), [(None, None)] * d + [(0, None)] * n
    for i in range(0, n, 4):
        cost = np.concatenate([-X[i], np.zeros(n)])
        best = -scipy.optimize.linprog(cost, A_ub=limits, b_ub=right, bounds=bounds).fun
        assert 0 < best <= w[i] * (1 + 1e-9)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_a_further_row_raises_no_weight(p):
    X = oracle.rough(60, 4)
    more = np.concatenate([X, oracle.rough(1, 4, seed=9) * 5])
    assert np.all(weights(more, p)[:-1] <= weights(X, p) * (1 + 1e-10))


@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e-300])
def test_no_scale_overflows(scale):
    X = oracle.rough(300, 4)
    np.testing.assert_allclose(weights(scale * X), weights(X), rtol=1e-10)


def test_rows_of_extreme_sizes():
    X = np.random.default_rng(0).normal(size=(300, 4))
    wild = X.copy()
    wild[:100] *= 1e150
    wild[200:] *= 1e-150
    w = weights(wild)
    np.testing.assert_allclose(w[:100], weights(X[:100]), rtol=1e-9)
    assert np.all(w[100:] < 1e-140)


def test_unseen_heavy_rows():
    """What the first look keeps says nothing of a few rows that matter most."""
    X = np.random.default_rng(0).normal(size=(40_000, 5))
    X[7:27] *= 1e6
    X[100] = [0, 0, 0, 0, 1e12]
    found = weights_of(X, tol=1e-10)
    assert found.converged and oracle.residual(X, found.weights, 1.0) < 1e-9


@pytest.mark.parametrize("p", [1.0, 4.0])
@pytest.mark.parametrize("row", [100, 101, 102])
def test_an_unseen_row_beyond_all_others(row, p):
    """Its form overflows in the coordinates that the others suggest."""
    X = np.random.default_rng(0).normal(size=(30_000, 2))
    X[row] *= 1e200
    w = weights_of(X, p).weights
    assert abs(w[row] - 1) < 1e-7 and np.max(np.delete(w, row)) < 0.1
    scores = dp.lewis.leverage_scores(X)
    assert abs(scores[row] - 1) < 1e-12


def test_reference_finds_overflows_too():
    X = np.random.default_rng(0).normal(size=(30_000, 2))
    X[100:103] *= 1e200
    with dp.reference():
        plain = weights(X)
    np.testing.assert_allclose(plain, weights(X), rtol=1e-9, atol=1e-150)


@pytest.mark.parametrize("power", [0, -4, -9])
def test_ill_conditioned_columns(power):
    """Conditions from 5e5 to 1e14: the error is that of X itself, times rounding."""
    X = oracle.rough(5000, 5)
    bent = X * np.logspace(0, power, 5) @ scipy.linalg.hilbert(5)
    rounding = np.finfo(float).eps * np.linalg.cond(bent)
    np.testing.assert_allclose(weights(bent), weights(X), rtol=rounding + 1e-10)


@pytest.mark.parametrize("power", [-3, -6, -9, -12])
@pytest.mark.parametrize("p", [1.0, 3.0])
def test_rounding_is_in_the_residual(power, p):
    """Against the fixed point in exact arithmetic, and no more than some tens of it."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=shape))[0] for shape in ((40, 3), (3, 3)))
    X = left * np.logspace(0, power, 3) @ right
    found = weights_of(X, p)
    exact = oracle.exact_residual(X, found.weights, p)
    assert found.converged and exact <= found.residual <= 1e-8 + 100 * 10.0**-power * 2e-16


def test_few_reads():
    X = np.random.default_rng(0).normal(size=(100_000, 10))
    X[::100] *= 100
    coarse, fine = weights_of(X, tol=0.05), weights_of(X, tol=1e-10)
    assert coarse.n_reads <= 3 and oracle.residual(X, coarse.weights, 1.0) < 0.05
    assert fine.n_reads <= 9 and oracle.residual(X, fine.weights, 1.0) < 1e-10


@pytest.mark.parametrize(("p", "most"), [(1.0, 14), (4.0, 20), (16.0, 45), (50.0, 75)])
def test_few_iterations(p, most):
    """Where the plain map takes 35, or never ends."""
    assert weights_of(oracle.rough(400, 6), p, tol=1e-10).n_iterations <= most


def test_weights_follow_the_array(xp):
    X = oracle.rough(100, 3)
    found = weights_of(xp.array(X), 1.5).weights
    assert xp.owns(found)
    np.testing.assert_allclose(xp.numpy(found), weights(X, 1.5), rtol=1e-7)


def test_single_precision(xp):
    X = oracle.rough(300, 4)
    found = weights_of(xp.array(X, "float32"))
    assert found.converged and str(found.weights.dtype).endswith("float32")
    np.testing.assert_allclose(xp.numpy(found.weights), weights(X), rtol=2e-4)


def test_reference_and_kernels_agree():
    X = oracle.rough(9000, 5)
    with dp.reference():
        plain = weights_of(X, 3.0, tol=1e-10)
    np.testing.assert_allclose(weights_of(X, 3.0, tol=1e-10).weights, plain.weights, rtol=1e-9)


def test_threads_do_not_matter():
    import numba

    X, n = oracle.rough(30_000, 5), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = weights(X)
    finally:
        numba.set_num_threads(n)
    assert np.all(one == weights(X))


def test_inputs_are_not_written_to():
    X = oracle.rough(100, 3)
    before = X.copy()
    weights(X)
    assert np.all(before == X)


def test_progress_is_told_and_can_stop():
    seen = []
    found = weights_of(oracle.rough(200, 4), tol=1e-10, progress=seen.append)
    assert len(seen) == found.n_iterations
    np.testing.assert_allclose(seen[-1].numbers["residual"], found.residual, atol=1e-14)
    with pytest.warns(RuntimeWarning, match="stopped at a residual"):
        stopped = weights_of(oracle.rough(200, 4), tol=1e-10, progress=lambda told: True)
    assert stopped.n_iterations == 1 and not stopped.converged


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.zeros((0, 3)), "X must have shape"),
        (np.zeros((3, 0)), "X must have shape"),
        (np.zeros(3), "X must have shape"),
        (np.array([[1.0, np.nan]]), "X must be finite, got nan at row 0, column 1"),
        (np.array([[1.0, 2.0], [np.inf, 0.0]]), "X must be finite, got inf at row 1, column 0"),
    ],
)
def test_bad_tables(X, match):
    with pytest.raises(ValueError, match=match):
        weights_of(X)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_gives_up_where_rounding_is_all_that_is_left(dtype):
    X = np.random.default_rng(0).normal(size=(20_000, 8)).astype(dtype)
    with pytest.warns(RuntimeWarning, match="stopped at a residual"):
        found = weights_of(X, tol=1e-18)
    assert found.n_iterations < 60 and not found.converged
    assert found.residual < {"float64": 1e-13, "float32": 1e-5}[dtype]


@pytest.mark.parametrize("p", [0.01, 100.0, 1000.0])
def test_extreme_norms(p):
    found = weights_of(oracle.rough(400, 6), p)
    assert found.converged and abs(found.weights.sum() - 6) < 1e-9


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 3.0, 3.9])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_map_contracts(p, seed):
    """By |p/2 - 1|, in the largest |log| of the eigenvalues of one matrix against the other."""
    rng = np.random.default_rng(seed)
    X, d = oracle.rough(30, 4, seed), 4
    roots = [0.1 * (rng.normal(size=(d, d)) + 2 * np.eye(d)) for _ in range(2)]
    images = [lewis_pass(numpy_namespace, X, root, p)[1] for root in roots]
    before = scipy.linalg.eigvalsh(roots[0] @ roots[0].T, roots[1] @ roots[1].T)
    after = scipy.linalg.eigvalsh(*images)
    factor = np.max(np.abs(np.log(after))) / np.max(np.abs(np.log(before)))
    assert factor <= abs(p / 2 - 1) + 1e-9


@pytest.mark.filterwarnings("error")
def test_rounding_of_eigenvalues_makes_no_step_endless():
    step = minimise._logarithm(np.diag([-1.0 - 1e-16, -1.0, 1.0]))
    assert np.all(np.isfinite(step))


def test_a_frame_without_eigenvalues_is_hopeless(monkeypatch):
    def fails(H):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "eigvalsh", fails)
    problem = minimise.Problem(lambda frame: (None, np.eye(2)), 1.0, 1e-11)
    assert minimise.minimise(problem, np.eye(2), 1e-8, 10, lambda n, residual: False) is None
