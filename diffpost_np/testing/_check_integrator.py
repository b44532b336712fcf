"""`check_integrator`: which law a method of `dp.sampling` breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import integer, number
from .._xp import Array, array_namespace
from ..random import key
from ..sampling import sample
from ..sampling._methods.lookup import as_method
from ._case import Arrays, compare, host, same_kind, shape_of
from ._integrator_case import MEAN, IntegratorCase
from ._law import KEPT, Gap, Law, Report, broken, enact, verify, worst

__all__ = ["INTEGRATOR_LAWS", "check_integrator"]

INTEGRATOR_LAWS: dict[str, Law] = {}
"""Laws of integrators by name, in the order in which `check_integrator` tests them."""

FEW = 6
ROUNDING = 1e-12
"""Relative errors from which on they are rounding."""


@enact(INTEGRATOR_LAWS)
def shapes(case: IntegratorCase) -> Gap:
    """Samples have shape (n_samples, *event_shape), n_samples = 1 included, and are finite."""
    return worst(shape_of("the method", case.draw(n).samples, (n, 2)) for n in (1, FEW))


@enact(INTEGRATOR_LAWS)
def dtype_and_namespace(case: IntegratorCase) -> Gap:
    """Samples are arrays of the namespace, device and precision that `like` asks for."""
    xp = case.make.xp
    likes = [case.make.in_precision(dtype).like for dtype in (xp.float32, xp.float64)]
    return worst(same_kind("the method", case.draw(FEW, like=a).samples, a) for a in likes)


@enact(INTEGRATOR_LAWS)
def same_seed_same_samples(case: IntegratorCase) -> Gap:
    """The same rng gives the same bits; noise is drawn if and only if the method says so."""
    points = case.make(np.ones((FEW, 2)))
    runs = [host(case.draw(FEW, seed, initial=points).samples) for seed in (0, 0, 1)]
    if not np.array_equal(runs[0], runs[1]):
        return broken(f"two calls with one seed differ by {np.max(np.abs(runs[0] - runs[1])):.3g}")
    if not case.options and np.array_equal(runs[0], runs[2]) == case.method.stochastic:
        does = "draws no noise" if case.method.stochastic else "draws noise"
        return broken(f"the method {does}, unlike stochastic={case.method.stochastic}")
    return KEPT


@enact(INTEGRATOR_LAWS)
def chains_are_independent(case: IntegratorCase) -> Gap:
    """Chain i is the same however many there are, and wherever its block stands."""
    many = case.draw(2 * FEW).samples
    few, block = case.draw(FEW).samples, case.draw(FEW, first_chain=FEW).samples
    allowed = _rounding(case, many)
    return worst(
        [
            compare(few, many[:FEW, ...], allowed, f"of {FEW}: it", f"of {2 * FEW}: it"),
            compare(block, many[FEW:, ...], allowed, "as a block: it", "in the whole run: it"),
        ]
    )


@enact(INTEGRATOR_LAWS)
def stopped_runs_go_on(case: IntegratorCase) -> Gap:
    """A run that was stopped and goes on gives the bits of one that was not."""
    whole = case.draw(FEW)
    part = case.draw(FEW, progress=lambda p: p.step >= case.n_steps // 2)
    rest = case.draw(FEW, resume=part, rng=None)
    if np.array_equal(host(rest.samples), host(whole.samples)):
        return KEPT
    return broken(f"they differ by {np.max(np.abs(host(rest.samples) - host(whole.samples))):.3g}")


@enact(INTEGRATOR_LAWS, "cost")
def evaluations(case: IntegratorCase) -> Gap:
    """A step costs as many evaluations as the method says, but for the first few and the last."""
    before, after = (
        sample(
            case.prior,
            1,
            method=case.method,
            schedule=np.append(case.levels(n), 0.0),
            rng=0,
            **case.options,
        ).n_score_evals
        for n in (case.n_steps, 2 * case.n_steps)
    )
    each = (after - before) / case.n_steps
    stated = case.method.evals_per_step or 0.0
    return Gap(abs(each - stated), 1e-9, f"a step costs {each:g}, not {stated:g}")


@enact(INTEGRATOR_LAWS, "table")
def tables_and_arrays(case: IntegratorCase) -> Gap:
    """Steps on arrays are the table's: coefficients depend on the noise levels alone."""
    start = case.make(np.linspace(-20, 20, 2 * FEW).reshape(FEW, 2))
    by_table, on_arrays = case.by_table(start), case.on_arrays(start)
    return compare(by_table, on_arrays, _rounding(case, start), "by the table it", "on arrays it")


@enact(INTEGRATOR_LAWS, "law")
def mean(case: IntegratorCase) -> Gap:
    """The mean of a Gaussian is met exactly if the method says so, else at its order."""
    offsets = [abs(case.law(n).mean - MEAN) for n in (case.n_steps, 4 * case.n_steps)]
    if case.method.keeps_mean:
        return Gap(max(offsets), 1e-10, "error of the mean, said to be kept")
    rate = np.log2(offsets[0] / max(offsets[1], 1e-300)) / 2
    short = max(0.0, case.method.order - rate)
    return Gap(short, case.tolerance, f"the mean converges at order {rate:.2f}")


@enact(INTEGRATOR_LAWS, "law", "order")
def order(case: IntegratorCase) -> Gap:
    """The variance of a Gaussian converges to the exact one, at the stated order."""
    errors = []
    for k in range(7):
        law = case.law(case.n_steps * 2**k)
        errors.append(abs(law.variance / law.exact_variance - 1))
        if errors[-1] < ROUNDING:
            break
    if max(errors) < ROUNDING:
        return KEPT
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    late = rates[-2:] if errors[-1] >= ROUNDING else rates[-3:-1]
    rate = late[np.argmax(np.abs(late - case.method.order))]
    text = f"the variance converges at order {rate:.2f}, not {case.method.order:g}"
    return Gap(abs(float(rate) - case.method.order), case.tolerance, text)


def _rounding(case: IntegratorCase, x: Array) -> float:
    xp = array_namespace(x=x)
    return 1e3 * float(xp.finfo(x.dtype).eps) ** 0.75 * float(xp.max(xp.abs(x)))


def check_integrator(
    method: Any,
    *,
    n_steps: int = 20,
    tolerance: float = 0.15,
    rng: Any = 0,
    like: Array | None = None,
    skip: Sequence[str] = (),
    **options: Any,
) -> Report:
    """Find out which law a method of `dp.sampling` breaks.

    Parameters
    ----------
    method : Method or str
        A method of your own, or the name of one of `dp.sampling.methods()`.
    n_steps : int, optional
        Steps of a run, at least 4; the order is read off runs of up to 64 times as many.
    tolerance : float, optional
        What the order may be off by.
    rng : optional
        What `diffpost_np.random.key` takes; fixed by default, so that a check repeats itself.
    like : array, optional
        Gives namespace and device of the samples.
    skip : sequence of str, optional
        Names of laws to leave out, of `INTEGRATOR_LAWS`.
    **options
        Options of the method.

    Returns
    -------
    Report
        The laws that were tested, and those skipped.

    Raises
    ------
    BrokenLaw
        An `AssertionError` at the first law of `INTEGRATOR_LAWS` that is broken: it says by how
        much, and what is tolerated.
    TypeError
        If `method` is no method, or has no such option.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Mean and variance of what a method samples from a Gaussian prior are exact: the denoiser is
    affine there, so the method runs on coefficients of the first state and of the noises. No
    Monte Carlo blurs the order. A random time in each step is integrated by quadrature; where
    there are several, those laws are skipped.

    Examples
    --------
    >>> import diffpost_np as dp
    >>> def euler(s):
    ...     return s.y + (s.next - s.sigma) / s.sigma * (s.y - s.denoise())
    >>> dp.testing.check_integrator(dp.sampling.Method("euler", euler, order=1))
    check_integrator(euler) keeps shapes, dtype_and_namespace, same_seed_same_samples, ...
    >>> try:
    ...     dp.testing.check_integrator(dp.sampling.Method("euler", euler, order=2))
    ... except dp.testing.BrokenLaw as broken:
    ...     print(broken.law.name, broken.gap.note)
    order the variance converges at order 1.00, not 2
    """
    method = as_method(method)
    method.with_options(**options)
    case = IntegratorCase(
        method=method,
        options=options,
        n_steps=integer("n_steps", n_steps, minimum=4),
        tolerance=number("tolerance", tolerance, above=0.0),
        make=Arrays(np.zeros(0) if like is None else like),
        key=key(rng).fold("testing.check_integrator"),
    )
    return verify(f"check_integrator({method.name})", INTEGRATOR_LAWS, case, skip)
