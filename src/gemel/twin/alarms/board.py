"""The states of all alarms: what people do with them, and what they are told.

Conditions arrive from `Alarms`, which watches; this page needs no signals.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from gemel.core.errors import Refused, Unknown, did_you_mean
from gemel.core.event import Event, make_id
from gemel.core.time import Clock, duration_text, isoformat
from gemel.twin.alarms.overload import Flood
from gemel.twin.alarms.payloads import AlarmChange
from gemel.twin.alarms.record import AlarmView, Record
from gemel.twin.alarms.settings import PRIORITIES, AlarmRules, AlarmSettings
from gemel.twin.alarms.state import NORMAL, Cause, Word, after
from gemel.twin.alarms.statistics import AlarmKpis, Journal

__all__ = ["Board"]

_PLANT_FILE: Final = "plant file"
_RANK: Final = {priority: rank for rank, priority in enumerate(PRIORITIES)}
_ASIDE: Final = frozenset({Word.SHELVED, Word.SUPPRESSED, Word.OUT_OF_SERVICE})


class Board:
    """All alarms with their states. Any thread may call the public methods."""

    def __init__(
        self, alarms: Mapping[str, AlarmSettings], clock: Clock, rules: AlarmRules | None = None
    ) -> None:
        self.rules = rules or AlarmRules()
        self.journal = Journal()
        self._clock = clock
        self._lock = threading.RLock()
        now = clock()
        self._names = list(alarms)
        self._records = [Record(name, alarms[name], since=now) for name in self._names]
        self._index = {name: i for i, name in enumerate(self._names)}
        self._members: dict[str, list[Record]] = {}
        for record in self._records:
            self._members.setdefault(record.group, []).append(record)
        self._floods = {s.operator: Flood(s.operator, self.rules) for s in alarms.values()}
        self._shelved: set[int] = set()
        self._chattering: set[int] = set()
        self._outbox: list[Event] = []
        self._changed = False
        self._follow_plant_file(now)

    # What people do

    def acknowledge(self, name: str, actor: str, note: str = "") -> AlarmView:
        """Take an alarm on. Raises `Refused` where there is nothing to acknowledge."""
        return self._act(name, Cause.ACKNOWLEDGE, actor, note)

    def reset(self, name: str, actor: str, note: str = "") -> AlarmView:
        """Let go of a latched alarm that has ended and was acknowledged; else `Refused`."""
        return self._act(name, Cause.RESET, actor, note)

    def shelve(self, name: str, actor: str, until: int, reason: str) -> AlarmView:
        """Put an alarm aside until `until`, ns UTC. Shelving again sets another end.

        Raises `Refused` without a reason, or beyond the alarm's `shelve_at_most`.
        """
        with self._lock:
            record = self._records[self._number(name)]
            now, most = self._clock(), record.settings.shelve_at_most
            if not most:
                raise Refused(f"'{name}' may not be shelved (shelve_at_most is 0)")
            if not now < until <= now + most:
                raise Refused(
                    f"'{name}' may be shelved for at most {duration_text(most)}, "
                    f"until {isoformat(now + most)}; asked for {isoformat(until)}"
                )
            return self._act(name, Cause.SHELVE, actor, reason, until=until, needs_reason=True)

    def unshelve(self, name: str, actor: str, note: str = "") -> AlarmView:
        """Take a shelved alarm back before its time."""
        return self._act(name, Cause.UNSHELVE, actor, note)

    def take_out(self, name: str, actor: str, reason: str) -> AlarmView:
        """Take an alarm out of service, e.g. for maintenance, until somebody returns it."""
        return self._act(name, Cause.TAKE_OUT, actor, reason, needs_reason=True)

    def put_back(self, name: str, actor: str, note: str = "") -> AlarmView:
        """Return an alarm to service."""
        return self._act(name, Cause.RETURN, actor, note)

    # What doors ask

    def active(self, operator: str | None = None) -> list[AlarmView]:
        """The operator's list: annunciated alarms, by priority, then the newest first."""
        with self._lock:
            now = self._clock()
            found = [
                r.view(now, self.rules.stale_after)
                for r in self._records
                if r.state.annunciated and operator in (None, r.settings.operator)
            ]
        return sorted(found, key=lambda v: (_RANK[v.priority], -(v.raised or v.since), v.name))

    def aside(self) -> list[AlarmView]:
        """Alarms that are shelved, suppressed by design or out of service."""
        return [view for view in self.all() if view.state in _ASIDE]

    def all(self) -> list[AlarmView]:
        """Every alarm, in the order of the plant file."""
        with self._lock:
            now = self._clock()
            return [r.view(now, self.rules.stale_after) for r in self._records]

    def view(self, name: str) -> AlarmView:
        """One alarm. Raises `Unknown` if there is none of that name."""
        with self._lock:
            return self._records[self._number(name)].view(self._clock(), self.rules.stale_after)

    def flooded(self) -> tuple[str, ...]:
        """Operator positions that are in a flood now."""
        with self._lock:
            return tuple(f.operator for f in self._floods.values() if f.since is not None)

    def kpis(self, start: int, end: int) -> AlarmKpis:
        """Measures of the alarm system over [start, end), as far as the journal reaches."""
        with self._lock:
            stale = tuple(v.name for v in self.all() if v.stale)
            return self.journal.kpis(
                start,
                end,
                operators=max(len(self._floods), 1),
                flood_above=self.rules.flood_above,
                chatter_at=self.rules.chatter_at,
                chatter_in=self.rules.chatter_in,
                stale=stale,
            )

    # Inside, under the lock

    def _pass_time(self, now: int) -> None:
        """Shelving ends, chatter and floods calm down."""
        for i in [i for i in self._shelved if now >= (self._records[i].shelved_until or now)]:
            self._do(i, Cause.UNSHELVE, now, now, reason="the time is over")
        for i in tuple(self._chattering):
            self._records[i].chatter.tick(self.rules, now)
            if not self._records[i].chatter.on:
                self._chattering.discard(i)
        for flood in self._floods.values():
            self._outbox += flood.tick(now)

    def _follow_plant_file(self, now: int) -> None:
        for i, record in enumerate(self._records):
            wanted = record.settings.out_of_service
            if wanted and not record.state.out:
                self._do(i, Cause.TAKE_OUT, now, now, _PLANT_FILE, "out_of_service: true")
            elif record.state.out and not wanted and record.actor == _PLANT_FILE:
                self._do(i, Cause.RETURN, now, now, _PLANT_FILE, "out_of_service: false")

    def _remove(self, record: Record, now: int) -> None:
        """The plant file has no such alarm any more: if there was anything to say, it is over."""
        if record.state == NORMAL and record.evaluable:
            return
        before, record.state, record.evaluable = record.state.word, NORMAL, True
        record.shelved_until = None
        self._tell(
            record, "removed", before, now, now, _PLANT_FILE, "it is no longer in the plant file"
        )

    def _act(
        self,
        name: str,
        cause: Cause,
        actor: str,
        reason: str,
        *,
        until: int | None = None,
        needs_reason: bool = False,
    ) -> AlarmView:
        with self._lock:
            i = self._number(name)
            if not actor.strip():
                raise Refused(f"cannot {cause} '{name}': who asks is not known")
            if needs_reason and not reason.strip():
                raise Refused(f"cannot {cause} '{name}' without a reason")
            now = self._clock()
            if cause is Cause.SHELVE:
                self._records[i].shelved_until = until
            try:
                self._do(i, cause, now, now, actor, reason)
            except Refused as error:
                raise Refused(f"'{name}': {error}") from None
            return self._records[i].view(now, self.rules.stale_after)

    def _do(
        self,
        i: int,
        cause: Cause,
        time: int,
        now: int,
        actor: str = "",
        reason: str = "",
        because: tuple[str, ...] = (),
    ) -> None:
        """One transition: the new state, its Event, and what follows from it."""
        record = self._records[i]
        before = record.state
        state = after(before, cause, latch=record.settings.latch)
        renewed = state == before and cause is Cause.SHELVE
        if state == before and not renewed:
            return
        called = state.annunciated and state.unacknowledged and not before.unacknowledged
        called |= cause is Cause.RAISE and state.annunciated
        record.state, record.since = state, time
        if cause is Cause.ACKNOWLEDGE:
            record.acknowledged, record.acknowledged_by = time, actor
        if actor:
            record.actor, record.reason = actor, reason
        if cause is Cause.RAISE or called:
            others = self._members[record.group]
            record.first_out = called and not any(
                r.state.annunciated for r in others if r is not record
            )
            record.raised, record.acknowledged, record.acknowledged_by = time, None, ""
            record.because = because or record.because
            record.occurrence = None
        elif not state.annunciated:
            record.first_out = False
        self._shelved.discard(i)
        if state.shelved:
            self._shelved.add(i)
        else:
            record.shelved_until = None
        transition = "renewed" if renewed else cause.value
        id = self._tell(
            record, transition, before.word, time, now, actor, reason, because, called=called
        )
        if called:
            self._outbox += self._floods[record.settings.operator].call(time, now)
            self._outbox += record.chatter.call(
                record.name, record.settings, self.rules, time, now, id
            )
            if record.chatter.on:
                self._chattering.add(i)

    def _tell(
        self,
        record: Record,
        transition: str,
        before: Word,
        time: int,
        now: int,
        actor: str = "",
        reason: str = "",
        because: tuple[str, ...] = (),
        *,
        called: bool = False,
    ) -> str:
        settings, state = record.settings, record.state
        record.sequence += 1
        source = f"alarms.{record.name}"
        id = make_id(source, "alarm", settings.asset, time, record.sequence)
        payload = AlarmChange(
            alarm=record.name, title=settings.title or record.name, priority=settings.priority,
            operator=settings.operator, transition=transition, before=before.value,
            state=state.word.value, active=state.active, unacknowledged=state.unacknowledged,
            latched=state.latched, shelved=state.shelved, designed=state.designed, out=state.out,
            annunciated=called, actor=actor, reason=reason, because=because,
            first_out=record.first_out, shelved_until=record.shelved_until,
        )  # fmt: skip
        event = Event(
            "alarm", settings.asset, time, source, now, payload=payload.model_dump(),
            cause=record.occurrence, sequence=record.sequence,
        )  # fmt: skip
        if record.occurrence is None:
            record.occurrence = id
        self.journal.take(event)
        self._outbox.append(event)
        self._changed = True
        return id

    def _take(self) -> list[Event]:
        events, self._outbox = self._outbox, []
        return events

    def _number(self, name: str) -> int:
        try:
            return self._index[name]
        except KeyError:
            raise Unknown(f"no alarm named '{name}'; {did_you_mean(name, self._names)}") from None
