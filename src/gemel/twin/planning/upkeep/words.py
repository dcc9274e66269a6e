"""What to do with an asset, in words."""

from __future__ import annotations

from math import inf

from gemel.core.time import time_text
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance import Action

__all__ = ["long", "number", "what"]


def number(value: float) -> str:
    """To five digits."""
    return f"{value:.5g}"


def long(periods: float | None, upkeep: Upkeep) -> str:
    return "" if periods is None else time_text(periods * upkeep.period)


def what(action: Action, upkeep: Upkeep) -> str:
    match action.kind:
        case "age":
            text = f"replace at {long(action.age, upkeep)}"
            text = "run to failure" if action.age == inf else text
            return text + ("" if action.spares is None else f", keep {action.spares} spares")
        case "block":
            if action.age == inf:
                return "mend failures, never replace"
            return f"replace every {long(action.age, upkeep)}, mend failures"
        case "condition":
            every = long(action.every, upkeep)
            return f"inspect every {every}, replace from {number(action.level or 0.0)} on"
        case "schedule":
            worn = next((lv for lv, t in action.schedule or () if t == 0), None)
            first = f"inspect first after {long(action.every, upkeep)}, then by level"
            return first + ("" if worn is None else f", replace from {number(worn)} on")
    if action.moment == 0:
        return "replace now"
    if action.moment == inf:
        return "let it run to failure"
    return f"replace in {long(action.moment, upkeep)}"
