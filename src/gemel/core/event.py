"""Event: what happened, or lasts.

Findings, alarms, gaps, stops, job orders, notes, proposals and commands are Events. A correction
never overwrites: it is another Event that `supersedes` the first, so that history can be asked what
was known when. The identity is a hash of (source, kind, subject, time, sequence): the same thing
reported twice is one Event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gemel.core.settings import Settings

__all__ = ["BEFORE_START", "CONNECTION_LOST", "Event", "Gap", "Payload", "make_id"]


class Payload(Settings):
    """What an Event of one kind carries; each kind has one schema."""


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence.

    kind      e.g. ``gap``, ``finding``, ``alarm``, ``order``; names the payload's schema
    subject   path of the asset or signal it is about
    time      when it began, ns UTC
    end       when it ended, None while it lasts or if it has no extent
    lasts     whether it is still going on
    known     when the twin knew it, ns UTC
    source    who says so: a connector, part, person or room of the twin
    cause     id of the Event that led to this one
    """

    kind: str
    subject: str
    time: int
    source: str
    known: int = 0
    end: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    supersedes: str | None = None
    sequence: int = 0
    lasts: bool = False

    def ended(self, end: int) -> Event:
        """The Event of the end of what lasted; it supersedes this one."""
        return replace(
            self, end=end, lasts=False, cause=self.id, supersedes=self.id,
            sequence=self.sequence + 1,
        )  # fmt: skip

    @property
    def id(self) -> str:
        """Identity: the same occurrence told twice has the same id."""
        return make_id(self.source, self.kind, self.subject, self.time, self.sequence)


_SEPARATOR: Final = "\x1f"


def make_id(source: str, kind: str, subject: str, time: int, sequence: int = 0) -> str:
    """32 hexadecimal digits of BLAKE2b over the identifying fields."""
    text = _SEPARATOR.join((source, kind, subject, str(time), str(sequence)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


BEFORE_START: Final = "before this start"
CONNECTION_LOST: Final = "connection lost"


class Gap(Payload):
    """A span for which samples are missing. Kind ``gap``; subject is a connector or a signal."""

    reason: str
    signals: tuple[int, ...] = ()
    """Numbers of the signals; empty means all of the connector's."""
    refilled: bool = False
    rows: int = 0
    """How many samples came back by refilling."""
