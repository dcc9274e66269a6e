"""Too many alarms: floods at an operator position, and alarms that chatter."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gemel.core.event import Event
from gemel.core.time import duration_text, isoformat
from gemel.twin.alarms.payloads import AlarmFlood, ShelvingAdvice
from gemel.twin.alarms.settings import AlarmRules, AlarmSettings
from gemel.twin.alarms.statistics import TEN_MINUTES

__all__ = ["Chatter", "Flood"]


@dataclass(slots=True)
class Flood:
    """The calls of one operator position. A flood begins with more than `flood_above` alarms in
    ten minutes and ends with fewer than `flood_below` (ISA-18.2 clause 16.5.3)."""

    operator: str
    rules: AlarmRules
    since: int | None = None
    count: int = 0
    peak: int = 0
    _calls: deque[int] = field(default_factory=deque)

    def call(self, time: int, now: int) -> list[Event]:
        """The operator is called at `time`."""
        self._calls.append(time)
        return self._judge(time, now, called=True)

    def tick(self, now: int) -> list[Event]:
        """Time has passed."""
        return self._judge(now, now, called=False)

    def _judge(self, time: int, now: int, *, called: bool) -> list[Event]:
        while self._calls and self._calls[0] <= time - TEN_MINUTES:
            self._calls.popleft()
        recent = len(self._calls)
        if self.since is None:
            if recent <= self.rules.flood_above:
                return []
            self.since, self.count, self.peak = self._calls[0], recent, recent
            return [self._event(now, None)]
        self.count += called
        self.peak = max(self.peak, recent)
        if recent >= self.rules.flood_below:
            return []
        event = self._event(now, time)
        self.since = None
        return [event]

    def _event(self, now: int, end: int | None) -> Event:
        assert self.since is not None  # noqa: S101 - called only in a flood
        payload = AlarmFlood(operator=self.operator, count=self.count, peak=self.peak)
        first = Event(
            "alarm_flood", self.operator, self.since, "alarms", now, payload=payload.model_dump(),
            lasts=True,
        )  # fmt: skip
        return first if end is None else first.ended(end)


@dataclass(slots=True)
class Chatter:
    """The latest calls of one alarm; it chatters until none came for `chatter_in`."""

    calls: deque[int] = field(default_factory=deque)
    on: bool = False

    def call(
        self, name: str, alarm: AlarmSettings, rules: AlarmRules, time: int, now: int, cause: str
    ) -> list[Event]:
        """The alarm is annunciated. Where it begins to chatter, shelving it is proposed."""
        self.calls.append(time)
        while self.calls[0] <= time - rules.chatter_in:
            self.calls.popleft()
        if self.on or len(self.calls) < rules.chatter_at:
            return []
        self.on = True
        if not alarm.shelve_at_most:
            return []
        until = now + min(rules.shelve_chatter_for, alarm.shelve_at_most)
        span = duration_text(rules.chatter_in)
        advice = ShelvingAdvice(
            alarm=name,
            raised=len(self.calls),
            within=rules.chatter_in,
            shelve_until=until,
            sentence=(
                f"'{alarm.title or name}' was raised {len(self.calls)} times within {span}: "
                f"shelve it until {isoformat(until)}, and give it a deadband or a longer on_delay"
            ),
        )
        return [
            Event(
                "alarm_advice", alarm.asset, time, f"alarms.{name}", now,
                payload=advice.model_dump(), cause=cause,
            )
        ]  # fmt: skip

    def tick(self, rules: AlarmRules, now: int) -> None:
        """Time has passed."""
        if self.on and self.calls[-1] <= now - rules.chatter_in:
            self.on = False
