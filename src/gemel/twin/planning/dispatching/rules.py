"""Rules of dispatching: who is next has the smallest index; who came first, where they are equal.

`atc` and `atcs` are those of Vepsalainen and Morton, Management Science 33 (1987) 1035, and of Lee,
Bhaskaran and Pinedo, IIE Transactions 29 (1997) 45, with the factors 2 and 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from gemel.core.errors import Unknown, did_you_mean
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.parts.simulators.events import ASK, PART, Decide, Question

__all__ = ["CREW_RULES", "PART_RULES", "rule", "rules_for"]

Index: TypeAlias = Callable[[Values], Values]
_LOOK_AHEAD: Final = 2.0
_SETUP: Final = 0.5


def _column(names: tuple[str, ...], name: str, sign: float = 1.0) -> Index:
    at = names.index(name)
    return lambda offered: sign * offered[:, at]


def _slack(offered: Values) -> Values:
    return offered[:, PART.index("due")] - offered[:, PART.index("left")]


def _urgency(offered: Values) -> Values:
    """Logarithm of the index of apparent tardiness cost, negative; work of no time goes first."""
    work = np.maximum(offered[:, PART.index("work")], 1e-9)
    late = np.minimum(np.maximum(_slack(offered), 0.0), 1e12)
    return np.asarray(np.log(work) + late / (_LOOK_AHEAD * work.mean()))


def _urgency_with_setups(offered: Values) -> Values:
    setup = offered[:, PART.index("setup")]
    mean = setup[setup > 0].mean() if (setup > 0).any() else 1.0
    return np.asarray(_urgency(offered) + setup / (_SETUP * mean))


PART_RULES: Final[dict[str, Index]] = {
    "fifo": _column(PART, "turn"),
    "spt": _column(PART, "work"),
    "edd": _column(PART, "due"),
    "setup": _column(PART, "setup"),
    "slack": _slack,
    "slack_per_step": lambda offered: _slack(offered) / offered[:, PART.index("steps")],
    "mwkr": _column(PART, "left", -1.0),
    "lwkr": _column(PART, "left"),
    "winq": _column(PART, "ahead"),
    "atc": _urgency,
    "atcs": _urgency_with_setups,
}
"""Which part is next: first come, shortest time, earliest due date, least set-up, least slack, the
same per step, most and least work remaining, least work in the next queue, apparent tardiness cost
without and with set-ups."""

CREW_RULES: Final[dict[str, Index]] = {
    "first": _column(ASK, "turn"),
    "shortest": _column(ASK, "usual"),
    "most_waiting": _column(ASK, "queue", -1.0),
    "most_work": _column(ASK, "load", -1.0),
    "earliest_due": _column(ASK, "due"),
}
"""Whom a crew serves first: who asked first, whoever takes it for the shortest time, who has most
parts or most work waiting, whose part is due first."""


def rule(part: str = "fifo", crew: str = "first") -> Decide:
    """Decides by these rules. Raises `Unknown` for a name that is none."""
    for name, known in ((part, PART_RULES), (crew, CREW_RULES)):
        if name not in known:
            raise Unknown(f"no rule '{name}'; {did_you_mean(name, known)}")
    by_part, by_crew = PART_RULES[part], CREW_RULES[crew]

    def decide(question: Question) -> int:
        index = by_part if question.kind == "part" else by_crew
        return int(np.argmin(index(question.offered)))

    return decide


def rules_for(line: Line) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Rules for parts and for crews that differ from each other on this line."""
    setups = any(s.setup is not None for s in line.stations.values())
    dues = any(p.due is not None for p in line.products.values())
    left_out = set() if setups else {"setup", "atcs"}
    left_out |= set() if dues else {"edd", "slack", "slack_per_step", "atc", "atcs"}
    parts = tuple(name for name in PART_RULES if name not in left_out)
    if not line.crews:
        return parts, ("first",)
    return parts, tuple(name for name in CREW_RULES if dues or name != "earliest_due")
