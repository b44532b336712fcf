"""Docstrings: complete in numpydoc's form, and every example in them true."""

import doctest
import enum
import functools
import importlib
import inspect
import pathlib

import numpydoc.docscrape
import numpydoc.validate
import pytest

import diffpost_np as dp

EXEMPT = {
    "ES01",  # a summary may say it all
    "SA01",  # See Also stands where a neighbour is easily mistaken for the thing
    "SS05",  # summaries may be noun phrases: "Samples of ..."
    "YD01",  # what `with` runs yields nothing
}
EXEMPT_IN_MEMBERS = {"EX01"}  # the example of the class shows them
INTERNAL = {"LowRank"}  # users make one and hand it over; its methods are the library's
OPTIONAL = {"diffpost_np.testing": "hypothesis"}  # what a package needs and its extra brings

ROOT = pathlib.Path(dp.__file__).parent


def module_names():
    """Every module of the package, found without importing any."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = (ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)
        yield ".".join(parts).removesuffix(".__init__")


def imported(name):
    """The module, or a skip that names what it needs."""
    for package, needed in OPTIONAL.items():
        if f"{name}.".startswith(f"{package}."):
            pytest.importorskip(needed, reason=f"{name} needs {needed}")
    return importlib.import_module(name)


def public_names():
    """The callables and classes that the public modules offer."""
    submodules = (name for name in dp.__all__ if name in dp._SUBMODULES)
    for module in ("diffpost_np", *(f"diffpost_np.{name}" for name in submodules)):
        for name in importlib.import_module(module).__all__:
            if callable(getattr(importlib.import_module(module), name)):
                yield pytest.param(module, name, id=f"{module}.{name}")


def errors(thing, exempt):
    """What numpydoc finds wrong, but for the exempted codes."""
    document = numpydoc.docscrape.get_doc_object(thing)
    found = numpydoc.validate.validate(document)["errors"]
    return [f"{code}: {text}" for code, text in found if code not in exempt]


def takes_arguments(thing):
    return inspect.isfunction(thing) and inspect.signature(thing).parameters


def members(cls):
    """Public methods and properties that this library defines, inherited ones included."""
    for name in dir(cls):
        owner = next((c for c in cls.__mro__ if name in vars(c)), object)
        member = vars(owner).get(name)
        if isinstance(member, classmethod | staticmethod):
            member = member.__func__
        ours = owner.__module__.split(".")[0] == "diffpost_np"
        documented = inspect.isfunction(member) or isinstance(
            member, property | functools.cached_property
        )
        if ours and documented and not name.startswith("_"):
            yield name, member


@pytest.mark.parametrize(("module", "name"), list(public_names()))
def test_public_docstring_is_complete(module, name):
    thing = getattr(imported(module), name)
    is_enum = isinstance(thing, enum.EnumMeta)
    found = {name: errors(thing, EXEMPT | ({"PR01"} if is_enum else set()))}
    if takes_arguments(thing) and not numpydoc.docscrape.get_doc_object(thing)["Raises"]:
        found[name].append("no Raises section")
    if inspect.isclass(thing) and name not in INTERNAL:
        found |= {
            f"{name}.{member}": errors(value, EXEMPT | EXEMPT_IN_MEMBERS)
            for member, value in members(thing)
        }
    assert not {name: texts for name, texts in found.items() if texts}


def examples(module):
    """The doctests of a module, those of decorated functions included."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = {test.name: test for test in finder.find(module)}
    for name, value in vars(module).items():
        plain = inspect.unwrap(value) if callable(value) else value
        if inspect.isfunction(plain) and plain.__module__ == module.__name__:
            found = finder.find(plain, f"{module.__name__}.{name}", module)
            tests |= {test.name: test for test in found}
    return tests.values()


@pytest.mark.parametrize("name", list(module_names()))
def test_examples_are_true(name, capsys):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples(imported(name)):
        runner.run(test)
    assert not runner.failures, capsys.readouterr().out


def test_examples_of_decorated_functions_are_found():
    assert "diffpost_np._dispatch.reference" in {
        test.name for test in examples(importlib.import_module("diffpost_np._dispatch"))
    }
