"""Linear operators on batches of events, with exact adjoints."""

from ._base import Eigenform, Operator
from ._dense import dense
from .functions import adjoint_error, as_operator, norm, svd

__all__ = ["Eigenform", "Operator", "adjoint_error", "as_operator", "dense", "norm", "svd"]
