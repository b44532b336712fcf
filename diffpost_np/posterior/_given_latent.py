"""Draws of x given y and a latent z with x = z + rho N(0, I): the second half of a Gibbs sweep."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from .._xp import Array, flatten_events
from ..operators import Eigenform
from ..random import Purpose, normal
from ._problem import Problem

_MOST_ITERATIONS = 2000


class InEigenbasis:
    """Exact draws where the precision B'B of the data has an eigenform V diag(values) V'."""

    def __init__(self, problem: Problem, gram: Eigenform) -> None:
        self.problem, self.gram = problem, gram
        self.pull = gram.forward(pull_of(problem, problem.y[None, ...]))
        self.largest = float(problem.xp.max(gram.values))

    def draw(
        self, z: Array, rho: float, sweep: int, unbiased: bool, first_chain: int
    ) -> tuple[Array, Array]:
        """Draws, and coordinates of their means given z.

        The unbiased kind sees noise that lacks rho^2 A A', so that z sees all of it.
        """
        xp, along = self.problem.xp, self.gram.forward(z)
        if unbiased:
            kept = xp.clip(1 - rho**2 * self.gram.values, min=0.0)
            mean, variance = rho**2 * self.pull + kept * along, rho**2 * kept
        else:
            share = 1 / (1 + rho**2 * self.gram.values)
            mean, variance = share * (rho**2 * self.pull + along), rho**2 * share
        z = noise(self.problem, z, sweep, first_chain)
        return self.gram.inverse(mean + xp.sqrt(variance) * z), mean

    def events(self, coordinates: Array) -> Array:
        """Flat events of coordinates."""
        return self.gram.inverse(coordinates)


class BySolving:
    """Draws for any operator: a perturbed system, solved by conjugate gradients."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.largest = problem.linear()._whitened.norm() ** 2

    def draw(
        self, z: Array, rho: float, sweep: int, unbiased: bool, first_chain: int
    ) -> tuple[Array, Array]:
        """Draws, twice: their means would cost another solution.

        The system is that of the precision times rho^2, which no rho overflows.
        """
        p = self.problem
        measurement, place = p.linear(), {"step": sweep, "first_chain": first_chain}
        clean = p.xp.broadcast_to(p.y, (z.shape[0], *p.y.shape))
        perturbed = clean + measurement.noise(p.key, clean, like=z, **place)
        right = rho**2 * pull_of(p, perturbed) + z + rho * noise(p, z, sweep, first_chain)

        def system(x: Array) -> Array:
            image = measurement.whiten(measurement.operator(p.events(x)))
            back = measurement.operator.adjoint(measurement.unwhiten(image))
            return rho**2 * flatten_events(back, p.xp) + x

        x = conjugate_gradients(p.xp, system, right, z)
        if x is None:
            raise ValueError(
                f"split_gibbs: conjugate gradients did not converge in {_MOST_ITERATIONS} steps at "
                f"a coupling of {rho:.3g}: lower rho_max, or rho"
            )
        return x, x

    def events(self, coordinates: Array) -> Array:
        """The flat events themselves."""
        return coordinates


def given_latent(problem: Problem) -> InEigenbasis | BySolving:
    """Exact draws in an eigenbasis where there is one."""
    like = problem.xp.zeros(0, dtype=problem.dtype, device=problem.device)
    gram = problem.linear().gram(like)
    return BySolving(problem) if gram is None else InEigenbasis(problem, gram)


def pull_of(problem: Problem, y: Array) -> Array:
    """Re(A^H N^-1 y) for measurements (n, *output), flat."""
    measurement = problem.linear()
    back = measurement.operator.adjoint(measurement.unwhiten(measurement.whiten(y)))
    return flatten_events(back, problem.xp)


def noise(problem: Problem, like: Array, sweep: int, first_chain: int) -> Array:
    """Standard normals for the flat events of a sweep."""
    place = {"step": sweep, "purpose": Purpose.NOISE, "first_chain": first_chain}
    return normal(problem.key, tuple(like.shape), like=like, **place)


def conjugate_gradients(
    xp: ModuleType, system: Callable[[Array], Array], right: Array, x: Array
) -> Array | None:
    """Solutions (n, d) of a positive definite system, None if too slow; rows stop alone."""
    tolerance = float(xp.finfo(x.dtype).eps) ** 0.7
    goal = tolerance**2 * xp.sum(right * right, axis=1)
    r = right - system(x)
    p, square = r, xp.sum(r * r, axis=1)
    for _ in range(_MOST_ITERATIONS):
        active = square > goal
        if not bool(xp.any(active)):
            return x
        image, one = system(p), xp.ones_like(square)
        curvature = xp.where(active, xp.sum(p * image, axis=1), one)
        step = xp.where(active, square / curvature, 0 * one)[:, None]
        x, r = x + step * p, r - step * image
        before, square = square, xp.sum(r * r, axis=1)
        p = r + xp.where(active, square / xp.where(active, before, one), 0 * one)[:, None] * p
    return None
