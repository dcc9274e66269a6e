"""What Events of alarms carry: each transition, floods, and the advice to shelve."""

from __future__ import annotations

from gemel.core.event import Payload
from gemel.twin.alarms.settings import Priority

__all__ = ["AlarmChange", "AlarmFlood", "ShelvingAdvice"]


class AlarmChange(Payload):
    """Kind ``alarm``: one transition. The subject is the asset, the time is when it happened; the
    `cause` of the Event is the one that raised this occurrence."""

    alarm: str
    """Name in the plant file."""
    title: str
    priority: Priority
    operator: str = ""
    transition: str
    """A `Cause`, or ``cannot be evaluated`` / ``can be evaluated`` / ``renewed`` / ``removed``."""
    before: str
    """State before, as the standard names it."""
    state: str
    """State after."""
    active: bool
    unacknowledged: bool
    latched: bool
    shelved: bool
    designed: bool
    out: bool
    annunciated: bool = False
    """Whether the operator was called by this transition: it is what rates count."""
    actor: str = ""
    """Person, or empty for the process itself."""
    reason: str = ""
    """What the actor said, or the sentence that led to the transition."""
    because: tuple[str, ...] = ()
    """The comparisons that decided, with their values."""
    first_out: bool = False
    shelved_until: int | None = None


class AlarmFlood(Payload):
    """Kind ``alarm_flood``: more alarms than an operator can answer (ISA-18.2 clause 16.5.3)."""

    operator: str
    count: int
    """Alarms annunciated, from the ten minutes that began it to its end."""
    peak: int
    """Most within ten minutes."""


class ShelvingAdvice(Payload):
    """Kind ``alarm_advice``: it chatters; shelving is proposed, a person decides."""

    alarm: str
    raised: int
    """How often, within `within` ns."""
    within: int
    shelve_until: int
    sentence: str
