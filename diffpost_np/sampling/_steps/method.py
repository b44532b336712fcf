"""What a method is, beyond its step: a record that users may make, too."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from ..._checks import choice, flag, integer, number
from .step import Step

__all__ = ["Method"]


@dataclass(frozen=True, eq=False)
class Method:
    """A way to take a step from one noise level to the next.

    Parameters
    ----------
    name : str
        What `sample(method=...)` calls it.
    step : callable
        Function of a `Step`, and of options by keyword with defaults, that returns the state at
        the next noise level.
    order : float
        Order of the law of the samples in the step (weak; for flows the order of the map).
    evals_per_step : float, optional
        Score evaluations that a step costs; None where its options decide.
    stochastic : bool, optional
        Whether steps draw noise.
    strong_order : float, optional
        Order of the path in the step, for one Brownian path.
    keeps_mean : bool, optional
        Whether the mean of a Gaussian prior is met whatever the number of steps.
    source : str, optional
        The paper.
    limits : dict, optional
        What options may be: a pair of numbers, or a tuple of allowed strings.
    traced : bool, optional
        Whether a step is a combination of the state, of denoised points and of noises by numbers
        that depend on the noise levels alone, so that it can be written down as a table.
    corrected : bool, optional
        Whether moves at one noise level follow a step. They may leave a bias that more steps do
        not shrink; `order` is then that of the step alone.
    refuses : callable, optional
        Function of the noise levels of a run, and of the options by keyword, that says in words
        why steps between these levels would fail, or returns None where they would not. It is
        asked before a run begins.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> import diffpost_np as dp
    >>> def euler(s):
    ...     return s.y + (s.next - s.sigma) / s.sigma * (s.y - s.denoise())
    >>> method = dp.sampling.Method("euler", euler, order=1)
    >>> prior = dp.priors.Gaussian([1.0, 2.0], 0.5)
    >>> dp.sampling.sample(prior, 5, method=method, n_steps=10, rng=0).samples.shape
    (5, 2)
    """

    name: str
    step: Callable[..., Any]
    order: float
    evals_per_step: float | None = 1
    stochastic: bool = False
    strong_order: float | None = None
    keeps_mean: bool = True
    source: str = ""
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    traced: bool = True
    corrected: bool = False
    refuses: Callable[..., str | None] | None = None

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be text, got {getattr(self, name)!r}")
        if not callable(self.step):
            raise TypeError(f"step must be a function of a Step, got {self.step!r}")
        if not (self.refuses is None or callable(self.refuses)):
            raise TypeError(f"refuses must be a function of noise levels, got {self.refuses!r}")
        if not isinstance(self.limits, Mapping):
            raise TypeError(f"limits must be a dict, got {self.limits!r}")
        number("order", self.order, above=0.0)
        for name in ("evals_per_step", "strong_order"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), above=0.0)
        for name in ("stochastic", "keeps_mean", "traced", "corrected"):
            flag(name, getattr(self, name))
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))

    def __repr__(self) -> str:
        kind = "stochastic" if self.stochastic else "deterministic"
        n = self.evals_per_step
        cost = "cost by options" if n is None else f"{n:g} evaluation{'s'[: n != 1]} a step"
        return f"<{self.name}: order {self.order:g}, {cost}, {kind}; {self.source}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """By name where it is the library's: a run may then go on in another process."""
        from .._methods.lookup import METHODS, as_method

        if METHODS.get(self.name) is self:
            return as_method, (self.name,)
        arguments = {f.name: getattr(self, f.name) for f in fields(self)}
        return partial(Method, **{**arguments, "limits": dict(self.limits)}), ()

    @property
    def options(self) -> dict[str, Any]:
        """The options of the step and their defaults."""
        return dict(self._defaults)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        settled = getattr(self.step, "keywords", {})
        parameters = list(inspect.signature(self.step).parameters.values())[1:]
        return {p.name: p.default for p in parameters if p.name not in settled}

    def with_options(self, **options: Any) -> Callable[[Step], Any]:
        """Settle the options of the step.

        Parameters
        ----------
        **options
            Options of the step by name.

        Returns
        -------
        callable
            The step as a function of a `Step` alone.

        Raises
        ------
        TypeError
            If the method has no such option, or its value is of another kind.
        ValueError
            If a value is out of its range.
        """
        return partial(self.step, **self.settled(options))

    def settled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options: those given, checked and in canonical form, else the defaults.

        Parameters
        ----------
        options : dict
            Options of the step by name.

        Returns
        -------
        dict
            A value for every option.

        Raises
        ------
        TypeError
            If the method has no such option, or its value is of another kind.
        ValueError
            If a value is out of its range.
        """
        if not isinstance(options, Mapping):
            raise TypeError(f"options must be a dict, got {options!r}")
        known = self.options
        for name in options:
            if name not in known:
                offered = ", ".join(map(repr, known)) or "no options"
                raise TypeError(f"method {self.name!r} has no option {name!r}, only {offered}")
        given = {name: self._checked(name, value, known[name]) for name, value in options.items()}
        return {**known, **given}

    def _checked(self, name: str, value: Any, default: Any) -> Any:
        limits = self.limits.get(name, ())
        if value is default:
            return value
        if isinstance(default, bool):
            return flag(name, value)
        if isinstance(default, str) and limits:
            return choice(name, value, limits)
        if isinstance(default, int):
            low, high = limits or (0, None)
            return integer(name, value, minimum=low, maximum=high)
        if isinstance(default, float) or (default is None and limits):
            low, high = limits or (0.0, math.inf)
            return number(name, value, at_least=low, at_most=high)
        return value
