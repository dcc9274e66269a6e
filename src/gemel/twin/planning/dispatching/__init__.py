"""Dispatching: which part is next, and whom a crew serves first, by rules or by what was learned.

`rule` gives the rules that plants use, `train` learns a policy by playing the line and says whether
it is surely better than the best of them, `compare` sets all side by side on luck that nobody has
seen. `environment` makes a Gymnasium environment of any line; it needs `gemel[rl]`.
"""

from gemel.twin.planning.dispatching.policy import ASK_TERMS, PART_TERMS, Policy
from gemel.twin.planning.dispatching.rules import CREW_RULES, PART_RULES, rule, rules_for
from gemel.twin.planning.dispatching.training import (
    OBJECTIVES,
    Compared,
    Effort,
    Objective,
    Play,
    compare,
    of_line,
    train,
)

__all__ = [
    "ASK_TERMS",
    "CREW_RULES",
    "OBJECTIVES",
    "PART_RULES",
    "PART_TERMS",
    "Compared",
    "Effort",
    "Objective",
    "Play",
    "Policy",
    "compare",
    "of_line",
    "rule",
    "rules_for",
    "train",
]
