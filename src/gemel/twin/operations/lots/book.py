"""What was said of lots: what was made of what, who holds one back and why, what became of it.

Everything is said once, in order of time, and nothing is taken back: the book of a moment is what
had been said by then. `Book.of` reads it from entries; they are those of the journal, which is what
lasts.

    open ─▶ on hold ─▶ cleared ─▶ released          each hold is cleared by a person, with a reason
                 └───▶ scrapped                      for good
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field

from gemel.core.event import Payload

__all__ = ["KINDS", "Book", "Hold", "LotAbout", "LotName", "Made", "Part", "Said", "State"]

Kind: TypeAlias = Literal[
    "lot-made", "lot-withdrawn", "lot-held", "lot-cleared", "lot-scrapped", "lot-released"
]
KINDS: Final[tuple[Kind, ...]] = (
    "lot-made", "lot-withdrawn", "lot-held", "lot-cleared", "lot-scrapped", "lot-released",
)  # fmt: skip
State: TypeAlias = Literal["open", "on hold", "cleared", "scrapped", "released"]
LotName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]


class Part(Payload):
    """So much of a lot; the quantity is None where nobody says."""

    lot: LotName
    quantity: float | None = Field(None, gt=0)
    unit: str = Field("", max_length=40)


class Made(Payload):
    """A lot was made of others at an asset (ISA-95: material produced, material consumed); of
    nothing: it was there. Times in ns UTC; the same, said again, has the same `id`."""

    made: LotName
    of: tuple[Part, ...] = Field((), max_length=1_000)
    asset: str = Field(max_length=512)
    start: int
    end: int
    quantity: float | None = Field(None, gt=0)
    unit: str = Field("", max_length=40)
    note: str = Field("", max_length=1_000)

    @property
    def id(self) -> str:
        """32 hexadecimal digits, of all that is said."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of the journal about a lot; `lot` is empty where it is about a statement."""

    sequence: int
    time: int
    actor: str
    kind: str
    lot: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody holds a lot back.

    id      number of the journal's entry
    why     finding, window or lot that is behind it, JSON
    way     how the lot was reached, as `Step.record` gives it; from `since` on its matter is
            suspect, ns UTC, None is always
    ended   when it was cleared or the lot scrapped, by whom and for which reason
    """

    id: int
    lot: str
    time: int
    actor: str
    reason: str
    why: Mapping[str, Any] = field(default_factory=dict)
    way: tuple[Mapping[str, Any], ...] = ()
    sure: bool = True
    since: int | None = None
    ended: int | None = None
    disposition: str = ""
    by: str = ""
    said: str = ""

    def record(self) -> dict[str, Any]:
        """JSON-able; times in ns."""
        return {
            "id": self.id, "time": self.time, "by": self.actor, "reason": self.reason,
            "why": dict(self.why), "way": [dict(step) for step in self.way], "sure": self.sure,
            "since": self.since, "ended": self.ended, "disposition": self.disposition,
            "disposed_by": self.by, "disposition_reason": self.said,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LotAbout:
    """What is known of a lot from what was said: its holds, and its release records."""

    lot: str
    holds: tuple[Hold, ...] = ()
    scrapped: Said | None = None
    releases: tuple[Said, ...] = ()

    @property
    def held(self) -> tuple[Hold, ...]:
        """The holds that nobody has ended."""
        return tuple(hold for hold in self.holds if hold.ended is None)

    @property
    def state(self) -> State:
        """What may be done with it. A release does not outlive a hold that came after it."""
        if self.scrapped is not None:
            return "scrapped"
        if self.held:
            return "on hold"
        if self.releases and all(h.time < self.releases[-1].time for h in self.holds):
            return "released"
        return "cleared" if self.holds else "open"


class Book:
    """All of it, by lot. Not for several threads at once: `copy` gives one that stays as it is."""

    def __init__(self) -> None:
        self.lots: dict[str, LotAbout] = {}
        """Lots of which more is known than where they were."""
        self.made: dict[str, Made] = {}
        """Statements that hold, by id."""
        self.said_by: dict[str, tuple[str, int]] = {}
        """Who stated it, and when."""
        self.records: dict[str, str] = {}
        """Lot of each release record by its hash, in the order in which they were signed."""

    @classmethod
    def of(cls, entries: Iterable[Said], as_of: int | None = None) -> Book:
        """The book of these entries, in their order; of those known at `as_of`, ns UTC."""
        book = cls()
        for entry in entries:
            if as_of is None or entry.time <= as_of:
                book.take(entry)
        return book

    def copy(self) -> Book:
        """The same, which later entries do not change."""
        book = Book()
        book.lots, book.made, book.said_by = dict(self.lots), dict(self.made), dict(self.said_by)
        book.records = dict(self.records)
        return book

    def about(self, lot: str) -> LotAbout:
        """What was said of a lot; nothing, if nobody said anything."""
        return self.lots.get(lot) or LotAbout(lot)

    def take(self, entry: Said) -> None:
        """One more entry. What does not concern lots is passed over."""
        if entry.kind == "lot-made":
            made = Made.model_validate(dict(entry.payload), strict=False)
            self.made[made.id] = made
            self.said_by[made.id] = (entry.actor, entry.time)
        elif entry.kind == "lot-withdrawn":
            self.made.pop(str(entry.payload["statement"]), None)
        elif entry.kind in KINDS:
            self.lots[entry.lot] = _after(self.about(entry.lot), entry)
            if entry.kind == "lot-released":
                self.records[str(entry.payload["record"])] = entry.lot


def _after(lot: LotAbout, entry: Said) -> LotAbout:
    payload = entry.payload
    if entry.kind == "lot-held":
        hold = Hold(
            entry.sequence, entry.lot, entry.time, entry.actor, str(payload["reason"]),
            payload.get("why", {}), tuple(payload.get("way", ())), bool(payload.get("sure", True)),
            payload.get("since"),
        )  # fmt: skip
        return replace(lot, holds=(*lot.holds, hold))
    if entry.kind == "lot-released":
        return replace(lot, releases=(*lot.releases, entry))
    word = "cleared" if entry.kind == "lot-cleared" else "scrapped"
    ids = payload.get("holds")
    holds = tuple(
        replace(hold, ended=entry.time, disposition=word, by=entry.actor,
                said=str(payload["reason"]))
        if hold.ended is None and (ids is None or hold.id in ids) else hold
        for hold in lot.holds
    )  # fmt: skip
    return replace(lot, holds=holds, scrapped=entry if word == "scrapped" else lot.scrapped)
