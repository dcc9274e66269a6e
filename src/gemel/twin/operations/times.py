"""The time model of ISO 22400-2 for a work unit, and tallies of it.

Every instant of a window belongs to one class, so the classes add up to the window exactly:

    production   APT    it makes pieces
    set-up       AUST   it is made ready for another product; AUPT = APT + AUST
    starved      ADET   nothing comes from before it
    blocked      ADET   there is no room after it
    fault        ADET   its own failure; these are the failures and repairs of MTBF and MTTR
    stopped      ADET   another unplanned stop, or one whose reason nobody gave
    idle         ADOT   ready, without an order
    planned             a planned stop that the machine itself reports; not planned busy time
    unknown             its signals are bad, stale, or missing

    AUBT = AUPT + ADET (busy with an order);  PBT = planned busy time = calendar - planned

Only time that the calendar plans counts; production outside it is told apart as overtime, so that
a machine which works through the night does not seem to be available for more than all of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.twin.operations.calendar import Span

__all__ = ["DELAYS", "WORDS", "TimeClass", "Totals", "tally"]


class TimeClass(IntEnum):
    """Classes of the time model."""

    PRODUCTION = 0
    SETUP = 1
    STARVED = 2
    BLOCKED = 3
    FAULT = 4
    STOPPED = 5
    IDLE = 6
    PLANNED = 7
    UNKNOWN = 8


WORDS: Final = (
    "production", "set-up", "starved", "blocked", "fault", "stopped", "idle", "planned", "unknown",
)  # fmt: skip
"""Words of the classes, as settings and pages write them."""

DELAYS: Final = (TimeClass.STARVED, TimeClass.BLOCKED, TimeClass.FAULT, TimeClass.STOPPED)
"""Actual unit delay time (ADET)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a window of one asset; times in ns, within planned time unless said otherwise.

    Totals of windows that follow each other add up (`+`) to those of the whole.

    planned      time that the calendar plans
    times        per `TimeClass`; they add up to `planned`
    overtime     production outside planned time
    produced     pieces (PQ) and of these `rejected`, by the counters
    extra        pieces made outside planned time
    resets       how often a counter began again; pieces between its last value and that are lost
    failures     how often it went into `fault` (FE)
    ordered      time with a job order (AOET)
    uncounted    time before the counter was first seen: what it made then is not in `produced`
    counted, judged, booked   whether there are count, reject and order signals with known values
    """

    planned: int = 0
    times: tuple[int, ...] = (0,) * len(TimeClass)
    overtime: int = 0
    produced: float = 0.0
    rejected: float = 0.0
    extra: float = 0.0
    resets: int = 0
    failures: int = 0
    ordered: int = 0
    uncounted: int = 0
    counted: bool = False
    judged: bool = False
    booked: bool = False

    def __add__(self, other: Totals) -> Totals:
        sums: dict[str, Any] = {}
        for field in fields(self):
            one, two = getattr(self, field.name), getattr(other, field.name)
            if field.name == "times":
                sums["times"] = tuple(a + b for a, b in zip(one, two, strict=True))
            elif isinstance(one, bool):
                sums[field.name] = one or two
            else:
                sums[field.name] = one + two
        return Totals(**sums)

    def of(self, *classes: TimeClass) -> int:
        """Time in these classes, ns."""
        return sum(self.times[c] for c in classes)


def tally(
    time: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    start: int,
    end: int,
    planned: Sequence[Span],
    classes: int = len(TimeClass),
) -> npt.NDArray[np.int64]:
    """Time in each class over [start, end), int64 of shape (2, classes): in planned time, and
    outside it. `state[i]` holds from `time[i]` to the next; ``time[0] <= start``."""
    sums = np.zeros((2, classes), np.int64)
    if end <= start:
        return sums
    bounds = np.array([edge for span in planned for edge in span], np.int64)
    edges = np.unique(np.concatenate([time, bounds, [start, end]]))
    edges = edges[(edges >= start) & (edges <= end)]
    at, length = edges[:-1], np.diff(edges)
    here = state[np.searchsorted(time, at, side="right") - 1]
    # An odd number of bounds at or before an instant: it lies inside a planned span.
    outside = np.searchsorted(bounds, at, side="right") % 2 == 0
    np.add.at(sums, (outside.astype(np.int64), here), length)
    return sums
