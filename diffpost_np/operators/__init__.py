"""Linear operators on batches of events, with exact adjoints."""

from ._base import Operator
from ._compose import compose
from ._convert import as_operator
from ._convolution import convolution, gaussian_kernel
from ._dense import dense
from ._downsample import downsample
from ._eigenform import Eigenform
from ._fourier import subsampled_fourier
from ._mask import mask
from ._stack import stack
from ._svd import SVD, svd
from .functions import adjoint_error, norm

__all__ = [
    "SVD",
    "Eigenform",
    "Operator",
    "adjoint_error",
    "as_operator",
    "compose",
    "convolution",
    "dense",
    "downsample",
    "gaussian_kernel",
    "mask",
    "norm",
    "stack",
    "subsampled_fourier",
    "svd",
]
