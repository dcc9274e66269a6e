"""What every scheduler compiles or loads before its clock begins."""

from __future__ import annotations

from functools import cache

import numpy as np

from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling._plans.measure import plan
from gemel.parts.solvers.scheduling.base import Problem

__all__ = ["measuring", "two_lots"]


def two_lots() -> Problem:
    """The smallest problem that shows each kernel the types of all others."""
    draft = Draft()
    machine = draft.machine("")
    for one in range(2):
        draft.operation(draft.job(str(one)), [Way(machine, 1)])
    return draft.build()


@cache
def measuring() -> None:
    """What tells the measures of a plan."""
    at = np.arange(2)
    plan(two_lots(), at, at, at + 1)
