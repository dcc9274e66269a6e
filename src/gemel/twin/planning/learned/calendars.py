"""When people work: shifts of the week, told from when something happens.

Hours of the week in which far less happens than in others are closed, if that is no chance: in a
stretch that is taken for closed at least ten events were to be expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.line.closed import DAYS, WEEK, Closed, weekly
from gemel.core.plant import Shift

__all__ = [
    "HOURS",
    "busy_hours",
    "closed_time",
    "hours_of_week",
    "open_hours",
    "opened",
    "shifts_of",
    "smoothed",
]

HOURS: Final = 168
_EXPECTED: Final = 10.0
_LOW: Final = 0.1
"""Of the events of an open hour; people who stay longer now and then open no shift."""
_SHORTEST: Final = 3
"""Hours; breaks are not told from chance, and a line takes them as slower work."""
_SHIFT: Final = 8 * 3_600.0
Flags = npt.NDArray[np.bool_]


def busy_hours(start: Values, end: Values) -> Values:
    """How much happens in each hour of the week, float64[168]: beginnings and ends of work, and
    work of less than a shift, which is done while somebody is there."""
    known = np.isfinite(end)
    counts = hours_of_week(np.concatenate([start, end[known]]))
    short = known & (end - start < _SHIFT)
    for hour in range(1, int(_SHIFT // 3_600)):
        inside = start[short] + 3_600 * hour
        counts += hours_of_week(inside[inside < end[short]])
    return counts


def hours_of_week(times: Values) -> Values:
    """How many of the times, seconds since a Monday, fall into each hour of the week."""
    hour = (np.mod(times, WEEK) // 3_600).astype(np.int64)
    return np.bincount(hour, minlength=HOURS).astype(np.float64)


def smoothed(counts: Values) -> Values:
    """The same as if days differed in how much happens and not in when: what one station tells of
    single hours of single days is mostly chance."""
    table = counts.reshape(7, 24)
    whole = max(float(table.sum()), 1.0)
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)).ravel() / whole)


def open_hours(counts: Values, within: Flags | None = None) -> Flags:
    """bool[168] from events by hour of the week; hours outside of `within` are closed anyway."""
    there = np.ones(HOURS, np.bool_) if within is None else within
    is_open = there
    for _ in range(20):
        usual = float(counts[is_open].mean()) if is_open.any() else 0.0
        closed = ~there
        for run in _runs(~there | (counts < _LOW * usual)):
            if len(run) >= _SHORTEST and len(run) * usual >= _EXPECTED:
                closed[run] = True
        if (closed == ~is_open).all():
            break
        is_open = ~closed
    return is_open


def _runs(marked: Flags) -> list[npt.NDArray[np.int64]]:
    """Stretches of the week, which begins again after its end."""
    if marked.all():
        return [np.arange(HOURS)]
    if not marked.any():
        return []
    shift = int(np.flatnonzero(~marked)[0])
    turned = np.roll(marked, -shift)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], turned, [False]]).astype(np.int8)))
    return [(np.arange(a, b) + shift) % HOURS for a, b in zip(edges[::2], edges[1::2], strict=True)]


def shifts_of(is_open: Flags) -> list[dict[str, Any]]:
    """Shifts as a line writes them, from bool[168]: days with the same hours in one, parts of a
    day that go on after midnight in one shift where they are shorter than a day."""
    spans: dict[tuple[int, int], list[int]] = {}
    for run in _runs(is_open) if not is_open.all() else [np.arange(HOURS)]:
        at, left = int(run[0]), len(run)
        while left:
            length = min(left, 24 - at % 24 if left > 24 else left)
            spans.setdefault((at % 24, length), []).append(at // 24 % 7)
            at, left = at + length, left - length
    shifts = []
    for (hour, length), days in sorted(spans.items(), key=lambda s: (min(s[1]), s[0])):
        end = (hour + length) % 24
        shifts.append(
            {
                "name": f"{hour:02}-{end:02}",
                "start": f"{hour:02}:00",
                "end": f"{end:02}:00",
                "days": [DAYS[d] for d in sorted(days)],
            }
        )
    return shifts


def closed_time(shifts: Sequence[dict[str, Any]], until: float) -> Closed:
    """Closed stretches from Monday midnight on, at least to `until`."""
    if not shifts:
        return Closed(*np.zeros((3, 0)))
    found = tuple(Shift.read(s) for s in shifts)
    return Closed.of(*weekly(found, "mon 00:00", until))


def opened(times: Values, closed: Closed) -> Values:
    """Seconds before each time that were not closed, float64[n]."""
    if not len(closed):
        return times
    place = np.searchsorted(closed.begin, times, side="right") - 1
    j = np.maximum(place, 0)
    passed = closed.before[j] + np.minimum(times, closed.end[j]) - closed.begin[j]
    return np.where(place < 0, times, times - passed)
