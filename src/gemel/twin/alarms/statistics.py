"""How good the alarm system is: the measures of ISA-18.2 clause 16 and EEMUA 191.

One `Journal` counts, whether it is fed live or with the Events of history, so that a page and a
report cannot differ.
"""

from __future__ import annotations

import bisect
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from gemel.core.event import Event
from gemel.core.time import MINUTE
from gemel.twin.alarms.settings import PRIORITIES

__all__ = ["TEN_MINUTES", "AlarmKpis", "Journal"]

TEN_MINUTES: Final = 10 * MINUTE
_KEPT: Final = 200_000


@dataclass(frozen=True, slots=True)
class AlarmKpis:
    """Measures over [start, end), ns UTC. None is unknown: nothing to divide by.

    rate                  annunciated alarms per operator and 10 min; the standard's target is 1,
                          its bound 2
    peak                  most in 10 min at one operator
    flood_share           share of the 10-minute intervals with more than 10 at one operator
    top                   the ten most frequent alarms with their counts; `top_share` is their part
    priorities            share of each priority; the guide is 80 % low, 15 % medium, 5 % above
    acknowledge_seconds   mean time from annunciation to acknowledgement
    stale                 alarms that are active for longer than a day (only known live, now)
    """

    start: int
    end: int
    operators: int
    annunciated: int
    rate: float | None
    peak: int
    flood_share: float | None
    top: tuple[tuple[str, int], ...]
    top_share: float | None
    priorities: Mapping[str, float] = field(default_factory=dict)
    acknowledge_seconds: float | None = None
    acknowledged: int = 0
    chattering: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Call:
    """One time that the operator was called."""

    time: int
    alarm: str
    priority: str
    operator: str


class Journal:
    """Annunciations and acknowledgements, of the last 200,000."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._calls: deque[_Call] = deque(maxlen=_KEPT)
        self._taken: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        """(time of acknowledgement, ns since annunciation)"""
        self._open: dict[str, int] = {}
        for event in sorted(events, key=lambda e: (e.time, e.known)):
            self.take(event)

    def take(self, event: Event) -> None:
        """Count an Event of kind ``alarm``; others are ignored."""
        if event.kind != "alarm":
            return
        payload = event.payload
        name = payload["alarm"]
        if payload["annunciated"]:
            call = _Call(event.time, name, payload["priority"], payload.get("operator", ""))
            if self._calls and call.time < self._calls[-1].time:
                place = bisect.bisect_right(self._calls, call.time, key=lambda c: c.time)
                if len(self._calls) == _KEPT:
                    self._calls.popleft()
                    place = max(place - 1, 0)
                self._calls.insert(place, call)
            else:
                self._calls.append(call)
            self._open.setdefault(name, event.time)
        elif payload["transition"] == "acknowledge" and name in self._open:
            self._taken.append((event.time, event.time - self._open.pop(name)))
        elif not payload["unacknowledged"]:
            self._open.pop(name, None)

    def kpis(
        self,
        start: int,
        end: int,
        *,
        operators: int = 1,
        flood_above: int = 10,
        chatter_at: int = 3,
        chatter_in: int = MINUTE,
        stale: tuple[str, ...] = (),
    ) -> AlarmKpis:
        """Measures over [start, end) for so many operator positions."""
        calls = [c for c in self._calls if start <= c.time < end]
        taken = [waited for time, waited in self._taken if start <= time < end]
        total = len(calls)
        by_alarm = Counter(c.alarm for c in calls)
        top = tuple(sorted(by_alarm.items(), key=lambda item: (-item[1], item[0]))[:10])
        intervals = max((end - start) / TEN_MINUTES, 0.0)
        peak, floods = 0, 0
        for operator in {c.operator for c in calls}:
            called = np.array([c.time for c in calls if c.operator == operator], np.int64)
            peak = max(peak, _most_within(called, TEN_MINUTES))
            counts = np.bincount((called - start) // TEN_MINUTES)
            floods += int(np.count_nonzero(counts > flood_above))
        by_priority = Counter(c.priority for c in calls)
        often: dict[str, list[int]] = {a: [] for a, n in by_alarm.items() if n >= chatter_at}
        for call in calls:
            if call.alarm in often:
                often[call.alarm].append(call.time)
        chattering = [
            alarm
            for alarm, times in often.items()
            if _most_within(np.array(times, np.int64), chatter_in) >= chatter_at
        ]
        return AlarmKpis(
            start=start,
            end=end,
            operators=operators,
            annunciated=total,
            rate=total / intervals / operators if intervals else None,
            peak=peak,
            flood_share=min(floods / (intervals * operators), 1.0) if intervals else None,
            top=top,
            top_share=sum(n for _, n in top) / total if total else None,
            priorities={p: by_priority[p] / total for p in PRIORITIES} if total else {},
            acknowledge_seconds=sum(taken) / len(taken) / 1e9 if taken else None,
            acknowledged=len(taken),
            chattering=tuple(sorted(chattering)),
            stale=stale,
        )


def _most_within(times: np.ndarray[tuple[int], np.dtype[np.int64]], span: int) -> int:
    """Most of the sorted times that lie within less than `span` of each other."""
    if not len(times):
        return 0
    return int((np.arange(len(times)) - np.searchsorted(times, times - span, "right") + 1).max())
