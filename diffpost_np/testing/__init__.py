"""For those who write priors, operators, integrators and samplers: strategies and checks.

Each check is one call that either returns a short report or raises an `AssertionError` with the
law that is broken, by how much, and the smallest failing input that was found. The laws stand in
tables by name: `PRIOR_LAWS`, `OPERATOR_LAWS`, `INTEGRATOR_LAWS` and `SAMPLER_LAWS`.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as _error:
    raise ImportError(
        "diffpost_np.testing needs Hypothesis: python -m pip install 'diffpost_np[test]'"
    ) from _error

from ._check_integrator import INTEGRATOR_LAWS, check_integrator
from ._check_operator import OPERATOR_LAWS, check_operator
from ._check_prior import PRIOR_LAWS, check_prior
from ._check_sampler import SAMPLER_LAWS, check_sampler
from ._law import BrokenLaw, Gap, Law, Report
from ._problem import InverseProblem
from ._strategies import batches, mixtures, operators, problems

__all__ = [
    "INTEGRATOR_LAWS",
    "OPERATOR_LAWS",
    "PRIOR_LAWS",
    "SAMPLER_LAWS",
    "BrokenLaw",
    "Gap",
    "InverseProblem",
    "Law",
    "Report",
    "batches",
    "check_integrator",
    "check_operator",
    "check_prior",
    "check_sampler",
    "mixtures",
    "operators",
    "problems",
]
