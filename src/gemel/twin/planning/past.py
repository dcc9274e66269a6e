"""What the stations of a line did: stretches of one state each, from what the twin remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.time import SECOND
from gemel.parts.simulators.base import STATES
from gemel.twin.operations.history import Course
from gemel.twin.operations.times import WORDS, TimeClass
from gemel.twin.planning.learned.from_history import Counts, States

__all__ = ["Past", "Stretches", "as_history", "past_of"]

_WORKING, _STARVED, _BLOCKED, _SETUP, _DOWN, _OFF = range(len(STATES))
_OF_CLASS: Final = {
    TimeClass.PRODUCTION: _WORKING, TimeClass.SETUP: _SETUP, TimeClass.STARVED: _STARVED,
    TimeClass.BLOCKED: _BLOCKED, TimeClass.FAULT: _DOWN, TimeClass.STOPPED: _DOWN,
    TimeClass.IDLE: _OFF, TimeClass.PLANNED: _OFF, TimeClass.UNKNOWN: -1,
}  # fmt: skip
_STATE: Final = np.array([_OF_CLASS[c] for c in TimeClass], np.int64)


@dataclass(frozen=True, slots=True)
class Stretches:
    """A station: begin and end, float64[n] in s, of each stretch of one state, int64[n] by its
    place in `STATES`, −1 where nothing is known; they follow each other without a gap."""

    begin: Values
    end: Values
    state: npt.NDArray[np.int64]

    def spent(self, edges: Values) -> Values:
        """Share of each time between two edges in which it is in each state, float64[k, 7]; the
        last is unknown. Time before and after all that was seen is unknown, too."""
        found = np.zeros((len(edges) - 1, len(STATES) + 1))
        for code in range(len(STATES)):
            mine = self.state == code
            found[:, code] = within(self.begin[mine], self.end[mine], edges)
        found[:, -1] = np.maximum(1 - found.sum(axis=1), 0.0)
        return found

    def active(self) -> tuple[Values, Values]:
        """Begins and ends of the time in which it works, is set up or repaired, without a break."""
        busy = np.isin(self.state, (_WORKING, _SETUP, _DOWN))
        first = busy & ~np.append(False, busy[:-1])
        last = busy & ~np.append(busy[1:], False)
        return self.begin[first], self.end[last]


@dataclass(frozen=True, slots=True)
class Past:
    """Of stations, in the order of the flow, what each did from `start` to `end`, in s since 1970
    UTC. `missing` are stations of which nothing is known at all."""

    start: float
    end: float
    stations: tuple[str, ...]
    stretches: tuple[Stretches, ...]
    missing: tuple[str, ...]

    @property
    def waited(self) -> float:
        """Share of the time of all stations, as far as it is known, that they waited."""
        lasts = np.concatenate([one.end - one.begin for one in self.stretches])
        state = np.concatenate([one.state for one in self.stretches])
        waits = (state == _STARVED) | (state == _BLOCKED)
        return float(lasts[waits].sum() / max(lasts[state >= 0].sum(), 1e-9))


def past_of(courses: Mapping[str, Course | None], start: int, end: int) -> Past:
    """Of what the machines of stations did in [start, end), ns UTC; None where there is none."""
    found = []
    for course in courses.values():
        if course is None:
            course = Course(*(np.array([v]) for v in (start, TimeClass.UNKNOWN, -1, 0.0)))
        found.append(_stretches(course, end))
    missing = tuple(
        name
        for name, one in zip(courses, found, strict=True)
        if not ((one.state >= 0) & (one.end > one.begin)).any()
    )
    return Past(start / SECOND, end / SECOND, tuple(courses), tuple(found), missing)


def as_history(
    courses: Mapping[str, Course], pieces: Sequence[float], offset_s: float,
    reasons: Sequence[Mapping[int, str]],
) -> tuple[States, Counts, tuple[str, ...]]:  # fmt: skip
    """The same for `learn_from_history`: states, counters and causes. `pieces` are those of one
    count, `offset_s` is what clocks on the wall are ahead of UTC, `reasons` are the names of
    stops by their code; a stop without one is called as its class of time."""
    causes: dict[str, int] = {}
    states: list[npt.NDArray[np.float64]] = []
    counts: list[npt.NDArray[np.float64]] = []
    for i, (course, named) in enumerate(zip(courses.values(), reasons, strict=True)):
        time = course.time / SECOND + offset_s
        state = _STATE[course.state]
        cause = np.full(len(state), -1)
        for row in np.flatnonzero(state == _DOWN).tolist():
            name = named.get(int(course.reason[row])) or WORDS[int(course.state[row])]
            cause[row] = causes.setdefault(name, len(causes))
        station = np.full(len(time), i)
        states.append(np.array([time, station, state, cause]))
        counts.append(np.array([time, station, course.produced * pieces[i]]))
    time, station, state, cause = np.concatenate(states, axis=1)
    when, who, count = np.concatenate(counts, axis=1)
    whole = (column.astype(np.int64) for column in (station, state, cause))
    return States(time, *whole), Counts(when, who.astype(np.int64), count), tuple(causes)


def within(begin: Values, end: Values, edges: Values) -> Values:
    """Share of the time between two edges that lies in stretches, which rise and do not overlap,
    float64[k]."""
    total = np.append(0.0, np.cumsum(end - begin))
    at = np.searchsorted(begin, edges, side="right")
    if not len(end):
        return np.zeros(len(edges) - 1)
    over = np.where(at > 0, np.maximum(end[np.maximum(at - 1, 0)] - edges, 0.0), 0.0)
    return np.asarray(np.diff(total[at] - over) / np.diff(edges))


def _stretches(course: Course, end: int) -> Stretches:
    state = _STATE[course.state]
    new = np.append(True, np.diff(state) != 0)
    begin = course.time[new] / SECOND
    stop = np.append(begin[1:], max(end / SECOND, float(begin[-1])))
    return Stretches(begin, stop, state[new])
