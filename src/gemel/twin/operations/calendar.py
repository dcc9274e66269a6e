"""Shift calendar: weekly shifts in the plant's local time, exact over clock changes.

A shift begins and ends at its local times; on the day of a clock change it is an hour shorter or
longer, and so is its planned busy time. A local time that the change skips is the moment after the
gap, one that it repeats is the first of the two (PEP 495, ``fold=0``), as in `gemel.core.time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from gemel.core.plant import Shift
from gemel.core.time import DAY, SECOND
from gemel.twin.operations.settings import Closed

__all__ = ["Calendar", "Span", "Window"]

Span = tuple[int, int]
"""[start, end), ns UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_GAP: Final = 15
"""Days; a plant whose shifts are further apart has no window between them but single days."""


@dataclass(frozen=True, slots=True)
class Window:
    """A named span of time: a shift, the time between two, or a day where there are no shifts."""

    name: str
    start: int
    end: int
    planned: bool = True


class Calendar:
    """When work is planned. Without shifts all time is planned, in windows of a local day."""

    def __init__(
        self,
        shifts: Sequence[Shift],
        time_zone: tzinfo,
        closed: Iterable[Closed] = (),
        breaks: Sequence[Shift] = (),
    ) -> None:
        self._shifts = tuple(shifts)
        self._breaks = tuple(breaks)
        self._zone = time_zone
        self._closed = sorted(self._closed_span(c) for c in closed)
        self._of_day: dict[tuple[date, bool], list[Window]] = {}

    def shifts(self, start: int, end: int) -> list[Window]:
        """Shifts that touch [start, end), whole, in order of their start. A shift that begins in
        closed time is left out."""
        return [
            w
            for w in self._windows(start, end, breaks=False)
            if not any(a <= w.start < b for a, b in self._closed)
        ]

    def shift_at(self, time: int) -> Window | None:
        """The shift at a time, the one that began last where shifts overlap; None between."""
        found = self.shifts(time, time + 1)
        return found[-1] if found else None

    def window_at(self, time: int) -> Window:
        """What a time is counted to: its shift, the time between two shifts, or its local day."""
        shift = self.shift_at(time)
        if shift is not None:
            # A shift inside another one cuts it: the outer one goes on as a window of its own.
            order = (shift.start, shift.end)
            inner = [w for w in self.shifts(shift.start, shift.end) if (w.start, w.end) > order]
            start = max([shift.start, *(w.end for w in inner if w.end <= time)])
            end = min([shift.end, *(w.start for w in inner if w.start > time)])
            return Window(shift.name, start, end)
        day = self._local(time)
        start, end = self._midnight(day), self._midnight(day + timedelta(days=1))
        if not self._shifts:
            return Window(day.isoformat(), start, end)
        reach = _LONGEST_GAP * DAY
        before = [w.end for w in self.shifts(time - reach, time) if w.end <= time]
        after = [w.start for w in self.shifts(time, time + reach) if w.start > time]
        return Window("", max(before, default=start), min(after, default=end), planned=False)

    def planned(self, start: int, end: int) -> list[Span]:
        """The spans of [start, end) in which work is planned: shifts less breaks and closed time.
        Sorted, and none touches another."""
        if not self._shifts:
            spans = [(start, end)]
        else:
            spans = _union((w.start, w.end) for w in self._windows(start, end, breaks=False))
        out = [(w.start, w.end) for w in self._windows(start, end, breaks=True)]
        spans = _less(spans, _union([*out, *self._closed]))
        return [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]

    def planned_busy(self, start: int, end: int) -> int:
        """Planned busy time (PBT of ISO 22400-2) in [start, end), ns."""
        return sum(b - a for a, b in self.planned(start, end))

    def _windows(self, start: int, end: int, *, breaks: bool) -> list[Window]:
        if start >= end:
            return []
        day = self._local(start) - timedelta(days=1)
        last = self._local(end)
        found: list[Window] = []
        while day <= last:
            found += [w for w in self._on(day, breaks) if w.start < end and w.end > start]
            day += timedelta(days=1)
        return sorted(found, key=lambda w: (w.start, w.end))

    def _on(self, day: date, breaks: bool) -> list[Window]:
        """Windows that begin on a local day."""
        key = (day, breaks)
        if key not in self._of_day:
            found = []
            for shift in self._breaks if breaks else self._shifts:
                if _DAYS[day.weekday()] in shift.days:
                    over = timedelta(days=1 if shift.end <= shift.start else 0)
                    start, end = self._at(day, shift.start), self._at(day + over, shift.end)
                    if start < end:
                        found.append(Window(shift.name, start, end))
            if len(self._of_day) > 4_000:
                self._of_day.clear()
            self._of_day[key] = found
        return self._of_day[key]

    def _local(self, time: int) -> date:
        return (_EPOCH + timedelta(seconds=time // SECOND)).astimezone(self._zone).date()

    def _midnight(self, day: date) -> int:
        return self._at(day, "00:00")

    def _at(self, day: date, clock: str) -> int:
        hour, minute = int(clock[:2]), int(clock[3:5])
        if hour == 24:
            day, hour = day + timedelta(days=1), 0
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone)
        since = moment - _EPOCH
        return (since.days * 86_400 + since.seconds) * SECOND

    def _closed_span(self, closed: Closed) -> Span:
        day, _, clock = closed.start.partition(" ")
        start = self._at(date.fromisoformat(day), clock or "00:00")
        day, _, clock = (closed.end or day).partition(" ")
        last = date.fromisoformat(day)
        end = self._at(last, clock) if clock else self._midnight(last + timedelta(days=1))
        return start, end


def _union(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _less(spans: Iterable[Span], out: Sequence[Span]) -> list[Span]:
    """`spans` without `out`; both sorted and disjoint."""
    left: list[Span] = []
    for span_start, end in spans:
        start = span_start
        for a, b in out:
            if b <= start or a >= end:
                continue
            if a > start:
                left.append((start, a))
            start = b
        if start < end:
            left.append((start, end))
    return left
