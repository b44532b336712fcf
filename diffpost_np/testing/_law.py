"""Laws: small named functions in tables, and the run that finds the first one broken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._checks import choice, listed
from ._minimise import minimise

__all__ = ["BrokenLaw", "Gap", "Law", "Report", "enact", "verify"]


class Gap(NamedTuple):
    """How far a law is from holding.

    Parameters
    ----------
    error : float
        Size of what should be zero; infinite where a law is broken in a way without size.
    tolerance : float
        Largest error that passes.
    note : str, optional
        What was compared.
    cause : Exception, optional
        What was raised on the way.

    Examples
    --------
    >>> from diffpost_np.testing import Gap
    >>> Gap(error=0.5, tolerance=0.1, note="the mean").is_broken
    True
    """

    error: float
    tolerance: float
    note: str = ""
    cause: Exception | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the error exceeds the tolerance, or is not a number."""
        return not self.error <= self.tolerance

    def __str__(self) -> str:
        if np.isinf(self.error):
            return self.note
        return f"error {self.error:.3g}, tolerance {self.tolerance:.3g}: {self.note}"


KEPT = Gap(0.0, 0.0)
"""A law of which no more is to say than that it holds."""


def broken(note: str, cause: Exception | None = None) -> Gap:
    """A law broken in a way that has no size."""
    return Gap(np.inf, 0.0, note, cause)


def worst(gaps: Iterable[Gap]) -> Gap:
    """The gap nearest to breaking, or broken the most; NaN counts as broken."""

    def badness(gap: Gap) -> float:
        if gap.is_broken and not 0 < gap.tolerance < np.inf > gap.error:
            return np.inf
        return gap.error / gap.tolerance if gap.tolerance else 0.0

    return max(gaps, key=badness, default=KEPT)


@dataclass(frozen=True)
class Law:
    """Something that every prior, operator or sampler keeps.

    Parameters
    ----------
    name : str
        Its name.
    statement : str
        What it says, in a sentence.
    check : callable
        Function of a subject and of inputs by name that returns a `Gap`.
    needs : tuple of str, optional
        Abilities without which it says nothing.

    Examples
    --------
    >>> from diffpost_np.testing import OPERATOR_LAWS
    >>> OPERATOR_LAWS["adjoint"].statement
    '<A x, r> = <x, A^H r>.'
    """

    name: str
    statement: str
    check: Callable[..., Gap]
    needs: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the law is about."""
        return tuple(inspect.signature(self.check).parameters)[1:]


def measure(law: Law, case: Any, inputs: dict[str, Any]) -> Gap:
    """The gap for some inputs; an error raised on the way breaks the law."""
    try:
        return law.check(case, **case.arrays(inputs))
    except Exception as error:  # the code under test may raise anything
        return broken(f"raised {type(error).__name__}: {error}", error)


def enact(table: dict[str, Law], *needs: str) -> Callable[[Callable[..., Gap]], Law]:
    """Decorator that puts a function into a table of laws; its docstring is the statement."""

    def register(check: Callable[..., Gap]) -> Law:
        law = Law(check.__name__, (inspect.getdoc(check) or "").split("\n\n")[0], check, needs)
        table[law.name] = law
        return law

    return register


class BrokenLaw(AssertionError):
    """What a check raises: the first law that is broken, by how much, and where.

    Parameters
    ----------
    title : str
        The check and what it was about.
    law : Law
        The law.
    gap : Gap
        Error and tolerance.
    inputs : dict
        The smallest failing input that was found, by name.

    Attributes
    ----------
    law, gap, inputs
        As above.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> prior = dp.priors.Gaussian(np.zeros(1), 1.0)
    >>> def score(x, sigma):
    ...     return prior.score(x, 2 * sigma)
    >>> try:
    ...     dp.testing.check_prior(score, event_shape=(1,))
    ... except dp.testing.BrokenLaw as broken:
    ...     print(broken.law.name, broken.inputs["x"].shape)
    heat_flow (1, 1)
    """

    def __init__(self, title: str, law: Law, gap: Gap, inputs: dict[str, Any]) -> None:
        self.law, self.gap, self.inputs = law, gap, inputs
        where = ", ".join(f"{name} = {_text(value)}" for name, value in inputs.items())
        super().__init__(
            f"{title} breaks the law {law.name!r}: {' '.join(law.statement.split())}\n"
            f"  {gap}\n  smallest failing input: {where or 'none needed'}"
        )


@dataclass(frozen=True, repr=False)
class Report:
    """What a check that passed has seen.

    Parameters
    ----------
    title : str
        The check and what it was about.
    kept : dict
        For every law that was tested, the `Gap` nearest to breaking it.
    skipped : dict
        For every other law, what was missing.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> report = dp.testing.check_operator([[1.0, 2.0]])
    >>> report.skipped, report.kept["adjoint"].is_broken
    ({}, False)
    """

    title: str
    kept: dict[str, Gap]
    skipped: dict[str, str]

    def __repr__(self) -> str:
        lines = [f"  {name}: skipped, {why}" for name, why in self.skipped.items()]
        return "\n".join([f"{self.title} keeps {', '.join(self.kept)}", *lines])


def verify(title: str, table: dict[str, Law], case: Any, skip: Sequence[str]) -> Report:
    """Go through a table in its order and raise at the first law that is broken."""
    unwanted = {choice("skip", name, tuple(table)) for name in listed("skip", skip)}
    kept, skipped = {}, {}
    for law in table.values():
        lacking = "as asked" if law.name in unwanted else case.lacks(law)
        if lacking is None:
            kept[law.name] = worst(_gaps(title, law, case))
        else:
            skipped[law.name] = lacking
    return Report(title, kept, skipped)


def _gaps(title: str, law: Law, case: Any) -> Iterator[Gap]:
    for example in case.examples(law):
        gap = measure(law, case, example)
        if gap.is_broken:
            smallest, gap = _smallest(law, case, example, gap)
            raise BrokenLaw(title, law, gap, smallest) from gap.cause
        yield gap


def _smallest(law: Law, case: Any, example: dict[str, Any], gap: Gap) -> tuple[dict[str, Any], Gap]:
    """The smallest input that fails in the same way."""
    if not any(isinstance(value, np.ndarray) for value in example.values()):
        return example, gap

    def fails(inputs: dict[str, Any]) -> bool:
        other = measure(law, case, inputs)
        return other.is_broken and type(other.cause) is type(gap.cause)

    smallest = minimise(example, fails)
    again = measure(law, case, smallest)
    return (smallest, again) if again.is_broken else (example, gap)  # what is random may pass


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=6, threshold=60, separator=", ")
        return " ".join(text.split())
    return repr(value)
