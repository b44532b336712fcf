"""Kernel of `lewis/_sample/pivotal.py`: duels of neighbours, one after the other."""

from __future__ import annotations

from ..parallel import kernel


@kernel
def _duels(drawn, inclusion, u):
    left, a = -1, 0.0
    for i in range(inclusion.shape[0]):
        b = inclusion[i]
        if b <= 0.0 or b >= 1.0:
            continue
        if a + b < 1.0:
            if u[i] * (a + b) < b:
                left = i
            a = a + b
        elif u[i] * (2.0 - (a + b)) < 1.0 - a:
            drawn[i] = True
            a = (a + b) - 1.0
        else:
            drawn[left] = True
            left, a = i, (a + b) - 1.0
    if a > 0.5:
        drawn[left] = True


def pivotal_drawn(xp, inclusion, u):
    drawn = inclusion >= 1.0
    _duels(drawn, inclusion, u)
    return drawn
