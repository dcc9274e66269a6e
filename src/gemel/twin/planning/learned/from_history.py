"""From what a twin remembers to a line: states and counters of stations in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line import Distribution
from gemel.core.line.closed import WEEK
from gemel.core.line.fitting import Fit, fit
from gemel.parts.simulators.base import STATES
from gemel.twin.planning.learned.calendars import HOURS, shifts_of
from gemel.twin.planning.learned.log import MONDAY, Flags, Numbers
from gemel.twin.planning.learned.report import (
    Learned,
    StationReport,
    Writing,
    beside,
    names_of,
    time_of,
)

__all__ = ["Counts", "States", "learn_from_history"]

_WORKING, _STARVED, _BLOCKED, _SETUP, _DOWN, _OFF = range(len(STATES))
_WEEKS: Final = 2.0
_TOGETHER: Final = 20
"""Parts of one stretch, where a counter goes on by more than one at a time."""
_FEW: Final = 3
_STEADY: Final = 0.02
_SINGLE: Final = 0.8


@dataclass(frozen=True, slots=True)
class States:
    """From when on a station is in which state, until its next row: time float64[n] in seconds
    since 1970 by the clock on the wall, station int64[n], state int64[n] (place in `STATES`, −1
    where unknown), cause int64[n] of a stop (−1 where unknown)."""

    time: Values
    station: Numbers
    state: Numbers
    cause: Numbers

    def until(self, time: float) -> States:
        """The rows that were there by then."""
        there = self.time <= time
        return States(self.time[there], self.station[there], self.state[there], self.cause[there])


@dataclass(frozen=True, slots=True)
class Counts:
    """What a counter of a station showed when: time float64[n], station int64[n], count
    float64[n]. It may begin anew."""

    time: Values
    station: Numbers
    count: Values

    def until(self, time: float) -> Counts:
        """The rows that were there by then."""
        there = self.time <= time
        return Counts(self.time[there], self.station[there], self.count[there])


@dataclass(frozen=True, slots=True)
class _Station:
    """One station: stretches of one state each, and its counter in parts."""

    begin: Values
    end: Values
    state: Numbers
    cause: Numbers
    worked: Values
    """Working seconds before each stretch."""
    time: Values
    count: Values

    def work(self, time: Values) -> Values:
        """Seconds of work before each time."""
        row = np.clip(np.searchsorted(self.begin, time, side="right") - 1, 0, None)
        inside = np.clip(time - self.begin[row], 0.0, self.end[row] - self.begin[row])
        return np.asarray(self.worked[row] + inside * (self.state[row] == _WORKING))

    def counted(self, time: Values) -> Values:
        """Parts so far."""
        return np.asarray(np.interp(time, self.time, self.count))


def learn_from_history(
    stations: Sequence[str],
    states: States,
    counts: Counts,
    *,
    causes: Sequence[str] = (),
    parts_per_count: Sequence[float] | None = None,
    until: float | None = None,
    title: str = "Learned from history",
) -> Learned:
    """A serial line of `stations`, listed in the order of the flow, and how well it is known.

    A part is one of what the first station counts; a station that packs twelve of them has
    `parts_per_count` 12. `until` is when history was cut, its last row if not given. Raises
    `DataError` for a station without states, or one that did not count a part.
    """
    end = until
    if end is None:
        end = float(max(states.time.max(initial=0.0), counts.time.max(initial=0.0)))
    names = names_of(stations)
    seen = [
        _station(states, counts, i, end, 1.0 if parts_per_count is None else parts_per_count[i], n)
        for i, n in enumerate(stations)
    ]
    writing, notes = Writing(title), []
    reports = []
    for i, (name, station) in enumerate(zip(names, seen, strict=True)):
        place = ("stations", name)
        if name != stations[i]:
            writing.put((*place, "title"), stations[i])
        time = _time(station, stations[i])
        writing.put((*place, "time"), time_of(time.distribution), beside(time, "parts counted"))
        if i:
            places = _places(seen[i - 1], station)
            if places is None:
                notes.append(
                    f"'{name}': what feeds it was too seldom blocked to tell the places in front "
                    "of it; they have no limit"
                )  # fmt: skip
            else:
                writing.put((*place, "places"), places, "from when one was blocked, one starved")
        failures = _failures(station, causes, first=i == 0, last=i == len(seen) - 1)
        for cause, (every, repair) in failures.items():
            written = {"every": time_of(every.distribution), "repair": time_of(repair.distribution)}
            said = f"{beside(every, 'stops')}; they last: {repair.said}"
            writing.put((*place, "failures", cause), written, said)
        hours = _hours(station, end)
        if hours is not None and not hours.all():
            shifts = shifts_of(hours)
            known = writing.document.setdefault("calendars", {})
            calendar = next((n for n, s in known.items() if s == shifts), name)
            known[calendar] = shifts
            writing.put((*place, "calendar"), calendar)
        lasts = station.end - station.begin
        share = [float(lasts[station.state == s].sum()) for s in range(len(STATES))]
        open_ = max(sum(share) - share[_OFF], 1e-9)
        reports.append(
            StationReport(
                name, round(float(station.count[-1] - station.count[0])), time, 1,
                share[_WORKING] / open_, share[_STARVED] + share[_BLOCKED],
                float(lasts[station.state < 0].sum()), None, failures,
            )
        )  # fmt: skip
    if end - min(float(s.begin[0]) for s in seen) < _WEEKS * WEEK:
        notes.append("less than two weeks were seen: no calendar is told from them")
    if any((s.state == _SETUP).any() for s in seen):
        notes.append("set-ups are taken as stops, since what was made when is not told")
    writing.document["begins"] = "mon 00:00"
    return Learned(
        writing.line(), writing.document, writing.comments, tuple(reports), {},
        (reports[-1].visits, reports[-1].visits), tuple(notes),
    )  # fmt: skip


def _station(
    states: States, counts: Counts, i: int, end: float, parts: float, name: str
) -> _Station:
    rows = np.flatnonzero(states.station == i)
    rows = rows[np.argsort(states.time[rows], kind="stable")]
    if not len(rows):
        raise DataError(f"station '{name}' has no states")
    state, cause = states.state[rows], states.cause[rows]
    new = np.append(True, (np.diff(state) != 0) | (np.diff(cause) != 0))
    rows, state, cause = rows[new], state[new], cause[new]
    begin = states.time[rows]
    stop = np.append(begin[1:], max(end, float(begin[-1])))
    worked = np.cumsum((stop - begin) * (state == _WORKING))
    mine = np.flatnonzero(counts.station == i)
    mine = mine[np.argsort(counts.time[mine], kind="stable")]
    steps = np.maximum(np.diff(counts.count[mine]), 0.0)  # a counter that begins anew adds nothing
    if not steps.sum() > 0:
        raise DataError(f"station '{name}' has not counted a part")
    return _Station(
        begin, stop, state, cause, np.append(0.0, worked[:-1]), counts.time[mine],
        parts * np.append(0.0, np.cumsum(steps)),
    )  # fmt: skip


def _time(station: _Station, name: str) -> Fit:
    """The time of work on a part: each, where the counter shows every part; else mean and spread
    of stretches of many."""
    worked = station.work(station.time)
    steps = np.diff(station.count)
    moved = np.flatnonzero(steps > 0)
    size = float(np.median(steps[moved]))
    if worked[-1] <= worked[0]:
        raise DataError(f"station '{name}' counts parts, but its states never say that it works")
    if size == 1 and (steps[moved] == 1).mean() >= _SINGLE:
        times = np.diff(worked[moved + 1])
        whole = times[steps[moved[1:]] == 1]
        if len(whole):
            return fit(whole)
    at = np.append(0, moved + 1)
    target = np.arange(0.0, station.count[-1], _TOGETHER * max(size, 1.0))
    rows = at[np.unique(np.searchsorted(station.count[at], target))]
    parts, spent = np.diff(station.count[rows]), np.diff(worked[rows])
    if len(parts) < _FEW:
        parts, spent = station.count[-1:] - station.count[:1], worked[-1:] - worked[:1]
    mean = float(spent.sum() / parts.sum())
    n = len(parts)
    cv = sqrt(float(((spent - mean * parts) ** 2 / parts).sum()) / max(n - 1, 1)) / mean
    error = mean * cv / sqrt(float(parts.sum()))
    spec: dict[str, Any] = {"mean": f"{round(1e9 * mean)} ns"}
    said = "counters tell the mean and the spread, not the family"
    if cv > _STEADY:
        spec |= {"kind": "gamma", "cv": min(cv, 20.0)}
    return Fit(
        Distribution.read(spec), mean, mean - 1.96 * error, mean + 1.96 * error,
        cv if cv > _STEADY else 0.0, round(float(parts.sum())), 0, {}, nan, nan, "", said,
    )  # fmt: skip


def _failures(
    station: _Station, causes: Sequence[str], *, first: bool, last: bool
) -> dict[str, tuple[Fit, Fit]]:
    """Stops by cause: work from the end of one to the next, and how long they last. What comes from
    outside the line (nothing to begin with, nobody who takes away) stops its ends."""
    kinds: dict[str, Flags] = {}
    down = station.state == _DOWN
    for cause in np.unique(station.cause[down]).tolist():
        name = names_of([causes[cause]])[0] if 0 <= cause < len(causes) else "stop"
        mine = down & (station.cause == cause)
        kinds[name] = kinds.get(name, np.zeros_like(down)) | mine
    rare = [name for name, rows in kinds.items() if rows.sum() < _FEW]
    if rare:
        merged = np.logical_or.reduce([kinds.pop(name) for name in rare])
        kinds["other"] = kinds.get("other", np.zeros_like(down)) | merged
    kinds["set-up"] = station.state == _SETUP
    if first:
        kinds["no material"] = station.state == _STARVED
    if last:
        kinds["not taken away"] = station.state == _BLOCKED
    found = {}
    for name, rows in kinds.items():
        stops = np.flatnonzero(rows)
        if not len(stops):
            continue
        lasts = station.end[stops] - station.begin[stops]
        open_ = stops[-1] == len(rows) - 1  # it has not ended yet
        whole = lasts[:-1] if open_ else lasts
        if not len(whole):
            continue
        # A stop may be told in pieces: without work between them they are one.
        work = station.worked[stops]
        between = np.diff(np.append(0.0, work))
        total = float(station.worked[-1]) + float(
            (station.end[-1] - station.begin[-1]) * (station.state[-1] == _WORKING)
        )
        if not (between > 0).any():
            continue
        every = fit(between[between > 0], [max(total - float(work[-1]), 0.0)])
        found[name] = every, fit(_joined(whole, between), lasts[-1:] if open_ else ())
    return found


def _joined(lasts: Values, between: Values) -> Values:
    """Pieces of a stop that no work parts, together."""
    group = np.cumsum(np.append(True, between[1 : len(lasts)] > 0)) - 1
    return np.asarray(np.bincount(group, weights=lasts))


def _places(before: _Station, station: _Station) -> int | None:
    """Parts between two stations when the first is blocked, less those when the second is starved;
    if it never was, less the fewest that stood there.

    Each blocked stretch is compared with the starved one that is nearest in time: parts that are
    thrown away make the counters drift apart.
    """
    full = before.begin[before.state == _BLOCKED]
    empty = station.begin[station.state == _STARVED]
    if len(full) < _FEW:
        return None

    def between(time: Values) -> Values:
        return before.counted(time) - station.counted(time)

    if not len(empty):
        least = between(np.union1d(before.begin, station.begin)).min()
        return max(round(float(np.median(between(full)) - least)) - 1, 0)
    near = np.clip(np.searchsorted(empty, full), 1, max(len(empty) - 1, 1))
    after = np.minimum(near, len(empty) - 1)
    nearest = np.where(full - empty[near - 1] < empty[after] - full, near - 1, after)
    room = between(full) - between(empty[nearest])
    return max(round(float(np.median(room))) - 1, 0)


def _hours(station: _Station, until: float) -> Flags | None:
    """Open hours of the week, bool[168]: those in which it is more often on than off; None where
    too little was seen."""
    begin = float(station.begin[0])
    if until - begin < _WEEKS * WEEK or not (station.state == _OFF).any():
        return None
    edges = np.arange(np.floor(begin / 3_600), np.ceil(until / 3_600) + 1) * 3_600
    off = np.cumsum(np.append(0.0, (station.end - station.begin) * (station.state == _OFF)))
    passed = np.interp(edges, np.append(station.begin, station.end[-1]), off)
    hour = ((edges[:-1] - MONDAY) % WEEK // 3_600).astype(np.int64)
    share = np.bincount(hour, weights=np.diff(passed), minlength=HOURS)
    return np.asarray(share / np.maximum(np.bincount(hour, minlength=HOURS), 1) < 1_800)
