"""Instances on which every posterior sampler must fail, though their priors are easy to sample."""

from ._arx import arx
from ._enumerated import EnumeratedPrior
from .instance import Challenge, OneWayInstance, one_way_instance
from .one_way_prior import OneWayPrior
from .relu_network import ReLUNetwork

__all__ = [
    "Challenge",
    "EnumeratedPrior",
    "OneWayInstance",
    "OneWayPrior",
    "ReLUNetwork",
    "arx",
    "one_way_instance",
]
