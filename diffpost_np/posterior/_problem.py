"""A prior, a measurement and one y, as samplers see them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._arguments import held
from .._checks import instance
from .._result import Result
from .._run import Run
from .._xp import array_namespace, size
from ..measurement import LinearGaussian
from ..priors._units import strange_values
from ._arguments import checked_y, common_event_shape


class Problem(Run):
    """A run towards the measurements of one y; one that is not `scored` asks for no gradients.

    It warns of a y in other units than a prior on patches, unless somebody else has `warned`.
    """

    def __init__(
        self,
        name: str,
        prior: Any,
        measurement: Any,
        y: Any,
        rng: Any,
        n_samples: Any = 1,
        resume: Result | None = None,
        progress: Any = False,
        first_chain: Any = 0,
        *,
        scored: bool = True,
        warned: bool = False,
    ) -> None:
        prior, self.measurement = instance("prior", prior), instance("measurement", measurement)
        xp = array_namespace(y=y, **{**held(prior), **held(measurement)})
        self.y = checked_y(measurement, y, xp, scored)
        super().__init__(
            name,
            prior,
            common_event_shape(prior, measurement),
            rng,
            like=self.y,
            like_name="y",
            n_samples=n_samples,
            resume=resume,
            progress=progress,
            first_chain=first_chain,
            scored=scored,
        )
        is_complex = self.xp.isdtype(self.y.dtype, "complex floating")
        noise = {name: getattr(measurement, name, None) for name in ("noise_std", "noise_cov")}
        self.fix(y=self.y, **noise)
        linear = isinstance(measurement, LinearGaussian)
        self.reasons = strange_values(prior, measurement, self.y) if linear else ()
        for reason in self.reasons if resume is None and not warned else ():
            warnings.warn(f"{name}: {reason}", RuntimeWarning, stacklevel=3)
        self.n_measured = (2 if is_complex else 1) * size(self.y.shape)

    def ability(self, name: str, wanted_for: str) -> Callable[..., Any]:
        """A method of the prior; instead of draws of it, some sampler may do with those given x."""
        given = any(hasattr(self.prior, way) for way in ("sample_given", "grid_sample_given"))
        linear = isinstance(self.measurement, LinearGaussian)
        remedy = ", or take posterior.split_gibbs" if name == "sample" and given and linear else ""
        return super().ability(name, wanted_for + remedy)

    def linear(self) -> LinearGaussian:
        """The measurement, which must be linear Gaussian."""
        if not isinstance(self.measurement, LinearGaussian):
            raise TypeError(
                f"measurement must be a LinearGaussian for {self.name}, "
                f"got {type(self.measurement).__name__}"
            )
        return self.measurement
