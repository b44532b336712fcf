"""Every argument of every public function, given each thing that people give by mistake.

`argument_table.py` says of which kind each argument is; each wrong value of that kind, from
`bad_values.py`, must be refused at once, by one error that names the argument.
`test_bad_input.py` has what takes several arguments to be wrong.
"""

import inspect
import warnings

import pytest
from argument_table import CASES

import diffpost_np as dp


def label(function):
    owner = getattr(function, "__self__", None)
    owner = owner.__name__ if inspect.isclass(owner) else type(owner).__name__
    return function.__qualname__ if owner == "NoneType" else f"{owner}.{function.__name__}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: label(case.function))
def test_right_calls_are_right(case):
    try:
        case.function(**case.valid)
    except AssertionError as worked:
        assert str(worked) == "worked before it checked"  # so all checks are passed


@pytest.mark.parametrize("case", CASES, ids=lambda case: label(case.function))
def test_every_mistake_is_named(case):
    broken = []
    for name, mistake, value, error in case.mistakes():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises(error, match=rf"\b{name}\b"):
                    case.function(**{**case.valid, name: value})
        except (Exception, pytest.fail.Exception) as reason:
            broken.append(f"{name}, {mistake}: {reason!r}")
    assert not broken, "\n".join(broken)


RECORDS = {  # made by the library, for people to read
    dp.lewis.Intervals,
    dp.lewis.LADResult,
    dp.posterior.RejectionCost,
    dp.posterior.Result,
    dp.hardness.Challenge,
    dp.hardness.OneWayInstance,
    dp.hardness.ReLUNetwork,
    dp.random.Purpose,
    dp.sampling.CriticalWindow,
    dp.sampling.LogDensity,
    dp.sampling.MixtureTree,
    dp.diagnostics.Coverage,
    dp.diagnostics.Ranks,
    dp.diagnostics.SlicedWasserstein,
    dp.lewis.ActiveFit,
    dp.lewis.LewisWeights,
    dp.lewis.RowSample,
    dp.lewis.SubspaceEmbedding,
}
UNLISTED = {dp.priors.LowRank, dp.random.Purpose, dp.schedules.Schedule}
"""Classes whose methods are the library's own, the language's, or tested on subclasses."""
INNER = {f"LinearGaussian.{name}" for name in ("check_y", "noise", "whiten", "unwhiten")}
"""Called by the library on what it has checked."""
NO_VELOCITY = {"EDM.velocity_coefficients", "VE.velocity_coefficients"}
MODULES = (
    *(dp.random, dp.priors, dp.posterior, dp.sampling),
    *(dp.scores, dp.schedules, dp.diagnostics, dp.hardness, dp.lewis),
)


def public_functions():
    """Functions, constructors and methods with their names; operators have their own table."""
    yield "LinearGaussian", dp.LinearGaussian
    things = (getattr(module, name) for module in MODULES for name in module.__all__)
    for thing in (*things, dp.LinearGaussian):
        if thing not in RECORDS:
            yield thing.__name__, thing
        if inspect.isclass(thing) and thing not in UNLISTED:
            for name in dir(thing):
                static = inspect.getattr_static(thing, name)
                if name[0] != "_" and inspect.isroutine(static) and getattr(thing, name).__doc__:
                    yield f"{thing.__name__}.{name}", getattr(thing, name)


def parameters(function):
    """Names of all arguments but those passed on."""
    passed_on = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    taken = inspect.signature(function).parameters.values()
    return {p.name for p in taken if p.kind not in passed_on} - {"self"}


def test_the_table_is_complete():
    """Every argument of every public function stands in it."""
    told = {}
    for row in CASES:
        told.setdefault(label(row.function), set()).update(row.arguments)
    missing = {
        name: parameters(function) - told.get(name, told.get(function.__qualname__, set()))
        for name, function in public_functions()
    }
    told_elsewhere = INNER | NO_VELOCITY
    assert not {k: left for k, left in missing.items() if left and k not in told_elsewhere}
