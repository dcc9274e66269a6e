"""What is known of one alarm: the running record, and the view that doors show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gemel.twin.alarms.overload import Chatter
from gemel.twin.alarms.settings import AlarmSettings, Priority
from gemel.twin.alarms.state import NORMAL, AlarmState

__all__ = ["AlarmView", "Record"]

_FLAGS = ("active", "unacknowledged", "latched", "shelved", "designed", "out")
_KEPT = (
    "since", "raised", "acknowledged", "acknowledged_by", "occurrence", "first_out",
    "shelved_until", "actor", "reason", "because", "evaluable", "sequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as people see it; times in ns UTC.

    state          as ISA-18.2 names it
    evaluable      False: its inputs are bad, so it cannot be evaluated; the state is the last known
    because        the comparisons that raised it, with their values
    first_out      the first of its group
    stale          active for longer than a day
    respond_by     when the response comes too late; `overdue` when that has passed
    actor, reason  of the last person who did something with it
    """

    name: str
    asset: str
    title: str
    priority: Priority
    state: str
    active: bool
    annunciated: bool
    unacknowledged: bool
    evaluable: bool
    since: int
    raised: int | None
    acknowledged: int | None
    acknowledged_by: str
    because: tuple[str, ...]
    first_out: bool
    chattering: bool
    stale: bool
    consequence: str
    response: str
    respond_by: int | None
    overdue: bool
    shelved_until: int | None
    shelve_at_most: int
    actor: str
    reason: str
    operator: str
    group: str
    classes: tuple[str, ...]


@dataclass(slots=True)
class Record:
    """The running record of one alarm; used under the lock of `Alarms`."""

    name: str
    settings: AlarmSettings
    state: AlarmState = NORMAL
    since: int = 0
    raised: int | None = None
    acknowledged: int | None = None
    acknowledged_by: str = ""
    occurrence: str | None = None
    first_out: bool = False
    shelved_until: int | None = None
    actor: str = ""
    reason: str = ""
    because: tuple[str, ...] = ()
    evaluable: bool = True
    sequence: int = 0
    chatter: Chatter = field(default_factory=Chatter)

    @property
    def group(self) -> str:
        return self.settings.group or self.settings.asset

    def view(self, now: int, stale_after: int) -> AlarmView:
        settings, state = self.settings, self.state
        open_ = state.active and self.raised is not None
        respond_by = None
        if self.raised is not None and settings.respond_within is not None and state.annunciated:
            respond_by = self.raised + settings.respond_within
        return AlarmView(
            name=self.name,
            asset=settings.asset,
            title=settings.title or self.name,
            priority=settings.priority,
            state=state.word.value,
            active=state.active,
            annunciated=state.annunciated,
            unacknowledged=state.unacknowledged,
            evaluable=self.evaluable,
            since=self.since,
            raised=self.raised,
            acknowledged=self.acknowledged,
            acknowledged_by=self.acknowledged_by,
            because=self.because,
            first_out=self.first_out,
            chattering=self.chatter.on,
            stale=open_ and now - (self.raised or now) > stale_after,
            consequence=settings.consequence,
            response=settings.response,
            respond_by=respond_by,
            overdue=respond_by is not None and state.active and now > respond_by,
            shelved_until=self.shelved_until if state.shelved else None,
            shelve_at_most=settings.shelve_at_most,
            actor=self.actor,
            reason=self.reason,
            operator=settings.operator,
            group=self.group,
            classes=settings.classes,
        )

    def save(self) -> dict[str, Any]:
        """JSON-able; empty for an alarm of which there is nothing to say."""
        saved: dict[str, Any] = {
            name: getattr(self, name) for name in _KEPT if getattr(self, name) != _default(name)
        }
        flags = [flag for flag in _FLAGS if getattr(self.state, flag)]
        if flags:
            saved["state"] = flags
        if self.chatter.on:
            saved["chatter"] = list(self.chatter.calls)
        return saved

    def load(self, saved: dict[str, Any]) -> None:
        for name in _KEPT:
            if name in saved:
                value = saved[name]
                setattr(self, name, tuple(value) if name == "because" else value)
        self.state = AlarmState(**dict.fromkeys(saved.get("state", ()), True))
        if saved.get("chatter"):
            self.chatter.calls.extend(saved["chatter"])
            self.chatter.on = True

    def follow(self, payload: dict[str, Any], time: int, sequence: int, id: str) -> None:
        """Take over what an Event says that was recorded after the saved state."""
        self.state = AlarmState(**{flag: payload[flag] for flag in _FLAGS})
        self.since, self.sequence = time, sequence
        self.shelved_until = payload["shelved_until"]
        self.first_out = payload["first_out"]
        transition = payload["transition"]
        if payload["actor"]:
            self.actor, self.reason = payload["actor"], payload["reason"]
        if payload["annunciated"] or transition == "raise":
            self.raised, self.occurrence = time, id
            self.acknowledged, self.acknowledged_by = None, ""
            self.because = tuple(payload["because"])
        elif transition == "acknowledge":
            self.acknowledged, self.acknowledged_by = time, payload["actor"]
        elif transition in ("cannot be evaluated", "can be evaluated"):
            self.evaluable = transition == "can be evaluated"


def _default(name: str) -> Any:
    return Record.__dataclass_fields__[name].default
