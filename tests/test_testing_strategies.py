"""The strategies: what they draw, how it shrinks and prints; and the extra they need."""

import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import diffpost_np as dp
from diffpost_np.testing import batches, mixtures, operators, problems
from diffpost_np.testing._minimise import minimise
from diffpost_np.testing._strategies import COVARIANCES, OPERATORS

quick = settings(max_examples=60, derandomize=True, database=None)


unshrunk = settings(quick, phases=[Phase.generate])


def smallest(strategy, condition):
    return find(strategy, condition, settings=quick)


def any_of(strategy, condition=lambda value: True):
    return find(strategy, condition, settings=unshrunk)


def test_batches_shrink_to_one_simple_event():
    x = smallest(batches(), lambda x: np.any(x > 1))
    np.testing.assert_array_equal(x, [[1.1]])
    assert smallest(batches((2, 3), bound=0.5), lambda x: len(x) > 1).shape == (2, 2, 3)


def test_mixtures_shrink_to_one_simple_component():
    prior = smallest(mixtures(), lambda prior: True)
    assert prior.n_components == 1 and prior.event_shape == (1,)
    assert smallest(mixtures(), lambda p: p.n_components > 1).event_shape == (1,)


@pytest.mark.parametrize("form", COVARIANCES)
def test_every_covariance_is_drawn(form):
    prior = any_of(mixtures((2, 2), covariances=[form]), lambda p: p.n_components == 2)
    assert np.all(np.isfinite(prior.score(np.zeros((1, 2, 2)), 0.0)))


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_operator_is_drawn(kind):
    op = any_of(operators((4, 2), kinds=[kind]))
    assert op.event_shape == (4, 2) and op.is_complex == (kind == "fourier")
    problem = any_of(problems(kinds=[kind]))
    assert problem.y.shape == problem.measurement.output_shape
    assert problem.posterior().event_shape == problem.prior.event_shape


def test_failing_examples_come_with_their_numbers():
    @quick
    @given(problem=problems(mixtures((1,)), kinds=["dense"]))
    def fails(problem):
        assert problem.prior.n_components < 2

    with pytest.raises(AssertionError) as caught:
        fails()
    text = "\n".join(caught.value.__notes__)
    assert "GaussianMixture([0.5, 0.5], [[0.], [0.]], [[[" in text
    assert "with matrix [[0.]]" in text and "noise_std=" in text


def test_problems_describe_themselves():
    problem = any_of(problems(), lambda p: p.prior.n_components == 2)
    assert "GaussianMixture([" in repr(problem) and "noise_std=" in repr(problem)


def test_arrays_are_made_by_the_callers_function():
    def make(values):
        return values.astype(np.float32) if values.dtype.kind == "f" else values

    problem = any_of(problems(make=make), lambda p: not p.measurement.operator.is_complex)
    assert problem.prior.means.dtype == problem.y.dtype == np.float32
    assert any_of(batches(make=make)).dtype == np.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda: batches(max_size=0),
        lambda: batches(bound=-1.0),
        lambda: batches((0,)),
        lambda: mixtures(covariances=["round"]),
        lambda: mixtures(max_components=0),
        lambda: operators(kinds=["nonlinear"]),
        lambda: problems(kinds=["nonlinear"]),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(ValueError, match="must be"):
        call()


def test_minimise_drops_rows_zeroes_and_rounds():
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 7, 30))
    inputs = {"x": x, "sigma": 0.3217, "v": v, "name": "kept"}

    def fails(inputs):
        return bool(np.any(np.abs(inputs["x"][:, 11]) > 0.2)) and inputs["sigma"] < 0.5

    found = minimise(inputs, fails)
    np.testing.assert_array_equal(np.abs(found["x"]), np.eye(30)[11:12])
    assert found["sigma"] == 0.3 and found["name"] == "kept" and not found["v"].any()
    np.testing.assert_array_equal(inputs["x"], x)


def test_without_hypothesis_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import diffpost_np as dp\n"
        "try:\n    dp.testing\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "python -m pip install 'diffpost_np[test]'" in run.stdout


def test_the_library_does_not_import_hypothesis():
    code = "import diffpost_np, sys; print('hypothesis' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_strategies_may_be_used_inside_a_check_inside_a_test():
    """Checks run under somebody's own @given."""

    @settings(quick, max_examples=5)
    @given(op=operators((3,)))
    def passes(op):
        dp.testing.check_operator(op)

    passes()
    assert hypothesis.settings.get_profile("default").derandomize
